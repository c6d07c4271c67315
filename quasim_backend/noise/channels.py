"""The channels of noise, by their parameters. Each function returns a `Channel`.

Times are in seconds, rates in 1/s, probabilities in ``[0, 1]``. Formulas follow M. Nielsen and
I. Chuang, "Quantum Computation and Quantum Information", section 8.3, unless said otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from quasim_backend.errors import ShapeError
from quasim_backend.ir.channels import CHANNEL_TOLERANCE, Channel
from quasim_backend.noise.representations import compose, from_superoperator, pauli_matrix

__all__ = [
    "amplitude_damping",
    "bit_flip",
    "bit_phase_flip",
    "coherent",
    "composed",
    "depolarizing",
    "excited_population",
    "generalized_amplitude_damping",
    "lindblad",
    "pauli_channel",
    "pauli_lindblad",
    "phase_damping",
    "phase_flip",
    "reset_error",
    "thermal_relaxation",
]

_PLANCK_OVER_BOLTZMANN = 6.62607015e-34 / 1.380649e-23
"""In kelvin seconds."""


def pauli_channel(probabilities: Mapping[str, float], name: str = "pauli") -> Channel:
    """Apply a Pauli string at random; the identity takes what is left.

    Args:
        probabilities: By label, all of one length; the leftmost letter is the highest qubit.
        name: For messages and printing.

    Raises:
        ShapeError: If labels differ in length, or probabilities are negative or exceed 1.
    """
    weights = {label: _probability(f"p({label})", p, name) for label, p in probabilities.items()}
    widths = {len(label) for label in weights}
    if len(widths) != 1 or 0 in widths:
        raise ShapeError(
            f"Channel '{name}' needs Pauli labels of one length; got {[*probabilities]}."
        )
    identity = "I" * widths.pop()
    rest = 1 - sum(p for label, p in weights.items() if label != identity)
    if rest < -CHANNEL_TOLERANCE or abs(weights.get(identity, rest) - rest) > CHANNEL_TOLERANCE:
        raise ShapeError(
            f"The probabilities of channel '{name}' must sum to 1; got {dict(probabilities)}."
        )
    kept = {identity: max(rest, 0.0)}
    kept |= {label: p for label, p in weights.items() if p > 0 and label != identity}
    total = sum(kept.values())
    return _pauli_mixture(tuple(kept), tuple(p / total for p in kept.values()), name)


@lru_cache(1024)
def _pauli_mixture(labels: tuple[str, ...], weights: tuple[float, ...], name: str) -> Channel:
    """Make a channel, the same for equal arguments: circuits are written with one a gate."""
    return Channel.mixture(weights, [pauli_matrix(label) for label in labels], name)


def depolarizing(p: float, num_qubits: int = 1) -> Channel:
    """Apply one of the ``4**n - 1`` other Pauli strings with probability ``p`` in all.

    ``(1 - l) rho + l * 1 / 2**n`` with ``l = p * 4**n / (4**n - 1)`` is the same channel; Qiskit
    Aer's parameter is ``l``, Cirq's and PennyLane's is ``p``.

    Raises:
        ShapeError: If ``p`` is no probability.
    """
    p = _probability("p", p, "depolarizing")
    labels = [""]
    for _ in range(num_qubits):
        labels = [letter + label for letter in "IXYZ" for label in labels]
    return pauli_channel({label: p / (len(labels) - 1) for label in labels[1:]}, "depolarizing")


def bit_flip(p: float) -> Channel:
    """Apply X with probability ``p``."""
    return pauli_channel({"X": p}, "bit_flip")


def phase_flip(p: float) -> Channel:
    """Apply Z with probability ``p``."""
    return pauli_channel({"Z": p}, "phase_flip")


def bit_phase_flip(p: float) -> Channel:
    """Apply Y with probability ``p``."""
    return pauli_channel({"Y": p}, "bit_phase_flip")


def amplitude_damping(gamma: float) -> Channel:
    """Decay from ``|1>`` to ``|0>`` with probability ``gamma``."""
    return generalized_amplitude_damping(gamma, 0.0)


def generalized_amplitude_damping(gamma: float, excited: float) -> Channel:
    """Relax with probability ``gamma`` towards a population ``excited`` of ``|1>``."""
    name = "amplitude_damping" if excited == 0 else "generalized_amplitude_damping"
    gamma = _probability("gamma", gamma, name)
    excited = _probability("excited", excited, name)
    stay, jump = math.sqrt(1 - gamma), math.sqrt(gamma)
    down, up = math.sqrt(1 - excited), math.sqrt(excited)
    operators = [
        down * np.diag([1, stay]),
        down * np.array([[0, jump], [0, 0]]),
        up * np.diag([stay, 1]),
        up * np.array([[0, 0], [jump, 0]]),
    ]
    return Channel.kraus([o for o in operators if np.abs(o).max() > 0], name)


def phase_damping(lam: float) -> Channel:
    """Lose coherence: off-diagonal entries shrink by ``sqrt(1 - lam)``.

    The same as `phase_flip` with probability ``(1 - sqrt(1 - lam)) / 2``, which is how it is kept.
    """
    lam = _probability("lam", lam, "phase_damping")
    return pauli_channel({"Z": (1 - math.sqrt(1 - lam)) / 2}, "phase_damping")


def reset_error(p0: float, p1: float = 0.0) -> Channel:
    """Reset to ``|0>`` with probability ``p0`` and to ``|1>`` with probability ``p1``."""
    p0, p1 = _probability("p0", p0, "reset_error"), _probability("p1", p1, "reset_error")
    if p0 + p1 > 1 + CHANNEL_TOLERANCE:
        raise ShapeError(f"reset_error: p0 + p1 must be at most 1; got {p0} + {p1}.")
    stay = math.sqrt(max(0.0, 1 - p0 - p1))
    zero, one = math.sqrt(p0), math.sqrt(p1)
    operators = [
        stay * np.eye(2),
        zero * np.array([[1, 0], [0, 0]]),
        zero * np.array([[0, 1], [0, 0]]),
        one * np.array([[0, 0], [1, 0]]),
        one * np.array([[0, 0], [0, 1]]),
    ]
    return Channel.kraus([o for o in operators if np.abs(o).max() > 0], "reset_error")


def excited_population(temperature: float, frequency: float = 5e9) -> float:
    """Return the population of ``|1>`` in equilibrium: ``1 / (1 + exp(h f / (k T)))``.

    Args:
        temperature: In kelvin; 0 gives 0.
        frequency: Of the qubit, in Hz.

    Raises:
        ShapeError: If the temperature is negative or the frequency not positive.
    """
    if not temperature >= 0 or not frequency > 0:
        raise ShapeError(
            f"A temperature must be at least 0 K and a frequency positive; got {temperature} K "
            f"and {frequency} Hz."
        )
    if temperature == 0:
        return 0.0
    return 1 / (1 + math.exp(min(_PLANCK_OVER_BOLTZMANN * frequency / temperature, 700.0)))


def thermal_relaxation(t1: float, t2: float, time: float, excited: float = 0.0) -> Channel:
    """Relax with the time ``t1`` and lose coherence with the time ``t2`` during ``time``.

    Args:
        t1: Populations approach equilibrium as ``exp(-time / t1)``; may be ``math.inf``.
        t2: Coherences decay as ``exp(-time / t2)``; at most ``2 * t1``; may be ``math.inf``.
        time: Duration.
        excited: Equilibrium population of ``|1>``.

    Raises:
        ShapeError: If a time is not positive, the duration negative, or ``t2 > 2 * t1``.
    """
    check_relaxation_times(t1, t2)
    if not (time >= 0 and math.isfinite(time)):
        raise ShapeError(f"thermal_relaxation: a duration must be at least 0 s; got {time}.")
    excited = _probability("excited", excited, "thermal_relaxation")
    keep, coherence = math.exp(-time / t1), math.exp(-time / t2)
    if coherence == 1.0 and keep == 1.0:
        return Channel.mixture([1.0], [np.eye(2)], "thermal_relaxation")
    if excited == 0.0:
        # The three operators of decay, and of what is left of the coherence.
        dephased = max(0.0, keep - coherence**2)
        operators = [
            np.diag([1, coherence]),
            np.diag([0, math.sqrt(dephased)]),
            np.array([[0, math.sqrt(1 - keep)], [0, 0]]),
        ]
        operators = [o for o in operators if np.abs(o).max() > 0]
        return Channel.kraus(operators, "thermal_relaxation")
    matrix = np.diag([0, coherence, coherence, 0]).astype(complex)
    lost = 1 - keep
    matrix[0, 0], matrix[0, 3] = 1 - lost * excited, lost * (1 - excited)
    matrix[3, 0], matrix[3, 3] = lost * excited, 1 - lost * (1 - excited)
    return from_superoperator(matrix, "thermal_relaxation")


def coherent(unitary: ArrayLike, name: str = "coherent") -> Channel:
    """Apply a unitary ``(2**k, 2**k)`` with certainty: a miscalibration, or crosstalk.

    Raises:
        ShapeError: If it is not unitary.
    """
    return Channel.mixture([1.0], [unitary], name)


def pauli_lindblad(rates: Mapping[str, float]) -> Channel:
    """Correlated Pauli noise: the product over labels of ``w rho + (1 - w) P rho P``.

    ``w = (1 + exp(-2 * rate)) / 2``; E. van den Berg et al., Nature Physics 19, 1116 (2023).

    Args:
        rates: Generators by label, all of one length, each at least 0.

    Raises:
        ShapeError: If a rate is negative or labels differ in length.
    """
    for label, rate in rates.items():
        if not (rate >= 0 and math.isfinite(rate)):
            raise ShapeError(f"pauli_lindblad: the rate of {label} must be at least 0; got {rate}.")
    found: dict[str, float] = {}
    for label, rate in rates.items():
        flip = (1 - math.exp(-2 * rate)) / 2
        before = found or {"I" * len(label): 1.0}
        if len(next(iter(before))) != len(label):
            raise ShapeError(f"pauli_lindblad needs labels of one length; got {[*rates]}.")
        found = {}
        for other, weight in before.items():
            found[other] = found.get(other, 0.0) + (1 - flip) * weight
            moved = _product(label, other)
            found[moved] = found.get(moved, 0.0) + flip * weight
    return pauli_channel(found, "pauli_lindblad")


def lindblad(
    operators: Sequence[ArrayLike],
    time: float,
    hamiltonian: ArrayLike | None = None,
    name: str = "lindblad",
) -> Channel:
    """Evolve for ``time`` under a master equation.

    ``d rho/dt = -i [H, rho] + sum L rho L^dagger - (L^dagger L rho + rho L^dagger L) / 2``

    Args:
        operators: Jump operators ``(2**k, 2**k)``, the square roots of their rates multiplied in.
        time: Duration.
        hamiltonian: Hermitian ``(2**k, 2**k)``, in rad/s.
        name: For messages and printing.

    Raises:
        ShapeError: If shapes differ or the Hamiltonian is not Hermitian.
    """
    jumps = [np.array(o, np.complex128) for o in operators]
    energy = None if hamiltonian is None else np.array(hamiltonian, np.complex128)
    shapes = {a.shape for a in (*jumps, *(() if energy is None else (energy,)))}
    if len(shapes) != 1 or len(shape := shapes.pop()) != 2 or shape[0] != shape[1]:
        raise ShapeError(f"Channel '{name}' needs operators of one shape (2**k, 2**k).")
    one = np.eye(shape[0])
    generator = np.zeros((shape[0] ** 2,) * 2, complex)
    if energy is not None:
        if np.abs(energy - energy.conj().T).max() > CHANNEL_TOLERANCE:
            raise ShapeError(f"The Hamiltonian of channel '{name}' is not Hermitian.")
        generator += -1j * (np.kron(one, energy) - np.kron(energy.T, one))
    for jump in jumps:
        decay = jump.conj().T @ jump
        generator += np.kron(jump.conj(), jump)
        generator -= (np.kron(one, decay) + np.kron(decay.T, one)) / 2
    return from_superoperator(_exponential(generator * complex(time)), name)


def composed(*channels: Channel) -> Channel:
    """Return channels on the same qubits as one channel; the first acts first.

    Raises:
        ShapeError: If their widths differ.
    """
    if len({c.num_qubits for c in channels}) != 1:
        widths = [c.num_qubits for c in channels]
        raise ShapeError(f"Only channels of one width compose; got widths {widths}.")
    return compose(channels, "+".join(c.name for c in channels))


def check_relaxation_times(t1: float, t2: float) -> None:
    """Refuse times that are not positive, and ``t2 > 2 * t1``.

    Raises:
        ShapeError: As described.
    """
    if not t1 > 0 or not t2 > 0:
        raise ShapeError(f"T1 and T2 must be positive; got T1={t1:g} s, T2={t2:g} s.")
    if t2 > 2 * t1 * (1 + 1e-12):
        raise ShapeError(
            f"T2={t2:g} s exceeds 2*T1={2 * t1:g} s, which no qubit does. Give a T2 of at most "
            f"{2 * t1:g} s."
        )


def _probability(what: str, value: float, name: str) -> float:
    number = float(value)
    if not -CHANNEL_TOLERANCE <= number <= 1 + CHANNEL_TOLERANCE:
        raise ShapeError(f"{name}: {what} must be in [0, 1]; got {value!r}.")
    return min(max(number, 0.0), 1.0)


def _product(left: str, right: str) -> str:
    """Return the product of two Pauli labels without its phase."""
    if set(left + right) - set("IXYZ"):
        raise ShapeError(f"Pauli strings have the letters I, X, Y, Z; got {left!r}, {right!r}.")
    return "".join(
        "IXYZ"["IXYZ".index(a) ^ "IXYZ".index(b)] for a, b in zip(left, right, strict=True)
    )


def _exponential(matrix: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Return ``exp(matrix)``: a Taylor series of the halved matrix, squared back."""
    halvings = max(0, math.ceil(math.log2(max(float(np.linalg.norm(matrix, 1)), 1e-300))) + 4)
    small = matrix / 2.0**halvings
    term = total = np.eye(len(matrix), dtype=complex)
    for order in range(1, 14):
        term = term @ small / order
        total = total + term
    for _ in range(halvings):
        total = total @ total
    return total

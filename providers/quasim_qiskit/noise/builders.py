"""Errors by their parameters, under the names and with the parameters of Qiskit Aer's functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from qiskit.circuit import Instruction, Reset
from qiskit.circuit.library import IGate, UnitaryGate, XGate, ZGate
from qiskit.quantum_info import Choi, Kraus, Pauli

from quasim_backend import noise
from quasim_backend.errors import QuasimError
from quasim_backend.ir import Channel
from quasim_qiskit.noise.errors import NoiseError
from quasim_qiskit.noise.quantum_error import QuantumError

__all__ = [
    "amplitude_damping_error",
    "coherent_unitary_error",
    "depolarizing_error",
    "kraus_error",
    "mixed_unitary_error",
    "pauli_error",
    "phase_amplitude_damping_error",
    "phase_damping_error",
    "reset_error",
    "thermal_relaxation_error",
]


def pauli_error(noise_ops: Iterable[tuple[Any, float]]) -> QuantumError:
    """Apply Pauli strings at random.

    Args:
        noise_ops: Pairs of a `Pauli` or its label and a probability; they sum to 1.

    Raises:
        NoiseError: If labels differ in length, or probabilities are impossible.
    """
    pairs = [(_pauli(pauli), p) for pauli, p in noise_ops]
    widths = {pauli.num_qubits for pauli, _ in pairs}
    if len(widths) != 1:
        raise NoiseError(f"pauli_error needs Pauli strings of one length; got {sorted(widths)}.")
    return QuantumError(pairs)


def depolarizing_error(param: float, num_qubits: int) -> QuantumError:
    """Replace the state: ``(1 - param) rho + param * 1 / 2**num_qubits``.

    Raises:
        NoiseError: If ``param`` is not in ``[0, 4**n / (4**n - 1)]``.
    """
    if not isinstance(num_qubits, int | np.integer) or num_qubits < 1:
        raise NoiseError(f"num_qubits must be an integer of at least 1; got {num_qubits!r}.")
    terms = 4**num_qubits
    most = terms / (terms - 1)
    if not 0 <= param <= most:
        raise NoiseError(f"depolarizing_error: param must be in [0, {most}]; got {param}.")
    labels = [""]
    for _ in range(num_qubits):
        labels = [label + letter for label in labels for letter in "IXYZ"]
    weights = [1 - param / most, *[param / terms] * (terms - 1)]
    return QuantumError([(Pauli(label), p) for label, p in zip(labels, weights, strict=True)])


def reset_error(prob0: float, prob1: float = 0) -> QuantumError:
    """Reset a qubit to 0 with probability ``prob0`` and to 1 with probability ``prob1``.

    Raises:
        NoiseError: If they are no probabilities or sum to more than 1.
    """
    if not (0 <= prob0 <= 1 and 0 <= prob1 <= 1 and prob0 + prob1 <= 1):
        raise NoiseError(
            f"reset_error: prob0 and prob1 must be probabilities with a sum of at most 1; got "
            f"{prob0} and {prob1}."
        )
    return _resets(1 - prob0 - prob1, 0.0, prob0, prob1)


def thermal_relaxation_error(
    t1: float, t2: float, time: float, excited_state_population: float = 0
) -> QuantumError:
    """Relax for ``time``, in the unit of ``t1`` and ``t2``.

    With ``t2 <= t1`` a mixture of resets and Z; else Kraus operators.

    Raises:
        NoiseError: If a time is not positive, ``t2 > 2 * t1``, or the population no probability.
    """
    if not time >= 0:
        raise NoiseError(f"thermal_relaxation_error: time must be at least 0; got {time}.")
    channel = _checked(noise.thermal_relaxation, t1, t2, time, excited_state_population)
    if t2 > t1:
        return _of_kraus(channel)
    lost = 1 - np.exp(-time / t1)
    # Coherences shrink by (1 - lost) * (1 - 2 * flip / (1 - lost)) = exp(-time / t2).
    flip = (np.exp(-time / t1) - np.exp(-time / t2)) / 2
    up = excited_state_population
    return _resets(1 - lost - flip, flip, lost * (1 - up), lost * up)


def phase_amplitude_damping_error(
    param_amp: float,
    param_phase: float,
    excited_state_population: float = 0,
    canonical_kraus: bool = True,
) -> QuantumError:
    """Decay towards a population of 1 and lose coherence.

    Coherences shrink by ``sqrt(1 - param_amp - param_phase)``.

    Raises:
        NoiseError: If a parameter is negative, or ``param_amp + param_phase > 1``.
    """
    if not (param_amp >= 0 and param_phase >= 0 and param_amp + param_phase <= 1):
        raise NoiseError(
            f"param_amp and param_phase must be at least 0 with a sum of at most 1; got "
            f"{param_amp} and {param_phase}."
        )
    if not 0 <= excited_state_population <= 1:
        raise NoiseError(
            f"excited_state_population must be in [0, 1]; got {excited_state_population}."
        )
    left = np.sqrt(1 - param_amp - param_phase)
    decay = [
        np.diag([1, left]),
        np.sqrt(param_amp) * np.array([[0, 1], [0, 0]]),
        np.sqrt(param_phase) * np.diag([0, 1]),
    ]
    down, up = np.sqrt(1 - excited_state_population), np.sqrt(excited_state_population)
    operators = [down * k for k in decay] + [up * k[::-1, ::-1] for k in decay]
    kept = [k.astype(complex) for k in operators if np.linalg.norm(k) > 1e-10]
    return kraus_error(kept, canonical_kraus)


def amplitude_damping_error(
    param_amp: float, excited_state_population: float = 0, canonical_kraus: bool = True
) -> QuantumError:
    """Decay towards a population of 1; see `phase_amplitude_damping_error`."""
    return phase_amplitude_damping_error(param_amp, 0, excited_state_population, canonical_kraus)


def phase_damping_error(param_phase: float, canonical_kraus: bool = True) -> QuantumError:
    """Lose coherence; see `phase_amplitude_damping_error`."""
    return phase_amplitude_damping_error(0, param_phase, 0, canonical_kraus)


def kraus_error(noise_ops: Sequence[ArrayLike], canonical_kraus: bool = False) -> QuantumError:
    """Apply a channel with these Kraus operators, in their canonical form if asked for.

    Raises:
        NoiseError: If there are none or they are not trace preserving.
    """
    if not isinstance(noise_ops, list | tuple) or not noise_ops:
        raise NoiseError("kraus_error needs a list of at least one matrix.")
    kraus = Kraus([np.asarray(k, complex) for k in noise_ops])
    return QuantumError(Kraus(Choi(kraus)) if canonical_kraus else kraus)


def mixed_unitary_error(noise_ops: Iterable[tuple[ArrayLike, float]]) -> QuantumError:
    """Apply unitaries at random.

    Args:
        noise_ops: Pairs of a matrix and a probability; they sum to 1.

    Raises:
        NoiseError: If a matrix is not unitary, shapes differ, or probabilities are impossible.
    """
    pairs = [(np.asarray(u, complex), float(p)) for u, p in noise_ops]
    if not pairs:
        raise NoiseError("mixed_unitary_error needs at least one unitary.")
    _checked(Channel.mixture, [p for _, p in pairs], [u for u, _ in pairs])
    width = len(pairs[0][0]).bit_length() - 1
    # Which ones are the identity matters: identities may be left out when errors are placed.
    one = np.eye(1 << width)
    last: Any = (IGate(), [width - 1])
    return QuantumError([(last if np.allclose(u, one) else UnitaryGate(u), p) for u, p in pairs])


def coherent_unitary_error(unitary: ArrayLike) -> QuantumError:
    """Apply a unitary with certainty."""
    return mixed_unitary_error([(unitary, 1.0)])


def _pauli(pauli: Any) -> Pauli:
    if isinstance(pauli, Pauli):
        return pauli
    if isinstance(pauli, str) and pauli and not set(pauli) - set("IXYZ"):
        return Pauli(pauli)
    raise NoiseError(f"A Pauli string has the letters I, X, Y, Z; got {pauli!r}.")


def _resets(stay: float, flip: float, to0: float, to1: float) -> QuantumError:
    up: list[tuple[Instruction, list[int]]] = [(Reset(), [0]), (XGate(), [0])]
    return QuantumError([(IGate(), max(stay, 0.0)), (ZGate(), flip), (Reset(), to0), (up, to1)])


def _of_kraus(channel: Channel) -> QuantumError:
    return QuantumError(Kraus(list(channel.kraus_operators())))


def _checked(make: Any, *values: Any) -> Channel:
    try:
        channel: Channel = make(*values)
    except QuasimError as cause:
        raise NoiseError(str(cause)) from cause
    return channel

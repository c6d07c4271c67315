"""What an engine must do on Clifford circuits: checks that stabilizer engines do not refuse."""

from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np
from numpy.typing import NDArray

from quasim_backend.ir.channels import Channel
from quasim_backend.ir.circuit import Circuit
from quasim_backend.ir.expr import Bit
from quasim_backend.ir.observables import PauliSum
from quasim_backend.noise.representations import pauli_matrix
from quasim_backend.testing.density_oracle import exact_branches, exact_distribution
from quasim_backend.testing.dynamic_generators import random_dynamic_clifford
from quasim_backend.testing.engine_checks import Check, Refused, Subject
from quasim_backend.testing.generators import random_clifford_circuit
from quasim_backend.testing.kernel_checks import assert_close
from quasim_backend.testing.oracles import (
    dense_state,
    dense_unitary,
    observable_matrix,
    reduced_density_matrix,
)
from quasim_backend.testing.statistics import FALSE_ALARM, goodness_of_fit

__all__ = ["CLIFFORD_CHECKS"]


def check_clifford_states(subject: Subject) -> None:
    """Final states of Clifford circuits agree with dense matrices, global phase included."""
    rng = np.random.default_rng(31)
    for number in range(25):
        width = number % 7 + 1
        circuit = random_clifford_circuit(rng, width, int(rng.integers(0, 25)))
        state = subject.run(circuit, keep_idle=True, want_state=True).state
        what = f"state of Clifford circuit {number}"
        assert_close(state, dense_state(circuit), subject.goals.amplitude, what)


def check_clifford_saves(subject: Subject) -> None:
    """Save points of Clifford circuits agree with the dense state of the circuit up to there."""
    rng = np.random.default_rng(32)
    observable = PauliSum.of({"XIZY": 0.7, "ZZII": -1.3, "IIIX": 0.2, "YYXI": 0.45, "IIII": 0.1})
    matrix = observable_matrix(observable, 4)
    for number in range(8):
        first, second = (random_clifford_circuit(rng, 4, 10) for _ in range(2))
        state = dense_state(first)
        rho = np.outer(state, state.conj())
        circuit = Circuit(4)
        circuit.instructions += first.instructions
        circuit.save("density_matrix", qubits=(2, 0)).save("probabilities", qubits=(3, 1, 0))
        circuit.save("expectation", observable=observable)
        circuit.save("variance", observable=observable)
        circuit.save("amplitudes", indices=(5, 0, 15))
        circuit.instructions += second.instructions
        circuit.save("statevector", "end")
        saved = subject.run(circuit, keep_idle=True).saved
        mean = float(np.vdot(state, matrix @ state).real)
        square = float(np.vdot(matrix @ state, matrix @ state).real)
        wanted = {
            "density_matrix": reduced_density_matrix(rho, (2, 0)),
            "probabilities": reduced_density_matrix(rho, (3, 1, 0)).diagonal().real,
            "expectation": mean,
            "variance": square - mean**2,
            "amplitudes": state[[5, 0, 15]],
            "end": dense_state(circuit),
        }
        for label, value in wanted.items():
            goal = 40 * subject.goals.value + subject.goals.amplitude
            assert_close(saved[label], value, goal, f"saved '{label}' of Clifford circuit {number}")
        for label in ("amplitudes", "end"):
            assert saved[label].dtype == subject.dtype, f"saved '{label}' is {saved[label].dtype}"


def check_clifford_dynamics(subject: Subject) -> None:
    """Clifford circuits with measurement, reset and control give the exact distribution."""
    rng = np.random.default_rng(33)
    for number in range(40):
        qubits, bits = int(rng.integers(1, 4)), int(rng.integers(1, 4))
        circuit = random_dynamic_clifford(rng, qubits, bits, int(rng.integers(2, 9)))
        _fits(subject, circuit, f"dynamic Clifford circuit {number}")


def check_clifford_noise(subject: Subject) -> None:
    """Random Paulis, random Clifford gates and resets give the exact distribution."""
    rng = np.random.default_rng(34)
    for number in range(12):
        circuit = _noisy(rng, number)
        circuit.measure([0, 1, 2], [2, 0, 1])
        _fits(subject, circuit, f"noisy Clifford circuit {number}")


def check_clifford_averages(subject: Subject) -> None:
    """An engine with ``averages`` gives exact values of noisy Clifford circuits without shots."""
    if not getattr(subject.engine, "averages", False):
        raise Refused("the engine follows one course of chance for each shot")
    rng = np.random.default_rng(35)
    observable = PauliSum.of({"XIZ": 0.7, "ZZI": -1.3, "IIY": 0.2, "YYX": 0.45, "III": 0.1})
    for number in range(0, 12, 2):
        circuit = _noisy(rng, number)
        circuit.measure([1], [0])
        rho = np.asarray(sum(exact_branches(circuit).values()))
        circuit.save("density_matrix").save("probabilities", qubits=(2, 0))
        circuit.save("expectation", observable=observable)
        saved = subject.run(circuit, keep_idle=True, exact=True).saved
        wanted = {
            "density_matrix": rho,
            "probabilities": reduced_density_matrix(rho, (2, 0)).diagonal().real,
            "expectation": float(np.trace(observable_matrix(observable, 3) @ rho).real),
        }
        for label, value in wanted.items():
            goal = 4 * subject.goals.value + subject.goals.amplitude
            assert_close(saved[label], value, goal, f"average '{label}' of noisy circuit {number}")


def check_clifford_seeds(subject: Subject) -> None:
    """A seed fixes every shot of a Clifford circuit, whatever the number of shots."""
    straight = Circuit(3, 3).h(0).cx(0, 1).h(2).measure([0, 1, 2], [0, 1, 2])
    branching = Circuit(3, 3).h(0).measure(0, 0).if_(Bit(0), Circuit(3, 3).h(2))
    branching.reset(0).h(0).measure([0, 1, 2], [0, 1, 2])
    for circuit in (straight, branching):
        samples = subject.samples(circuit, 200, 9)
        assert samples == subject.samples(circuit, 200, 9), "one seed gave two sets of samples."
        assert samples != subject.samples(circuit, 200, 10), "two seeds gave the same samples."
        few = subject.samples(circuit, 50, 9)
        assert samples[:50] == few, "the first 50 shots differ when only 50 are run."


def _noisy(rng: np.random.Generator, number: int) -> Circuit:
    """Return Clifford gates with channels in them; mixtures of gates where the number is odd."""
    circuit = Circuit(3, 3)
    for gate in random_clifford_circuit(rng, 3, 8).instructions:
        circuit.instructions.append(gate)
        width = int(rng.integers(1, 3))
        qubits = [int(q) for q in rng.permutation(3)[:width]]
        if number % 2:
            unitaries = [random_clifford_circuit(rng, width, 3) for _ in range(2)]
            circuit.channel(
                Channel.mixture([0.8, 0.2], [dense_unitary(u) for u in unitaries]), qubits
            )
        else:
            weights = 0.2 * rng.dirichlet(np.full(4**width, 0.5))
            weights[0] += 0.8
            circuit.channel(Channel.mixture(weights.tolist(), _paulis(width)), qubits)
        if rng.random() < 0.2:
            circuit.reset(qubits[0])
    return circuit


def _paulis(width: int) -> list[NDArray[np.complex128]]:
    return [pauli_matrix("".join(letters)) for letters in product("IXYZ", repeat=width)]


def _fits(subject: Subject, circuit: Circuit, what: str) -> None:
    samples = subject.samples(circuit, 1000, 7)
    exact = {m: p for m, p in exact_distribution(circuit).items() if p > 1e-12}
    p_value = goodness_of_fit(Counter(samples), exact)
    assert p_value > FALSE_ALARM, (
        f"{what}: samples do not follow the exact distribution (p = {p_value:.3g})."
    )


CLIFFORD_CHECKS: dict[str, Check] = {
    name.removeprefix("check_"): check
    for name, check in list(globals().items())
    if name.startswith("check_")
}
"""Every check by name; each takes a `Subject`."""

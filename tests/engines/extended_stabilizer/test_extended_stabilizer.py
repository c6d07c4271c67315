"""Clifford circuits with few other gates against dense states and known answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import quasim_backend as quasim
from quasim_backend.compile import compile_circuit
from quasim_backend.engines.base import EngineRequest
from quasim_backend.engines.extended_stabilizer import ExtendedStabilizerEngine, run
from quasim_backend.engines.pauli_rotations import rotations_of
from quasim_backend.ir import Circuit
from quasim_backend.ir.channels import ReadoutError
from quasim_backend.ir.instructions import GateOp
from quasim_backend.ir.observables import PauliString, PauliSum
from quasim_backend.kernels.reference import ReferenceKernels
from quasim_backend.noise import depolarizing
from quasim_backend.testing import (
    FALSE_ALARM,
    exact_distribution,
    goodness_of_fit,
    random_circuit,
    random_values,
)
from quasim_backend.testing.oracles import dense_state, observable_matrix

CLIFFORD = ("h", "s", "sdg", "x", "y", "z", "sx", "cx", "cz", "cy", "swap", "iswap", "ecr", "dcx")
OTHERS = ("t", "tdg", "ccx", "ccz", "cs", "ch", "cswap", "rccx")
ANGLED = ("rx", "ry", "rz", "p", "rxx", "rzx", "cp", "crx", "u", "fsim")


def session(**options: Any) -> quasim.Runtime:
    options = {"simulation_precision": "fp64", **options}
    return quasim.runtime(method="extended_stabilizer", **options)


def near_clifford(rng: np.random.Generator, width: int, gates: int, others: int) -> Circuit:
    """Return Clifford gates with some others among them."""
    circuit = Circuit(width)
    special = set(rng.permutation(gates)[:others].tolist())
    for place in range(gates):
        names = CLIFFORD if place not in special else (*OTHERS, *ANGLED)
        while True:
            gate = quasim.Gate.named(
                name := str(rng.choice(names)),
                rng.normal(size=_params(name)).tolist(),
            )
            if gate.num_qubits <= width:
                break
        qubits = [int(q) for q in rng.permutation(width)[: gate.num_qubits]]
        circuit.gate(name, qubits, list(gate.params))
    return circuit


def _params(name: str) -> int:
    return {"u": 3, "fsim": 2}.get(name, 1 if name in ANGLED else 0)


@pytest.mark.parametrize("seed", range(30))
def test_states_and_values_agree_with_dense_ones(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(seed)
    width = int(rng.integers(1, 9))
    circuit = near_clifford(rng, width, 40, int(rng.integers(0, 9)))
    state = dense_state(circuit)
    labels = ["".join(rng.choice(list("IXYZ"), width)) for _ in range(6)]
    observable = PauliSum.of({label: float(rng.normal()) for label in labels})
    qubits = tuple(int(q) for q in rng.permutation(width)[: min(width, 3)])
    indices = [int(i) for i in rng.integers(0, 1 << width, 5)]
    circuit.save("statevector").save("amplitudes", indices=indices)
    circuit.save("expectation", observable=observable).save("variance", observable=observable)
    circuit.save("probabilities", qubits=qubits).save("density_matrix", qubits=qubits)
    monkeypatch.setattr(run, "_WRITTEN_OUT", 0)  # amplitudes by the CH form
    with session() as own:
        found = own.run(circuit, shots=0).saved
    with quasim.runtime(method="statevector", simulation_precision="fp64") as exact:
        wanted = exact.run(circuit, shots=0).saved
    np.testing.assert_allclose(found["statevector"], state, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found["amplitudes"], state[indices], rtol=0, atol=1e-12)
    mean = np.vdot(state, observable_matrix(observable, width) @ state).real
    assert found["expectation"] == pytest.approx(mean, abs=1e-12)
    for label, value in wanted.items():
        np.testing.assert_allclose(found[label], value, rtol=0, atol=1e-12, err_msg=label)


def test_saves_along_the_way_see_the_state_there() -> None:
    rng = np.random.default_rng(50)
    first, second = (near_clifford(rng, 5, 20, 4) for _ in range(2))
    circuit = Circuit(5)
    circuit.instructions += first.instructions
    circuit.save("statevector", "middle").save("amplitudes", "some", indices=(3, 17))
    circuit.save("expectation", "mean", observable="XZIYZ")
    circuit.instructions += second.instructions
    circuit.save("statevector", "end")
    with session() as own:
        found = own.run(circuit, shots=0).saved
    state = dense_state(first)
    np.testing.assert_allclose(found["middle"], state, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found["some"], state[[3, 17]], rtol=0, atol=1e-12)
    matrix = observable_matrix(PauliSum.of("XZIYZ"), 5)
    assert found["mean"] == pytest.approx(np.vdot(state, matrix @ state).real, abs=1e-12)
    np.testing.assert_allclose(found["end"], dense_state(circuit), rtol=0, atol=1e-12)


@pytest.mark.parametrize("seed", range(12))
def test_samples_follow_the_exact_distribution(seed: int) -> None:
    rng = np.random.default_rng(200 + seed)
    width = int(rng.integers(2, 7))
    circuit = near_clifford(rng, width, 30, int(rng.integers(1, 7)))
    circuit.num_clbits = 70
    count = int(rng.integers(1, width + 1))
    clbits = [0, 66, 3, 2, 69, 1][:count]
    qubits = [int(q) for q in rng.permutation(width)[:count]]
    error = ReadoutError.of([[0.9, 0.1], [0.25, 0.75]])
    if seed % 2:
        circuit.measure(qubits, clbits)
    else:
        circuit.measure(qubits[:1], clbits[:1], error).measure(qubits[1:], clbits[1:])
    with session() as own:
        result = own.run(circuit, shots=4000, seed=seed)
    exact = {m: p for m, p in exact_distribution(circuit).items() if p > 1e-12}
    assert result.samples is not None
    drawn = Counter(sum(1 << c for c in np.flatnonzero(row).tolist()) for row in result.samples)
    assert goodness_of_fit(drawn, exact) > FALSE_ALARM


def test_samples_depend_on_the_seed_only(
    check_seeds: Callable[[quasim.Runtime, Circuit], None],
) -> None:
    circuit = near_clifford(np.random.default_rng(3), 6, 40, 5).measure_all()
    with session() as own:
        check_seeds(own, circuit)


def test_a_state_hidden_by_clifford_gates_on_60_qubits() -> None:
    """``U (T...) H |0>`` undone by ``U^dagger``: what is left is known."""
    rng = np.random.default_rng(6)
    width, angles = 60, rng.normal(size=8)
    places = [int(q) for q in rng.permutation(width)[:8]]
    scramble = near_clifford(rng, width, 600, 0)
    circuit = Circuit(width)
    circuit.instructions += scramble.instructions
    # exp(-i a/2 C Z C^dagger) between C^dagger and C turns a single qubit.
    circuit.instructions += scramble.inverse().instructions
    for q, angle in zip(places, angles, strict=True):
        circuit.rx(float(angle), q)
    circuit.instructions += scramble.instructions
    circuit.instructions += scramble.inverse().instructions
    sums = [PauliSum(((1.0, PauliString(0, 1 << q)),)) for q in places]
    with session() as own:
        found = own.measure(circuit, sums)
        circuit.save("amplitudes", indices=(0, 1 << places[0], 1 << places[0] | 1 << places[5]))
        saved = own.run(circuit, shots=0)
    np.testing.assert_allclose(found, np.cos(angles), rtol=0, atol=1e-10)
    cos, sin = np.cos(angles / 2), np.sin(angles / 2)
    none = np.prod(cos)
    wanted = [none, -1j * none * sin[0] / cos[0], -none * sin[0] * sin[5] / (cos[0] * cos[5])]
    np.testing.assert_allclose(saved.saved["amplitudes"], wanted, rtol=0, atol=1e-10)
    assert saved.metadata["stabilizer_terms"] == 2**8
    assert saved.metadata["approximation_error"] == 0.0


def test_two_engines_that_share_nothing_agree_on_100_qubits() -> None:
    rng = np.random.default_rng(8)
    circuit = near_clifford(rng, 100, 500, 12)
    sums = []
    for _ in range(6):
        qubits = rng.permutation(100)[:3]
        letters = {int(q): str(rng.choice(list("XYZ"))) for q in qubits}
        sums.append(PauliSum(((1.0, PauliString.from_letters(letters)),)))
    sums += [PauliSum(((1.0, PauliString(0, 1 << q)),)) for q in range(100)]
    with session() as own, quasim.runtime(method="pauli_propagation") as other:
        found, wanted = own.measure(circuit, sums), other.measure(circuit, sums)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-10)
    assert np.abs(wanted).max() > 0.1


def test_clifford_samples_of_1000_qubits_against_stim() -> None:
    stim = pytest.importorskip("stim")
    rng = np.random.default_rng(9)
    width = 1000
    circuit, tableau = Circuit(width, width), stim.TableauSimulator()
    for q in range(0, width, 2):
        circuit.h(q)
        tableau.h(q)
    for _ in range(3):
        for q in rng.permutation(width - 1)[:700].tolist():
            circuit.cx(q, q + 1)
            tableau.cx(q, q + 1)
    circuit.t(0).measure_all()  # diagonal before the measurement: changes nothing
    with session() as own:
        samples = own.sample(circuit, 200, seed=1)
    # Every Z string of the stabilizer group has its sign in every sample.
    checked = 0
    for string in tableau.canonical_stabilizers():
        letters = np.array(string)
        if np.isin(letters, (0, 3)).all():
            parity = samples[:, letters == 3].sum(axis=1) & 1
            assert (parity == (string.sign.real < 0)).all()
            checked += 1
    assert checked > 300
    assert abs(samples[:, 0].mean() - 0.5) < 0.2


def test_what_it_cannot_do_is_said() -> None:
    def refused(circuit: Circuit, match: str) -> None:
        with session() as own, pytest.raises(quasim.errors.UnsupportedError, match=match):
            own.run(circuit, shots=5)

    refused(Circuit(2, 2).h(0).measure(0, 0).h(0).measure(0, 1), "at the end only")
    refused(Circuit(1, 1).h(0).reset(0).measure(0, 0), "resets no qubits")
    refused(Circuit(1).channel(depolarizing(0.1), [0]).measure_all(), "takes no noise")
    wide = Circuit(2).h(0).unitary(np.linalg.qr(np.arange(16).reshape(4, 4) + np.eye(4))[0], [0, 1])
    refused(wide.measure_all(), r"gate 'unitary' on 2 qubits \(operation 1\) is no Clifford gate")
    many = Circuit(70)
    for q in range(70):
        many.h(q).t(q).h(q)
    for q in range(69):
        many.cx(q, q + 1)
    refused(many.measure_all(), r"70 rotations are no Cliffords and need 2\*\*70 stabilizer states")


def test_prediction_and_memory_are_of_the_right_size() -> None:
    circuit = near_clifford(np.random.default_rng(4), 30, 200, 10).measure_all()
    compiled = compile_circuit(circuit)
    request = EngineRequest(ReferenceKernels(), np.dtype(np.complex128), np.empty(0), shots=100)
    engine = ExtendedStabilizerEngine()
    assert engine.refuses(compiled, request) is None
    terms = engine.run(compiled, request).metadata["stabilizer_terms"]
    assert 32 * terms < engine.memory_bytes(compiled, request) < 32 * terms + (1 << 18)
    assert 0.001 < engine.predicted_seconds(compiled, request) < 1


def test_circuits_without_gates() -> None:
    with session() as own:
        assert own.measure(Circuit(3), ["ZZZ", "XII"]) == [1.0, 0.0]
        np.testing.assert_array_equal(own.probabilities(Circuit(3), (0, 2)), [1, 0, 0, 0])
        assert not own.sample(Circuit(3), 4).any()
        np.testing.assert_array_equal(own.simulate(Circuit(2)), [1, 0, 0, 0])


@pytest.mark.parametrize("seed", range(10))
def test_every_kind_of_gate_with_parameters_in_loops(seed: int) -> None:
    """One compiled circuit at two sets of parameters, some of them Clifford angles."""
    rng = np.random.default_rng(300 + seed)
    width = 4
    circuit = Circuit(width)
    kinds = ("named", "alias", "controlled", "symbolic", "pauli_rotation", "diagonal")
    for _ in range(15):
        small = random_circuit(rng, int(rng.integers(1, 4)), 1, kinds)
        places = [int(q) for q in rng.permutation(width)[: small.num_qubits]]
        for operation in small.instructions:
            assert isinstance(operation, GateOp)
            gate = operation.gate
            bound = gate.bound(dict.fromkeys(gate.parameters, 1.0))
            if rotations_of(bound, range(gate.num_qubits)) is not None:
                qubits = tuple(places[q] for q in operation.qubits)
                circuit.instructions.append(GateOp(gate, qubits))
    plain = Circuit(width)
    plain.instructions = [*circuit.instructions]
    for number in (1, 2, 3):
        plain.ry(number * np.pi / 4, 1).cx(1, 2)
    angle = quasim.Parameter("angle")
    body = Circuit(width).ry(angle * (np.pi / 4), 1).cx(1, 2)
    circuit.for_((1, 2, 3), body, parameter=angle)
    with session() as own:
        compiled = own.compile(circuit)
        for values in (random_values(rng, circuit), dict.fromkeys(circuit.parameters, np.pi / 2)):
            state = own.simulate(compiled, parameters=values)
            np.testing.assert_allclose(state, dense_state(plain, values), rtol=0, atol=1e-11)


def test_averages_are_exact_and_say_so() -> None:
    circuit = Circuit(2).h(0).cx(0, 1).t(1).ry(0.3, 0)
    circuit.save("expectation", "mean", observable="XZ", subtype="average")
    circuit.save("variance", "spread", observable={"XZ": 0.7, "ZI": 0.2}, subtype="average")
    with session() as own, quasim.runtime(method="statevector") as exact:
        found, wanted = own.run(circuit, shots=0), exact.run(circuit, shots=0)
    for label, value in wanted.saved.items():
        assert found.saved[label] == pytest.approx(value, abs=1e-6)
    assert found.standard_errors == {"mean": 0.0, "spread": 0.0}

"""Tensor networks against dense matrices, and against quimb where nothing dense fits."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from quasim_backend import Circuit, Config, Runtime
from quasim_backend.compile import CompileOptions, compile_circuit
from quasim_backend.engines.base import EngineRequest
from quasim_backend.engines.tensor_network import TensorNetworkEngine, sampling
from quasim_backend.engines.tensor_network import contraction as contractions
from quasim_backend.engines.tensor_network.costs import path_cost
from quasim_backend.engines.tensor_network.greedy import greedy_path
from quasim_backend.engines.tensor_network.network import Leaf, Network
from quasim_backend.engines.tensor_network.search import SearchOptions
from quasim_backend.engines.tensor_network.wires import Wires
from quasim_backend.errors import Cancelled, MemoryLimitError, UnsupportedError
from quasim_backend.ir.array_observables import DiagonalObservable, MatrixObservable
from quasim_backend.ir.gates import Gate
from quasim_backend.ir.instructions import GateOp, Save
from quasim_backend.ir.observables import PauliString, PauliSum
from quasim_backend.ir.parameters import Parameter
from quasim_backend.kernels.base import CancelToken
from quasim_backend.kernels.reference import ReferenceKernels
from quasim_backend.testing.density_oracle import exact_branches, exact_distribution
from quasim_backend.testing.generators import random_circuit, random_values
from quasim_backend.testing.noisy_generators import random_noisy_circuit
from quasim_backend.testing.oracles import (
    dense_state,
    observable_matrix,
    reduced_density_matrix,
)
from quasim_backend.testing.statistics import FALSE_ALARM, goodness_of_fit

PRECISE = {"method": "tensor_network", "simulation_precision": "fp64", "seed": 5}
GOAL = 1e-10


def runtime(**options):
    return Runtime(Config(**(PRECISE | options)))


def brickwork(width, depth, seed=0, names=None):
    rng = np.random.default_rng(seed)
    circuit = Circuit(width)
    for d in range(depth):
        for q in range(width):
            angle = rng.uniform(0, 6) if names is None else names[d * width + q]
            circuit.ry(angle, q).rz(rng.uniform(0, 6), q)
        for q in range(d % 2, width - 1, 2):
            circuit.cx(q, q + 1)
    return circuit


def some_observable(rng, width, terms=6):
    masks = rng.integers(0, 1 << width, (terms, 2))
    return PauliSum(tuple((float(rng.normal()), PauliString(int(x), int(z))) for x, z in masks))


# --- against dense matrices ---------------------------------------------------------------------


@pytest.mark.parametrize("workspace", [512, 1.0 / 64])
def test_every_output_of_random_circuits(workspace):
    rng = np.random.default_rng(1)
    with runtime(max_workspace_mb=workspace) as session:
        for number in range(12):
            width = number % 8 + 2
            circuit = random_circuit(rng, width, int(rng.integers(5, 50)))
            values = random_values(rng, circuit)
            state = dense_state(circuit, values)
            rho = np.outer(state, state.conj())
            some = tuple(int(q) for q in rng.permutation(width)[:2])
            observable = some_observable(rng, width)
            matrix = observable_matrix(observable, width)
            index = tuple(int(i) for i in rng.integers(0, 1 << width, 5))
            mean = np.vdot(state, matrix @ state).real
            measured = session.measure(circuit, [observable], parameters=values)
            np.testing.assert_allclose(measured, [mean], rtol=0, atol=GOAL)
            simulated = session.simulate(circuit, parameters=values)
            np.testing.assert_allclose(simulated, state, rtol=0, atol=GOAL)
            circuit.save("amplitudes", indices=index).save("probabilities", qubits=some)
            circuit.save("density_matrix", qubits=some[::-1]).save("probabilities", "all")
            circuit.save("variance", observable=observable)
            saved = session.run(circuit, parameters=values, shots=0).saved
            small = reduced_density_matrix(rho, some)
            wanted = {
                "amplitudes": state[list(index)],
                "probabilities": small.diagonal().real,
                "density_matrix": reduced_density_matrix(rho, some[::-1]),
                "all": np.abs(state) ** 2,
                "variance": np.vdot(matrix @ state, matrix @ state).real - mean**2,
            }
            for label, value in wanted.items():
                np.testing.assert_allclose(saved[label], value, rtol=0, atol=20 * GOAL)


@pytest.mark.parametrize("method", ["statevector", "matrix_product_state", "tensor_network"])
@pytest.mark.parametrize("terms", [3, 8])
def test_variance_of_what_is_not_hermitian(method, terms):
    rng = np.random.default_rng(11)
    circuit = brickwork(4, 3)
    real, imaginary = (some_observable(rng, 4, terms) for _ in range(2))
    mixed = zip(real.terms, imaginary.weights(), strict=True)
    observable = PauliSum(tuple((a + 1j * b.real, string) for (a, string), b in mixed))
    array = rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4))
    state = dense_state(circuit)
    rho = reduced_density_matrix(np.outer(state, state.conj()), (2, 0))
    moved, mean = (m := observable_matrix(observable, 4)) @ state, np.vdot(state, m @ state)
    square = np.trace(array.conj().T @ array @ rho).real
    circuit.save("variance", "sum", observable=observable)
    circuit.save("variance", "array", observable=MatrixObservable(array, (2, 0)))
    with runtime(method=method) as session:
        saved = session.run(circuit, shots=0).saved
    assert abs(saved["sum"] - (np.vdot(moved, moved).real - abs(mean) ** 2)) < 1e-8
    assert abs(saved["array"] - (square - abs(np.trace(array @ rho)) ** 2)) < 1e-8


def test_array_observables():
    rng = np.random.default_rng(2)
    circuit = brickwork(5, 3)
    rho = np.outer(state := dense_state(circuit), state.conj())
    matrix = rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4))
    matrix += matrix.conj().T
    values = rng.normal(size=8)
    with runtime() as session:
        found = session.measure(
            circuit, [MatrixObservable(matrix, (3, 1)), DiagonalObservable(values, (4, 0, 2))]
        )
    wanted = [
        np.trace(matrix @ reduced_density_matrix(rho, (3, 1))).real,
        reduced_density_matrix(rho, (4, 0, 2)).diagonal().real @ values,
    ]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=GOAL)


def test_gates_with_many_controls_and_data_of_their_own():
    """What is written as sums of products, swaps, diagonals or dense tensors."""
    rng = np.random.default_rng(11)
    unitary = np.linalg.qr(rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4)))[0]
    small = np.linalg.qr(rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2)))[0]
    gates = [
        (Gate.named("x", (), controls=5, control_state=0b10110), 6),
        (Gate.named("p", (0.7,), controls=5), 6),
        (Gate.named("rx", (0.9,), controls=4, control_state=3), 5),
        (Gate.pauli_rotation("XYZXZ", 0.4), 5),
        (Gate.pauli_rotation("YXZ", 1.4).controlled(3, 5), 6),
        (Gate.pauli_rotation("II", 0.3), 2),
        (Gate.unitary(small).controlled(4, 9), 5),
        (Gate.unitary(unitary).controlled(2, 1), 4),
        (Gate.named("swap").controlled(2, 2), 4),
        (Gate.named("iswap"), 2),
        (Gate.named("iswap").controlled(1, 0), 3),
        (Gate.permutation(rng.permutation(8)), 3),
        (Gate.permutation(rng.permutation(8)).controlled(1), 4),
        (Gate.diagonal(np.exp(1j * rng.uniform(0, 6, 16))), 4),
        (Gate.diagonal(np.exp(1j * rng.uniform(0, 6, 8))).controlled(2, 2), 5),
        (Gate.named("h").to_power(0.3), 1),
        (Gate.named("y", (), controls=1).to_power(-0.7), 2),
    ]
    with runtime() as session:
        for gate, count in gates:
            circuit = Circuit(6)
            for q in range(6):
                circuit.ry(float(rng.uniform(0, 3)), q).rz(float(rng.uniform(0, 3)), q)
            qubits = tuple(int(q) for q in rng.permutation(6)[:count])
            circuit.append(gate, qubits)
            for q in range(6):
                circuit.rx(float(rng.uniform(0, 3)), q)
            state = dense_state(circuit)
            found = session.simulate(circuit)
            np.testing.assert_allclose(found, state, rtol=0, atol=GOAL, err_msg=str(gate))
            observable = some_observable(rng, 6, 3)
            wanted = np.vdot(state, observable_matrix(observable, 6) @ state).real
            assert abs(session.measure(circuit, [observable])[0] - wanted) < GOAL, gate


def test_prepared_states_and_idle_qubits():
    rng = np.random.default_rng(12)
    pair = rng.normal(size=4) + 1j * rng.normal(size=4)
    pair /= np.linalg.norm(pair)
    circuit = Circuit(5).h(0).initialize(pair, (3, 1)).cx(3, 0).ry(0.4, 1)
    rho = np.asarray(sum(exact_branches(circuit).values()))
    with runtime() as session:
        found = session.simulate(circuit)
        mean = session.measure(circuit, ["IXIYZ"])[0]
        whole = session.probabilities(circuit, (4, 3, 1))
    np.testing.assert_allclose(np.outer(found, found.conj()), rho, rtol=0, atol=GOAL)
    wanted = np.trace(observable_matrix(PauliSum.of("IXIYZ"), 5) @ rho).real
    assert abs(mean - wanted) < GOAL
    small = reduced_density_matrix(rho, (4, 3, 1))
    np.testing.assert_allclose(whole, small.diagonal().real, rtol=0, atol=GOAL)


def test_noisy_circuits_exactly():
    rng = np.random.default_rng(3)
    with runtime() as session:
        for number in range(12):
            width = number % 4 + 1
            circuit = random_noisy_circuit(rng, width, int(rng.integers(1, 8)))
            values = random_values(rng, circuit)
            rho = np.asarray(sum(exact_branches(circuit, values).values()))
            observable = some_observable(rng, width)
            wanted = np.trace(observable_matrix(observable, width) @ rho).real
            circuit.save("expectation", observable=observable, subtype="average")
            saved = session.run(circuit, parameters=values, shots=0).saved
            np.testing.assert_allclose(saved["expectation"], wanted, rtol=0, atol=GOAL)


def test_samples_of_groups_follow_the_distribution(monkeypatch):
    rng = np.random.default_rng(4)
    for noisy in (False, True):
        circuit = brickwork(7, 3, seed=6) if not noisy else random_noisy_circuit(rng, 5, 6)
        values = random_values(rng, circuit)
        width = circuit.num_qubits
        circuit.num_clbits = width
        circuit.measure([int(q) for q in rng.permutation(width)], range(width))
        exact = {m: p for m, p in exact_distribution(circuit, values).items() if p > 1e-15}
        for group in (10, 3):
            monkeypatch.setattr(sampling, "GROUP", group)
            monkeypatch.setattr("quasim_backend.engines.tensor_network.work.GROUP", group)
            with runtime() as session:
                result = session.run(circuit, parameters=values, shots=1500, seed=group)
            counts = Counter(int(row[0]) for row in result.packed)
            assert goodness_of_fit(counts, exact) > FALSE_ALARM


# --- simplification -----------------------------------------------------------------------------


def contracted(leaves, opened):
    """Contract leaves with one einsum, which knows nothing of rules."""
    operands = []
    for value, indices in leaves:
        operands += [value, list(indices)]
    return np.einsum(*operands, list(opened))


@pytest.mark.parametrize("rule", ["rank", "diagonal", "antidiagonal", "column", "hyperedge"])
def test_each_rule_keeps_the_value_and_leaves_less(rule):
    rng = np.random.default_rng(7)

    def dense(rank):
        return rng.normal(size=(2,) * rank) + 1j * rng.normal(size=(2,) * rank)

    a, b, c, d = dense(3), dense(3), dense(3), dense(3)
    ring = [(a, (0, 1, 2)), (b, (2, 3, 4)), (c, (4, 5, 0)), (d, (1, 3, 5))]
    special = {
        "rank": [(dense(2), (0, 2)), (dense(1), (5,))],
        "diagonal": [(np.diag(dense(1)), (1, 5))],
        "antidiagonal": [(np.diag(dense(1))[::-1], (1, 5))],
        "column": [(np.array([[0, 0], dense(1).tolist()]), (3, 5))],
        "hyperedge": [(dense(2), (0, 6)), (dense(2), (6, 3)), (dense(2), (6, 5)), (dense(1), (6,))],
    }[rule]
    for opened in ((), (2,), (4, 0)):
        leaves = ring + special
        network = Network([Leaf(i, v.astype(complex)) for v, i in leaves], opened, (), 7)
        small = contractions.reduced(network)
        assert len(small.problem.tensors) < len(leaves)
        before = len({i for _, indices in leaves for i in indices})
        after = len({i for t in small.simplified.tensors for i in t})
        assert after < before or rule in ("rank", "hyperedge")
        whole = contractions.planned(small, SearchOptions(itemsize=16))
        found = whole.run(np.empty(0), np.dtype(complex)).at(())
        np.testing.assert_allclose(found, contracted(leaves, opened), rtol=1e-12, atol=1e-12)


def test_gates_outside_the_light_cone_are_not_built():
    circuit = brickwork(30, 2)
    steps = compile_circuit(circuit, CompileOptions(holds_gates=True)).steps
    wires = Wires(30, doubled=True)
    wires.ask_pauli(PauliString(0, 1 << 15))
    wires.before(steps[0].operations)
    assert len(wires.finish().leaves) < 60
    # A diagonal gate commutes with Z, and so with the question.
    wires = Wires(2, doubled=True)
    wires.ask_pauli(PauliString(0, 1))
    wires.before(compile_circuit(Circuit(2).cz(0, 1).rz(0.3, 0)).source.instructions)
    assert len(wires.finish().leaves) == 3


# --- paths --------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["auto", "greedy", "dp", "anneal", "hyper"])
def test_every_strategy_gives_the_same(strategy):
    if strategy in ("anneal", "hyper"):
        pytest.importorskip("cotengra")
    circuit = brickwork(6, 4 if strategy != "dp" else 3)
    state = dense_state(circuit)
    observable = PauliSum.of("IZXIII")
    wanted = np.vdot(state, observable_matrix(observable, 6) @ state).real
    with runtime(contraction_strategy=strategy, contraction_seconds=0.5) as session:
        assert abs(session.measure(circuit, [observable])[0] - wanted) < GOAL


def entangled(width, depth, seed=0):
    """Return layers of rotations and CZ on random pairs, which no path contracts cheaply."""
    rng = np.random.default_rng(seed)
    circuit = Circuit(width)
    for _ in range(depth):
        for q in range(width):
            circuit.ry(float(rng.uniform(0, 6)), q)
        order = rng.permutation(width)
        for a, b in zip(order[::2], order[1::2], strict=False):
            circuit.cz(int(a), int(b))
    return circuit


def test_slices_fit_the_limit_and_add_up():
    circuit, label = entangled(10, 8), "ZXIIIIIIXI"
    state = dense_state(circuit)
    wanted = np.vdot(state, observable_matrix(PauliSum.of(label), 10) @ state).real
    assert abs(wanted) > 1e-3
    wires = Wires(10, doubled=True)
    wires.ask_pauli(PauliString.from_label(label))
    wires.before(circuit.instructions)
    network = contractions.reduced(wires.finish())
    peak = path_cost(network.problem, greedy_path(network.problem)).peak
    limit = int(16 * peak / 6)
    sliced = contractions.planned(network, SearchOptions("greedy", 0.2, 16, limit))
    assert sliced.plan.cost.slices >= 2
    assert sliced.plan.cost.peak * 16 <= limit
    for threads in (1, 2):
        told = []
        run = sliced.run(np.empty(0), np.dtype(complex), threads=threads)
        assert abs(run.at((), told.append).item() - wanted) < GOAL
        assert len(told) == sliced.plan.cost.slices
        assert max(told) == 1.0


@pytest.mark.parametrize("threads", [1, 3])
def test_slices_out_of_the_range_of_floats_add_up_but_for_a_power_of_two(threads):
    circuit = entangled(10, 8)
    wires = Wires(10, doubled=True)
    wires.network.open = wires.ask_diagonal([3])
    wires.before(circuit.instructions)
    network = contractions.reduced(wires.finish())
    peak = path_cost(network.problem, greedy_path(network.problem)).peak
    sliced = contractions.planned(network, SearchOptions("greedy", 10, 16, int(16 * peak / 6)))
    assert 4 <= sliced.plan.cost.slices < 10_000
    for operation in sliced.program.operations:
        if operation.kind == "value":
            operation.data = operation.data * 1e-2
    run = sliced.run(np.empty(0), np.dtype(np.complex64), threads=threads)
    assert not run.at().any()
    found = run.at(rescale=True)
    wanted = (np.abs(dense_state(circuit)) ** 2).reshape(64, 2, 8).sum((0, 2))
    np.testing.assert_allclose(found / found.sum(), wanted, atol=1e-5)


def test_new_parameters_need_no_new_path(monkeypatch):
    names = [Parameter(f"p{i}") for i in range(6 * 4)]
    circuit = brickwork(6, 4, names=names)
    matrix = observable_matrix(PauliSum.of("IIZZII"), 6)
    searched = []
    monkeypatch.setattr(
        "quasim_backend.engines.tensor_network.search.find_plan",
        lambda *a, plan=contractions.paths.plan.__globals__["find_plan"]: (
            searched.append(1) or plan(*a)
        ),
    )
    rng = np.random.default_rng(8)
    with runtime() as session:
        for _ in range(4):
            values = {p: float(rng.uniform(0, 6)) for p in names}
            state = dense_state(circuit, values)
            found = session.measure(circuit, ["IIZZII"], parameters=values)[0]
            assert abs(found - np.vdot(state, matrix @ state).real) < GOAL
    assert len(searched) <= 1


# --- wide circuits ------------------------------------------------------------------------------


def in_quimb(circuit):
    qtn = pytest.importorskip("quimb.tensor")
    result = qtn.Circuit(circuit.num_qubits)
    for operation in circuit.instructions:
        matrix, k = operation.gate.matrix(), operation.gate.num_qubits
        # quimb's first qubit is the leftmost bit.
        result.apply_gate_raw(matrix, tuple(reversed(operation.qubits)), contract=False)
        assert k <= 2
    return result


@pytest.mark.parametrize("width", [40, 60])
def test_amplitudes_and_means_of_wide_circuits_against_quimb(width):
    circuit = brickwork(width, 3, seed=width)
    theirs = in_quimb(circuit)
    rng = np.random.default_rng(9)
    states = [int("".join(map(str, rng.integers(0, 2, width))), 2) for _ in range(2)]
    states.append(states[0] ^ 0b1011)
    z = np.diag([1.0, -1.0])
    with runtime() as session:
        saved = session.run(circuit, save=Save("amplitudes", "a", indices=tuple(states))).saved
        pauli = PauliString.from_letters({width // 2: "Z", width // 2 + 1: "Z"})
        mean = session.measure(circuit, [pauli])[0]
    for state, amplitude in zip(states, saved["a"], strict=True):
        text = "".join(str(state >> q & 1) for q in range(width))
        wanted = theirs.amplitude(text, optimize="greedy", simplify_sequence="R")
        assert abs(amplitude - wanted) < 1e-9 * max(abs(wanted), 2.0 ** (-width / 2))
    wanted = theirs.local_expectation(
        np.kron(z, z), (width // 2, width // 2 + 1), optimize="greedy", simplify_sequence="R"
    )
    assert abs(mean - wanted) < GOAL


def test_samples_of_a_wide_circuit():
    """Pairs of a 40-qubit circuit follow their exact joint distribution."""
    circuit = brickwork(40, 2, seed=3)
    with runtime() as session:
        bits = session.sample(circuit, 300)
        assert bits.shape == (300, 40)
        for pair in ((0, 1), (9, 10), (20, 21), (38, 39)):
            exact = session.probabilities(circuit, pair)
            values = Counter((bits[:, pair[0]] + 2 * bits[:, pair[1]]).tolist())
            assert goodness_of_fit(values, dict(enumerate(exact))) > FALSE_ALARM


# --- refusals -----------------------------------------------------------------------------------


def test_a_matrix_that_is_not_unitary_is_named_with_its_place():
    circuit = Circuit(3).h(0).cx(0, 1)
    gate = Gate.unitary(np.diag([1.0, 0.5]), check=False)
    circuit.instructions.append(GateOp(gate, (1,)))
    with (
        runtime() as session,
        pytest.raises(
            UnsupportedError, match=r"gate 'unitary' \(operation 2\): its matrix is not unitary"
        ),
    ):
        session.measure(circuit, ["IIZ"])


def test_too_large_says_flops_memory_and_what_to_do():
    circuit = entangled(64, 20)
    session = runtime(contraction_strategy="greedy", contraction_seconds=0.2)
    with pytest.raises(MemoryLimitError, match=r"FLOPs.*MiB.*largest tensor.*Try.*hyper"):
        session.run(circuit, save=Save("amplitudes", "a", indices=(0,)))


def test_strategies_say_what_they_need(monkeypatch):
    circuit = brickwork(12, 8)
    with pytest.raises(UnsupportedError, match="'dp' looks at all orders of at most"):
        runtime(contraction_strategy="dp").measure(circuit, ["Z" * 12])
    monkeypatch.setattr(
        "quasim_backend.engines.tensor_network.cotengra_paths.is_available", lambda: False
    )
    with pytest.raises(UnsupportedError, match=r"pip install quasim-backend\[tn\]"):
        runtime(contraction_strategy="hyper").measure(brickwork(11, 8), ["Z" * 11])


def test_a_token_stops_the_run():
    token = CancelToken()
    token.cancel()
    circuit = brickwork(4, 2).save("expectation", observable="ZZZZ")
    compiled = compile_circuit(circuit)
    request = EngineRequest(ReferenceKernels(), np.dtype(np.complex128), np.empty(0), cancel=token)
    with pytest.raises(Cancelled):
        TensorNetworkEngine().run(compiled, request)


def test_amplitudes_in_groups_share_their_network():
    circuit = brickwork(9, 3)
    state = dense_state(circuit)
    indices = tuple(int(i) for i in np.random.default_rng(3).integers(0, 512, 40))
    with runtime() as session:
        result = session.run(circuit, save=Save("amplitudes", "a", indices=indices))
        one = session.run(circuit, save=Save("amplitudes", "a", indices=indices[:1]))
    np.testing.assert_allclose(result.saved["a"], state[list(indices)], rtol=0, atol=GOAL)
    np.testing.assert_allclose(one.saved["a"], state[list(indices[:1])], rtol=0, atol=GOAL)
    assert result.metadata["networks"] < 10


def test_estimates_are_of_the_right_size():
    circuit = brickwork(30, 8).save("expectation", observable="Z" * 30)
    compiled = compile_circuit(circuit)
    request = EngineRequest(ReferenceKernels(), np.dtype(np.complex128), np.empty(0))
    engine = TensorNetworkEngine()
    assert engine.refuses(compiled, request) is None
    predicted = engine.predicted_seconds(compiled, request)
    needed = engine.memory_bytes(compiled, request)
    output = engine.run(compiled, request)
    assert output.metadata["peak_bytes"] <= needed * 4
    assert 0 < predicted < 60

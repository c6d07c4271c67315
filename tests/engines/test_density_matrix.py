"""Density matrices against three other simulators, and what the engines refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import quasim_backend as quasim
from quasim_backend.compile import CompileOptions, compile_circuit
from quasim_backend.compile.superoperators import append_superoperator, superoperator
from quasim_backend.engines.base import EngineRequest
from quasim_backend.engines.density_kernels import density_kernels
from quasim_backend.engines.density_matrix import DensityMatrixEngine
from quasim_backend.engines.superop import SuperopEngine
from quasim_backend.ir import Channel, Circuit
from quasim_backend.ir.expr import Bit
from quasim_backend.ir.instructions import ChannelOp, GateOp
from quasim_backend.ir.program import ProgramBuilder
from quasim_backend.kernels.reference import ReferenceKernels
from quasim_backend.testing import exact_branches
from quasim_backend.testing.generators import random_state
from quasim_backend.testing.noisy_generators import CHANNEL_KINDS, random_channel

PRECISE = np.dtype(np.complex128)


def noisy_unitaries(rng: np.random.Generator, width: int, gates: int) -> Circuit:
    """Return random unitaries and channels on one and two qubits, in any order of qubits."""
    circuit = Circuit(width)
    for _ in range(gates):
        for kind in ("coherent", CHANNEL_KINDS[int(rng.integers(len(CHANNEL_KINDS)))]):
            arity = min(width, int(rng.integers(1, 3)))
            qubits = [int(q) for q in rng.permutation(width)[:arity]]
            channel = random_channel(rng, arity, kind)
            if kind == "coherent":
                circuit.unitary(channel.operators[0], qubits)
            else:
                circuit.channel(channel, qubits)
    return circuit


def operations(circuit: Circuit) -> list[tuple[list[np.ndarray], tuple[int, ...]]]:
    """Return Kraus operators and qubits of everything in a circuit of gates and channels."""
    found: list[tuple[list[np.ndarray], tuple[int, ...]]] = []
    for item in circuit.instructions:
        if isinstance(item, ChannelOp):
            found.append((list(item.channel.kraus_operators()), item.qubits))
        elif isinstance(item, GateOp):
            found.append(([item.gate.matrix()], item.qubits))
    return found


def by_aer(circuit: Circuit) -> np.ndarray:
    qiskit, aer = pytest.importorskip("qiskit"), pytest.importorskip("qiskit_aer")
    info = pytest.importorskip("qiskit.quantum_info")
    theirs = qiskit.QuantumCircuit(circuit.num_qubits)
    for kraus, qubits in operations(circuit):
        if len(kraus) == 1:
            theirs.unitary(kraus[0], list(qubits))
        else:
            theirs.append(info.SuperOp(info.Kraus(kraus)), list(qubits))
    theirs.save_density_matrix()
    simulator = aer.AerSimulator(method="density_matrix", fusion_enable=False)
    return np.asarray(simulator.run(theirs).result().data()["density_matrix"])


def by_cirq(circuit: Circuit) -> np.ndarray:
    cirq = pytest.importorskip("cirq")
    line = cirq.LineQubit.range(circuit.num_qubits)
    theirs = cirq.Circuit()
    for kraus, qubits in operations(circuit):
        # Cirq's first qubit is the highest bit.
        theirs.append(cirq.KrausChannel(kraus).on(*(line[q] for q in reversed(qubits))))
    simulator = cirq.DensityMatrixSimulator(dtype=np.complex128)
    order = list(reversed(line))
    return np.asarray(simulator.simulate(theirs, qubit_order=order).final_density_matrix)


def by_pennylane(circuit: Circuit) -> np.ndarray:
    qml = pytest.importorskip("pennylane")
    width = circuit.num_qubits

    @qml.qnode(qml.device("default.mixed", wires=width))
    def node() -> Any:
        for kraus, qubits in operations(circuit):
            wires = [width - 1 - q for q in reversed(qubits)]
            qml.QubitChannel(kraus, wires=wires)
        return qml.state()

    return np.asarray(node())


@pytest.mark.parametrize("theirs", [by_aer, by_cirq, by_pennylane])
@pytest.mark.parametrize("width", range(1, 7))
def test_density_matrices_agree_with_other_simulators(theirs: Any, width: int) -> None:
    rng = np.random.default_rng(width)
    circuit = noisy_unitaries(rng, width, 8)
    expected = theirs(circuit)
    for precision, goal in (("fp32", 2e-6), ("fp64", 1e-12)):
        with quasim.runtime(simulation_precision=precision, promote_small=False) as rt:
            np.testing.assert_allclose(rt.density_matrix(circuit), expected, atol=goal)


@pytest.mark.parametrize("kind", CHANNEL_KINDS)
@pytest.mark.parametrize("width", [1, 2, 3])
def test_the_cheap_form_of_a_channel_is_its_superoperator(kind: str, width: int) -> None:
    rng = np.random.default_rng(width)
    channel = random_channel(rng, width, kind)
    dense = sum(np.kron(k.conj(), k) for k in channel.kraus_operators())
    np.testing.assert_allclose(superoperator(channel), dense, atol=1e-14)
    builder = ProgramBuilder(2 * width)
    append_superoperator(builder, superoperator(channel), tuple(range(width)))
    program = builder.build()
    widest = int(np.diff(program.target_start).max())
    whole = 2 * width if kind in ("kraus", "coherent") or width == 1 else width
    dense_targets = np.diff(program.target_start)[program.kind == 0]
    assert all(dense_targets == whole), "a channel that keeps i xor j has no matrix on all bits"
    assert widest <= 2 * width


def test_channels_at_one_place_keep_their_order() -> None:
    rng = np.random.default_rng(3)
    for _ in range(60):
        circuit = Circuit(4).h(0).cx(0, 1).cx(1, 2).ry(0.3, 3)
        for _ in range(5):
            arity = int(rng.integers(1, 4))
            kind = CHANNEL_KINDS[int(rng.integers(len(CHANNEL_KINDS)))]
            qubits = [int(q) for q in rng.permutation(4)[:arity]]
            circuit.channel(random_channel(rng, arity, kind), qubits)
        expected = sum(exact_branches(circuit).values())
        with quasim.runtime(simulation_precision="fp64") as rt:
            np.testing.assert_allclose(rt.density_matrix(circuit), expected, atol=1e-12)


def test_averages_of_a_session_are_exact_where_outcomes_are_not_read() -> None:
    circuit = Circuit(3, 3).h(0).cx(0, 1).ry(0.4, 2).measure(0, 0).h(0)
    circuit.channel(random_channel(np.random.default_rng(1), 2, "kraus"), [1, 2]).reset(1)
    circuit.rx(0.3, 1).cx(0, 2).measure([0, 2], [1, 2])
    rho = np.asarray(sum(exact_branches(circuit).values()))
    z, x = np.diag([1.0, -1.0]), np.array([[0.0, 1.0], [1.0, 0.0]])
    observables = {"ZII": np.kron(z, np.eye(4)), "IXZ": np.kron(np.eye(2), np.kron(x, z))}
    with quasim.runtime(simulation_precision="fp64") as rt:
        for label, matrix in observables.items():
            mean = np.trace(matrix @ rho).real
            assert rt.measure(circuit, [label])[0] == pytest.approx(mean, abs=1e-12)
            variance = np.trace(matrix @ matrix @ rho).real - mean**2
            np.testing.assert_allclose(rt.variances(circuit, label), [variance], atol=1e-12)
        np.testing.assert_allclose(rt.probabilities(circuit), rho.diagonal().real, atol=1e-12)
        small = np.einsum("aiaj->ij", rho.reshape(2, 4, 2, 4))
        np.testing.assert_allclose(rt.reduced_density_matrix(circuit, [0, 1]), small, atol=1e-12)
        result = rt.run(circuit, shots=0, save="probabilities")
        assert result.metadata["engine"] == "density_matrix"
        saved = result.saved["probabilities"]
        np.testing.assert_allclose(saved, rho.diagonal().real, atol=1e-12)
    with (
        quasim.runtime(method="statevector") as rt,
        pytest.raises(quasim.UnsupportedError, match="'density_matrix' give it exactly"),
    ):
        rt.measure(circuit, ["ZII"])


def test_pure_circuits_run_by_name() -> None:
    circuit = Circuit(3, 3).h(0).cx(0, 1).ry(0.4, 2)
    with quasim.runtime() as plain, quasim.runtime(method="density_matrix") as rt:
        expected = plain.reduced_density_matrix(circuit)
        np.testing.assert_allclose(rt.density_matrix(circuit), expected, atol=1e-6)
        wanted = plain.measure(circuit, ["ZZX"])
        assert rt.measure(circuit, ["ZZX"]) == pytest.approx(wanted, abs=1e-6)
        measured = Circuit(3, 3).h(0).cx(0, 1).ry(0.4, 2).measure([0, 1, 2], [0, 1, 2])
        result = rt.run(measured, shots=100, seed=1)
        same = plain.run(measured, shots=100, seed=1)
        assert result.counts() == same.counts(), "one seed draws one set of samples"
        assert result.metadata["engine"] == "density_matrix"
        with pytest.raises(quasim.UnsupportedError, match="no state vector"):
            rt.simulate(circuit)
        with pytest.raises(quasim.UnsupportedError, match="no amplitudes"):
            rt.run(circuit, save="statevector")
        with pytest.raises(quasim.UnsupportedError, match="method='unitary'"):
            rt.unitary(circuit)


def test_superoperators_agree_with_qiskit() -> None:
    info = pytest.importorskip("qiskit.quantum_info")
    for width in (1, 2, 3):
        circuit = noisy_unitaries(np.random.default_rng(width), width, 4)
        expected = info.SuperOp(np.eye(4**width))
        for kraus, qubits in operations(circuit):
            expected = expected.compose(info.SuperOp(info.Kraus(kraus)), qargs=list(qubits))
        with quasim.runtime(simulation_precision="fp64") as rt:
            np.testing.assert_allclose(rt.superop(circuit), expected.data, atol=1e-12)
    with (
        quasim.runtime() as rt,
        pytest.raises(quasim.UnsupportedError, match=r"gates, channels and resets.*'sample'"),
    ):
        rt.superop(Circuit(1, 1).measure(0, 0))


def test_kernels_of_density_matrices_agree_with_linear_algebra() -> None:
    rng, width = np.random.default_rng(5), 3
    kernels = density_kernels(ReferenceKernels(), width)
    states = [random_state(rng, width) for _ in range(3)]
    weights = [0.5, 0.3, 0.2]
    rho = sum(w * np.outer(s, s.conj()) for w, s in zip(weights, states, strict=True))
    vector = sum(w * kernels.from_host(s, PRECISE) for w, s in zip(weights, states, strict=True))
    np.testing.assert_allclose(vector.reshape(8, 8).T, rho, atol=1e-15)
    assert kernels.norm_squared(vector) == pytest.approx(1)
    tensor = rho.diagonal().real.reshape(2, 2, 2)
    expected = tensor.sum(axis=1).T.reshape(-1)  # qubit 2 is the low bit, then qubit 0
    np.testing.assert_allclose(kernels.probabilities(vector, [2, 0]), expected, atol=1e-14)

    dense = rng.normal(size=(8, 8)) + 1j * rng.normal(size=(8, 8))
    start = np.arange(0, 65, 8)
    moments = kernels.sparse_moments(vector, dense.reshape(-1), np.tile(np.arange(8), 8), start)
    assert moments[0] == pytest.approx(np.trace(dense @ rho))
    assert moments[1] == pytest.approx(np.trace(dense.conj().T @ dense @ rho).real)

    x, z = np.array([5, 0, 3], np.uint64), np.array([1, 7, 6], np.uint64)
    factors = np.array([0.3, 0.7j, -0.2])
    operator = np.zeros((8, 8), complex)
    for a, b, w in zip(x.tolist(), z.tolist(), factors, strict=True):
        for column in range(8):
            sign = (-1) ** (b & column).bit_count() * 1j ** (a & b).bit_count()
            operator[column ^ a, column] += w * sign
    applied = kernels.apply_pauli_sum(vector, x, z, factors)
    wanted = operator @ rho @ operator.conj().T
    np.testing.assert_allclose(applied.reshape(8, 8).T, wanted, atol=1e-14)

    projector = np.diag([float((i >> 2 & 1) | (i & 1) << 1 == 1) for i in range(8)])
    kept = projector @ rho @ projector
    scale = np.trace(kept).real ** -0.5
    kernels.collapse(vector, [2, 0], 1, scale)
    np.testing.assert_allclose(vector.reshape(8, 8).T, kept * scale**2, atol=1e-14)
    assert set(kernels.sample(vector, rng.random(50)).tolist()) <= {4, 6}
    with pytest.raises(quasim.UnsupportedError, match="no derivatives"):
        kernels.adjoint(None, vector, vector, np.empty(0))  # type: ignore[arg-type]


def test_memory_and_time_grow_with_the_square_of_the_size() -> None:
    request = EngineRequest(ReferenceKernels(), PRECISE, np.empty(0))
    engine = DensityMatrixEngine()
    compiled = [
        compile_circuit(Circuit(n, 1).h(0).reset(0).h(0), CompileOptions(keep_idle=True))
        for n in (10, 12)
    ]
    needs = [engine.memory_bytes(c, request) for c in compiled]
    assert needs[0] >= 16 << 20
    assert needs[1] >= 16 * needs[0] // 2
    times = [engine.predicted_seconds(c, request) for c in compiled]
    assert times[1] > 8 * times[0] > 0
    wide = compile_circuit(Circuit(32).h(0), CompileOptions(keep_idle=True))
    assert "at most 31 qubits" in str(engine.refuses(wide, request))
    assert "superoperator only" in str(SuperopEngine().refuses(compiled[0], request))


def test_controlled_circuits_sample_as_exactly_computed() -> None:
    circuit = Circuit(2, 2).h(0).channel(Channel.kraus([np.sqrt(0.5) * np.eye(2)] * 2), [0])
    circuit.measure(0, 0).if_(Bit(0), Circuit(2, 2).x(1)).measure(1, 1)
    with quasim.runtime(method="density_matrix") as rt:
        assert set(rt.run(circuit, shots=200, seed=3).counts()) == {"00", "11"}
        with pytest.raises(quasim.UnsupportedError, match="depends on the outcomes"):
            rt.density_matrix(circuit)


def test_averages_over_outcomes_that_decide_are_refused() -> None:
    circuit = Circuit(2, 1).h(0).measure([0], [0])
    circuit.if_(Bit(0), Circuit(2, 1).x(1))
    request = EngineRequest(ReferenceKernels(), PRECISE, np.empty(0), exact=True)
    refusal = DensityMatrixEngine().refuses(compile_circuit(circuit), request)
    assert refusal is not None
    assert "depends on the outcomes" in refusal

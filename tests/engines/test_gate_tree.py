"""The gate tree on dense vectors against the state-vector engine: the same samples, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from quasim_backend.compile import compile_circuit
from quasim_backend.engines.base import EngineOutput, EngineRequest
from quasim_backend.engines.digits import Digits
from quasim_backend.engines.gate_tree import GateTree
from quasim_backend.engines.saves import save_value
from quasim_backend.engines.statevector import StateVectorEngine
from quasim_backend.errors import Cancelled
from quasim_backend.ir import Channel, Circuit, Parameter, ReadoutError
from quasim_backend.ir.expr import Bit
from quasim_backend.kernels.base import CancelToken
from quasim_backend.kernels.reference import ReferenceKernels
from quasim_backend.testing.dynamic_generators import (
    DYNAMIC_KINDS,
    EXTRA_KINDS,
    random_dynamic_circuit,
)

KERNELS = ReferenceKernels()


class Dense:
    """Amplitudes, qubit ``q`` is axis ``n - 1 - q``."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.tensor = np.zeros((2,) * width, complex)
        self.tensor[(0,) * width] = 1

    @property
    def nbytes(self) -> int:
        return self.tensor.nbytes

    @property
    def vector(self) -> np.ndarray:
        return self.tensor.reshape(-1)

    def _matrix(self, matrix: np.ndarray, qubits: tuple[int, ...]) -> None:
        axes = [self.width - 1 - q for q in reversed(qubits)]
        moved = np.moveaxis(self.tensor, axes, range(len(axes)))
        done = (matrix @ moved.reshape(1 << len(axes), -1)).reshape(moved.shape)
        self.tensor = np.moveaxis(done, range(len(axes)), axes)
        self.tensor = self.tensor / np.linalg.norm(self.tensor)

    def apply(self, gate: Any, qubits: tuple[int, ...]) -> None:
        self._matrix(gate.matrix(), qubits)

    def channel_weights(self, channel: Channel, qubits: tuple[int, ...]) -> np.ndarray:
        rho = KERNELS.reduced_density_matrix(self.vector, qubits)
        return np.array([np.trace(k @ rho @ k.conj().T).real for k in channel.operators])

    def apply_operator(self, channel: Channel, number: int, qubits: tuple[int, ...]) -> None:
        self._matrix(channel.operators[number], qubits)

    def probability_of_one(self, qubit: int) -> float:
        return float(KERNELS.probabilities(self.vector, (qubit,))[1])

    def project(self, qubit: int, outcome: int) -> None:
        self._matrix(np.diag([1.0 - outcome, outcome]), (qubit,))

    def prepare(self, amplitudes: np.ndarray, qubits: tuple[int, ...]) -> None:
        self._matrix(np.outer(amplitudes, np.eye(len(amplitudes))[0]), qubits)

    def set_state(self, amplitudes: np.ndarray) -> None:
        self.tensor = np.array(amplitudes).reshape((2,) * self.width)

    def copy(self) -> Dense:
        result = Dense(self.width)
        result.tensor = self.tensor.copy()
        return result

    def sample(self, qubits: tuple[int, ...], digits: Digits) -> np.ndarray:
        joint = np.abs(self.vector) ** 2
        found = np.zeros(len(digits), np.int64)
        for q in reversed(range(self.width)):
            halves = joint.reshape(-1, 2, 1 << q).sum(axis=2)
            high = found >> (q + 1)
            total = halves[high].sum(axis=1)
            found |= digits.decide(halves[high, 1] / total).astype(np.int64) << q
        return np.array([found >> q & 1 for q in qubits])

    def value(self, save: Any) -> Any:
        return save_value(KERNELS, self.vector, self.width, save)


def run(circuit: Circuit, values: Any = (), **request: Any) -> tuple[EngineOutput, EngineOutput]:
    """Return what the gate tree and what the state-vector engine give."""
    compiled = compile_circuit(circuit)
    request.setdefault("shots", 300)
    asked = EngineRequest(KERNELS, np.dtype(complex), np.array(values, float), **request)
    tree = GateTree(compiled, asked, lambda: Dense(compiled.num_qubits))
    return tree.run(), StateVectorEngine().run(compiled, asked)


def entangled(width: int, clbits: int = 0) -> Circuit:
    circuit = Circuit(width, clbits or width)
    for q in range(width):
        circuit.ry(0.7 + 0.4 * q, q)
    for q in range(width - 1):
        circuit.cx(q, q + 1).rx(0.9 - 0.2 * q, q + 1)
    return circuit


@pytest.mark.parametrize("number", range(60))
def test_random_dynamic_circuits_give_the_state_vectors_samples(number):
    rng = np.random.default_rng(number)
    kinds = DYNAMIC_KINDS if number % 2 else (*DYNAMIC_KINDS, *EXTRA_KINDS)
    qubits, bits = int(rng.integers(1, 5)), int(rng.integers(1, 5))
    circuit = random_dynamic_circuit(rng, qubits, bits, int(rng.integers(2, 14)), kinds)
    uniforms = rng.random((200, 400))
    tree, wanted = run(circuit, shots=200, uniforms=uniforms)
    np.testing.assert_array_equal(tree.packed, wanted.packed)


def test_seeds_give_the_state_vectors_samples():
    error = ReadoutError.of(np.random.default_rng(6).dirichlet([2, 1, 1, 1], 4))
    circuit = entangled(4, 6).measure([2, 0], [0, 4], error)
    circuit.if_(Bit(4), Circuit(4, 6).h(1)).reset(1).cx(0, 1)
    circuit.channel(Channel.kraus([[[1, 0], [0, 0.6]], [[0, 0.8], [0, 0]]]), [3])
    circuit.measure([3, 1], [5, 2], error).measure([0, 2], [1, 3])
    tree, wanted = run(circuit, shots=2000, seed=17)
    np.testing.assert_array_equal(tree.packed, wanted.packed)
    assert len(np.unique(wanted.packed)) > 20


def test_loop_parameters_and_saves_agree():
    theta, i = Parameter("theta"), Parameter("i")
    body = Circuit(2, 2).ry(i * 0.2 + theta, 0).cx(0, 1).measure(1, 0)
    body.save("expectation", "z", observable="ZI", subtype="list")
    circuit = Circuit(2, 2).for_((3, 1, 4), body, parameter=i).rx(theta, 1)
    circuit.save("probabilities", "p", subtype="average").measure([0, 1], [0, 1])
    tree, wanted = run(circuit, [0.7], shots=100)
    np.testing.assert_array_equal(tree.packed, wanted.packed)
    for label in ("z", "p"):
        np.testing.assert_allclose(tree.saved[label], wanted.saved[label], atol=1e-12)


@pytest.mark.parametrize("room", [0, 200])
def test_without_room_shots_begin_anew_and_save_once(room):
    circuit = entangled(3, 6)
    for round_ in range(6):
        circuit.measure(round_ % 3, round_).ry(0.8, round_ % 3).cx(0, 2)
        circuit.save("expectation", f"z{round_}", observable="ZZI", subtype="average")
    roomy, wanted = run(circuit, shots=150)
    tight, _ = run(circuit, shots=150, workspace_bytes=room)
    assert tight.metadata["recomputations"] > 0 == roomy.metadata["recomputations"]
    for output in (roomy, tight):
        np.testing.assert_array_equal(output.packed, wanted.packed)
        for label, value in wanted.saved.items():
            assert output.saved[label] == pytest.approx(value, abs=1e-12)


def test_initialize_initial_state_and_final_state():
    rng = np.random.default_rng(0)
    start = rng.standard_normal(8) + 1j * rng.standard_normal(8)
    start /= np.linalg.norm(start)
    circuit = entangled(3).initialize(np.array([0.6, 0, 0, 0.8j]), [2, 0]).ry(0.3, 1)
    tree, wanted = run(circuit, shots=1, initial_state=start, want_state=True, seed=5)
    np.testing.assert_allclose(tree.state, wanted.state, atol=1e-12)


def test_a_token_stops_the_run():
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        run(entangled(2).measure([0, 1], [0, 1]), cancel=token)


# --- digits -----------------------------------------------------------------------------------


def test_digits_outlast_a_uniform():
    shots = np.arange(4000)
    uniforms = np.random.default_rng(1).random(4000)
    digits = Digits(uniforms, 3, shots, 0)
    bits = np.array([digits.decide(0.5) for _ in range(200)])
    first = (uniforms[None, :] * 2.0 ** np.arange(1, 41)[:, None]).astype(np.int64) & 1
    np.testing.assert_array_equal(bits[:40], first)
    means = bits.mean(axis=1)
    assert np.abs(means - 0.5).max() < 5.5 * 0.5 / np.sqrt(4000)
    pairs = np.corrcoef(bits.astype(float)) - np.eye(200)
    assert np.abs(pairs).max() < 6.5 / np.sqrt(4000)


def test_digits_never_choose_the_impossible():
    digits = Digits(np.array([0.0, 1 - 2**-53]), 0, np.arange(2), 0)
    for one in (0.0, 1.0, -1e-17, 1 + 1e-16):
        assert digits.decide(one).tolist() == [one > 0.5] * 2


def test_digits_of_some_shots_go_on_alike():
    digits = Digits(np.random.default_rng(2).random(50), 7, np.arange(50), 3)
    for _ in range(30):
        digits.decide(0.3)
    some = digits.of(np.array([4, 9, 33]))
    for _ in range(60):
        np.testing.assert_array_equal(some.decide(0.6), digits.decide(0.6)[[4, 9, 33]])

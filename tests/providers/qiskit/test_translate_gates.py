"""Every gate of Qiskit, translated, is Qiskit's own matrix: order, phase and control states."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("qiskit")

from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit
from qiskit.circuit import (
    AnnotatedOperation,
    ControlModifier,
    Gate,
    InverseModifier,
    Parameter,
    PowerModifier,
)
from qiskit.circuit import library as lib
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.quantum_info import Operator, SparsePauliOp, random_unitary
from qiskit.synthesis import EvolutionSynthesis, LieTrotter, MatrixExponential, ProductFormula

from quasim_qiskit.errors import QuasimQiskitError
from quasim_qiskit.translate import translate

# Of MCXGate, in early versions of Qiskit 2.
pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")

TOLERANCE = 1e-12
NOT_GATES = {"measure", "reset", "delay"}
GATES = {k: v for k, v in get_standard_gate_name_mapping().items() if k not in NOT_GATES}


def _angles(count: int, seed: int = 3) -> list[float]:
    return np.random.default_rng(seed).uniform(-7, 7, count).tolist()


def _same(dense_unitary, circuit: QuantumCircuit) -> None:
    error = np.abs(dense_unitary(circuit) - Operator(circuit).data).max()
    assert error < TOLERANCE, error


@pytest.mark.parametrize("name", GATES)
def test_every_standard_gate_has_qiskits_matrix(name: str, dense_unitary) -> None:
    gate = GATES[name].base_class(*_angles(len(GATES[name].params)))
    circuit = QuantumCircuit(5)
    circuit.append(gate, [3, 0, 4, 1][: gate.num_qubits])
    _same(dense_unitary, circuit)


@pytest.mark.parametrize("name", [n for n, g in GATES.items() if g.num_qubits <= 3])
@pytest.mark.parametrize("state", [0, 1, 2])
@pytest.mark.parametrize("annotated", [False, True])
def test_controls_with_any_state(name: str, state: int, annotated: bool, dense_unitary) -> None:
    gate = GATES[name].base_class(*_angles(len(GATES[name].params), 5))
    controlled = gate.control(2, ctrl_state=state, annotated=annotated)
    circuit = QuantumCircuit(5)
    circuit.append(controlled, [4, 1, 3, 0, 2][: controlled.num_qubits])
    _same(dense_unitary, circuit)


@pytest.mark.parametrize("name", [n for n, g in GATES.items() if g.num_qubits])
def test_inverses(name: str, dense_unitary) -> None:
    gate = GATES[name].base_class(*_angles(len(GATES[name].params), 7))
    circuit = QuantumCircuit(4)
    circuit.append(gate.inverse(), [2, 0, 3, 1][: gate.num_qubits])
    _same(dense_unitary, circuit)


@settings(max_examples=25)
@given(data=st.data())
def test_random_circuits_keep_order_and_phase(data, dense_unitary) -> None:
    names = [n for n, g in GATES.items() if g.num_qubits <= 4]
    circuit = QuantumCircuit(4, global_phase=data.draw(st.floats(-4, 4)))
    for _ in range(data.draw(st.integers(1, 8))):
        entry = GATES[data.draw(st.sampled_from(names))]
        angles = data.draw(
            st.lists(st.floats(-7, 7), min_size=(n := len(entry.params)), max_size=n)
        )
        qubits = data.draw(st.permutations(range(4)))[: entry.num_qubits]
        circuit.append(entry.base_class(*angles), qubits)
    assert np.abs(dense_unitary(circuit) - Operator(circuit).data).max() < 1e-11


MATRIX4 = random_unitary(4, seed=11)
COMPOSITES = {
    "unitary": lib.UnitaryGate(random_unitary(8, seed=2)),
    "controlled unitary": lib.UnitaryGate(MATRIX4).control(2, ctrl_state=1),
    "diagonal": lib.DiagonalGate(np.exp(1j * np.arange(8)).tolist()),
    "controlled diagonal": lib.DiagonalGate(np.exp(1j * np.arange(4)).tolist()).control(1),
    "permutation": lib.PermutationGate([2, 0, 3, 1]),
    "pauli": lib.PauliGate("XYZI"),
    "controlled pauli": lib.PauliGate("YZX").control(1, ctrl_state=0),
    "evolution": lib.PauliEvolutionGate(SparsePauliOp(["XYZ"], [0.3]), time=0.7),
    "mcx": lambda: lib.MCXGate(4),
    "mcx open": lambda: lib.MCXGate(4, ctrl_state="0110"),
    "mcphase": lib.MCPhaseGate(0.7, 3),
    "c3sx": lib.C3SXGate(),
    "rcccx": lib.RC3XGate(),
    "multiplexer": lib.UCGate([random_unitary(2, seed=i).data for i in range(4)]),
    "ucry": lib.UCRYGate([0.1, 0.7, -0.4, 2.0]),
    "isometry": lib.Isometry(random_unitary(4, seed=9).data[:, :2], 0, 0),
    "qft": lib.QFTGate(3),
    "state preparation": lib.StatePreparation([0.5, 0.5j, -0.5, 0.5]),
    "state preparation inverse": lib.StatePreparation([0.6, 0, 0.8j, 0]).inverse(),
    "label preparation": lib.StatePreparation("1+r"),
    "integer preparation": lib.StatePreparation(5, 3),
    "linear function": lib.LinearFunction([[1, 1, 0], [0, 1, 0], [1, 0, 1]]),
    "ms": lib.MSGate(3, 0.4),
    "clifford": Operator(lib.iSwapGate()).to_instruction(),
    "global phase": lib.GlobalPhaseGate(0.9),
    "controlled global phase": lib.GlobalPhaseGate(0.9).control(2),
}


@pytest.mark.parametrize("name", COMPOSITES)
def test_composite_gates_need_no_transpiler(name: str, dense_unitary) -> None:
    gate = COMPOSITES[name]
    gate = gate() if callable(gate) and not hasattr(gate, "name") else gate
    circuit = QuantumCircuit(5)
    circuit.append(gate, [3, 0, 4, 1, 2][: gate.num_qubits])
    # The oracle is the definition: Operator would take the exact exponential of an evolution.
    expected = QuantumCircuit(5)
    definition = gate if gate.definition is None else gate.definition
    operator = gate.to_matrix() if name == "unitary" else Operator(definition).data
    expected.append(lib.UnitaryGate(operator), [3, 0, 4, 1, 2][: gate.num_qubits])
    assert np.abs(dense_unitary(circuit) - Operator(expected).data).max() < TOLERANCE


def test_trotter_steps_are_the_ones_of_the_definition(dense_unitary) -> None:
    operator = SparsePauliOp(["XYZ", "IZZ", "YIX", "III"], [0.3, -0.4, 0.9, 0.5])
    gate = lib.PauliEvolutionGate(operator, time=0.8)
    circuit = QuantumCircuit(4)
    circuit.append(gate, [2, 0, 3])
    unrolled = QuantumCircuit(4)
    unrolled.compose(gate.definition, [2, 0, 3], inplace=True)
    assert np.abs(dense_unitary(circuit) - Operator(unrolled).data).max() < TOLERANCE


def _one_turn(evolution: lib.PauliEvolutionGate) -> QuantumCircuit:
    circuit = QuantumCircuit(evolution.num_qubits)
    circuit.rx(evolution.time, 1)
    return circuit


class _Synthesis(EvolutionSynthesis):
    def synthesize(self, evolution: lib.PauliEvolutionGate) -> QuantumCircuit:
        return _one_turn(evolution)


class _Formula(ProductFormula):
    """Has no `expand` of its own."""

    def synthesize(self, evolution: lib.PauliEvolutionGate) -> QuantumCircuit:
        return _one_turn(evolution)


class _OwnCircuit(LieTrotter):
    """Inherits an `expand` that says something else than its circuit."""

    def synthesize(self, evolution: lib.PauliEvolutionGate) -> QuantumCircuit:
        return _one_turn(evolution)


def _one_step(circuit: QuantumCircuit, operator: object, time: float) -> None:
    circuit.rx(time, 1)


@pytest.mark.parametrize(
    "synthesis",
    [
        *(_Synthesis(), _Formula(1), _OwnCircuit(), MatrixExponential()),
        LieTrotter(atomic_evolution=_one_step, atomic_evolution_sparse_observable=True),
    ],
    ids=["no formula", "no expand", "own circuit", "exact", "own steps"],
)
def test_an_evolution_is_what_its_synthesis_makes_of_it(synthesis: object, dense_unitary) -> None:
    operator = SparsePauliOp(["XZ", "YI"], [0.3, 0.9])
    gate = lib.PauliEvolutionGate(operator, time=0.8, synthesis=synthesis)
    circuit = QuantumCircuit(3)
    circuit.append(gate, [2, 0])
    unrolled = QuantumCircuit(3)
    unrolled.compose(gate.definition, [2, 0], inplace=True)
    assert np.abs(dense_unitary(circuit) - Operator(unrolled).data).max() < TOLERANCE


MODIFIERS = [
    [InverseModifier()],
    [ControlModifier(2, 1)],
    [PowerModifier(3)],
    [PowerModifier(-2)],
    [InverseModifier(), ControlModifier(1)],
    [ControlModifier(1, 0), InverseModifier(), PowerModifier(2)],
    [ControlModifier(1), ControlModifier(1, 0)],
]


@pytest.mark.parametrize("modifiers", MODIFIERS)
@pytest.mark.parametrize("base", [lib.RZXGate(0.7), lib.SXGate(), lib.UnitaryGate(MATRIX4)])
def test_annotated_operations(modifiers, base, dense_unitary) -> None:
    operation = AnnotatedOperation(base, modifiers)
    circuit = QuantumCircuit(4)
    circuit.append(operation, [2, 0, 3, 1][: operation.num_qubits])
    expected = QuantumCircuit(4)
    expected.append(lib.UnitaryGate(operation.to_matrix()), [2, 0, 3, 1][: operation.num_qubits])
    assert np.abs(dense_unitary(circuit) - Operator(expected).data).max() < 1e-11


def test_fractional_power_of_a_composite(dense_unitary) -> None:
    inner = QuantumCircuit(2)
    inner.h(0)
    inner.cx(0, 1)
    operation = AnnotatedOperation(inner.to_gate(), [PowerModifier(0.5)])
    circuit = QuantumCircuit(2)
    circuit.append(operation, [1, 0])
    circuit.append(operation, [1, 0])
    twice = QuantumCircuit(2)
    twice.append(inner.to_gate(), [1, 0])
    assert np.abs(dense_unitary(circuit) - Operator(twice).data).max() < 1e-11


def test_nested_composites_with_global_phase(dense_unitary) -> None:
    inner = QuantumCircuit(2, global_phase=0.3)
    inner.rzx(0.4, 1, 0)
    inner.unitary(random_unitary(4, seed=1), [1, 0])
    middle = QuantumCircuit(3, global_phase=-0.8)
    middle.append(inner.to_gate(), [2, 0])
    middle.append(inner.to_gate().control(1, annotated=False), [1, 2, 0])
    outer = QuantumCircuit(4, global_phase=1.1)
    outer.append(middle.to_gate(), [3, 0, 2])
    outer.append(middle.to_gate().control(1, ctrl_state=0, annotated=True), [1, 2, 3, 0])
    middle.barrier()
    outer.append(middle.to_instruction(), [1, 2, 3])
    _same(dense_unitary, outer)


def test_a_custom_gate_may_have_the_name_of_a_standard_one(dense_unitary) -> None:
    inner = QuantumCircuit(1, name="h")
    inner.t(0)
    inner.rx(0.3, 0)
    circuit = QuantumCircuit(2)
    circuit.append(inner.to_gate(), [1])
    circuit.h(0)
    _same(dense_unitary, circuit)


def test_a_gate_with_only_a_matrix(dense_unitary) -> None:
    class Mystery(Gate):
        def __init__(self) -> None:
            super().__init__("mystery", 2, [])

        def __array__(self, dtype=None, copy=None):
            return np.array(MATRIX4.data)

    circuit = QuantumCircuit(3)
    circuit.append(Mystery(), [2, 0])
    _same(dense_unitary, circuit)


def test_an_opaque_gate_is_refused_by_name() -> None:
    circuit = QuantumCircuit(2)
    circuit.append(Gate("mystery", 2, []), [0, 1])
    with pytest.raises(QuasimQiskitError, match=r"mystery.*definition"):
        translate(circuit)


def test_labels_reach_the_ir() -> None:
    circuit = QuantumCircuit(1)
    circuit.append(lib.XGate(label="flip"), [0])
    circuit.append(lib.RXGate(0.3, label="turn"), [0])
    labels = [item.gate.label for item in translate(circuit).circuit.instructions]
    assert labels == ["flip", "turn"]


def test_wide_permutations_are_swaps(dense_unitary) -> None:
    circuit = QuantumCircuit(30)
    circuit.append(
        lib.PermutationGate(np.random.default_rng(2).permutation(30).tolist()), range(30)
    )
    assert len(translate(circuit).circuit.instructions) < 30
    for seed in range(5):
        small = QuantumCircuit(5)
        pattern = np.random.default_rng(seed).permutation(5).tolist()
        small.append(lib.PermutationGate(pattern), [4, 0, 2, 1, 3])
        _same(dense_unitary, small)


CONTROLS = {
    "one": (lambda g: g.control(1), 2),
    "two": (lambda g: g.control(2, ctrl_state=1), 3),
    "open": (lambda g: g.control(1, ctrl_state=0), 2),
    "twice": (lambda g: g.control(1).control(1), 3),
    "inverse": (lambda g: g.control(1).inverse(), 2),
    "repeated": (lambda g: g.control(1).repeat(2), 2),
    "annotated": (lambda g: g.control(1, annotated=True), 2),
}


@pytest.mark.parametrize("name", CONTROLS)
def test_controlled_gates_of_ones_own_take_the_values_that_are_assigned(
    name: str, dense_unitary
) -> None:
    controlled, width = CONTROLS[name]
    s, t = Parameter("s"), Parameter("t")
    own = QuantumCircuit(1, global_phase=s / 3)
    own.rx(s, 0)
    own.rz(0.4, 0)
    circuit = QuantumCircuit(width)
    circuit.append(controlled(own.to_gate()), range(width))
    _same(dense_unitary, circuit.assign_parameters({s: 0.3}))
    # The name comes again with another meaning.
    again = circuit.assign_parameters({s: 2 * t})
    again.rx(s, 0)
    _same(dense_unitary, again.assign_parameters({t: 0.4, s: 1.1}))

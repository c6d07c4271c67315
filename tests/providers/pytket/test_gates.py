"""Every gate and box: the translation's unitary is pytket's own, global phase included."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pytket")

import sympy
from pytket.circuit import (
    CircBox,
    Circuit,
    ConjugationBox,
    CustomGateDef,
    DiagonalBox,
    ExpBox,
    MultiplexedRotationBox,
    MultiplexedTensoredU2Box,
    MultiplexedU2Box,
    MultiplexorBox,
    Op,
    OpType,
    PauliExpBox,
    PauliExpCommutingSetBox,
    PauliExpPairBox,
    PhasePolyBox,
    QControlBox,
    Qubit,
    StatePreparationBox,
    TermSequenceBox,
    ToffoliBox,
    Unitary1qBox,
    Unitary2qBox,
    Unitary3qBox,
)
from pytket.passes import DecomposeBoxes
from pytket.pauli import Pauli
from pytket.tableau import UnitaryTableau, UnitaryTableauBox

import quasim_backend as quasim
from quasim_backend.errors import ParameterError, UnsupportedError
from quasim_pytket.boxes import BOX_TYPES
from quasim_pytket.gates import GATE_TYPES
from quasim_pytket.translate import translate

TOLERANCE = 1e-12
RNG = np.random.default_rng(20261123)


@pytest.fixture(scope="module")
def runtime():
    with quasim.runtime(simulation_precision="fp64") as opened:
        yield opened


def arguments(kind: OpType) -> tuple[int, int] | None:
    """Return numbers of qubits and parameters of a gate, as pytket tells."""
    for qubits in (4, 3, 2, 1, 0):
        for params in range(4):
            try:
                circuit = Circuit(qubits)
                circuit.add_gate(kind, [0.1] * params, list(range(qubits)))
                circuit.get_unitary()
            except (RuntimeError, ValueError, TypeError, IndexError):
                continue
            return qubits, params
    return None


GATES = {kind: arguments(kind) for kind in sorted(GATE_TYPES, key=str)}


def unitary_of_pytket(circuit: Circuit) -> np.ndarray:
    opened = circuit.copy()
    DecomposeBoxes().apply(opened)
    return opened.get_unitary()


def check(runtime: quasim.Runtime, circuit: Circuit) -> None:
    wanted = unitary_of_pytket(circuit)
    np.testing.assert_allclose(runtime.unitary(translate(circuit)), wanted, atol=TOLERANCE)


def test_every_operation_with_a_matrix_is_a_known_gate():
    known = GATE_TYPES | BOX_TYPES
    for kind in OpType.__members__.values():
        for params in range(4):
            try:
                Op.create(kind, [0.1] * params).get_unitary()
            except (RuntimeError, ValueError, TypeError, IndexError):
                continue
            assert kind in known
    assert None not in GATES.values()


@pytest.mark.parametrize("kind", GATES, ids=lambda kind: kind.name)
def test_gate_equals_pytkets_matrix(kind: OpType, runtime):
    qubits, params = GATES[kind]
    for _ in range(4):
        circuit = Circuit(qubits + 1)
        places = [int(q) for q in RNG.permutation(qubits + 1)[:qubits]]
        circuit.add_gate(kind, list(RNG.uniform(-4, 4, params)), places)
        circuit.Ry(0.3, 0)
        check(runtime, circuit)


@pytest.mark.parametrize("kind", GATES, ids=lambda kind: kind.name)
def test_gate_under_quantum_controls(kind: OpType, runtime):
    qubits, params = GATES[kind]
    qubits = min(qubits, 3)  # of a gate on any number
    circuit = Circuit(qubits)
    circuit.add_gate(kind, list(RNG.uniform(-4, 4, params)), list(range(qubits)))
    box = QControlBox(CircBox(circuit), 2, [True, False])
    outer = Circuit(qubits + 2)
    outer.add_gate(box, [int(q) for q in RNG.permutation(qubits + 2)])
    check(runtime, outer)


@pytest.mark.parametrize("controls", [0, 1, 5])
def test_gates_with_many_controls(controls: int, runtime):
    for kind in (OpType.CnX, OpType.CnY, OpType.CnZ, OpType.CnRx, OpType.CnRy, OpType.CnRz):
        circuit = Circuit(controls + 1)
        params = [0.37] if kind.name.startswith("CnR") else []
        circuit.add_gate(kind, params, [int(q) for q in RNG.permutation(controls + 1)])
        check(runtime, circuit)


def random_unitary(size: int) -> np.ndarray:
    matrix = RNG.normal(size=(size, size)) + 1j * RNG.normal(size=(size, size))
    return np.linalg.qr(matrix)[0]


def inner(qubits: int) -> Circuit:
    """Return a circuit with phase and permutation, as boxes hold them."""
    circuit = Circuit(qubits).add_phase(0.3)
    for qubit in range(qubits):
        circuit.TK1(*RNG.uniform(0, 2, 3), qubit)
    for qubit in range(qubits - 1):
        circuit.CX(qubit, qubit + 1).SWAP(qubit, qubit + 1)
    circuit.replace_SWAPs()
    return circuit


def custom() -> Op:
    a, b = sympy.symbols("a b")
    definition = CustomGateDef.define("g", Circuit(2).Rx(a, 0).CRz(a + 2 * b, 0, 1), [a, b])
    circuit = Circuit(2).add_custom_gate(definition, [0.3, 0.7], [0, 1])
    return circuit.get_commands()[0].op


def rotations(kind: OpType) -> dict[tuple[bool, ...], Op]:
    places = [(False, False), (True, False), (True, True)]
    return {place: Op.create(kind, [float(RNG.uniform())]) for place in places}


def tensors() -> dict[tuple[bool, ...], list[Op]]:
    return {
        (False, True): [Op.create(OpType.H), Op.create(OpType.T)],
        (True, False): [Op.create(OpType.Rx, [0.3]), Op.create(OpType.TK1, [0.1, 0.2, 0.3])],
    }


def phase_polynomial() -> PhasePolyBox:
    circuit = Circuit(3).CX(0, 1).Rz(0.3, 1).CX(1, 2).Rz(0.7, 2).CX(0, 2).Rz(1.1, 2)
    return PhasePolyBox(circuit)


def state(qubits: int) -> np.ndarray:
    vector = RNG.normal(size=1 << qubits) + 1j * RNG.normal(size=1 << qubits)
    return vector / np.linalg.norm(vector)


BITS = [(False, False, True), (True, True, False), (True, False, False)]
GENERATOR = RNG.normal(size=(4, 4))
LABELS = [Pauli.X, Pauli.Y, Pauli.I, Pauli.Z]
COMMUTING = [([Pauli.X, Pauli.X], 0.3), ([Pauli.Z, Pauli.Z], -0.9)]
BOXES = {
    "Unitary1qBox": Unitary1qBox(random_unitary(2)),
    "Unitary2qBox": Unitary2qBox(random_unitary(4)),
    "Unitary3qBox": Unitary3qBox(random_unitary(8)),
    "ExpBox": ExpBox(GENERATOR + GENERATOR.T, 0.4),
    "DiagonalBox": DiagonalBox(np.exp(1j * RNG.normal(size=8))),
    "ToffoliBox": ToffoliBox(dict(zip(BITS, BITS[1:] + BITS[:1], strict=True))),
    "PauliExpBox": PauliExpBox(LABELS, 0.71),
    "PauliExpPairBox": PauliExpPairBox(LABELS, 0.71, LABELS[::-1], -0.2),
    "PauliExpCommutingSetBox": PauliExpCommutingSetBox(COMMUTING),
    "TermSequenceBox": TermSequenceBox([(LABELS, 0.3), (LABELS[::-1], 0.9)]),
    "QControlBox of a gate": QControlBox(Op.create(OpType.TK1, [0.1, 0.2, 0.3]), 2),
    "QControlBox of a box": QControlBox(CircBox(inner(2)), 2, [False, True]),
    "QControlBox of itself": QControlBox(QControlBox(PauliExpBox(LABELS[:2], 0.3)), 1, [False]),
    "QControlBox of a permutation": QControlBox(
        ToffoliBox(dict(zip(BITS, BITS[1:] + BITS[:1], strict=True)))
    ),
    "QControlBox of a phase": QControlBox(CircBox(Circuit(1).add_phase(0.3)), 1),
    "ConjugationBox": ConjugationBox(CircBox(inner(2)), PauliExpBox(LABELS[:2], 0.3)),
    "ConjugationBox with uncompute": ConjugationBox(
        Unitary1qBox(random_unitary(2)), Op.create(OpType.Z), Op.create(OpType.H)
    ),
    "CircBox": CircBox(inner(3)),
    "CustomGate": custom(),
    "MultiplexorBox": MultiplexorBox(
        {(True, False): Unitary2qBox(random_unitary(4)), (False, True): Op.create(OpType.CX)}
    ),
    "MultiplexedRotationBox": MultiplexedRotationBox(rotations(OpType.Ry)),
    "MultiplexedRotationBox of Rz": MultiplexedRotationBox(rotations(OpType.Rz)),
    "MultiplexedU2Box": MultiplexedU2Box(rotations(OpType.Rx)),
    "MultiplexedU2Box up to a diagonal": MultiplexedU2Box(rotations(OpType.Rx), impl_diag=False),
    "MultiplexedTensoredU2Box": MultiplexedTensoredU2Box(tensors()),
    "StatePreparationBox": StatePreparationBox(state(3)),
    "StatePreparationBox undone": StatePreparationBox(state(2), is_inverse=True),
    "PhasePolyBox": phase_polynomial(),
    "UnitaryTableauBox": UnitaryTableauBox(UnitaryTableau(Circuit(3).H(0).CX(0, 2).S(1))),
}


@pytest.mark.parametrize("name", BOXES)
def test_box_equals_what_pytket_decomposes_it_to(name: str, runtime):
    box = BOXES[name]
    circuit = Circuit(box.n_qubits + 1)
    circuit.add_gate(box, [int(q) for q in RNG.permutation(box.n_qubits + 1)[: box.n_qubits]])
    check(runtime, circuit)


def test_every_box_is_tested():
    tested = {box.type for box in BOXES.values()}
    assertions = {OpType.ProjectorAssertionBox, OpType.StabiliserAssertionBox}
    assert tested | assertions == BOX_TYPES


def test_circuits_of_everything_with_any_registers(runtime):
    for seed in range(8):
        rng = np.random.default_rng(seed)
        circuit = Circuit(2)
        circuit.add_q_register("anc", 2)
        circuit.add_qubit(Qubit("z", [3, 1]))
        for _ in range(25):
            kind = list(GATES)[rng.integers(len(GATES))]
            qubits, params = GATES[kind]
            places = [circuit.qubits[i] for i in rng.permutation(5)[:qubits]]
            circuit.add_gate(kind, list(rng.uniform(-2, 2, params)), places)
        circuit.add_phase(0.123)
        circuit.SWAP(circuit.qubits[0], circuit.qubits[3]).SWAP(
            circuit.qubits[1], circuit.qubits[3]
        )
        circuit.replace_SWAPs()
        check(runtime, circuit)


def test_qubits_with_gaps_in_their_numbers(runtime):
    circuit = Circuit()
    for number in (5, 0, 3):
        circuit.add_qubit(Qubit(number))
    circuit.Ry(0.2, Qubit(5)).CX(Qubit(5), Qubit(0)).Rx(0.7, Qubit(3))
    check(runtime, circuit)


def test_symbols_become_parameters(runtime):
    a, b = sympy.symbols("alpha beta")
    values = {a: 0.31, b: -0.83}
    circuit = Circuit(3).add_phase(a / 3 + sympy.pi / 7)
    for kind, (qubits, params) in GATES.items():
        if params:
            angles = [2 * a - b / 5 + 0.25, b, a][:params]
            circuit.add_gate(kind, angles, list(range(min(qubits, 3))))
    circuit.add_gate(PauliExpBox(LABELS[:3], a - b), [0, 1, 2])
    circuit.add_gate(QControlBox(CircBox(Circuit(1).Rx(b, 0).add_phase(a))), [2, 0])
    translated = translate(circuit)
    assert {p.name for p in translated.parameters} == {"alpha", "beta"}
    found = runtime.unitary(translated, parameters={"alpha": 0.31, "beta": -0.83})
    circuit.symbol_substitution(values)
    np.testing.assert_allclose(found, unitary_of_pytket(circuit), atol=TOLERANCE)


def test_symbols_that_are_not_affine_are_refused_by_name():
    a, b = sympy.symbols("a b")
    for angle in (a * b, sympy.sin(a), a**2, 1 / a, a * sympy.I):
        with pytest.raises(ParameterError, match=r"Gate Rx: .*symbol_substitution"):
            translate(Circuit(1).Rx(angle, 0))


def test_expressions_that_are_numbers_are_numbers(runtime):
    circuit = Circuit(1).Rx(sympy.pi / 4 + sympy.sqrt(2), 0)
    assert not translate(circuit).parameters
    check(runtime, circuit)


def test_place_holders_are_refused_by_name():
    from pytket.circuit import DummyBox, ResourceBounds, ResourceData

    bounds = ResourceBounds(1, 2)
    data = ResourceData({OpType.T: bounds}, bounds, {OpType.T: bounds}, bounds)
    circuit = Circuit(2).add_dummybox(DummyBox(2, 0, data), [0, 1], [])
    with pytest.raises(UnsupportedError, match="DummyBox"):
        translate(circuit)


def test_circuits_without_qubits(runtime):
    np.testing.assert_allclose(
        runtime.unitary(translate(Circuit(0).add_phase(0.5))), [[1j]], atol=TOLERANCE
    )

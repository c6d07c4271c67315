"""Every gate of Cirq keeps its unitary, phase included, on qubits in any order."""

from __future__ import annotations

import numpy as np
import pytest

cirq = pytest.importorskip("cirq")

import sympy  # noqa: E402

from quasim_backend.ir import Parameter  # noqa: E402
from quasim_backend.testing.oracles import dense_unitary  # noqa: E402
from quasim_cirq.gates import lower_gate  # noqa: E402
from quasim_cirq.parameters import (  # noqa: E402
    NeedsValues,
    Symbols,
    UnsupportedOperationError,
)
from quasim_cirq.translate import translate  # noqa: E402

TOLERANCE = 1e-12
RNG = np.random.default_rng(20261)


def number() -> float:
    return float(RNG.uniform(-2, 2))


EIGEN_GATES = (
    cirq.XPowGate,
    cirq.YPowGate,
    cirq.ZPowGate,
    cirq.HPowGate,
    cirq.CXPowGate,
    cirq.CZPowGate,
    cirq.CCXPowGate,
    cirq.CCZPowGate,
    cirq.XXPowGate,
    cirq.YYPowGate,
    cirq.ZZPowGate,
    cirq.SwapPowGate,
    cirq.ISwapPowGate,
    # not in Cirq 1.5
    *(getattr(cirq, name) for name in ("CYPowGate", "CCYPowGate") if hasattr(cirq, name)),
)
POWERS = [
    kind(exponent=exponent, global_shift=shift)
    for kind in EIGEN_GATES
    for exponent in (1, -1, 2, 0, 3, 0.5, number())
    for shift in (0, -0.5, number())
]
OTHERS = [
    cirq.X,
    cirq.Y,
    cirq.Z,
    cirq.rx(number()),
    cirq.ry(number()),
    cirq.rz(number()),
    cirq.ms(number()),
    cirq.CSWAP,
    cirq.givens(number()),
    cirq.PhasedISwapPowGate(phase_exponent=number(), exponent=number(), global_shift=number()),
    cirq.PhasedXPowGate(phase_exponent=number(), exponent=number(), global_shift=number()),
    cirq.PhasedXZGate(x_exponent=number(), z_exponent=number(), axis_phase_exponent=number()),
    cirq.FSimGate(number(), number()),
    cirq.PhasedFSimGate(number(), number(), number(), number(), number()),
    cirq.PhaseGradientGate(num_qubits=4, exponent=number()),
    cirq.GlobalPhaseGate(np.exp(1j * number())),
    cirq.DiagonalGate([number() for _ in range(16)]),
    cirq.TwoQubitDiagonalGate([number() for _ in range(4)]),
    cirq.ThreeQubitDiagonalGate([number() for _ in range(8)]),
    cirq.MatrixGate(cirq.testing.random_unitary(8, random_state=3)),
    cirq.MatrixGate(np.diag(np.exp(1j * RNG.uniform(0, 6, 8)))),
    cirq.DensePauliString("XIYZ", coefficient=1j),
    cirq.DensePauliString("XYZ"),
    cirq.PauliStringPhasorGate(cirq.DensePauliString("XYYZ"), exponent_neg=number()),
    cirq.PauliStringPhasorGate(
        -cirq.DensePauliString("ZXY"), exponent_neg=number(), exponent_pos=number()
    ),
    cirq.QuantumFourierTransformGate(5),
    cirq.QuantumFourierTransformGate(4, without_reverse=True),
    cirq.inverse(cirq.QuantumFourierTransformGate(4)),
    cirq.ParallelGate(cirq.X**0.3, 3),
    cirq.IdentityGate(3),
    cirq.WaitGate(cirq.Duration(nanos=3), num_qubits=2),
    cirq.QubitPermutationGate([2, 0, 1, 3]),
    cirq.SingleQubitCliffordGate.X_sqrt,
    cirq.CliffordGate.from_op_list(
        [cirq.H(cirq.LineQubit(0)), cirq.CX(*cirq.LineQubit.range(2))], cirq.LineQubit.range(2)
    ),
    cirq.BooleanHamiltonianGate(["a", "b", "c"], ["a & b ^ c"], number()),
    cirq.PauliInteractionGate(cirq.X, True, cirq.Z, False, exponent=number()),
    cirq.ControlledGate(cirq.QuantumFourierTransformGate(3)),
]
CONTROL_VALUES = (
    [1, 0],
    [(0, 1), 0],
    cirq.SumOfProducts([(0, 1), (1, 0)]),
    cirq.SumOfProducts([(0, 1, 1), (1, 0, 0), (0, 0, 1)]),
)
CONTROLLED = [
    cirq.ControlledGate(gate, control_values=values)
    for values in CONTROL_VALUES
    for gate in (
        cirq.X**0.3,
        cirq.rx(0.7),
        cirq.ZPowGate(exponent=0.3, global_shift=0.4),
        cirq.MatrixGate(cirq.testing.random_unitary(4, random_state=5)),
        cirq.PhasedFSimGate(0.1, 0.2, 0.3, 0.4, 0.5),
        cirq.GlobalPhaseGate(1j),
        cirq.CX,
        cirq.DensePauliString("XZ", coefficient=-1),
    )
]


def asymmetric_order(num_qubits: int) -> list[cirq.Qid]:
    """Return qubits whose order in a gate is neither the sorted one nor its reverse."""
    qubits = cirq.LineQubit.range(num_qubits)
    return [*qubits[1::2], *qubits[::2]]


def assert_same_unitary(operation: cirq.Operation) -> None:
    qubits = cirq.LineQubit.range(len(operation.qubits))
    translation = translate(cirq.Circuit(operation), qubits)
    wanted = cirq.Circuit(operation).unitary(
        qubit_order=qubits, qubits_that_should_be_present=qubits
    )
    np.testing.assert_allclose(dense_unitary(translation.circuit), wanted, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("gate", [*POWERS, *OTHERS, *CONTROLLED], ids=lambda g: repr(g)[:60])
def test_gate_keeps_its_unitary_on_any_qubit_order(gate):
    assert_same_unitary(gate.on(*asymmetric_order(cirq.num_qubits(gate))))


def test_every_gate_class_of_cirq_with_a_unitary_is_covered():
    tested = {type(g) for g in (*POWERS, *OTHERS, *CONTROLLED)}
    public = {
        kind
        for name in dir(cirq)
        if isinstance(kind := getattr(cirq, name), type) and issubclass(kind, cirq.Gate)
    }
    no_unitary_of_their_own = {
        cirq.Gate,
        cirq.EigenGate,
        cirq.ArithmeticGate,
        cirq.BaseDensePauliString,
        cirq.MutableDensePauliString,
        cirq.Pauli,
        # says what it does to |0...0> only; see the test below
        cirq.UniformSuperpositionGate,
        # measurements, channels and preparations
        cirq.MeasurementGate,
        cirq.PauliMeasurementGate,
        cirq.ResetChannel,
        cirq.StatePreparationChannel,
        cirq.RandomGateChannel,
        cirq.KrausChannel,
        cirq.MixedUnitaryChannel,
        cirq.AmplitudeDampingChannel,
        cirq.AsymmetricDepolarizingChannel,
        cirq.BitFlipChannel,
        cirq.DepolarizingChannel,
        cirq.GeneralizedAmplitudeDampingChannel,
        cirq.PhaseDampingChannel,
        cirq.PhaseFlipChannel,
    }
    assert public - tested - no_unitary_of_their_own == set()


@pytest.mark.parametrize(
    "operation",
    [
        cirq.X(cirq.LineQubit(0)).with_tags("tag"),
        cirq.PauliString({cirq.LineQubit(1): cirq.X, cirq.LineQubit(0): cirq.Y}),
        cirq.CircuitOperation(
            cirq.FrozenCircuit(cirq.H(cirq.LineQubit(0)), cirq.CX(*cirq.LineQubit.range(2))),
            repetitions=3,
            qubit_map={cirq.LineQubit(0): cirq.LineQubit(1), cirq.LineQubit(1): cirq.LineQubit(0)},
        ),
        cirq.CircuitOperation(
            cirq.FrozenCircuit(cirq.ISWAP(*cirq.LineQubit.range(2)) ** 0.3)
        ).controlled_by(cirq.LineQubit(2), control_values=[0]),
        (cirq.CX(*cirq.LineQubit.range(2)) ** 0.5).controlled_by(cirq.LineQubit(2)),
    ],
    ids=["tagged", "Pauli string", "subcircuit", "controlled subcircuit", "controlled operation"],
)
def test_operation_keeps_its_unitary(operation):
    assert_same_unitary(operation)


def test_pauli_phasor_acts_as_identity_beyond_its_string():
    """Cirq 1.7.0 gives the qubits beyond a say in the parity, against its documentation."""
    string = cirq.DensePauliString("XIZ")
    gate = cirq.PauliStringPhasorGate(string, exponent_neg=0.3, exponent_pos=0.1)
    pauli = cirq.unitary(string)
    plus, minus = (np.eye(8) + pauli) / 2, (np.eye(8) - pauli) / 2
    wanted = np.exp(0.1j * np.pi) * plus + np.exp(0.3j * np.pi) * minus
    qubits = cirq.LineQubit.range(3)
    circuit = translate(cirq.Circuit(gate.on(*qubits)), qubits).circuit
    np.testing.assert_allclose(dense_unitary(circuit), wanted, rtol=0, atol=TOLERANCE)


def test_random_circuits_keep_their_unitary_in_every_qubit_order():
    for seed in range(10):
        circuit = cirq.testing.random_circuit(4, 12, 0.8, random_state=seed)
        order = sorted(circuit.all_qubits(), key=lambda q: str(q)[::-1])[::-1]
        np.testing.assert_allclose(
            dense_unitary(translate(circuit, order).circuit),
            circuit.unitary(qubit_order=order),
            rtol=0,
            atol=TOLERANCE,
        )


# --- symbols --------------------------------------------------------------------------------------

A, B = sympy.symbols("a b")
SYMBOLIC = [
    cirq.X**A,
    cirq.XPowGate(exponent=2 * A - B / 3 + 0.25, global_shift=0.2),
    cirq.ry(A * sympy.pi),
    cirq.CZ ** (A * B),
    cirq.ISWAP ** sympy.sin(A),
    cirq.PhasedXPowGate(phase_exponent=A, exponent=B),
    cirq.PhasedXZGate(x_exponent=A, z_exponent=B, axis_phase_exponent=A + B),
    cirq.FSimGate(A, B),
    cirq.PhasedFSimGate(A, B, A - B, 0.1, A),
    cirq.PhasedISwapPowGate(phase_exponent=A, exponent=B),
    cirq.PhaseGradientGate(num_qubits=3, exponent=A),
    cirq.PauliStringPhasorGate(cirq.DensePauliString("XYZ"), exponent_neg=A, exponent_pos=B),
    cirq.ControlledGate(cirq.rz(A), control_values=[0]),
    cirq.ParallelGate(cirq.Y**A, 2),
]


@pytest.mark.parametrize("gate", SYMBOLIC, ids=repr)
def test_symbolic_gate_keeps_its_unitary_at_every_point(gate):
    qubits = asymmetric_order(cirq.num_qubits(gate))
    circuit = cirq.Circuit(gate.on(*qubits))
    translation = translate(circuit, sorted(qubits))
    for point in ({"a": 0.3, "b": -1.2}, {"a": -0.77, "b": 0.41}):
        resolver = cirq.ParamResolver(point)
        order = translation.circuit.parameters
        values = translation.symbols.values(order, resolver)
        np.testing.assert_allclose(
            dense_unitary(translation.circuit, dict(zip(order, values, strict=True))),
            cirq.resolve_parameters(circuit, resolver).unitary(),
            rtol=0,
            atol=TOLERANCE,
        )


def test_affine_expressions_share_their_symbols():
    symbols = Symbols()
    symbols.angle(2 * A + 1)
    symbols.angle(A - B)
    symbols.angle(A**2)
    assert list(symbols.expressions) == [Parameter("a"), Parameter("b"), Parameter("=a**2")]


def test_unresolved_and_complex_values_are_not_numbers():
    symbols = Symbols()
    symbols.angle(A)
    order = tuple(symbols.expressions)
    assert symbols.values(order, cirq.ParamResolver({})) is None
    assert symbols.values(order, cirq.ParamResolver({"a": 1j})) is None
    assert symbols.values(order, cirq.ParamResolver({"a": B, "b": 2.5})).tolist() == [2.5]


def test_symbols_in_a_diagonal_wait_for_values():
    with pytest.raises(NeedsValues):
        lower_gate(cirq.DiagonalGate([A, 0.0]), Symbols())


def test_subclass_that_redefines_its_unitary_is_believed():
    class Odd(cirq.XPowGate):
        def _unitary_(self):
            return np.diag([1, 1j])

        def _apply_unitary_(self, args):
            return NotImplemented

    qubit = cirq.LineQubit(0)
    circuit = translate(cirq.Circuit(Odd().on(qubit)), [qubit]).circuit
    np.testing.assert_allclose(dense_unitary(circuit), np.diag([1, 1j]), atol=TOLERANCE)


def test_preparation_by_decomposition():
    qubits = cirq.LineQubit.range(3)
    circuit = translate(cirq.Circuit(cirq.UniformSuperpositionGate(5, 3)(*qubits)), qubits).circuit
    wanted = np.where(np.arange(8) < 5, 5**-0.5, 0)
    np.testing.assert_allclose(dense_unitary(circuit)[:, 0], wanted, atol=TOLERANCE)


def test_ancilla_of_a_decomposition_never_shows():
    assert_same_unitary(cirq.testing.PhaseUsingCleanAncilla(0.3)(cirq.LineQubit(0)))


@pytest.mark.parametrize(
    "operation",
    [
        cirq.XPowGate(dimension=3)(cirq.LineQid(0, 3)),
        cirq.KrausChannel([np.eye(2)], key="k")(cirq.LineQubit(0)),
    ],
    ids=["qudit", "keyed channel"],
)
def test_what_has_no_translation_says_so(operation):
    with pytest.raises(UnsupportedOperationError):
        translate(cirq.Circuit(operation), operation.qubits)

"""Lowered primitives, multiplied densely, give the gate's own matrix."""

from __future__ import annotations

import numpy as np
import pytest

from quasim_backend.compile.lowering import lower
from quasim_backend.errors import UnsupportedError
from quasim_backend.ir import Affine, Gate, Parameter, Program
from quasim_backend.ir.gate_table import ALIASES, RECORDS
from quasim_backend.ir.instructions import GateOp
from quasim_backend.ir.program import PrimitiveKind


def dense(program: Program, parameters: np.ndarray | None = None) -> np.ndarray:
    """Multiply a program's primitives, straight from their definition."""
    n = program.num_qubits
    size = 1 << n
    index = np.arange(size)
    result = np.eye(size, dtype=complex)
    angles = program.angles(np.empty(0) if parameters is None else parameters)
    for i, kind in enumerate(program.kind):
        targets = program.targets[program.target_start[i] : program.target_start[i + 1]]
        data = program.data[program.data_start[i] : program.data_start[i + 1]]
        local = sum((index >> int(q) & 1) << b for b, q in enumerate(targets)) + 0 * index
        rest = index & ~sum(1 << int(q) for q in targets)
        spread = [sum((v >> b & 1) << int(q) for b, q in enumerate(targets)) for v in range(size)]
        matrix = np.zeros((size, size), complex)
        if kind == PrimitiveKind.MATRIX:
            block = data.reshape(1 << len(targets), -1)
            for row in range(len(block)):
                matrix[rest | spread[row], index] = block[row, local]
        elif kind == PrimitiveKind.DIAGONAL:
            matrix[index, index] = data[local]
        elif kind == PrimitiveKind.PERMUTATION:
            table = program.table[program.table_start[i] : program.table_start[i + 1]]
            matrix[rest | np.array(spread)[table[local]], index] = 1
        elif kind == PrimitiveKind.ROTATION:
            x, z = int(program.x_mask[i]), int(program.z_mask[i])
            sign = np.array([1 - 2 * ((int(v) & z).bit_count() & 1) for v in index])
            pauli = np.zeros((size, size), complex)
            pauli[index ^ x, index] = 1j ** (x & z).bit_count() * sign
            matrix = np.cos(angles[i] / 2) * np.eye(size) - 1j * np.sin(angles[i] / 2) * pauli
        else:
            matrix = np.exp(1j * angles[i]) * np.eye(size)
        mask, value = int(program.control_mask[i]), int(program.control_value[i])
        off = (index & mask) != value
        matrix[:, off] = np.eye(size)[:, off]
        result = matrix @ result
    return result


def embed(matrix: np.ndarray, qubits: tuple[int, ...], n: int) -> np.ndarray:
    """Place a little-endian matrix on qubits of an ``n``-qubit register."""
    size = 1 << n
    result = np.zeros((size, size), complex)
    for column in range(size):
        local = sum((column >> q & 1) << b for b, q in enumerate(qubits))
        rest = column & ~sum(1 << q for q in qubits)
        for row in range(len(matrix)):
            target = rest | sum((row >> b & 1) << q for b, q in enumerate(qubits))
            result[target, column] = matrix[row, local]
    return result


@pytest.mark.parametrize("name", sorted(RECORDS))
@pytest.mark.parametrize("controls", [0, 1, 2])
def test_every_record_lowers_to_its_matrix(name: str, controls: int) -> None:
    rng = np.random.default_rng(sum(map(ord, name)) + controls)
    record = RECORDS[name]
    params = rng.uniform(-4, 4, len(record.parameters))
    state = int(rng.integers(1 << controls))
    gate = Gate.named(name, params, controls=controls, control_state=state)
    n = max(gate.num_qubits + 1, 3)
    qubits = tuple(int(q) for q in rng.permutation(n)[: gate.num_qubits])
    got = dense(lower([GateOp(gate, qubits)], n))
    np.testing.assert_allclose(got, embed(gate.matrix(), qubits, n), atol=1e-13)


@pytest.mark.parametrize("power", [2.0, -1.0, -3.0, 0.5, 1 / 3, -0.25])
@pytest.mark.parametrize("name", ["rx", "h", "swap", "u", "phased_xz", "ecr"])
def test_powers_lower_to_the_power_of_the_matrix(name: str, power: float) -> None:
    rng = np.random.default_rng(7)
    gate = Gate.named(name, rng.uniform(-1, 1, len(RECORDS[name].parameters))).to_power(power)
    n = gate.num_qubits
    got = dense(lower([GateOp(gate, tuple(range(n)))], n))
    np.testing.assert_allclose(got, gate.matrix(), atol=1e-12)


def test_symbolic_angles_are_affine_in_the_parameters() -> None:
    a, b = Parameter("a"), Parameter("b")
    gate = Gate.named("u", (2 * a + 0.3, b - a, 0.5), controls=1)
    program = lower([GateOp(gate, (2, 0))], 3)
    assert program.parameters == (a, b)
    values = np.array([0.7, -1.1])
    bound = gate.bound({a: 0.7, b: -1.1})
    np.testing.assert_allclose(dense(program, values), embed(bound.matrix(), (2, 0), 3), atol=1e-13)


def test_symbolic_integer_powers_lower_without_values() -> None:
    a = Parameter("a")
    gate = Gate.named("r", (a, 0.4)).to_power(-2)
    program = lower([GateOp(gate, (0,))], 1)
    want = gate.bound({a: 0.9}).matrix()
    np.testing.assert_allclose(dense(program, np.array([0.9])), want, atol=1e-13)


def test_qubits_are_renamed() -> None:
    program = lower([GateOp(Gate.named("cx"), (90, 70))], 2, (), {70: 1, 90: 0})
    np.testing.assert_allclose(dense(program), embed(Gate.named("cx").matrix(), (0, 1), 2))


def test_parameter_order_can_be_fixed() -> None:
    a, b = Parameter("a"), Parameter("b")
    program = lower([GateOp(Gate.named("rx", (Affine(0.0, ((b, 1.0),)),)), (0,))], 1, (a, b))
    assert program.parameters == (a, b)


def test_repeated_gates_keep_their_own_angles_and_places() -> None:
    rng = np.random.default_rng(3)
    names = ["h", "rx", "x", "cp", "swap", "u", "crz", "iswap", "phased_xz"]
    operations, want = [], np.eye(16, dtype=complex)
    for _ in range(60):
        name = names[rng.integers(len(names))]
        controls = int(rng.integers(2))
        count = len(RECORDS[ALIASES.get(name, (name, 0))[0]].parameters)
        state = int(rng.integers(1 << (controls + ALIASES.get(name, (name, 0))[1])))
        gate = Gate.named(name, rng.uniform(-3, 3, count), controls=controls, control_state=state)
        if rng.random() < 0.2:
            gate = Gate.unitary(gate.matrix())
        qubits = tuple(int(q) for q in rng.permutation(4)[: gate.num_qubits])
        operations.append(GateOp(gate, qubits))
        want = embed(gate.matrix(), qubits, 4) @ want
    np.testing.assert_allclose(dense(lower(operations, 4)), want, atol=1e-12)


def test_controlled_arrays_lower_to_their_matrices() -> None:
    phases = np.exp(1j * np.arange(4.0))
    for gate in (
        Gate.permutation([2, 0, 3, 1]).controlled(1, 0),
        Gate.diagonal(phases).controlled(2, 1),
        Gate.unitary(np.array([[0, 1], [1j, 0]])).controlled(2, 2),
        Gate.pauli_rotation("XYZ", 0.4).controlled(1, 0),
    ):
        qubits = (3, 0, 4, 1)[: gate.num_qubits]
        got = dense(lower([GateOp(gate, qubits)], 5))
        np.testing.assert_allclose(got, embed(gate.matrix(), qubits, 5), atol=1e-13)


def test_arrays_of_a_program_are_read_only_and_contiguous() -> None:
    program = lower([GateOp(Gate.named("cu", (1, 2, 3, 4)), (1, 0))], 2)
    arrays = [value for value in vars(program).values() if isinstance(value, np.ndarray)]
    assert len(arrays) == 15
    for array in arrays:
        assert not array.flags.writeable
        assert array.flags.c_contiguous
        assert array.flags.aligned


def test_too_wide_programs_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="at most 63"):
        lower([], 64)

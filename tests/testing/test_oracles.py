"""The oracles themselves, against closed forms and against Qiskit."""

from __future__ import annotations

import numpy as np
import pytest

from quasim_backend.ir import Channel, Circuit, Parameter, PauliSum, ReadoutError
from quasim_backend.ir.expr import (
    BOOL,
    FLOAT,
    Binary,
    Bit,
    Bits,
    Cast,
    Const,
    Index,
    Unary,
    Var,
    compile_expression,
    uint,
)
from quasim_backend.testing import (
    apply_matrix,
    dense_state,
    dense_unitary,
    exact_branches,
    exact_distribution,
    haar_unitary,
    observable_matrix,
    random_state,
)
from quasim_backend.testing.classical_oracle import evaluate
from quasim_backend.testing.oracles import reduced_density_matrix

rng = np.random.default_rng(0)


def test_apply_matrix_puts_the_first_qubit_at_the_lowest_bit():
    a, b = haar_unitary(rng, 1), haar_unitary(rng, 1)
    state = random_state(rng, 3)
    wanted = np.kron(b, np.kron(np.eye(2), a)) @ state
    np.testing.assert_allclose(apply_matrix(state, np.kron(b, a), (0, 2)), wanted, atol=1e-14)
    np.testing.assert_allclose(apply_matrix(state, np.kron(a, b), (2, 0)), wanted, atol=1e-14)


def test_apply_matrix_agrees_with_qiskit():
    quantum_info = pytest.importorskip("qiskit.quantum_info")
    for qubits in ((0,), (3, 1), (2, 0, 3)):
        matrix, state = haar_unitary(rng, len(qubits)), random_state(rng, 4)
        operator = quantum_info.Operator(matrix)
        wanted = quantum_info.Statevector(state).evolve(operator, list(qubits)).data
        np.testing.assert_allclose(apply_matrix(state, matrix, qubits), wanted, atol=1e-14)


def test_unitary_has_one_column_a_basis_state():
    theta = Parameter("theta")
    circuit = Circuit(2).h(0).cx(0, 1).rx(theta * 2, 1)
    unitary = dense_unitary(circuit, {theta: 0.3})
    for i in range(4):
        column = dense_state(circuit, {theta: 0.3}, np.eye(4)[i])
        np.testing.assert_allclose(unitary[:, i], column, atol=1e-15)


def test_dense_oracle_refuses_measurements():
    with pytest.raises(TypeError, match="Measure"):
        dense_state(Circuit(1, 1).measure(0, 0))


def test_observable_and_reduced_state_agree_with_qiskit():
    quantum_info = pytest.importorskip("qiskit.quantum_info")
    weights = {"XIY": 0.5, "ZZI": -2.0}
    wanted = quantum_info.SparsePauliOp.from_list(list(weights.items())).to_matrix()
    np.testing.assert_allclose(observable_matrix(PauliSum.of(weights), 3), wanted)
    rho = quantum_info.random_density_matrix(8, seed=3)
    # Qiskit keeps the order of the circuit; qubit 0 is our second one here.
    wanted = quantum_info.partial_trace(rho, [1]).data
    np.testing.assert_allclose(reduced_density_matrix(rho.data, (0, 2)), wanted, atol=1e-15)


def test_repeat_until_success_has_its_geometric_distribution():
    """A counter of the rounds until a qubit of angle ``theta`` is first seen in 0."""
    theta, counter = 1.9, Var("n", uint(3))
    again = np.sin(theta / 2) ** 2
    one = Const(1, uint(3))
    body = Circuit(1, 4).reset(0).ry(theta, 0).measure(0, 0)
    body.if_(Bit(0), Circuit(1, 4).assign(counter, Binary("+", counter, one)))
    body.if_(Binary("==", counter, Const(4, uint(3))), Circuit(1, 4).break_loop())
    circuit = Circuit(1, 4).x(0).measure(0, 0).while_(Bit(0), body)
    circuit.assign(Bits((1, 2, 3)), counter)
    wanted = {k << 1: again**k * (1 - again) for k in range(4)} | {4 << 1 | 1: again**4}
    found = exact_distribution(circuit)
    assert found.keys() == wanted.keys()
    np.testing.assert_allclose([found[k] for k in wanted], list(wanted.values()), atol=1e-12)


def test_channel_reset_initialize_and_readout_follow_their_definitions():
    flip = Channel.mixture([0.8, 0.2], [np.eye(2), [[0, 1], [1, 0]]])
    circuit = Circuit(2, 2).channel(flip, [1]).measure(1, 1, ReadoutError.of([[0.9, 0.1], [0, 1]]))
    found = exact_distribution(circuit)
    np.testing.assert_allclose([found[0], found[2]], [0.8 * 0.9, 0.2 + 0.08])
    mixed = Circuit(2).h(0).cx(0, 1).reset(0).initialize([0.6, 0.8j], [0])
    rho = exact_branches(mixed)[0]
    pure = np.outer([0.6, 0.8j], np.conj([0.6, 0.8j]))
    np.testing.assert_allclose(rho, np.kron(np.eye(2) / 2, pure), atol=1e-15)


def test_switch_runs_the_first_matching_case_only():
    cases = [((0,), Circuit(1, 2).x(0)), ((0, 1), Circuit(1, 2)), (None, Circuit(1, 2).x(0))]
    circuit = Circuit(1, 2).switch(Bits((0, 1)), cases).measure(0, 0)
    assert exact_distribution(circuit) == {1: pytest.approx(1.0)}


def test_an_endless_loop_is_an_error():
    circuit = Circuit(1, 1).x(0).measure(0, 0).while_(Bit(0), Circuit(1, 1).z(0))
    with pytest.raises(RuntimeError, match="still runs"):
        exact_distribution(circuit)


def _expressions():
    four = [Bits((0, 2, 1, 3)), Bits((4, 5, 6, 7)), Const(3, uint(4)), Var("v", uint(4))]
    for op in ("+", "-", "*", "&", "|", "^", "<<", ">>", "==", "!=", "<", "<=", ">", ">="):
        for left in four:
            yield from (Binary(op, left, right) for right in four)
    for left in four:
        yield from (Unary("~", left), Unary("-", left), Cast(BOOL, left), Cast(uint(2), left))
        yield from (Index(left, Const(i, uint(2))) for i in range(4))
        yield Binary("/", left, Const(3, uint(4)))
        yield Binary("%", left, Const(5, uint(4)))
        yield Binary("*", Cast(FLOAT, left), Const(0.5, FLOAT))
    for op in ("and", "or", "^", "&", "|"):
        yield Binary(op, Bit(0), Unary("not", Bit(3)))


def test_classical_oracle_agrees_with_compiled_expressions():
    variable = Var("v", uint(4))
    for expression in _expressions():
        function = compile_expression(expression, {variable: 0})
        for bits in (0, 1, 0b10110, 0b11111111, 0b1011010):
            for value in (0, 5, 15):
                wanted = evaluate(expression, bits, [(variable, value)])
                found = function(bits, [value])
                assert found == wanted, f"{expression} at bits {bits:b}, v = {value}"
                assert isinstance(found, bool) == isinstance(wanted, bool), expression

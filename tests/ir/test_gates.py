"""Gates: names, modifiers and the errors of their constructors."""

from __future__ import annotations

import cmath
import copy
import math
import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quasim_backend.errors import CircuitError, ParameterError, ShapeError
from quasim_backend.ir import Gate, Parameter
from quasim_backend.ir.gate_table import ALIASES, RECORDS
from quasim_backend.ir.gates import is_known_gate, unitary_power
from quasim_backend.ir.instructions import GateOp

THETA = Parameter("theta")


def random_unitary(size, seed):
    rng = np.random.default_rng(seed)
    q, _ = np.linalg.qr(rng.normal(size=(size, size)) + 1j * rng.normal(size=(size, size)))
    return q


def lowered(gate, dense):
    """Multiply out ``gate.templates()``, which leave out the controls."""
    width = gate.num_targets
    product = np.eye(1 << width, dtype=complex)
    for template in gate.templates():
        product = dense.template(template, width) @ product
    return product


def own_arrays():
    return [
        Gate.unitary(random_unitary(4, 1)),
        Gate.diagonal(np.exp(1j * np.arange(8) ** 2)),
        Gate.permutation([2, 0, 3, 1]),
        Gate.pauli_rotation("XIYZ", 0.7),
        Gate.pauli_rotation("", 0.7),
    ]


def every_gate():
    rng = np.random.default_rng(5)
    gates = [
        Gate.named(name, rng.uniform(-3, 3, len(record.parameters)).tolist())
        for name, record in RECORDS.items()
    ]
    return gates + own_arrays()


ids = [f"{g.name}{g.num_targets}" for g in every_gate()]
EVERY = pytest.mark.parametrize("gate", every_gate(), ids=ids)


@EVERY
def test_inverse_undoes(gate):
    for g in (gate, gate.controlled(2, 1), gate.to_power(0.3), gate.to_power(2).controlled()):
        product = g.inverse().matrix() @ g.matrix()
        assert np.abs(product - np.eye(len(product))).max() < 1e-10


@EVERY
def test_controls_come_first_and_act_on_their_state(gate):
    for count, state in ((1, 0), (1, 1), (2, 0b10)):
        matrix = gate.controlled(count, state).matrix()
        base = gate.matrix()
        for column in range(len(matrix)):
            held, local = column & (1 << count) - 1, column >> count
            expected = np.zeros(len(matrix), complex)
            if held == state:
                expected[np.arange(len(base)) << count | held] = base[:, local]
            else:
                expected[column] = 1
            assert np.abs(matrix[:, column] - expected).max() < 1e-12


def test_more_controls_go_in_front():
    gate = Gate.named("x").controlled(1, 0).controlled(1, 1)
    assert (gate.num_controls, gate.control_state) == (2, 0b01)
    assert gate.matrix()[5, 1] == 1  # control 0 is 1, control 1 is 0: flips bit 2


@EVERY
@pytest.mark.parametrize("exponent", [-3, -2, 0, 2, 5])
def test_integer_powers_repeat(gate, exponent, dense):
    expected = np.linalg.matrix_power(gate.matrix(), exponent)
    power = gate.to_power(exponent)
    assert np.abs(power.matrix() - expected).max() < 1e-10
    assert np.abs(lowered(power, dense) - expected).max() < 1e-10


@EVERY
@pytest.mark.parametrize("exponent", [0.5, -0.25, 1.7])
def test_fractional_powers_are_principal_roots(gate, exponent, dense):
    power = gate.to_power(exponent)
    # A principal power has the same eigenvectors and phases in (-pi, pi] times the exponent.
    values, vectors = np.linalg.eig(gate.matrix())
    phases = np.angle(values)
    phases[np.isclose(phases, -np.pi, rtol=0, atol=1e-9)] = np.pi
    for k in range(len(values)):
        image = power.matrix() @ vectors[:, k]
        expected = cmath.exp(1j * exponent * phases[k]) * vectors[:, k]
        assert np.abs(image - expected).max() < 1e-7
    assert np.abs(lowered(power, dense) - power.matrix()).max() < 1e-10


def test_powers_multiply_and_one_restores_the_gate():
    gate = Gate.named("s")
    assert gate.to_power(0.5).to_power(4).power == 2.0
    assert gate.to_power(0.5).to_power(2).power == 1.0
    assert gate.to_power(-1).name == "sdg"


def test_a_root_of_a_power_is_the_principal_root_of_what_it_is():
    for name, power, root in (("x", 2, 0.5), ("s", 3, 0.5), ("z", 1.5, 2 / 3), ("x", -1, 0.5)):
        gate = Gate.named(name)
        whole = unitary_power(gate.matrix(), power)
        expected = unitary_power(whole, root)
        for found in (gate, Gate.unitary(gate.matrix())):
            assert np.abs(found.to_power(power).to_power(root).matrix() - expected).max() < 1e-12
    twice = Gate.named("s").to_power(3).controlled(2, 1).to_power(0.5)
    alone = Gate.named("s").to_power(3).to_power(0.5).controlled(2, 1)
    assert np.abs(twice.matrix() - alone.matrix()).max() < 1e-12


def test_the_power_acts_before_the_controls():
    gate = Gate.named("x").controlled().to_power(0.5)
    expected = Gate.named("sx").controlled().matrix()
    assert np.abs(gate.matrix() - expected).max() < 1e-12


def test_a_power_of_a_symbolic_rotation_stays_symbolic():
    assert Gate.named("rx", (THETA,)).to_power(3).templates()[0].angle == THETA * 3.0
    assert len(Gate.named("u", (THETA, 0, 0)).to_power(2).templates()) == 8
    backwards = Gate.named("u", (THETA, 0.1, 0)).to_power(-2)
    bound = backwards.bound({THETA: 0.4})
    assert np.abs(bound.matrix() @ Gate.named("u", (0.4, 0.1, 0)).matrix() ** 1).max() <= 1.001
    with pytest.raises(ParameterError, match="needs bound parameters"):
        Gate.named("rx", (THETA,)).to_power(0.5).templates()


@given(st.integers(0, 10_000), st.integers(1, 3), st.floats(-3, 3))
def test_principal_powers_of_degenerate_unitaries(seed, width, exponent):
    rng = np.random.default_rng(seed)
    vectors = random_unitary(1 << width, seed)
    phases = rng.choice([0.0, math.pi, 1.0, -1.0], 1 << width)
    matrix = (vectors * np.exp(1j * phases)) @ vectors.conj().T
    expected = (vectors * np.exp(1j * exponent * phases)) @ vectors.conj().T
    assert np.abs(unitary_power(matrix, exponent) - expected).max() < 1e-6


def test_every_alias_is_its_controlled_record():
    for alias, (name, controls) in ALIASES.items():
        values = [0.3] * len(RECORDS[name].parameters)
        gate = Gate.named(alias, values)
        assert (gate.name, gate.num_controls) == (name, controls)
        assert gate.control_state == (1 << controls) - 1
        assert is_known_gate(alias)


def test_facts():
    gate = Gate.named("cu", (0.1, THETA, 0.3, THETA * 2), controls=1)
    assert (gate.num_controls, gate.num_targets, gate.num_qubits) == (2, 1, 3)
    assert gate.parameters == (THETA,)
    assert Gate.named("rz", (0.1,)).is_diagonal
    assert not Gate.named("rx", (0.1,)).is_diagonal
    assert Gate.pauli_rotation("ZIZ", 1).is_diagonal
    assert not Gate.pauli_rotation("ZIX", 1).is_diagonal
    assert Gate.diagonal([1, -1]).is_diagonal
    assert not Gate.unitary(np.eye(2)).is_diagonal
    assert [g.num_targets for g in own_arrays()] == [2, 3, 2, 4, 0]


def test_gates_do_not_share_memory_with_their_input():
    matrix = np.eye(2, dtype=complex)
    gate = Gate.unitary(matrix)
    matrix[0, 0] = 5
    assert gate.matrix()[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        gate.data[0, 0] = 5
    gate.matrix()[0, 0] = 5
    assert gate.matrix()[0, 0] == 1


def test_binding_leaves_other_parameters():
    phi = Parameter("phi")
    gate = Gate.named("u", (THETA, phi + 1, 0.5)).bound({THETA: 0.2})
    assert gate.parameters == (phi,)
    assert gate.params[0] == 0.2
    assert gate.bound({phi: THETA * 2}).params[1] == THETA * 2 + 1
    with pytest.raises(ParameterError, match="'phi'"):
        gate.matrix()


def test_labels_are_kept():
    gate = Gate.named("x", label="slow x")
    assert gate.controlled().inverse().to_power(2).label == "slow x"


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Gate.named("hadamar"), CircuitError, ["'hadamar'", "Known:", "swap"]),
        (lambda: Gate.named("cxx"), CircuitError, ["Did you mean", "'cx'"]),
        (lambda: Gate.named("rx"), ParameterError, ["'rx'", "1 parameters", "theta", "got 0"]),
        (lambda: Gate.named("x", (1,)), ParameterError, ["'x'", "0 parameters", "got 1"]),
        (lambda: Gate.named("rx", (math.nan,)), ParameterError, ["finite", "nan"]),
        (lambda: Gate.named("rx", (math.inf,)), ParameterError, ["finite", "inf"]),
        (lambda: Gate.named("rx", ("a",)), ParameterError, ["real number", "'a'"]),
        (lambda: Gate.named("rx", (1j,)), ParameterError, ["real number", "complex"]),
        (lambda: Gate.named("rx", (None,)), ParameterError, ["real number", "None"]),
        (lambda: Gate.named("cx", control_state=2), CircuitError, ["2", "1 control"]),
        (lambda: Gate.named("x").controlled(2, 4), CircuitError, ["4", "2 control"]),
        (lambda: Gate.named("x").controlled(1, -1), CircuitError, ["-1"]),
        (lambda: Gate.named("x").controlled(-1), CircuitError, ["-1"]),
        (lambda: Gate.named("x", controls=-1), CircuitError, ["-1"]),
        (lambda: Gate.named("x").to_power(math.nan), ParameterError, ["nan"]),
        (lambda: Gate.named("x").to_power(math.inf), ParameterError, ["inf"]),
        (lambda: Gate.unitary([[1, 0], [0, 2]]), ShapeError, ["not unitary", "Channel.kraus"]),
        (lambda: Gate.unitary(np.eye(3)), ShapeError, ["(2**k, 2**k)", "(3, 3)"]),
        (lambda: Gate.unitary([1, 0]), ShapeError, ["(2,)"]),
        (lambda: Gate.unitary(1), ShapeError, ["()"]),
        (lambda: Gate.unitary(np.zeros((0, 0))), ShapeError, ["(0, 0)"]),
        (lambda: Gate.unitary([[1, 0], [0, math.nan]]), ShapeError, ["finite", "(1, 1)", "nan"]),
        (lambda: Gate.diagonal([1, 2]), ShapeError, ["modulus 1", "1"]),
        (lambda: Gate.diagonal([1, 1, 1]), ShapeError, ["(2**k,)", "(3,)"]),
        (lambda: Gate.diagonal([1, math.inf]), ShapeError, ["finite"]),
        (lambda: Gate.permutation([0, 0]), ShapeError, ["0..1", "exactly once"]),
        (lambda: Gate.permutation([0, 1, 2]), ShapeError, ["(2**k,)"]),
        (lambda: Gate.permutation([0.5, 1]), ShapeError, ["whole numbers"]),
        (lambda: Gate.pauli_rotation("XQ", 1), CircuitError, ["I, X, Y, Z", "'XQ'"]),
        (lambda: Gate.pauli_rotation("X", math.nan), ParameterError, ["finite"]),
    ],
)
def test_wrong_input_is_refused_with_what_is_possible(make, error, words):
    with pytest.raises(error) as caught:
        make()
    for word in words:
        assert word in str(caught.value)


def test_trusted_gates_are_gates_like_any_other() -> None:
    trusted = Gate.trusted("rx", (0.3,), 1, 1, "mine")
    made = Gate.named("rx", (0.3,), controls=1, label="mine")
    for gate in (trusted, copy.deepcopy(trusted), pickle.loads(pickle.dumps(trusted))):
        assert type(gate) is Gate
        assert repr(gate) == repr(made)
        np.testing.assert_array_equal(gate.matrix(), made.matrix())
    assert repr(replace(trusted, power=2.0)) == repr(made.to_power(2))
    with pytest.raises(FrozenInstanceError):
        trusted.name = "ry"  # type: ignore[misc]


def test_placed_gates_are_frozen_values() -> None:
    placed = GateOp(Gate.named("h"), qubits=(3,))
    copied = pickle.loads(pickle.dumps(placed))
    assert (copied.gate.name, copied.qubits) == ("h", (3,))
    assert replace(placed, qubits=(1,)).qubits == (1,)
    with pytest.raises(FrozenInstanceError):
        placed.qubits = (1,)  # type: ignore[misc]

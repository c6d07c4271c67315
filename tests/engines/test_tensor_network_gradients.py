"""Derivatives from networks against state vectors, density matrices and finite differences."""

from __future__ import annotations

import numpy as np
import pytest

from quasim_backend import Circuit, Config, Runtime
from quasim_backend.engines.tensor_network.contraction import planned, reduced
from quasim_backend.engines.tensor_network.costs import path_cost, path_sets
from quasim_backend.engines.tensor_network.gradients import value_and_gradient
from quasim_backend.engines.tensor_network.greedy import greedy_path
from quasim_backend.engines.tensor_network.pairs import Pair
from quasim_backend.engines.tensor_network.search import SearchOptions
from quasim_backend.engines.tensor_network.wires import Wires
from quasim_backend.errors import CircuitError, ShapeError, UnsupportedError
from quasim_backend.ir.expr import Bit
from quasim_backend.ir.observables import PauliString, PauliSum
from quasim_backend.ir.parameters import Parameter
from quasim_backend.noise.channels import amplitude_damping, depolarizing
from quasim_backend.testing.generators import random_circuit, random_values

GOAL = 1e-10


def session(method="tensor_network", **options):
    return Runtime(Config(method=method, simulation_precision="fp64", seed=5, **options))


def every_kind_of_angle():
    """Each gate that depends on parameters, these in expressions and more than once."""
    a, b, c, d, e = (Parameter(name) for name in "abcde")
    circuit = Circuit(5)
    for q in range(5):
        circuit.h(q).ry(0.3 + q, q)
    circuit.ry(a, 0).cx(0, 1).rx(b * 2 + 0.3, 1).rz(a - b * 0.5, 1).p(c, 1)
    circuit.gate("rx", [1, 2], [c], controls=1)
    circuit.gate("rzz", [0, 2], [a * -0.5]).gate("rxx", [3, 4], [d + a]).gate("ryy", [2, 3], [d])
    circuit.cp(d, 2, 3).gate("p", [0, 1, 2, 3, 4], [e], controls=4)
    circuit.u(e, b, 0.4, 3).u(0.2, a * 3, c + d, 4).pauli_rotation("XYZX", c, [0, 1, 2, 3])
    circuit.gate("rz", [3, 1, 0], [e], controls=2)
    circuit.gate("ry", [4, 3, 2, 1, 0], [b + e * 0.25], controls=4)
    circuit.gate("rzz", [0, 1, 2, 4], [e - 1.0], controls=2)
    circuit.ry(c, 4).rz(0.0 * d + 0.1, 4)
    return circuit


OBSERVABLES = [
    PauliSum.of({"ZXIYI": 0.7, "IZZIX": -0.4, "IIZII": 0.1}),
    PauliSum.of("XXXXY"),
    PauliSum.of({"IIZZI": 1.0, "IIXXI": -0.3, "IIYZI": 0.2}),
]


def test_every_kind_of_angle_as_on_state_vectors():
    circuit = every_kind_of_angle()
    vector = np.random.default_rng(5).uniform(0, 6, len(circuit.parameters))
    values, jacobian = session("statevector").gradient(circuit, OBSERVABLES, vector)
    assert np.abs(jacobian).max() > 0.05
    found = session().gradient(circuit, OBSERVABLES, vector)
    np.testing.assert_allclose(found[0], values, rtol=0, atol=GOAL)
    np.testing.assert_allclose(found[1], jacobian, rtol=0, atol=GOAL)


def test_random_circuits_as_on_state_vectors():
    rng = np.random.default_rng(1)
    seen = 0
    for number in range(16):
        width = number % 6 + 2
        circuit = random_circuit(rng, width, int(rng.integers(5, 50)))
        point = random_values(rng, circuit)
        masks = rng.integers(0, 1 << width, (4, 2))
        terms = [(float(rng.normal()), PauliString(int(x), int(z))) for x, z in masks]
        values, jacobian = session("statevector").gradient(circuit, PauliSum(tuple(terms)), point)
        found = session().gradient(circuit, PauliSum(tuple(terms)), point)
        np.testing.assert_allclose(found[0], values, rtol=0, atol=GOAL)
        np.testing.assert_allclose(found[1], jacobian, rtol=0, atol=GOAL)
        seen += int(np.abs(jacobian).max(initial=0) > 1e-3)
    assert seen > 4


def brickwork(width, depth, names):
    circuit = Circuit(width)
    for d in range(depth):
        for q in range(width):
            circuit.ry(names[(d * width + q) % len(names)], q).rz(0.3 * d + 0.1 * q, q)
        for q in range(d % 2, width - 1, 2):
            circuit.cx(q, q + 1)
    return circuit


def differences(rt, circuit, observables, point, step=1e-3):
    """Return the Jacobian by differences of the fourth order."""
    columns = []
    for k in range(len(point)):
        at = [point.copy() for _ in range(4)]
        for shifted, steps in zip(at, (1, -1, 2, -2), strict=True):
            shifted[k] += steps * step
        one, minus, two, minus_two = (
            np.array(rt.measure(circuit, observables, parameters=p)) for p in at
        )
        columns.append((8 * (one - minus) - (two - minus_two)) / (12 * step))
    return np.array(columns).T


def test_forty_qubits_against_differences():
    """Eight parameters, each in many gates; ``auto`` finds out that no state fits."""
    circuit = brickwork(40, 4, [Parameter(f"t{k}") for k in range(8)])
    observables = [
        PauliSum.of(PauliString.from_letters(letters))
        for letters in ({19: "Z", 20: "Z"}, {3: "X"}, {30: "Y", 31: "X", 33: "Z"})
    ]
    point = np.random.default_rng(2).uniform(0, 3, 8)
    wanted = differences(session(), circuit, observables, point)
    assert np.abs(wanted).max() > 0.1
    for method in ("tensor_network", "auto"):
        values, jacobian = session(method).gradient(circuit, observables, point)
        np.testing.assert_allclose(jacobian, wanted, rtol=0, atol=1e-9)
        measured = session().measure(circuit, observables, parameters=point)
        np.testing.assert_allclose(values, measured, rtol=0, atol=GOAL)


def test_slices_add_up():
    names = [Parameter(f"t{k}") for k in range(30)]
    circuit = Circuit(10)
    rng = np.random.default_rng(4)
    for d in range(6):
        for q in range(10):
            circuit.ry(names[(d * 10 + q) % 30], q)
        order = rng.permutation(10)
        for a, b in zip(order[::2], order[1::2], strict=True):
            circuit.cz(int(a), int(b))
    point = rng.uniform(0, 3, 30)
    label = "ZXIIIIIIXI"
    values, jacobian = session("statevector").gradient(circuit, label, point)
    assert np.abs(jacobian).max() > 0.01
    place = {p: i for i, p in enumerate(circuit.parameters)}
    wires = Wires(10, doubled=True, sources=place)
    wires.ask_pauli(PauliString.from_label(label))
    wires.before(circuit.instructions)
    network = reduced(wires.finish())
    path = greedy_path(network.problem)
    whole = path_cost(network.problem, path, keep=True).peak
    made = path_sets(network.problem, path)[len(network.problem.tensors) :]
    assert whole == sum(2 ** indices.bit_count() for indices in made)
    limit = int(16 * whole / 6)
    contraction = planned(network, SearchOptions("greedy", 0.2, 16, limit, keep=True))
    assert contraction.plan.cost.slices >= 2
    assert contraction.plan.cost.peak * 16 <= limit
    value, slopes = value_and_gradient(contraction, point, np.dtype(complex))
    assert abs(value - values[0]) < GOAL
    np.testing.assert_allclose(slopes, jacobian[0], rtol=0, atol=GOAL)


def test_products_with_the_jacobian():
    circuit = every_kind_of_angle()
    point = np.linspace(0.1, 2, len(circuit.parameters))
    rt = session()
    values, jacobian = rt.gradient(circuit, OBSERVABLES, point)
    direction = np.arange(1.0, len(point) + 1)
    for found, wanted in (
        (rt.vjp(circuit, OBSERVABLES, [1.0, -2.0, 0.5], point), [1.0, -2.0, 0.5] @ jacobian),
        (rt.jvp(circuit, OBSERVABLES, direction, point), jacobian @ direction),
    ):
        np.testing.assert_allclose(found[0], values, rtol=0, atol=GOAL)
        np.testing.assert_allclose(found[1], wanted, rtol=0, atol=GOAL)
    with pytest.raises(ShapeError, match="as many cotangents"):
        rt.vjp(circuit, OBSERVABLES, [1.0], point)
    with pytest.raises(ShapeError, match="a direction needs the shape"):
        rt.jvp(circuit, OBSERVABLES, [1.0], point)


def test_noisy_circuits_against_differences_of_density_matrices():
    a, b = Parameter("a"), Parameter("b")
    circuit = Circuit(3, 1).ry(a, 0).channel(amplitude_damping(0.2), [0]).cx(0, 1).rx(b, 1)
    circuit.channel(depolarizing(0.1, 2), [1, 2]).measure(1, 0).ry(a * 2, 1).cx(1, 2).reset(0)
    circuit.rx(b - a, 0)
    observables = [PauliSum.of({"ZZI": 1.0, "IXY": 0.5}), PauliSum.of("IIZ")]
    point = np.array([0.7, 1.9])
    wanted = differences(session("density_matrix"), circuit, observables, point)
    _, jacobian = session().gradient(circuit, observables, point)
    np.testing.assert_allclose(jacobian, wanted, rtol=0, atol=1e-9)


def test_single_precision_is_as_exact_as_it_can_be():
    circuit = every_kind_of_angle()
    point = np.linspace(0.1, 2, len(circuit.parameters))
    _, wanted = session().gradient(circuit, OBSERVABLES, point)
    with Runtime(Config(method="tensor_network", promote_small=False)) as rt:
        _, found = rt.gradient(circuit, OBSERVABLES, point)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-5)


def test_the_way_back_has_at_most_twice_as_many_contractions(monkeypatch):
    counts = {"forward": 0, "back": 0}

    def counted(name, method):
        def call(*arguments):
            counts[name] += 1
            return method(*arguments)

        return call

    monkeypatch.setattr(Pair, "__call__", counted("forward", Pair.__call__))
    monkeypatch.setattr(Pair, "adjoint_a", counted("back", Pair.adjoint_a))
    monkeypatch.setattr(Pair, "adjoint_b", counted("back", Pair.adjoint_b))
    names = [Parameter(f"t{k}") for k in range(80)]
    circuit = brickwork(10, 8, names)
    _, jacobian = session().gradient(circuit, "IIIIZZIIII", np.linspace(0, 3, 80))
    assert np.count_nonzero(np.abs(jacobian) > 1e-9) > 40
    assert 0 < counts["back"] <= 2 * counts["forward"] < 400


def test_refusals():
    circuit = Circuit(2).rx(Parameter("t"), 0)
    with pytest.raises(CircuitError, match="Only Hermitian observables"):
        session().gradient(circuit, PauliSum.of({"ZI": 1j}), [0.1])
    with pytest.raises(UnsupportedError, match=r"keeps no state.*gradient\(\), vjp\(\)"):
        session().differentiate(circuit, parameters=[0.1])
    with pytest.raises(UnsupportedError, match="keeps no state to be differentiated; use"):
        session("matrix_product_state").gradient(circuit, "ZI", [0.1])
    branching = Circuit(2, 1).rx(Parameter("t"), 0).measure(0, 0)
    branching.if_(Bit(0), Circuit(2, 1).x(1))
    with pytest.raises(UnsupportedError, match="cannot do this run"):
        session().gradient(branching, "ZI", [0.1])

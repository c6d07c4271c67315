"""Tensor networks of so many qubits that probabilities and sizes leave the range of floats."""

from __future__ import annotations

import numpy as np
import pytest

from quasim_backend import Circuit, Config, Runtime
from quasim_backend.engines.tensor_network.networks import Networks
from quasim_backend.errors import UnsupportedError
from quasim_backend.ir.instructions import Save
from quasim_backend.ir.observables import PauliString, PauliSum
from quasim_backend.noise.channels import bit_flip
from quasim_backend.testing.statistics import FALSE_ALARM, goodness_of_fit

WIDTH = 1100


def runtime(**options):
    return Runtime(Config(**({"method": "tensor_network", "seed": 3} | options)))


def grid(rows, columns):
    n = rows * columns
    circuit = Circuit(n, n)
    for q in range(n):
        circuit.h(q)
    for q in range(n):
        if (q + 1) % columns:
            circuit.gate("rzz", [q, q + 1], [0.7])
        if q + columns < n:
            circuit.gate("rzz", [q, q + columns], [0.7])
    for q in range(n):
        circuit.rx(0.9, q)
    return circuit.measure(range(n), range(n))


def test_samples_of_many_qubits_do_not_depend_on_precision():
    circuit = grid(12, 13)
    with (
        runtime(simulation_precision="fp32") as single,
        runtime(simulation_precision="fp64") as double,
    ):
        found, wanted = single.sample(circuit, 2), double.sample(circuit, 2)
    assert 0.2 < found.mean() < 0.8
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    ("precision", "width", "error"), [("fp32", 260, 0.0), ("fp32", 260, 0.1), ("fp64", WIDTH, 0.0)]
)
def test_the_last_of_many_outcomes_have_their_distribution(precision, width, error):
    # Pairs of qubits in cos|00> + sin|11>, so that the truth is known.
    rng = np.random.default_rng(4)
    angles = rng.uniform(0.3, 2.8, width // 2)
    circuit = Circuit(width, width)
    for pair, angle in enumerate(angles):
        circuit.ry(angle, 2 * pair).cx(2 * pair, 2 * pair + 1)
    if error:  # not a product with the others: doubled networks
        circuit.reset(0).channel(bit_flip(error), [width - 2])
    circuit.measure(range(width), range(width))
    shots = 12
    with runtime(simulation_precision=precision) as session:
        bits = session.sample(circuit, shots)
    np.testing.assert_array_equal(bits[:, 2 : width - 2 : 2], bits[:, 3 : width - 1 : 2])
    ones = np.sin(angles / 2) ** 2
    last = bits[:, width // 2 : width - 2 : 2].astype(int)
    expected = ones[width // 4 : -1]
    for part in np.array_split(np.arange(len(expected)), 4):
        mean, spread = expected[part].sum(), (expected[part] * (1 - expected[part])).sum()
        assert abs(last[:, part].sum() - shots * mean) < 5 * np.sqrt(shots * spread)


def test_rare_outcomes_and_sure_ones_in_single_precision():
    width = 200
    circuit = Circuit(width, width).h(0)
    for q in range(width - 1):
        circuit.cx(q, q + 1)
    for q in range(0, width, 7):
        circuit.ry(0.02, q)  # a one in 10,000
    circuit.measure(range(width), range(width))
    with runtime(simulation_precision="fp32") as session:
        bits = session.sample(circuit, 400)
    sure = bits[:, [q for q in range(width) if q % 7]]
    assert all(len(set(row)) == 1 for row in sure.tolist())
    counts = {0: int((sure[:, 0] == 0).sum()), 1: int((sure[:, 0] == 1).sum())}
    assert goodness_of_fit(counts, {0: 0.5, 1: 0.5}) > FALSE_ALARM


def test_what_a_thousand_qubits_cannot_give_is_refused_in_words():
    circuit = Circuit(WIDTH)
    for q in range(WIDTH - 1):
        circuit.ry(0.1, q).cx(q, q + 1)
    with runtime() as session:
        with pytest.raises(UnsupportedError, match=r"2\*\*1100 numbers; save 'amplitudes'"):
            session.simulate(circuit)
        for kind, numbers in (("probabilities", 1100), ("density_matrix", 2200)):
            with pytest.raises(UnsupportedError, match=rf"2\*\*{numbers} numbers"):
                session.run(circuit, save=Save(kind, "s"))
        (value,) = session.measure(circuit, [PauliSum.of(PauliString(0, 1))])
        assert value == pytest.approx(np.cos(0.1), abs=1e-5)
    with runtime(method="auto") as session:
        circuit.measure_all()
        assert "matrix_product_state" in session.explain(circuit, 3)
        assert session.run(circuit, 3).packed.shape == (3, 18)


def test_hopeless_networks_have_a_price():
    rng = np.random.default_rng(0)
    circuit = Circuit(WIDTH)
    for _ in range(9):
        order = [int(q) for q in rng.permutation(WIDTH)]
        for a, b in zip(order[::2], order[1::2], strict=True):
            circuit.ry(0.3, a).cz(a, b)
    with runtime(method="auto") as session:
        assert "would take" in session.explain(circuit.measure_all(), 10)


def test_a_network_with_a_given_state_is_built_once_for_a_question(monkeypatch):
    built = []
    build = Networks._built
    monkeypatch.setattr(
        Networks, "_built", lambda self, question: built.append(question) or build(self, question)
    )
    rng = np.random.default_rng(2)
    state = rng.normal(size=1 << 12) + 1j * rng.normal(size=1 << 12)
    state /= np.linalg.norm(state)
    circuit = Circuit(12, 12).h(0).cx(0, 5).measure(range(12), range(12))
    with runtime() as session:
        session.run(circuit, 100, initial_state=state)
    assert len(built) <= 4

"""Measurements in the middle of a circuit, sampled from networks, against exact distributions."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from quasim_backend import Circuit, Config, Runtime
from quasim_backend.engines.tensor_network import sampling
from quasim_backend.errors import UnsupportedError
from quasim_backend.ir.channels import ReadoutError
from quasim_backend.ir.expr import Binary, Bit
from quasim_backend.ir.observables import PauliSum
from quasim_backend.ir.parameters import Parameter
from quasim_backend.noise.channels import amplitude_damping
from quasim_backend.testing.density_oracle import exact_branches, exact_distribution
from quasim_backend.testing.generators import random_circuit, random_values
from quasim_backend.testing.oracles import observable_matrix
from quasim_backend.testing.statistics import FALSE_ALARM, goodness_of_fit


@pytest.fixture(params=[10, 3, 1])
def group(request, monkeypatch):
    """How many outcomes are drawn together."""
    monkeypatch.setattr(sampling, "GROUP", request.param)
    monkeypatch.setattr("quasim_backend.engines.tensor_network.work.GROUP", request.param)
    return request.param


def session(**options):
    options = {"method": "tensor_network", "simulation_precision": "fp64", "seed": 5} | options
    return Runtime(Config(**options))


def check(circuit, values=None, shots=1500, seed=1):
    """Compare samples of a circuit with its exact distribution."""
    exact = {m: p for m, p in exact_distribution(circuit, values).items() if p > 1e-15}
    with session() as rt:
        result = rt.run(circuit, parameters=values, shots=shots, seed=seed)
    counts = Counter(int(row[0]) for row in result.packed)
    assert set(counts) <= set(exact)
    assert goodness_of_fit(counts, exact) > FALSE_ALARM
    return counts


def test_random_circuits_measured_on_the_way(group):
    rng = np.random.default_rng(3)
    for _ in range(4):
        width = int(rng.integers(2, 5))
        circuit = random_circuit(rng, width, 8)
        circuit.num_clbits = 6
        for _ in range(3):
            qubits = [int(q) for q in rng.permutation(width)[:2]]
            circuit.measure(qubits, [int(c) for c in rng.permutation(6)[:2]])
            circuit.instructions += random_circuit(rng, width, 6).instructions
        circuit.measure(range(width), range(width))
        check(circuit, random_values(rng, circuit))


def test_a_repeated_measurement_agrees_with_itself(group):
    circuit = Circuit(2, 6).ry(1.1, 0).cx(0, 1).measure([0, 1], [0, 1]).rz(0.4, 0)
    circuit.measure(0, 2).x(1).measure(1, 3).swap(0, 1).measure([0, 1], [4, 5])
    for memory in check(circuit):
        first = memory & 1
        assert memory == (0b100111 if first else 0b011000), bin(memory)


def test_measured_first_reset_and_prepared(group):
    pair = np.array([0.6, 0, 0, 0.8j])
    circuit = Circuit(3, 7).measure(0, 0).h(0).cx(0, 1).measure(1, 1).reset(1).ry(0.8, 1)
    circuit.measure([0, 1], [2, 3]).initialize(pair, (0, 2)).measure(2, 4).ry(0.3, 2)
    circuit.measure(0, 5).cx(0, 2).measure(2, 6)
    check(circuit)


def test_a_state_that_replaces_another_forgets_it(group):
    state = np.array([0.5, 0.5j, -0.5, 0.5])
    circuit = Circuit(2, 4).h(0).cx(0, 1).measure(0, 0).ry(0.7, 1).measure(1, 1)
    circuit.set_state(state).ry(0.4, 0).measure([0, 1], [2, 3])
    check(circuit)


def test_a_mixed_state_that_is_replaced_after_it_was_measured(group):
    circuit = Circuit(1, 1).ry(0.5, 0).channel(amplitude_damping(0.6), [0]).ry(2.4, 0)
    check(circuit.measure(0, 0).set_state(np.array([0.6, 0.8j])).ry(0.4, 0))


def test_noise_and_errors_of_reading(group):
    errors = ReadoutError(np.array([[0.9, 0.1], [0.25, 0.75]]))
    circuit = Circuit(2, 4).h(0).cx(0, 1).channel(amplitude_damping(0.3), [0])
    circuit.measure(0, 0, errors).ry(0.6, 0).measure([1], [1]).cx(0, 1).h(0)
    circuit.measure(0, 2, errors).measure(1, 3)
    check(circuit)


def test_bits_are_overwritten_and_computed():
    circuit = Circuit(2, 5).h(0).h(1).measure([0, 1], [0, 1])
    circuit.assign(Bit(2), Binary("^", Bit(0), Bit(1))).h(0).measure(0, 0)
    circuit.assign(Bit(3), Binary("&", Bit(0), Bit(2)))
    circuit.h(0).measure(0, 4)
    check(circuit)


def test_wide_circuits_as_if_measured_at_the_end():
    """A measurement is a CX onto a fresh qubit, which is looked at in the end."""
    width, rng = 30, np.random.default_rng(8)
    circuit, deferred = Circuit(width, 6), Circuit(width + 3)
    for d in range(3):
        for one in (circuit, deferred):
            local = np.random.default_rng(d)
            for q in range(width):
                one.ry(float(local.uniform(0, 3)), q)
            for q in range(d % 2, width - 1, 2):
                one.cx(q, q + 1)
        circuit.measure(14, d)
        deferred.cx(14, width + d)
    final = [int(q) for q in rng.permutation(4) + 12][:3]
    circuit.measure(final, [3, 4, 5])
    with session() as rt:
        exact = rt.probabilities(deferred, (width, width + 1, width + 2, *final))
        counts = Counter(int(row[0]) for row in rt.run(circuit, shots=1500, seed=2).packed)
    with session(method="matrix_product_state") as rt:
        again = rt.probabilities(deferred, (width, width + 1, width + 2, *final))
    np.testing.assert_allclose(exact, again, rtol=0, atol=1e-9)
    possible = {m: float(p) for m, p in enumerate(exact) if p > 1e-12}
    assert len(possible) > 20
    assert goodness_of_fit(counts, possible) > FALSE_ALARM


def test_averages_beside_samples_are_over_all_outcomes():
    circuit = Circuit(2, 1).ry(0.9, 0).measure(0, 0).h(0).cx(0, 1)
    circuit.save("expectation", "a", observable="ZZ", subtype="average")
    circuit.save("probabilities", "p", subtype="average")
    with session() as rt, session(method="density_matrix") as exactly:
        found = rt.run(circuit, shots=20)
        wanted = exactly.run(circuit, shots=0)
    assert found.packed is not None
    assert abs(found.saved["a"] - wanted.saved["a"]) < 1e-10
    np.testing.assert_allclose(found.saved["p"], wanted.saved["p"], rtol=0, atol=1e-10)


@pytest.mark.parametrize("last", ["measure", "gate"])
def test_values_after_measurements_at_the_end_are_averages_over_outcomes(last):
    """Nothing later depends on those outcomes, but X on a measured qubit has no value any more."""
    a, circuit = Parameter("a"), Circuit(3, 3)
    circuit.ry(a, 0).cx(0, 1).rx(0.7, 1).cx(1, 2).ry(0.4, 2).measure([0, 2], [0, 1])
    if last == "gate":
        circuit.rx(0.5, 1)
    strings = ["XIX", "IYI", "ZXI", "ZIZ", "IIX", "ZZY"]
    state = sum(exact_branches(circuit, {a: 0.9}).values())
    wanted = [np.trace(observable_matrix(PauliSum.of(s), 3) @ state).real for s in strings]
    assert np.abs(wanted).max() > 0.3
    with session() as rt:
        found = rt.measure(circuit, [PauliSum.of(s) for s in strings], parameters={a: 0.9})
        values, slopes = rt.gradient(circuit, [PauliSum.of(s) for s in strings], {a: 0.9})
        counts = Counter(int(r[0]) for r in rt.run(circuit, 1500, parameters={a: 0.9}).packed)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-10)
    np.testing.assert_allclose(values, wanted, rtol=0, atol=1e-10)
    shifted = [sum(exact_branches(circuit, {a: 0.9 + d}).values()) for d in (np.pi / 2, -np.pi / 2)]
    for string, slope in zip(strings, slopes[:, 0], strict=True):
        plus, minus = (np.trace(observable_matrix(PauliSum.of(string), 3) @ s) for s in shifted)
        assert slope == pytest.approx((plus - minus).real / 2, abs=1e-10)
    assert goodness_of_fit(counts, exact_distribution(circuit, {a: 0.9})) > FALSE_ALARM


def test_what_depends_on_outcomes_is_refused_with_engines_that_run_it():
    branching = Circuit(1, 1).h(0).measure(0, 0).if_(Bit(0), Circuit(1, 1).x(0))
    single = Circuit(1, 1).h(0).measure(0, 0).save("expectation", "a", observable="Z")
    with session() as rt:
        with pytest.raises(UnsupportedError, match=r"one course only. Use 'statevector'"):
            rt.run(branching, shots=10)
        with pytest.raises(UnsupportedError, match=r"save 'a' is of single shots.*'average'"):
            rt.run(single, shots=10)
    with session(method="auto") as rt:
        assert set(rt.run(branching, shots=50).packed[:, 0].tolist()) == {0, 1}

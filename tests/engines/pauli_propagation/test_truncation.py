"""Dropped strings: the stated error really bounds the error, and limits are kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import quasim_backend as quasim
from quasim_backend.ir import Circuit
from quasim_backend.ir.observables import PauliSum
from quasim_backend.testing.oracles import dense_state, observable_matrix


def rotations(rng: np.random.Generator, width: int, layers: int) -> Circuit:
    circuit = Circuit(width)
    for _ in range(layers):
        for q in range(width):
            circuit.rx(float(rng.normal(0.0, 0.7)), q).rz(float(rng.normal(0.0, 0.7)), q)
        for q in range(width - 1):
            circuit.cx(q, q + 1)
    return circuit


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    width=st.integers(5, 7),
    threshold=st.sampled_from([0.0, 1e-3, 1e-2, 0.05, 0.3]),
    weight=st.sampled_from([None, 1, 2, 4]),
)
def test_the_stated_error_bounds_the_error(
    seed: int, width: int, threshold: float, weight: int | None
) -> None:
    rng = np.random.default_rng(seed)
    circuit = rotations(rng, width, 5)
    state = dense_state(circuit)
    labels = ["".join(rng.choice(list("IXYZ"), width)) for _ in range(4)]
    observable = PauliSum.of({label: float(rng.normal()) for label in labels})
    matrix = observable_matrix(observable, width)
    mean = np.vdot(state, matrix @ state).real
    variance = np.vdot(matrix @ state, matrix @ state).real - mean**2
    circuit.save("expectation", "mean", observable=observable)
    circuit.save("variance", "variance", observable=observable)
    circuit.save("probabilities", "some", qubits=(3, 0, 1))
    circuit.save("density_matrix", "pair", qubits=(0, 2))
    options: dict[str, Any] = {"pauli_threshold": threshold, "max_pauli_weight": weight}
    with quasim.runtime(
        method="pauli_propagation", simulation_precision="fp64", **options
    ) as session:
        result = session.run(circuit, shots=0)
    tensor = np.abs(state.reshape((2,) * width)) ** 2
    axes = [width - 1 - q for q in (1, 0, 3)]
    others = tuple(a for a in range(width) if a not in axes)
    kept = [a for a in range(width) if a in axes]
    marginal = tensor.sum(axis=others).transpose([kept.index(a) for a in axes]).reshape(-1)
    pair = (
        state.reshape((2,) * width)
        .transpose(
            [width - 1 - 2, width - 1]
            + [a for a in range(width) if a not in (width - 3, width - 1)]
        )
        .reshape(4, -1)
    )
    wanted = {"mean": mean, "variance": variance, "some": marginal, "pair": pair @ pair.conj().T}
    bounds = result.metadata["truncation_errors"]
    assert result.metadata["truncation_error"] == max(bounds.values())
    for label, value in wanted.items():
        error = np.abs(np.asarray(result.saved[label]) - value).max()
        assert error <= bounds[label] + 1e-12, label
    if not threshold and weight is None:
        assert max(bounds.values()) < 1e-12


def test_truncation_leaves_fewer_strings_and_a_small_error() -> None:
    circuit = rotations(np.random.default_rng(1), 9, 4)
    state = dense_state(circuit)
    observable = PauliSum.of("IIIIZIIII")
    wanted = np.vdot(state, observable_matrix(observable, 9) @ state).real
    circuit.save("expectation", "mean", observable=observable)
    found = {}
    for threshold in (0.0, 1e-3):
        with quasim.runtime(method="pauli_propagation", pauli_threshold=threshold) as session:
            found[threshold] = session.run(circuit, shots=0)
    assert found[0.0].saved["mean"] == pytest.approx(wanted, abs=1e-12)
    assert found[1e-3].saved["mean"] == pytest.approx(wanted, abs=0.02)
    assert found[1e-3].metadata["truncation_error"] > 1e-3
    strings = [found[t].metadata["pauli_strings"] for t in (0.0, 1e-3)]
    assert strings[1] < strings[0] / 2


def test_more_than_the_allowed_error_is_refused() -> None:
    circuit = rotations(np.random.default_rng(2), 8, 5)
    options: dict[str, Any] = {"pauli_threshold": 1e-2, "max_truncation_error": 0.01}
    with (
        quasim.runtime(method="pauli_propagation", **options) as session,
        pytest.raises(quasim.errors.UnsupportedError, match=r"max_truncation_error=0\.01 allows"),
    ):
        session.measure(circuit, "IIIZIIII")

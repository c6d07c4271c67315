"""Circuits that prepare matrix product states."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from quasim_backend.errors import ShapeError
from quasim_backend.ir.mps_preparation import mps_circuit
from quasim_backend.testing.oracles import dense_state


def contracted(tensors):
    rows = np.ones((1, 1))
    for tensor in reversed(tensors):
        rows = np.einsum("hr,lbr->hbl", rows, tensor).reshape(-1, tensor.shape[0])
    return rows[:, 0] / np.linalg.norm(rows)


@pytest.mark.parametrize("bonds", [[1, 1], [1, 2, 1], [1, 3, 5, 9, 4, 6, 2, 1], [1, 7, 7, 1]])
def test_the_circuit_prepares_the_state(bonds):
    rng = np.random.default_rng(len(bonds))
    tensors = [
        rng.standard_normal((a, 2, b)) + 1j * rng.standard_normal((a, 2, b))
        for a, b in itertools.pairwise(bonds)
    ]
    found = dense_state(mps_circuit(tensors))
    np.testing.assert_allclose(found, contracted(tensors), atol=1e-12)


def test_tensors_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match=r"Tensor 1 .* \(3, 2, right bond\)"):
        mps_circuit([np.ones((1, 2, 3)), np.ones((2, 2, 1))])
    with pytest.raises(ShapeError, match="right bond of dimension 1; got 3"):
        mps_circuit([np.ones((1, 2, 3))])
    with pytest.raises(ShapeError, match="is zero"):
        mps_circuit([np.zeros((1, 2, 1))])

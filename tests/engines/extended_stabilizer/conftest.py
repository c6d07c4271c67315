"""What holds whichever way samples are drawn."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from quasim_backend import Circuit, Runtime


@pytest.fixture
def check_seeds() -> Callable[[Runtime, Circuit], None]:
    """Equal seeds give equal shots, however many are drawn; others give others."""

    def check(session: Runtime, circuit: Circuit) -> None:
        many, again = (session.sample(circuit, 300, seed=4) for _ in range(2))
        few, others = session.sample(circuit, 40, seed=4), session.sample(circuit, 300, seed=5)
        np.testing.assert_array_equal(many, again)
        np.testing.assert_array_equal(many[:40], few)
        assert (many != others).any()

    return check

"""Backends with one kind of result, as other extensions of pytket name them."""

from __future__ import annotations

from typing import Any

from quasim_pytket.backend import QuasimBackend

__all__ = [
    "QuasimDensityMatrixBackend",
    "QuasimShotsBackend",
    "QuasimStateBackend",
    "QuasimUnitaryBackend",
]


class QuasimStateBackend(QuasimBackend):
    """`QuasimBackend` for states; the same class under the name users of others look for."""

    def __init__(self, **options: Any) -> None:
        """Take the options of `QuasimBackend`, except ``result_type``."""
        super().__init__("state_vector", **options)


class QuasimShotsBackend(QuasimBackend):
    """`QuasimBackend` for shots: every circuit needs a number of them."""

    _needs_shots = True

    def __init__(self, **options: Any) -> None:
        """Take the options of `QuasimBackend`, except ``result_type``."""
        super().__init__("state_vector", **options)


class QuasimUnitaryBackend(QuasimBackend):
    """`QuasimBackend` for unitaries of circuits that hold gates only."""

    def __init__(self, **options: Any) -> None:
        """Take the options of `QuasimBackend`, except ``result_type``."""
        super().__init__("unitary", **options)


class QuasimDensityMatrixBackend(QuasimBackend):
    """`QuasimBackend` for density matrices of circuits whose state is pure."""

    def __init__(self, **options: Any) -> None:
        """Take the options of `QuasimBackend`, except ``result_type``."""
        super().__init__("density_matrix", **options)

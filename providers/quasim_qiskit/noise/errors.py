"""What the classes of this package raise."""

from __future__ import annotations

from quasim_qiskit.errors import QuasimQiskitError

__all__ = ["NoiseError"]


class NoiseError(QuasimQiskitError):
    """A noise model or an error of one was given something impossible."""

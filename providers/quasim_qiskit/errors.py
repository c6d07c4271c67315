"""The exception a Qiskit user sees."""

from __future__ import annotations

from qiskit.exceptions import QiskitError

__all__ = ["QuasimQiskitError"]


class QuasimQiskitError(QiskitError):
    """QuASIM cannot do what was asked through Qiskit; the message says what it can do."""

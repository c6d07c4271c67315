"""Errors QuASIM raises. Each message says what was given, what is possible and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "ApproximationError",
    "Cancelled",
    "CircuitError",
    "DeviceError",
    "MemoryLimitError",
    "OptionError",
    "ParameterError",
    "PluginError",
    "QasmError",
    "QuasimError",
    "QubitError",
    "ShapeError",
    "UnsupportedError",
    "near_matches",
]


class QuasimError(Exception):
    """Base of every error raised by QuASIM on purpose."""


class CircuitError(QuasimError, ValueError):
    """A circuit is not legal: unknown gate, misplaced ``break``, bad classical bit."""


class QubitError(CircuitError):
    """A qubit index repeats or is out of range."""


class ShapeError(QuasimError, ValueError):
    """An array has the wrong shape, is not finite, or is not unitary where it must be."""


class ParameterError(QuasimError, ValueError):
    """A symbolic parameter is unbound, unknown or not a finite number."""


class OptionError(QuasimError, ValueError):
    """An option is unknown or has an impossible value."""


class UnsupportedError(QuasimError):
    """No engine, kernel set or adapter can do what was asked."""


class ApproximationError(QuasimError):
    """A result would be less accurate than the limits that were set allow."""


class MemoryLimitError(QuasimError, MemoryError):
    """The work needs more memory than is free; raised before anything is allocated."""


class DeviceError(QuasimError, RuntimeError):
    """A device is missing or failed."""


class PluginError(QuasimError):
    """A plug-in is broken or two plug-ins claim one name."""


class Cancelled(QuasimError):
    """The run was cancelled; its state is lost, the process is usable."""


class QasmError(CircuitError):
    """OpenQASM text could not be read.

    Attributes:
        line: Line of the offending token, from 1.
        column: Column of the offending token, from 1.
    """

    def __init__(self, message: str, line: int, column: int, source: str = "<qasm>") -> None:
        """Build the message as ``source:line:column: message``."""
        super().__init__(f"{source}:{line}:{column}: {message}")
        self.line = line
        self.column = column


def near_matches(name: str, known: Iterable[str]) -> str:
    """Return a hint such as ``"Did you mean 'shots'? Known: seed, shots."`` for error texts."""
    names = sorted(known)
    if not names:
        return "There are none."
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    hint = "Did you mean " + " or ".join(repr(c) for c in close) + "? " if close else ""
    return f"{hint}Known: {', '.join(names)}."

"""Mistakes found while computing, turned into errors with a place."""

from __future__ import annotations

from quasim_backend.errors import QasmError
from quasim_backend.ir.qasm3.lexer import Cursor
from quasim_backend.ir.qasm3.values import Unknown

__all__ = ["NeedsValue", "checked"]


class NeedsValue(Exception):
    """A number is needed before the run; where a loop is around, unrolling it may provide it.

    The place in the text is looked up only if the error reaches the user, for that takes time.
    """

    def __init__(self, message: str, cursor: Cursor, at: int) -> None:
        """Keep what is missing and where."""
        super().__init__(message)
        self._cursor = cursor
        self._at = at

    def error(self) -> QasmError:
        """Return the error for the user."""
        return self._cursor.error(str(self), self._at)


def checked(cursor: Cursor, at: int, error: Exception) -> QasmError | NeedsValue:
    """Turn an error of a computation into one that points at a token."""
    if isinstance(error, QasmError):
        return error
    message = str(error)
    if isinstance(error, Unknown):
        return NeedsValue(message, cursor, at)
    if isinstance(error, ZeroDivisionError):
        message = "The expression divides by zero."
    elif isinstance(error, OverflowError) and not message.startswith("'"):
        message = "A number in the expression is too large."
    return cursor.error(message, at)

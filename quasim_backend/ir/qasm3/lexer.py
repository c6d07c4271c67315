"""Tokens of OpenQASM 3: the cursor of OpenQASM 2 with other patterns."""

from __future__ import annotations

import re
from typing import ClassVar

from quasim_backend.errors import QasmError
from quasim_backend.ir.qasm2.lexer import INDEX, NAME, NUMBER, STRING, SYMBOL, Token, blank
from quasim_backend.ir.qasm2.lexer import Cursor as Qasm2Cursor

__all__ = ["INDEX", "NAME", "NUMBER", "STRING", "SYMBOL", "Cursor", "Token", "number_of"]

_COMMENT = re.compile(r'"[^"\n]*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TOKEN = re.compile(
    r"""\s*+(?:
      ([^\W\d]\w* | \$[0-9]+) (?: \s*+ \[ \s*+ ([0-9]{1,9}) \s*+ \] )?
    | (0[xX][0-9a-fA-F_]+ | 0[bB][01_]+ | 0[oO][0-7_]+
       | (?: [0-9][0-9_]*\.?[0-9_]* | \.[0-9][0-9_]* ) (?: [eE][+-]?[0-9]+ )?)
    | ("[^"\n]*")
    | (-> | \+\+ | \*\*=? | <<=? | >>=? | && | \|\| | [-+*/%&|^=!<>]= | [-;:,()\[\]{}+*/%&|^=!<>~@])
    | (\S)
    )""",
    re.VERBOSE,
)
_ANNOTATION = re.compile(r"(?:^|(?<=[;{}]))[ \t]*@[^\W\d][^\n]*", re.MULTILINE)
_PRAGMA = re.compile(r"^[ \t]*#?pragma\b[ \t]*([^\n]*)", re.MULTILINE)


class Cursor(Qasm2Cursor):
    """A place in a list of tokens; annotations are left out, pragmas refused.

    A name directly followed by ``[whole number]`` is one token with both; so is ``uint[8]``.

    Attributes:
        end: Number of the token behind the last one.
    """

    _comment: ClassVar[re.Pattern[str]] = _COMMENT
    _token: ClassVar[re.Pattern[str]] = _TOKEN

    def __init__(self, text: str, source: str) -> None:
        """Split ``text`` into tokens.

        Raises:
            QasmError: If a character belongs to no token, or a pragma asks for something.
        """
        if "//" in text or "/*" in text:
            text = _COMMENT.sub(blank, text)
        if "@" in text:
            # An annotation asks a compiler for something that does not change what is computed.
            text = _ANNOTATION.sub(lambda match: " " * len(match.group()), text)
        if "pragma" in text:
            _refuse_pragma(text, source)
        super().__init__(text, source)
        self.end = len(self.tokens) - 1
        self.tokens += self.tokens[-1:] * 2  # readers look up to two tokens ahead

    def at_end(self) -> bool:
        """Return whether all tokens are used up."""
        return self.at >= self.end

    def symbol(self) -> str:
        """Return the next token's symbol; empty for any other token."""
        return self.tokens[self.at][SYMBOL]


def _refuse_pragma(text: str, source: str) -> None:
    found = _PRAGMA.search(text)
    if found is not None:
        line = text.count("\n", 0, found.start()) + 1
        content = found.group(1).strip()
        raise QasmError(
            f"The pragma '{content[:40]}' is not known, and ignoring it could change the result. "
            f"Delete the line if it does not matter to a simulation.",
            line,
            len(found.group()) - len(found.group().lstrip()) + 1,
            source,
        )


def number_of(text: str) -> int | float:
    """Return the value of a number token.

    Raises:
        ValueError: If it is too large for a 64-bit float or has more than 1,000 digits.
    """
    text = text.replace("_", "")
    base = {"0x": 16, "0b": 2, "0o": 8}.get(text[:2].lower())
    if len(text) > 1000:
        raise ValueError("The number has more than 1000 digits.")
    if base is not None:
        return int(text, base)
    if text.isdigit():
        return int(text)
    value = float(text)
    if value == float("inf"):
        raise ValueError("The number is too large for a 64-bit float.")
    return value

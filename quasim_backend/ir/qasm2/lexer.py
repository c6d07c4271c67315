"""Tokens of OpenQASM 2, and a cursor over them that knows where it is.

The cursor of OpenQASM 3 is this one with other patterns.
"""

from __future__ import annotations

import re
from typing import ClassVar, TypeAlias

from quasim_backend.errors import QasmError

__all__ = ["BAD", "INDEX", "NAME", "NUMBER", "STRING", "SYMBOL", "Cursor", "Token", "blank"]

Token: TypeAlias = tuple[str, str, str, str, str, str]
"""One text for each kind of token, all but one of them empty; see the constants below."""

NAME, INDEX, NUMBER, STRING, SYMBOL, BAD = range(6)
"""Places in a `Token`. A name directly followed by ``[index]`` is one token with both."""

_COMMENT = re.compile(r'"[^"\n]*"|//[^\n]*')
_TOKEN = re.compile(
    r"""\s*+(?:
      ([A-Za-z_]\w*) (?: \s*+ \[ \s*+ (\d{1,9}) \s*+ \] )?
    | ((?: \d+\.?\d* | \.\d+ ) (?: [eE][+-]?\d+ )?)
    | ("[^"\n]*")
    | (-> | == | [;,()\[\]{}+\-*/^])
    | (\S)
    )""",
    re.VERBOSE | re.ASCII,
)
_END: Token = ("", "", "", "", "end of text", "")


class Cursor:
    """A place in a list of tokens.

    Positions in the text are found only when an error needs one, by reading the text again: that
    keeps reading a correct file fast.

    Attributes:
        tokens: All tokens; the last one is a sentinel that matches nothing.
        at: Number of the next token.
        source: Name of the text in errors.
    """

    _comment: ClassVar[re.Pattern[str]] = _COMMENT
    _token: ClassVar[re.Pattern[str]] = _TOKEN

    def __init__(self, text: str, source: str) -> None:
        """Split ``text`` into tokens.

        Raises:
            QasmError: If a character belongs to no token.
        """
        if "//" in text or "/*" in text:
            text = self._comment.sub(blank, text)
        self._text = text.rstrip()  # trailing blanks would be scanned once for each of them
        self.source = source
        self.tokens: list[Token] = self._token.findall(self._text)
        self.tokens.append(_END)
        self.at = 0
        for number, token in enumerate(self.tokens):
            if token[BAD]:
                raise self.error(f"Unexpected character {token[BAD]!r}.", number)

    def error(self, message: str, at: int | None = None) -> QasmError:
        """Make an error that points at a token, by default at the next one."""
        wanted = self.at if at is None else at
        offset = len(self._text)
        for number, match in enumerate(self._token.finditer(self._text)):
            if number == wanted:
                offset = match.start() + len(match.group()) - len(match.group().lstrip())
                break
        line = self._text.count("\n", 0, offset) + 1
        column = offset - (self._text.rfind("\n", 0, offset) + 1) + 1
        return QasmError(message, line, column, self.source)

    def seen(self) -> str:
        """Describe the next token for an error message."""
        token = self.tokens[self.at]
        if token is _END:
            return "the end of the text"
        text = f"{token[NAME]}[{token[INDEX]}]" if token[INDEX] else "".join(token)
        return f"'{text if len(text) <= 40 else text[:37] + '...'}'"

    def take_symbol(self, symbol: str, where: str) -> None:
        """Step over a symbol that must come next."""
        if self.tokens[self.at][SYMBOL] != symbol:
            raise self.error(f"Expected '{symbol}' {where}, found {self.seen()}.")
        self.at += 1

    def take_name(self, what: str) -> str:
        """Step over a plain name that must come next and return it."""
        token = self.tokens[self.at]
        if not token[NAME] or token[INDEX]:
            raise self.error(f"Expected {what}, found {self.seen()}.")
        self.at += 1
        return token[NAME]


def blank(match: re.Match[str]) -> str:
    """Replace a comment by blanks, so that positions stay; keep a quoted text and line ends."""
    text = match.group()
    if text.startswith('"'):
        return text
    return " " * len(text) if "\n" not in text else re.sub(r"[^\n]", " ", text)

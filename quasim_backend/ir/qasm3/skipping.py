"""Steps over statements without reading them: branches never taken, and bodies looked at before."""

from __future__ import annotations

from quasim_backend.ir.qasm3.lexer import NAME, SYMBOL, Cursor

__all__ = ["assigned_names", "leaves_loop", "skip_statement"]

_CLOSING = {"(": ")", "[": "]", "{": "}"}
_ASSIGNING = frozenset(
    {"[", "=", *(f"{op}=" for op in ["+", "-", "*", "/", "%", "**", "&", "|", "^", "<<", ">>"])}
)
_BEFORE_STATEMENT = frozenset({"{", "}", ";", ")", "]"})


def skip_statement(cursor: Cursor) -> None:
    """Step over one statement or one block in braces.

    Raises:
        QasmError: If the text ends first.
    """
    without_else = 0  # how many 'if' around this place may still have an 'else'
    while True:
        word = cursor.tokens[cursor.at][NAME]
        if word in ("if", "while"):
            cursor.at += 1
            _skip_group(cursor)
            without_else += word == "if"
            continue  # the body is a statement of its own
        if word == "for":
            _skip_for_head(cursor)
            continue
        if cursor.symbol() != "{":
            _skip_simple(cursor)
        if cursor.symbol() == "{" and cursor.tokens[cursor.at - 1][SYMBOL] != ";":
            _skip_group(cursor)
        if cursor.tokens[cursor.at][NAME] != "else" or not without_else:
            return
        without_else -= 1
        cursor.at += 1


def _skip_simple(cursor: Cursor) -> None:
    while cursor.symbol() not in (";", "{"):
        if cursor.symbol() in _CLOSING:
            _skip_group(cursor)
        elif cursor.at_end() or cursor.symbol() == "}":
            raise cursor.error(f"Expected ';' after a statement, found {cursor.seen()}.")
        else:
            cursor.at += 1
    if cursor.symbol() == ";":
        cursor.at += 1


def _skip_for_head(cursor: Cursor) -> None:
    while cursor.tokens[cursor.at][NAME] != "in":
        if cursor.at_end():
            raise cursor.error("Expected 'in' in a loop, found the end of the text.")
        cursor.at += 1
    cursor.at += 1
    if cursor.symbol() in _CLOSING:
        _skip_group(cursor)
    else:
        cursor.at += 1


def _skip_group(cursor: Cursor) -> None:
    """Step over ``( ... )``, ``[ ... ]`` or ``{ ... }``."""
    start = cursor.at
    opening = cursor.symbol()
    if opening not in _CLOSING:
        raise cursor.error(f"Expected '(' or '{{', found {cursor.seen()}.")
    closing = _CLOSING[opening]
    depth = 0
    tokens = cursor.tokens
    for at in range(start, cursor.end):
        symbol = tokens[at][SYMBOL]
        depth += (symbol == opening) - (symbol == closing)
        if not depth:
            cursor.at = at + 1
            return
    raise cursor.error(f"There is no '{closing}' for this '{opening}'.", start)


def assigned_names(cursor: Cursor, first: int, last: int) -> set[str]:
    """Return names that statements between two tokens may assign to, and perhaps others."""
    tokens = cursor.tokens
    return {
        tokens[at][NAME]
        for at in range(first, last)
        if tokens[at][NAME]
        and (
            at == first
            or tokens[at - 1][SYMBOL] in _BEFORE_STATEMENT
            or tokens[at - 1][NAME] == "else"
            or tokens[at + 1][SYMBOL] in _ASSIGNING
        )
    }


def leaves_loop(cursor: Cursor, first: int, last: int) -> bool:
    """Return whether ``break`` or ``continue`` stands between two tokens."""
    tokens = cursor.tokens
    return any(tokens[at][NAME] in ("break", "continue") for at in range(first, last))

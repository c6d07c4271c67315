"""Reads OpenQASM of either version, by what the text says it is."""

from __future__ import annotations

import re
from pathlib import Path

from quasim_backend.ir.circuit import Circuit

__all__ = ["load", "loads", "version_of"]

_IGNORED = re.compile(r"\s+|//[^\n]*|/\*.*?\*/", re.DOTALL)
_VERSION = re.compile(r"OPENQASM\s+([0-9]+)")
_ONLY_IN_3 = re.compile(
    r"""^[ \t]*(?:include\s*"stdgates\.inc" | (?:qubit|bit|input|output|const|let|ctrl|inv)\b)""",
    re.VERBOSE | re.MULTILINE,
)


def version_of(text: str) -> int:
    """Return 2 or 3: what the first statement says, else what the text looks like."""
    start = 0
    while (ignored := _IGNORED.match(text, start)) is not None:
        start = ignored.end()
    stated = _VERSION.match(text, start)
    if stated is not None:
        return 3 if stated.group(1) == "3" else 2
    return 3 if _ONLY_IN_3.search(text) else 2


def loads(text: str, source: str = "<qasm>") -> Circuit:
    """Read a circuit from OpenQASM 2 or 3 text.

    Args:
        text: The program.
        source: Name of the text in errors.

    Raises:
        QasmError: If the text is no legal program; the message has line and column.
    """
    from quasim_backend.ir import qasm2, qasm3

    if version_of(text) == 3:
        return qasm3.loads(text, source)
    return qasm2.loads(text, source)


def load(path: str | Path) -> Circuit:
    """Read a circuit from an OpenQASM 2 or 3 file; it may include files of its own folder.

    Raises:
        QasmError: If the text is no legal program; the message has line and column.
        OSError: If the file cannot be read.
    """
    from quasim_backend.ir import qasm2, qasm3

    text = Path(path).read_text(encoding="utf-8", errors="replace")
    return qasm3.load(path) if version_of(text) == 3 else qasm2.load(path)

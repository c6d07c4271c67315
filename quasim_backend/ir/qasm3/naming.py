"""Names and numbers of a text that is being written."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from quasim_backend.errors import UnsupportedError
from quasim_backend.ir.parameters import Affine, Parameter
from quasim_backend.ir.qasm3.definitions import STANDARD_NAMES
from quasim_backend.ir.qasm3.functions import FUNCTIONS
from quasim_backend.ir.qasm3.gate_bodies import KEYWORDS

__all__ = ["Names", "angle_text", "bit_names", "number_text"]

_LEGAL = re.compile(r"[^\W\d]\w*")
_RESERVED = KEYWORDS | FUNCTIONS | STANDARD_NAMES
_FRACTIONS = (1, 2, 3, 4, 5, 6, 8, 16, 32)


class Names:
    """Names in use: each is given once."""

    def __init__(self) -> None:
        """Start with the words of the language in use."""
        self._taken = set(_RESERVED)

    def new(self, wanted: str, default: str) -> str:
        """Return ``wanted`` or, where it is taken or not legal, a name close to it."""
        name = re.sub(r"\W+", "_", wanted).strip("_")
        if not _LEGAL.fullmatch(name):
            name = default
        number, free = 0, name
        while free in self._taken:
            free, number = f"{name}_{number}", number + 1
        self._taken.add(free)
        return free


def bit_names(
    word: str, registers: Sequence[tuple[str, int]], total: int, default: str, names: Names
) -> tuple[list[str], list[str], list[tuple[str, int]]]:
    """Name ``total`` bits.

    Args:
        word: ``qubit`` or ``bit``.
        registers: Names and sizes, the first in the lowest bits; bits left over get ``default``.
        total: Number of bits.
        default: Name for bits without one.
        names: Names in use.

    Returns:
        The declarations, the name of each bit, and the registers as they are called.

    Raises:
        UnsupportedError: If the registers hold more bits than there are.
    """
    missing = total - sum(size for _, size in registers)
    if missing < 0:
        raise UnsupportedError(
            f"The registers {tuple(registers)} hold more than the circuit's {total} bits."
        )
    lines: list[str] = []
    bits: list[str] = []
    called: list[tuple[str, int]] = []
    for wanted, size in [*registers, (default, missing)]:
        if size:
            name = names.new(wanted, default)
            lines.append(f"{word}[{size}] {name};")
            bits += [f"{name}[{k}]" for k in range(size)]
            called.append((name, size))
    return lines, bits, called


def number_text(value: float) -> str:
    """Write a number that reads back equal, as a fraction of pi where it is one."""
    for divisor in _FRACTIONS:
        factor = round(value / math.pi * divisor)
        if 0 < abs(factor) <= 8 * divisor and factor * math.pi / divisor == value:
            times = {1: "", -1: "-"}.get(factor, f"{factor}*")
            return f"{times}pi" if divisor == 1 else f"{times}pi/{divisor}"
    return repr(float(value))


def angle_text(value: float | Affine, names: Mapping[Parameter, str]) -> str:
    """Write an angle; ``names`` says what its parameters are called."""
    if not isinstance(value, Affine):
        return number_text(value)
    terms = [
        names[parameter] if weight == 1.0 else f"{weight!r}*{names[parameter]}"
        for parameter, weight in value.terms
    ]
    if value.offset or not terms:
        terms.append(number_text(value.offset))
    return " + ".join(terms).replace("+ -", "- ")

"""Markdown tables and numbers as people read them."""

from __future__ import annotations

from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def milliseconds(seconds: float | None) -> str:
    """Return a time in ms with three digits; nothing for None."""
    return "" if seconds is None else number(1e3 * seconds)


def number(value: float | None) -> str:
    """Return a number with three digits and no exponent where that is readable."""
    if value is None:
        return ""
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        digits = f"{value:.3g}"
        return f"{value:.0f}" if "e" in digits else digits
    return f"{value:.0f}" if abs(value) >= 1 and abs(value) < 1e7 else f"{value:.1e}"


def times(factor: float | None, whom: str | None) -> str:
    """Return ``3.1x (Aer)``; a dash where there was nobody to compare with."""
    return "–" if factor is None else f"{number(factor)}x ({whom})"

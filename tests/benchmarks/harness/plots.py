"""Plots of a result: how much faster than the best peer, by family and width."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def write(result: dict[str, Any], folder: Path) -> list[Path]:
    """Write one PNG for each number of threads and dtype.

    Returns:
        The files; none if matplotlib is not installed, which is said.
    """
    try:
        import matplotlib as mpl
    except ImportError as cause:
        print(f"No plots: {cause}")
        return []
    mpl.use("Agg")
    rows = [row for run in result["runs"] for row in run["states"] if row["ratio"]]
    written = []
    for threads, dtype in sorted({(row["threads"], row["dtype"]) for row in rows}):
        chosen = [r for r in rows if (r["threads"], r["dtype"]) == (threads, dtype)]
        path = folder / f"ratio-{dtype}-{threads}-threads.png"
        _plot(chosen, f"{dtype}, {threads} threads, {result['machine']['processor']}", path)
        written.append(path)
    return written


def _plot(rows: list[dict[str, Any]], title: str, path: Path) -> None:
    """Draw the ratio against the number of qubits, one line a family."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter

    figure = Figure(figsize=(7.5, 4.8), layout="constrained")
    axes = figure.add_subplot()
    families = list(dict.fromkeys(row["family"] for row in rows))
    for number, family in enumerate(families):
        points = sorted((r["qubits"], r["ratio"]) for r in rows if r["family"] == family)
        style = "o-" if number < 10 else "s--"
        axes.plot(*zip(*points, strict=True), style, label=family, markersize=4, linewidth=1.2)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("qubits")
    axes.set_ylabel("time of the best peer / time of QuASIM")
    axes.set_title(title, fontsize=9)
    axes.grid(visible=True, alpha=0.25)
    figure.legend(loc="outside right upper", fontsize=8, frameon=False)
    figure.savefig(path, dpi=130)

"""One figure: for each circuit, the outcomes of each SDK's simulator and of ours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["draw"]

_MOST = 12
"""Most outcomes in one panel; the title says when there are more."""

_COLOURS = {
    "Qiskit": ("#9db8d9", "#1f4e8c"),
    "Cirq": ("#f2c48d", "#b35c00"),
    "PennyLane": ("#b5d9a8", "#2e7d32"),
    "pytket": ("#d3b3dd", "#6a1b7a"),
}


def draw(
    panels: Sequence[tuple[str, Mapping[str, tuple[Mapping[str, int], Mapping[str, int]]]]],
    path: Path,
) -> str | None:
    """Write the figure.

    Args:
        panels: For each circuit its name and, for each SDK, the counts of ours and of theirs.
        path: PNG file to write.

    Returns:
        Why there is no figure, or None if it was written.
    """
    try:
        matplotlib = import_module("matplotlib")
        matplotlib.use("Agg")
        plots = import_module("matplotlib.pyplot")
    except ImportError as cause:
        return f"no figure: {cause}; install quasim-backend[plot]"
    columns = 3
    rows = math.ceil(len(panels) / columns)
    figure, axes = plots.subplots(
        rows, columns, figsize=(5.2 * columns, 3.1 * rows), squeeze=False, layout="constrained"
    )
    for axis, (name, sides) in zip(axes.flat, panels, strict=False):
        _panel(axis, name, sides)
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    handles: dict[str, Any] = {}
    for axis in axes.flat:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=4)
    figure.savefig(path, dpi=110)
    plots.close(figure)
    return None


def _panel(
    axis: Any, name: str, sides: Mapping[str, tuple[Mapping[str, int], Mapping[str, int]]]
) -> None:
    totals: dict[str, int] = {}
    for pair in sides.values():
        for counts in pair:
            for outcome, count in counts.items():
                totals[outcome] = totals.get(outcome, 0) + count
    most = sorted(totals, key=lambda o: -totals[o])
    labels = sorted(most[:_MOST])
    width = 0.8 / max(len(sides), 1)
    for number, (sdk, (ours, theirs)) in enumerate(sides.items()):
        light, dark = _COLOURS.get(sdk, ("#c8c8c8", "#404040"))
        places = [k + (number - (len(sides) - 1) / 2) * width for k in range(len(labels))]
        axis.bar(places, _shares(theirs, labels), width, color=light, label=f"{sdk}'s own")
        total = sum(ours.values())
        heights = _shares(ours, labels)
        errors = [2 * math.sqrt(h * (1 - h) / total) for h in heights]
        axis.errorbar(
            places,
            heights,
            yerr=errors,
            fmt="o",
            markersize=3.5,
            linewidth=1,
            color=dark,
            label=f"QuASIM in {sdk} (2σ)",
        )
    title = name.replace("_", " ")
    if len(most) > len(labels):
        title += f" ({len(labels)} likeliest of {len(most)} outcomes)"
    axis.set_title(title, fontsize=10)
    long = sum(map(len, labels)) > 36
    axis.set_xticks(
        range(len(labels)),
        labels,
        rotation=45 if long else 0,
        ha="right" if long else "center",
        rotation_mode="anchor" if long else "default",
        fontsize=7,
    )
    axis.set_ylabel("share of shots", fontsize=8)
    axis.tick_params(axis="y", labelsize=7)
    axis.set_ylim(bottom=0)
    axis.spines[["top", "right"]].set_visible(False)


def _shares(counts: Mapping[str, int], outcomes: Sequence[str]) -> list[float]:
    total = sum(counts.values())
    return [counts.get(outcome, 0) / total for outcome in outcomes]

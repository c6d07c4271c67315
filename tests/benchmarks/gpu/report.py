"""The Markdown of docs/performance.md, from a result."""

from __future__ import annotations

from typing import Any

from gpu.circuits import DESCRIPTIONS
from gpu.sections import SECTIONS


def report(result: dict[str, Any]) -> str:
    """Return where and how it ran, and the tables of all sections that have rows."""
    machine = result["machine"]
    lines = ["## GPU", ""]
    facts = [f"- Device: {machine['device']}"]
    if "driver" in machine:
        facts[0] += (
            f", compute capability {machine['compute_capability']}, {machine['memory_gib']} GiB"
        )
        facts.append(
            f"- Driver {machine['driver'] or 'unknown'} (CUDA {machine['driver_cuda']}), runtime "
            f"CUDA {machine['runtime_cuda']}"
        )
    versions = ", ".join(f"{name} {found}" for name, found in machine["versions"].items())
    facts += [
        f"- {machine['system']}, Python {machine['python']}; {versions}",
        f"- Kernel set: {result['kernels']}; date: {result['created']}",
        f"- Copy bandwidth in the same run, read and written: {result['bandwidth'] / 1e9:.4g} GB/s",
        f"- Command: `{result['command']}`; it took {result['seconds']:.0f} s",
    ]
    facts += [f"- Left out: {name}: {why}" for name, why in result["skipped"].items()]
    lines += [*facts, "", "Circuits:", ""]
    lines += [f"- {name}: {text}" for name, text in DESCRIPTIONS.items()]
    for name, rows in result["sections"].items():
        if rows:
            lines += ["", f"### {SECTIONS[name].TITLE}", "", SECTIONS[name].table(rows)]
    for name, why in result["unfinished"].items():
        lines += ["", f"{SECTIONS[name].TITLE}: {why}."]
    return "\n".join(lines) + "\n"

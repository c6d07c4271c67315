"""A result as Markdown: what was measured, on what, with which command."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from harness.families import DESCRIPTIONS
from harness.markdown import milliseconds, number, table, times
from harness.sections import SECTIONS
from harness.simulators import PEERS

_OURS = ("QuASIM", "QuASIM, planned")


def report(result: dict[str, Any]) -> str:
    """Return the sections of a page about performance."""
    rows = [row for run in result["runs"] for row in run["states"]]
    parts = [_setting(result)]
    if rows:
        parts += [_families(rows), _times(rows), _rates(result), _memory(rows), _accuracy(rows)]
    for name, section in SECTIONS.items():
        found = [row for run in result["runs"] for row in run["sections"].get(name, [])]
        if found:
            parts.append(f"## {section.TITLE}\n\n{section.table(found)}")
    return "\n\n".join(part for part in parts if part) + "\n"


def _setting(result: dict[str, Any]) -> str:
    machine = result["machine"]
    versions: dict[str, str] = {}
    for run in result["runs"]:
        versions |= run["versions"]
    missing = {name: why for run in result["runs"] for name, why in run["missing"].items()}
    copies = ", ".join(
        f"{number(run['copy_gb_per_s'])} GB/s with {_threads(run['settings']['threads'])}"
        for run in result["runs"]
    )
    lines = [
        "## Where and how",
        f"- Machine: {machine['processor']}, {machine['threads']} threads, "
        f"{machine['memory_gib']} GiB, caches {machine['cache'] or 'unknown'}; "
        f"{machine['system']}; QuASIM uses {machine['isa']}.",
        f"- Versions: Python {machine['python']}, "
        + ", ".join(f"{name} {number_}" for name, number_ in versions.items())
        + ".",
        f"- Date: {result['created']}.",
        f"- Copy bandwidth in the same run (NumPy, one slice a thread, read and write counted): "
        f"{copies}.",
        *(f"- Not measured: {name} ({why})." for name, why in missing.items()),
        f"\n```sh\n{result['command']}\n```",
    ]
    return f"{lines[0]}\n\n" + "\n".join(lines[1:])


def _families(rows: list[dict[str, Any]]) -> str:
    used = dict.fromkeys(row["family"] for row in rows)
    listed = "\n".join(f"- {name}: {DESCRIPTIONS[name]}" for name in used)
    return f"## Circuits\n\n{listed}"


def _times(rows: list[dict[str, Any]]) -> str:
    """Return one table for each number of threads and dtype."""
    parts = [
        "## State vectors\n\n"
        "Median milliseconds from the SDK's circuit object to amplitudes on the host; all states "
        "were compared first, and the simulators took turns. QuASIM's first time is that of a "
        "circuit it has not seen, planning included, and is the one in the first ratio; the second "
        "is that of a compiled circuit. Building the circuit is not counted for anybody, nor is "
        "Qulacs' optimizer."
    ]
    for (threads, dtype), group in groupby(sorted(rows, key=_order), key=_table_key):
        chosen = list(group)
        names = [n for n in (*_OURS, *PEERS) if any(n in r["seconds"] for r in chosen)]
        cells = [
            [
                row["family"],
                str(row["qubits"]),
                str(row["gates"]),
                *(milliseconds(row["seconds"].get(name)) for name in names),
                times(row["ratio"], row["best_peer"]),
                number(_planned_ratio(row)),
            ]
            for row in chosen
        ]
        header = ["family", "qubits", "gates", *names, "best peer / QuASIM", "/ planned"]
        parts.append(f"### {dtype}, {_threads(threads)}\n\n{table(header, cells)}")
        parts.append(_settings_used(chosen))
    return "\n\n".join(parts)


def _planned_ratio(row: dict[str, Any]) -> float | None:
    best = row["best_peer"]
    return row["seconds"][best] / row["seconds"]["QuASIM, planned"] if best else None


def _settings_used(rows: list[dict[str, Any]]) -> str:
    used: dict[str, dict[str, int]] = {}
    for row in rows:
        for name, setting in row["settings"].items():
            if setting:
                counts = used.setdefault(name, {})
                counts[setting] = counts.get(setting, 0) + 1
    listed = (
        f"{name}: " + ", ".join(f"{setting} ({count})" for setting, count in counts.items())
        for name, counts in used.items()
    )
    skipped = dict.fromkeys(
        f"{name} at {row['qubits']} qubits {why}"
        for row in rows
        for name, why in row["skipped"].items()
        if not why.startswith("no ")
    )
    left_out = f" Left out: {'; '.join(skipped)}." if skipped else ""
    alone = [f"{row['family']} at {row['qubits']} qubits" for row in rows if not row["checked"]]
    if alone:
        left_out += f" No simulator fits beside QuASIM to compare with: {', '.join(alone)}."
    if not used:
        return left_out.strip()
    return f"Settings, with the number of rows they were best in: {'; '.join(listed)}.{left_out}"


def _rates(result: dict[str, Any]) -> str:
    cells = []
    for run in result["runs"]:
        for row in sorted(run["states"], key=_order):
            if row["gb_per_s"] is None:
                continue
            multiply = run["gfma_per_s"][row["dtype"]]
            cells.append(
                [
                    row["family"],
                    str(row["qubits"]),
                    row["dtype"],
                    str(row["threads"]),
                    str(row["passes"]),
                    number(row["bytes"] / 1e6),
                    number(row["gb_per_s"]),
                    number(100 * row["gb_per_s"] / run["copy_gb_per_s"]),
                    number(row["gfma_per_s"]),
                    number(100 * row["gfma_per_s"] / multiply),
                ]
            )
    if not cells:
        return ""
    header = ["family", "qubits", "dtype", "threads", "passes", "MB moved", "GB/s"]
    header += ["% of copy", "GFMA/s", "% of matrix product"]
    return (
        "## Memory traffic and arithmetic\n\n"
        "Of a planned run: passes over the state, bytes the plan moves, and both rates, beside "
        "those of a copy and of NumPy's real matrix product in the same process.\n\n"
        + table(header, cells)
    )


def _memory(rows: list[dict[str, Any]]) -> str:
    cells = [
        [
            row["family"],
            str(row["qubits"]),
            row["dtype"],
            str(row["threads"]),
            number(row["memory"]["peak"] / 2**20),
            f"{row['memory']['extra']:.3f}",
        ]
        for row in sorted(rows, key=_order)
        if row["memory"]
    ]
    if not cells:
        return ""
    header = ["family", "qubits", "dtype", "threads", "peak of the process, MiB"]
    return (
        "## Peak memory\n\nLargest resident size of a process that runs one circuit on QuASIM, and "
        "how much of it came with the run, in units of the state.\n\n"
        + table([*header, "added by the run / state"], cells)
    )


def _accuracy(rows: list[dict[str, Any]]) -> str:
    chosen = [
        row
        for row in sorted(rows, key=_order)
        if row["dtype"] == "complex64" and "QuASIM" in row["infidelity"]
    ]
    if not chosen:
        return ""
    names = [n for n in ("QuASIM", *PEERS) if any(n in r["norm_drift"] for r in chosen)]
    cells = [
        [
            row["family"],
            str(row["qubits"]),
            str(row["threads"]),
            number(row["infidelity"]["QuASIM"]),
            *(number(row["norm_drift"].get(name)) for name in names),
        ]
        for row in chosen
    ]
    header = ["family", "qubits", "threads", "infidelity of QuASIM"]
    sources = ", ".join(dict.fromkeys(row["exact"] for row in chosen))
    return (
        f"## Rounding in complex64\n\nAgainst a complex128 state ({sources}); drift is "
        "|⟨ψ|ψ⟩ − 1|. Below 16 qubits QuASIM computes in complex128 and rounds the result.\n\n"
        + table([*header, *(f"drift, {name}" for name in names)], cells)
    )


def _order(row: dict[str, Any]) -> tuple[Any, ...]:
    families = list(DESCRIPTIONS)
    return (*_table_key(row), families.index(row["family"]), row["qubits"])


def _table_key(row: dict[str, Any]) -> tuple[int, str]:
    return row["threads"], row["dtype"]


def _threads(count: int) -> str:
    return f"{count} thread" + ("s" if count > 1 else "")

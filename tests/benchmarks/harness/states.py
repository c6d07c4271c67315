"""The main table: from circuit object to amplitudes on the host, by family, width and dtype."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from harness.agreement import TOLERANCE, Reference, check, infidelity, norm_drift
from harness.families import FAMILIES
from harness.machine import free_memory
from harness.memory import itemsize, peak_memory
from harness.operations import ComplexArray, Operations
from harness.settings import Settings
from harness.simulators import QUASIM, Runner, Simulator, quasim
from harness.timing import fastest, interleaved, medians

_WIDEST_ACCURACY = 26
"""Qubits up to which a complex128 state is kept to compare complex64 with."""
_PROMOTED_BELOW = 16
"""QuASIM computes complex64 requests below this width in complex128."""


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    family: str
    qubits: int
    dtype: str
    threads: int

    def __str__(self) -> str:
        """Name the case."""
        return f"{self.family}, {self.qubits} qubits, {self.dtype}, {self.threads} threads"


def measure(
    case: Case, peers: list[Simulator], settings: Settings, exact: Reference | None
) -> tuple[dict[str, Any], Reference | None]:
    """Check one case, then time it.

    Args:
        case: What to run.
        peers: Simulators to compare with.
        settings: Number of repeats and time limit.
        exact: A complex128 state of the same circuit, if one is kept.

    Returns:
        The row, and the complex128 state for the complex64 case of the same circuit.

    Raises:
        WrongStateError: If the simulators disagree.
    """
    ops = FAMILIES[case.family](case.qubits)
    fitting, skipped = _fitting(case, peers)
    if exact is None and case.dtype == "complex64":
        exact = _exact_state(case, ops, peers)
    candidates = {
        simulator.NAME: simulator.runners(ops, case.qubits, case.dtype, case.threads)
        for simulator in (QUASIM, *fitting)
    }
    reference, facts = _compared(case, candidates, exact)
    chosen = {name: _best(runners) for name, runners in candidates.items()}
    planned = quasim.planned_runner(ops, case.qubits, case.dtype, case.threads)
    starts = {name: runner.start for name, runner in chosen.items()}
    starts[planned.simulator] = planned.start
    times = interleaved(starts, settings.repeats, settings.budget)
    seconds = medians(times)
    row = {
        "family": case.family,
        "qubits": case.qubits,
        "dtype": case.dtype,
        "threads": case.threads,
        "gates": len(ops),
        "seconds": seconds,
        "runs": {name: len(t) for name, t in times.items()},
        "settings": {name: runner.setting for name, runner in chosen.items()},
        "skipped": skipped,
        **_ratio(seconds, [peer.NAME for peer in fitting]),
        **plan_facts(case, ops, seconds[planned.simulator]),
        **facts,
        "memory": peak_memory(case.family, case.qubits, case.dtype, case.threads),
    }
    keep = case.dtype == "complex128" and case.qubits <= _WIDEST_ACCURACY
    return row, reference if keep else None


def _fitting(case: Case, peers: list[Simulator]) -> tuple[list[Simulator], dict[str, str]]:
    """Return the peers that can run a case, and for the others why they cannot."""
    fitting: list[Simulator] = []
    skipped: dict[str, str] = {}
    state = itemsize(case.dtype) << case.qubits
    kept = state if case.qubits <= _WIDEST_ACCURACY else 0
    for peer in peers:
        needed = peer.states(case.dtype) * state + 2 * kept
        if case.dtype not in peer.DTYPES:
            skipped[peer.NAME] = f"no {case.dtype}"
        elif needed > free_memory():
            skipped[peer.NAME] = f"needs {needed / 2**30:.3g} GiB"
        else:
            fitting.append(peer)
    return fitting, skipped


def _compared(
    case: Case, candidates: dict[str, list[Runner]], exact: Reference | None
) -> tuple[Reference, dict[str, Any]]:
    """Run every candidate once and compare; return the state kept and what was found.

    The first peer is the reference; without any peer our own complex128 state is. Where there is
    neither, nothing could be compared, and ``checked`` is False.
    """
    names = [name for name in candidates if name != quasim.NAME]
    reference = None if names else exact
    differences: dict[str, float] = {}
    facts: dict[str, Any] = {"infidelity": {}, "norm_drift": {}}
    for name in (*names, quasim.NAME):
        for number, runner in enumerate(candidates[name]):
            state = runner()
            if reference is None:
                reference = Reference.of(state, name, _WIDEST_ACCURACY)
            label = f"{name} ({runner.setting})" if runner.setting else name
            differences[label] = reference.difference(state)
            if number == len(candidates[name]) - 1:
                _accuracy(name, state, exact, facts)
            del state
    assert reference is not None
    facts["reference"] = reference.source
    facts["checked"] = reference.source != quasim.NAME
    facts["exact"] = exact.source if exact else None
    facts["distance"] = differences
    check(differences, reference.source, str(case), TOLERANCE[case.dtype])
    return reference, facts


def _accuracy(
    name: str, state: ComplexArray, exact: Reference | None, facts: dict[str, Any]
) -> None:
    """Note the drift of the norm and, against a whole complex128 state, the infidelity."""
    facts["norm_drift"][name] = norm_drift(state)
    if exact is not None and exact.indices is None and exact.source != name:
        facts["infidelity"][name] = infidelity(state, exact.amplitudes)


def _exact_state(case: Case, ops: Operations, peers: list[Simulator]) -> Reference | None:
    """Return a complex128 state of the circuit, of a peer if one can make it."""
    if case.qubits > _WIDEST_ACCURACY:
        return None
    for simulator in (*peers, QUASIM):
        needed = (simulator.states("complex128") + 2) * (16 << case.qubits)
        if "complex128" in simulator.DTYPES and needed < free_memory():
            run = simulator.runners(ops, case.qubits, "complex128", case.threads)[0]
            name = simulator.NAME if simulator is not QUASIM else "QuASIM in complex128"
            return Reference.of(run(), name)
    return None


def _best(runners: list[Runner]) -> Runner:
    """Return the runner with the fastest setting, by trial."""
    if len(runners) == 1:
        return runners[0]
    by_setting = {runner.setting: runner for runner in runners}
    return by_setting[fastest({name: r.start for name, r in by_setting.items()})]


def _ratio(seconds: dict[str, float], peers: list[str]) -> dict[str, Any]:
    """Return the best peer and how many times slower than QuASIM's first run it is."""
    if not peers:
        return {"best_peer": None, "ratio": None}
    best = min(peers, key=lambda name: seconds[name])
    return {"best_peer": best, "ratio": seconds[best] / seconds[quasim.NAME]}


def plan_facts(case: Case, ops: Operations, seconds: float) -> dict[str, Any]:
    """Return passes, predicted traffic and arithmetic of the plan, and their rates in a run.

    Rates are given where the state is wider than the kernels' first cache level at least.
    """
    from quasim_backend.compile.code import SegmentStep

    compiled = quasim.session(case.dtype, case.threads).compile(
        quasim.circuit(ops, case.qubits), keep_idle=True
    )
    plans = [step.plan for step in compiled.steps if isinstance(step, SegmentStep)]
    promoted = case.qubits < _PROMOTED_BELOW
    moved = sum(p.bytes_moved(16 if promoted else itemsize(case.dtype)) for p in plans)
    fma = math.fsum(float(p.stage_fma.sum()) for p in plans) * 2.0**case.qubits
    return {
        "passes": sum(p.num_stages for p in plans),
        "operations": sum(p.num_ops for p in plans),
        "bytes": moved,
        "fma": fma,
        "gb_per_s": None if promoted else moved / seconds / 1e9,
        "gfma_per_s": None if promoted else fma / seconds / 1e9,
    }


def run(settings: Settings, peers: list[Simulator]) -> list[dict[str, Any]]:
    """Measure all cases; complex128 first, whose states show the accuracy of complex64."""
    rows = []
    for qubits in settings.qubits:
        for family in settings.families:
            exact: Reference | None = None
            for dtype in sorted(settings.dtypes, key=itemsize, reverse=True):
                case = Case(family, qubits, dtype, settings.threads)
                needed = QUASIM.states(dtype) * (itemsize(dtype) << qubits)
                if needed > free_memory():
                    print(f"{case} is left out: it needs {needed / 2**30:.3g} GiB", flush=True)
                    continue
                row, exact = measure(case, peers, settings, exact)
                rows.append(row)
                print(line(row), flush=True)
    return rows


def line(row: dict[str, Any]) -> str:
    """Return a row as one line for people who wait."""
    times = "  ".join(f"{name} {1e3 * s:.3g}" for name, s in row["seconds"].items())
    ratio = f"{row['ratio']:.2f}x {row['best_peer']}" if row["ratio"] else "no peer"
    if not row["checked"]:
        ratio = "not compared"
    return (
        f"{row['family']:>16} {row['qubits']:>3}q {row['dtype']:<10} {row['threads']} thr  "
        f"{ratio:<16} ms: {times}"
    )

"""Drawing samples: what a million of them cost on top of the simulation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from harness.agreement import WrongStateError
from harness.families.random import brickwork
from harness.markdown import milliseconds, times
from harness.markdown import table as markdown_table
from harness.operations import Operations
from harness.settings import Settings
from harness.simulators import Simulator, aer, qsim, quasim, qulacs
from harness.timing import Start, interleaved, medians

TITLE = "Sampling"
EVERY_THREAD_COUNT = False
_DEPTH = 4
_LOW_QUBITS = 6
_SIGMAS = 8.0

Histogram = Callable[[], np.ndarray]


def run(settings: Settings, peers: list[Simulator]) -> list[dict[str, Any]]:
    """Sample a shallow random circuit; a time is that with all shots less that with few or none."""
    n, shots = (16, 100_000) if settings.quick else (24, 1_000_000)
    ops = brickwork(n, _DEPTH)
    names = [peer.NAME for peer in peers]
    starts, checks = _quasim(ops, n, shots, settings.threads)
    for module in (aer, qsim, qulacs):
        if module.NAME in names:
            more, check = _PEERS[module.NAME](ops, n, shots, settings.threads)
            starts |= more
            checks |= check
    probabilities = _low(np.abs(quasim.runners(ops, n, "complex128", 1)[0]()) ** 2)
    for name, histogram in checks.items():
        _check(name, histogram(), probabilities, shots)
    seconds = medians(interleaved(starts, settings.repeats, settings.budget))
    on_top = {
        name: max(0.0, value - seconds.get(f"{name}, none", 0.0))
        for name, value in seconds.items()
        if not name.endswith(", none")
    }
    best = min((name for name in on_top if name in names), key=on_top.__getitem__, default=None)
    return [
        {
            "qubits": n,
            "shots": shots,
            "threads": settings.threads,
            "seconds": on_top,
            "best_peer": best,
            "ratio": None if best is None else on_top[best] / max(on_top["QuASIM"], 1e-9),
        }
    ]


def _low(values: np.ndarray) -> np.ndarray:
    """Sum over all but the lowest qubits: float64 ``(2**_LOW_QUBITS,)``."""
    return values.reshape(-1, 1 << _LOW_QUBITS).sum(axis=0)


def _counted(indices: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Count indices by the value of their lowest qubits."""
    low = np.asarray(indices) & ((1 << _LOW_QUBITS) - 1)
    return np.bincount(low, weights, minlength=1 << _LOW_QUBITS)


def _check(name: str, counts: np.ndarray, probabilities: np.ndarray, shots: int) -> None:
    """Compare counts with probabilities; a right sampler fails less than once in 1e6 runs.

    Raises:
        WrongStateError: If they do not fit, or shots are missing.
    """
    expected = shots * probabilities
    statistic = float(np.sum((counts - expected) ** 2 / expected))
    freedom = len(expected) - 1
    largest = freedom + _SIGMAS * np.sqrt(2 * freedom)
    if counts.sum() != shots or not statistic < largest:
        raise WrongStateError(
            f"Sampling: {name} drew {counts.sum():.0f} of {shots} shots with chi-squared "
            f"{statistic:.4g}; at most {largest:.4g} is accepted."
        )


def _quasim(
    ops: Operations, n: int, shots: int, threads: int
) -> tuple[dict[str, Start], dict[str, Histogram]]:
    runtime = quasim.session("complex64", threads)
    state_only = runtime.compile(quasim.circuit(ops, n), keep_idle=True)
    measured = runtime.compile(quasim.circuit(ops, n).measure_all())
    bits = 1 << np.arange(_LOW_QUBITS)

    def histogram() -> np.ndarray:
        return _counted(runtime.sample(measured, shots, 1)[:, :_LOW_QUBITS] @ bits)

    starts: dict[str, Start] = {
        "QuASIM": lambda: lambda: runtime.run(measured, shots, 1),
        "QuASIM, none": lambda: lambda: runtime.simulate(state_only),
        "QuASIM, as bits": lambda: lambda: runtime.sample(measured, shots, 1),
        "QuASIM, as bits, none": lambda: lambda: runtime.simulate(state_only),
    }
    return starts, {"QuASIM": histogram}


def _aer(
    ops: Operations, n: int, shots: int, threads: int
) -> tuple[dict[str, Start], dict[str, Histogram]]:
    circuit = aer.circuit(ops, n)
    circuit.measure_all()
    backend = aer.backend("complex64", threads, seed_simulator=1)

    def draw(count: int) -> Mapping[str, int]:
        counts: Mapping[str, int] = backend.run(circuit, shots=count).result().data(0)["counts"]
        return counts

    def histogram() -> np.ndarray:
        counts = draw(shots)
        values = np.array(list(counts.values()), float)
        return _counted(np.array([int(key, 16) for key in counts]), values)

    starts: dict[str, Start] = {
        aer.NAME: lambda: lambda: draw(shots),
        f"{aer.NAME}, none": lambda: lambda: draw(1),
    }
    return starts, {aer.NAME: histogram}


def _qsim(
    ops: Operations, n: int, shots: int, threads: int
) -> tuple[dict[str, Start], dict[str, Histogram]]:
    import cirq
    import qsimcirq

    circuit, order = qsim.circuit(ops, n)
    circuit.append(cirq.measure(*order[::-1], key="m"))
    options = qsimcirq.QSimOptions(max_fused_gate_size=4, cpu_threads=threads)
    simulator = qsimcirq.QSimSimulator(options, seed=1)
    bits = 1 << np.arange(_LOW_QUBITS)

    def draw(count: int) -> np.ndarray:
        return np.asarray(simulator.run(circuit, repetitions=count).measurements["m"])

    starts: dict[str, Start] = {
        qsim.NAME: lambda: lambda: draw(shots),
        # A single repetition takes another path, without sampling.
        f"{qsim.NAME}, none": lambda: lambda: draw(2),
    }
    return starts, {qsim.NAME: lambda: _counted(draw(shots)[:, :_LOW_QUBITS] @ bits)}


def _qulacs(
    ops: Operations, n: int, shots: int, threads: int
) -> tuple[dict[str, Start], dict[str, Histogram]]:
    from qulacs import QuantumState

    state = QuantumState(n)
    qulacs.circuit(ops, n).update_quantum_state(state)
    return (
        {qulacs.NAME: lambda: lambda: state.sampling(shots)},
        {qulacs.NAME: lambda: _counted(np.array(state.sampling(shots)))},
    )


_PEERS = {aer.NAME: _aer, qsim.NAME: _qsim, qulacs.NAME: _qulacs}


def line(row: dict[str, Any]) -> str:
    """Return a row as one line."""
    cells = "  ".join(f"{name} {milliseconds(s)} ms" for name, s in row["seconds"].items())
    return f"{row['shots']} shots, {row['qubits']} qubits: {cells}"


def table(rows: list[dict[str, Any]]) -> str:
    """Return the section of a report."""
    names = list(rows[0]["seconds"])
    cells = [
        [
            str(row["qubits"]),
            str(row["shots"]),
            *(milliseconds(row["seconds"].get(name)) for name in names),
            times(row["ratio"], row["best_peer"]),
        ]
        for row in rows
    ]
    header = ["qubits", "shots", *(f"{name}, ms" for name in names), "ratio to the best peer"]
    return (
        "Milliseconds on top of the simulation: a run with all shots less one with none (QuASIM), "
        "one shot (Aer), two (qsim); Qulacs samples a state it keeps, in complex128. QuASIM gives "
        "packed integers (`Runtime.run`) or one byte a bit (`Runtime.sample`); Aer gives counts."
        f"\n\n{markdown_table(header, cells)}"
    )

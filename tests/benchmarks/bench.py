"""Time QuASIM against the simulators it stands in for, side by side in one run.

Every family is built once for each SDK, every simulator's amplitudes are compared first, and the
timed runs are interleaved. A time is the median from circuit object to amplitudes on the host.

    python tests/benchmarks/bench.py --qubits 16 20 --json out.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from families import FAMILIES, Operation

Runner = Callable[[], np.ndarray]


def quasim_runner(ops: list[Operation], n: int, dtype: str) -> Runner:
    """Run on QuASIM's own API."""
    import quasim_backend as quasim

    circuit = quasim.Circuit(n)
    for name, qubits, angles in ops:
        circuit.gate(name, qubits, angles)
    precision = "fp32" if dtype == "complex64" else "fp64"
    runtime = quasim.runtime(quasim.Config(simulation_precision=precision))

    def run() -> np.ndarray:
        # A copy each time: a compiled circuit must not come out of a cache.
        return runtime.simulate(circuit.bind({}))

    return run


def qiskit_circuit(ops: list[Operation], n: int) -> Any:
    """Build the circuit for Qiskit."""
    from qiskit import QuantumCircuit

    circuit = QuantumCircuit(n)
    for name, qubits, angles in ops:
        getattr(circuit, name)(*angles, *qubits)
    return circuit


def aer_runner(ops: list[Operation], n: int, dtype: str) -> Runner:
    """Run on Qiskit Aer's statevector method."""
    from qiskit_aer import AerSimulator

    circuit = qiskit_circuit(ops, n)
    circuit.save_statevector()
    precision = "single" if dtype == "complex64" else "double"
    backend = AerSimulator(method="statevector", precision=precision)
    return lambda: np.asarray(backend.run(circuit, shots=1).result().get_statevector())


def quasim_qiskit_runner(ops: list[Operation], n: int, dtype: str) -> Runner:
    """Run on the Qiskit adapter."""
    from quasim_qiskit import AerSimulator

    circuit = qiskit_circuit(ops, n)
    circuit.save_statevector()
    precision = "single" if dtype == "complex64" else "double"
    backend = AerSimulator(method="statevector", precision=precision)
    return lambda: np.asarray(backend.run(circuit, shots=1).result().get_statevector())


def cirq_circuit(ops: list[Operation], n: int) -> tuple[Any, list[Any]]:
    """Build the circuit for Cirq; its first qubit is our last."""
    import cirq

    wires = cirq.LineQubit.range(n)
    made: dict[str, Callable[..., Any]] = {
        "x": lambda: cirq.X,
        "h": lambda: cirq.H,
        "cx": lambda: cirq.CNOT,
        "cz": lambda: cirq.CZ,
        "swap": lambda: cirq.SWAP,
        "rx": cirq.rx,
        "ry": cirq.ry,
        "rz": cirq.rz,
        "cp": lambda t: cirq.CZPowGate(exponent=t / np.pi),
        "rxx": lambda t: cirq.XXPowGate(exponent=t / np.pi, global_shift=-0.5),
        "ryy": lambda t: cirq.YYPowGate(exponent=t / np.pi, global_shift=-0.5),
        "rzz": lambda t: cirq.ZZPowGate(exponent=t / np.pi, global_shift=-0.5),
        "u": lambda t, p, v: cirq.MatrixGate(_u(t, p, v)),
    }
    circuit = cirq.Circuit(
        made[name](*angles)(*(wires[q] for q in qubits)) for name, qubits, angles in ops
    )
    return circuit, wires[::-1]


def _u(theta: float, phi: float, lam: float) -> np.ndarray:
    c, s = np.cos(theta / 2), np.sin(theta / 2)
    return np.array(
        [[c, -np.exp(1j * lam) * s], [np.exp(1j * phi) * s, np.exp(1j * (phi + lam)) * c]]
    )


def qsim_runner(ops: list[Operation], n: int, dtype: str) -> Runner:
    """Run on qsim at its documented best for this width; it knows complex64 only."""
    import qsimcirq

    circuit, order = cirq_circuit(ops, n)
    threads = len(os.sched_getaffinity(0))
    options = qsimcirq.QSimOptions(max_fused_gate_size=4 if n >= 22 else 3, cpu_threads=threads)
    simulator = qsimcirq.QSimSimulator(options)
    return lambda: simulator.simulate_into_1d_array(circuit, qubit_order=order)[1]


def quasim_cirq_runner(ops: list[Operation], n: int, dtype: str) -> Runner:
    """Run on the Cirq adapter."""
    import quasim_cirq

    circuit, order = cirq_circuit(ops, n)
    simulator = quasim_cirq.Simulator(dtype=np.dtype(dtype).type)
    return lambda: simulator.simulate(circuit, qubit_order=order).final_state_vector


RUNNERS: dict[str, Callable[[list[Operation], int, str], Runner]] = {
    "quasim": quasim_runner,
    "quasim (Qiskit)": quasim_qiskit_runner,
    "quasim (Cirq)": quasim_cirq_runner,
    "Aer": aer_runner,
    "qsim": qsim_runner,
}
PEERS = ("Aer", "qsim")


def measure(family: str, n: int, dtype: str, repeats: int) -> dict[str, Any]:
    """Time one family on every simulator; refuse to time states that disagree."""
    ops = FAMILIES[family](n)
    runners = {
        name: make(ops, n, dtype)
        for name, make in RUNNERS.items()
        if not (name == "qsim" and dtype == "complex128")
    }
    truth = runners["Aer"]()
    tolerance = 2e-5 if dtype == "complex64" else 1e-10
    for name, run in runners.items():
        error = float(np.abs(np.asarray(run()) - truth).max())
        if error > tolerance:
            raise SystemExit(f"{family}, {n} qubits, {dtype}: {name} is off by {error:.3g}.")
    times: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(repeats):
        for name, run in runners.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    median = {name: statistics.median(t) for name, t in times.items()}
    best = min((median[p], p) for p in PEERS if p in median)
    return {
        "family": family,
        "qubits": n,
        "dtype": dtype,
        "gates": len(ops),
        "seconds": median,
        "best_peer": best[1],
        "ratio": best[0] / median["quasim"],
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Write the results as a Markdown table, times in milliseconds."""
    names = [n for n in RUNNERS if any(n in r["seconds"] for r in rows)]
    lines = [
        "| family | qubits | dtype | " + " | ".join(names) + " | faster than the best peer by |",
        "|---" * (len(names) + 4) + "|",
    ]
    for row in rows:
        cells = [f"{row['seconds'][n] * 1e3:.1f}" if n in row["seconds"] else "" for n in names]
        lines.append(
            f"| {row['family']} | {row['qubits']} | {row['dtype']} | "
            + " | ".join(cells)
            + f" | {row['ratio']:.1f}x ({row['best_peer']}) |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--qubits", type=int, nargs="+", default=[16, 20])
    parser.add_argument("--families", nargs="+", default=list(FAMILIES), choices=list(FAMILIES))
    parser.add_argument("--dtypes", nargs="+", default=["complex64", "complex128"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path, default=None)
    arguments = parser.parse_args()
    rows = []
    for n in arguments.qubits:
        for dtype in arguments.dtypes:
            for family in arguments.families:
                rows.append(measure(family, n, dtype, arguments.repeats))
                print(table(rows[-1:]).splitlines()[-1], flush=True)
    print(f"\nMedian milliseconds, {platform.machine()}, {os.cpu_count()} cores\n\n{table(rows)}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()

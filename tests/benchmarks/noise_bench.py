"""Noisy samples side by side: ours, Aer's trajectories and qsim's, in one process.

Run ``python tests/benchmarks/noise_bench.py`` in the root, with names of cases to run only those.
Aer and qsim run fewer shots where they would take minutes; their time is scaled up and marked so.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import cirq
import numpy as np
import qsimcirq
from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, amplitude_damping_error, depolarizing_error

from quasim_backend.compile import compile_circuit
from quasim_backend.engines.base import EngineRequest
from quasim_backend.engines.trajectories import TrajectoriesEngine, predicted_seconds
from quasim_backend.ir import Channel, Circuit
from quasim_backend.kernels.native import NativeKernels

THREADS = 2
PAULIS = [np.eye(2), np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1, -1])]


@dataclass(frozen=True)
class Case:
    """Layers of ``ry`` on every qubit and ``cx`` on neighbours, a channel after every gate.

    ``goals`` say how many times faster than Aer and qsim we want to be.
    """

    qubits: int
    layers: int
    kind: str
    rate: float
    shots: int
    peer_shots: int
    dtype: str
    goals: tuple[float, float | None]


CASES = {
    "depolarising-0.1%": Case(10, 14, "depolarising", 1e-3, 1024, 1024, "complex128", (30, 10)),
    "depolarising-1%": Case(10, 14, "depolarising", 1e-2, 1024, 1024, "complex128", (30, 10)),
    "damping-12": Case(12, 10, "damping", 1e-2, 1024, 256, "complex128", (20, None)),
    "depolarising-20": Case(20, 8, "depolarising", 1e-3, 10_000, 20, "complex64", (50, None)),
}


def channel(case: Case, width: int) -> Channel:
    """Return ours."""
    if case.kind == "damping":
        g = case.rate
        return Channel.kraus([np.diag([1, np.sqrt(1 - g)]), [[0, np.sqrt(g)], [0, 0]]])
    strings = PAULIS if width == 1 else [np.kron(b, a) for a in PAULIS for b in PAULIS]
    share = case.rate / len(strings)
    return Channel.mixture([1 - case.rate + share] + [share] * (len(strings) - 1), strings)


def circuits(case: Case) -> tuple[Circuit, QuantumCircuit, cirq.Circuit]:
    """Return the same circuit for each; Aer's gets its noise from its model."""
    rng, n = np.random.default_rng(1), case.qubits
    ours, aer, moments = Circuit(n, n), QuantumCircuit(n, n), cirq.Circuit()
    line = cirq.LineQubit.range(n)
    damping = case.kind == "damping"
    one, two = channel(case, 1), None if damping else channel(case, 2)
    theirs = (
        cirq.amplitude_damp(case.rate) if damping else cirq.depolarize(0.75 * case.rate, n_qubits=1)
    )
    for layer in range(case.layers):
        for q in range(n):
            angle = rng.uniform(0, 3)
            ours.ry(angle, q).channel(one, [q])
            aer.ry(angle, q)
            moments.append([cirq.ry(angle)(line[q]), theirs(line[q])])
        for q in range(layer % 2, n - 1, 2):
            ours.cx(q, q + 1)
            aer.cx(q, q + 1)
            moments.append(cirq.CX(line[q], line[q + 1]))
            if two is None:
                ours.channel(one, [q]).channel(one, [q + 1])
                moments.append([theirs(line[q]), theirs(line[q + 1])])
            else:
                ours.channel(two, [q, q + 1])
                pair = cirq.depolarize(15 / 16 * case.rate, n_qubits=2)
                moments.append(pair(line[q], line[q + 1]))
    moments.append(cirq.measure(*line, key="m"))
    aer.measure(range(n), range(n))
    return ours.measure_all(), aer, moments


def aer_noise(case: Case) -> NoiseModel:
    """Return Aer's model."""
    model = NoiseModel()
    if case.kind == "damping":
        error = amplitude_damping_error(case.rate)
        pair = error.tensor(error)
    else:
        error, pair = depolarizing_error(case.rate, 1), depolarizing_error(case.rate, 2)
    model.add_all_qubit_quantum_error(error, ["ry"])
    model.add_all_qubit_quantum_error(pair, ["cx"])
    return model


def seconds(run: Callable[[], object], times: int = 1) -> float:
    """Return the least time of some calls."""
    best = np.inf
    for _ in range(times):
        started = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - started)
    return float(best)


def measure(name: str, case: Case) -> None:
    """Print one case's times and ratios."""
    ours, aer, moments = circuits(case)
    kernels, engine = NativeKernels(THREADS), TrajectoriesEngine()

    def request(seed: int) -> EngineRequest:
        dtype = np.dtype(case.dtype)
        return EngineRequest(kernels, dtype, np.empty(0), shots=case.shots, seed=seed)

    first = seconds(lambda: engine.run(compile_circuit(ours), request(1)))
    compiled = compile_circuit(ours)
    again = seconds(lambda: engine.run(compiled, request(2)), 2 if first < 5 else 1)
    predicted = predicted_seconds(compiled, request(3))
    print(
        f"{name}: ours {first:.3f} s with compilation, {again:.3f} s, predicted {predicted:.3f} s"
    )
    precision = "double" if case.dtype == "complex128" else "single"
    simulator = AerSimulator(
        noise_model=aer_noise(case), precision=precision, max_parallel_threads=THREADS
    )
    options = qsimcirq.QSimOptions(cpu_threads=THREADS, max_fused_gate_size=3)
    qsim = qsimcirq.QSimSimulator(options)
    peers: dict[str, Callable[[], object]] = {
        "Aer": lambda: simulator.run(aer, shots=case.peer_shots).result(),
        "qsim": lambda: qsim.run(moments, repetitions=case.peer_shots),
    }
    for (peer, run), goal in zip(peers.items(), case.goals, strict=True):
        if goal is None:
            continue
        taken = seconds(run) * case.shots / case.peer_shots
        scaled = f", from {case.peer_shots} shots" if case.peer_shots < case.shots else ""
        print(f"  {peer} {taken:.2f} s{scaled}: {taken / first:.0f} times ours (goal {goal:g})")


if __name__ == "__main__":
    for name in sys.argv[1:] or CASES:
        measure(name, CASES[name])

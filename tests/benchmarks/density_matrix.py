"""Exact noisy simulation beside Aer, Cirq and PennyLane, in one run.

A circuit of rotations and CX gates on random qubits, with depolarising channels on the same qubits
after each. Every simulator gives the distribution of all qubits, in single precision where it can.

    python tests/benchmarks/density_matrix.py --qubits 12 --gates 300
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from functools import reduce
from itertools import product
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Gate: TypeAlias = tuple[tuple[int, ...], float]
Distribution: TypeAlias = NDArray[np.float64]

RATE_ONE, RATE_TWO = 1e-3, 1e-2
PAULIS = [np.eye(2), np.array([[0, 1], [1, 0]]), np.array([[0, -1j], [1j, 0]]), np.diag([1, -1])]
THREADS = os.cpu_count() or 1


def random_gates(num_qubits: int, num_gates: int, seed: int = 7) -> list[Gate]:
    """Return gates as (qubits, angle): a rotation on one qubit, or CX on control and target."""
    rng = np.random.default_rng(seed)
    return [
        (tuple(int(q) for q in rng.permutation(num_qubits)[: 1 + i % 2]), float(rng.uniform(0, 6)))
        for i in range(num_gates)
    ]


def quasim(num_qubits: int, gates: list[Gate]) -> Callable[[], Any]:
    """Prepare our own run."""
    import quasim_backend as quasim

    def depolarising(rate: float, arity: int) -> quasim.Channel:
        weights = np.full(4**arity, rate / 4**arity)
        weights[0] += 1 - rate
        unitaries = [reduce(np.kron, paulis) for paulis in product(PAULIS, repeat=arity)]
        return quasim.Channel.mixture(weights.tolist(), unitaries)

    one, two = depolarising(RATE_ONE, 1), depolarising(RATE_TWO, 2)
    circuit = quasim.Circuit(num_qubits)
    for qubits, angle in gates:
        if len(qubits) == 1:
            circuit.u(angle, 0.3, 0.2, qubits[0]).channel(one, qubits)
        else:
            circuit.cx(*qubits).channel(two, qubits)
    session = quasim.runtime(method="density_matrix")
    return lambda: session.probabilities(circuit)


def aer(num_qubits: int, gates: list[Gate]) -> Callable[[], Any]:
    """Prepare Aer's density matrix."""
    from qiskit import QuantumCircuit
    from qiskit_aer import AerSimulator
    from qiskit_aer.noise import NoiseModel, depolarizing_error

    model = NoiseModel()
    model.add_all_qubit_quantum_error(depolarizing_error(RATE_ONE, 1), ["u"])
    model.add_all_qubit_quantum_error(depolarizing_error(RATE_TWO, 2), ["cx"])
    circuit = QuantumCircuit(num_qubits)
    for qubits, angle in gates:
        if len(qubits) == 1:
            circuit.u(angle, 0.3, 0.2, qubits[0])
        else:
            circuit.cx(*qubits)
    circuit.save_probabilities()
    simulator = AerSimulator(
        method="density_matrix",
        noise_model=model,
        precision="single",
        max_parallel_threads=THREADS,
    )
    return lambda: simulator.run(circuit, shots=1).result().data()["probabilities"]


def cirq(num_qubits: int, gates: list[Gate]) -> Callable[[], Any]:
    """Prepare Cirq's density matrix."""
    import cirq

    line = cirq.LineQubit.range(num_qubits)
    circuit = cirq.Circuit()
    for qubits, angle in gates:
        on = [line[q] for q in qubits]
        if len(qubits) == 1:
            matrix = cirq.unitary(cirq.rz(0.3)) @ cirq.unitary(cirq.ry(angle))
            circuit.append(cirq.MatrixGate(matrix @ cirq.unitary(cirq.rz(0.2))).on(*on))
            # Their rate is that of an error, ours that of a full mixing.
            circuit.append(cirq.depolarize(RATE_ONE * 3 / 4).on(*on))
        else:
            circuit.append(cirq.CX(*on))
            circuit.append(cirq.depolarize(RATE_TWO * 15 / 16, n_qubits=2).on(*on))
    simulator = cirq.DensityMatrixSimulator(dtype=np.complex64)
    order = list(reversed(line))

    def run() -> Any:
        rho = simulator.simulate(circuit, qubit_order=order).final_density_matrix
        return rho.diagonal().real

    return run


def pennylane(num_qubits: int, gates: list[Gate]) -> Callable[[], Any]:
    """Prepare PennyLane's default.mixed."""
    import pennylane as qml

    weights = np.full(16, RATE_TWO / 16)
    weights[0] += 1 - RATE_TWO
    pairs = product(PAULIS, repeat=2)
    kraus = [np.sqrt(w) * np.kron(*pair) for w, pair in zip(weights, pairs, strict=True)]

    @qml.qnode(qml.device("default.mixed", wires=num_qubits))
    def run() -> Any:
        for qubits, angle in gates:
            wires = [num_qubits - 1 - q for q in qubits]
            if len(qubits) == 1:
                qml.RZ(0.2, wires=wires)
                qml.RY(angle, wires=wires)
                qml.RZ(0.3, wires=wires)
                qml.DepolarizingChannel(RATE_ONE * 3 / 4, wires=wires)
            else:
                qml.CNOT(wires=wires)
                qml.QubitChannel(kraus, wires=wires)
        return qml.probs(wires=range(num_qubits))

    return run


SIMULATORS = {"quasim": quasim, "aer": aer, "cirq": cirq, "pennylane": pennylane}


def main() -> None:
    """Time every simulator, and compare what they give."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--qubits", type=int, default=12)
    parser.add_argument("--gates", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=3, help="of our own; others run once")
    parser.add_argument("--only", nargs="*", default=list(SIMULATORS), choices=list(SIMULATORS))
    asked = parser.parse_args()
    gates = random_gates(asked.qubits, asked.gates)
    print(f"{asked.qubits} qubits, {asked.gates} noisy gates, {THREADS} threads")
    expected: Distribution | None = None
    for name in asked.only:
        run = SIMULATORS[name](asked.qubits, gates)
        times: list[float] = []
        work: list[float] = []
        for _ in range(asked.repeats if name == "quasim" else 1):
            began, worked = time.perf_counter(), time.process_time()
            found = np.asarray(run(), np.float64)
            times.append(time.perf_counter() - began)
            work.append(time.process_time() - worked)
        expected = found if expected is None else expected
        error = float(np.abs(found - expected).max())
        first = f", first {times[0]:.3f} s" if len(times) > 1 else ""
        # On a machine that others use, the processors' time says more than the clock.
        cpu = f"{min(work):.3f} s of all processors"
        print(f"{name:10} {min(times):9.3f} s{first}; {cpu}; differs by {error:.1e}", flush=True)


if __name__ == "__main__":
    main()

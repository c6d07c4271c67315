"""Matrix product states side by side: ours, Aer's and quimb's, in one process.

A quench of the Ising chain in a tilted field, second-neighbour entanglement and all, from
``|0...0>``: Trotter steps of RZZ on neighbours, RX and RZ. Each simulator gets the same largest
bond and the same threshold, and gives ``<Z>`` in the middle and ``<ZZ>`` beside it; quimb at equal
bonds is the reference for both. Seconds are of the processor, so that other work on the machine
does not count.

    python tests/benchmarks/mps_bench.py --qubits 100 --steps 12 --bond 64 --dt 0.4
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from typing import Any, TypeAlias

Run: TypeAlias = Callable[[], tuple[list[float], dict[str, Any]]]


def gates(num_qubits: int, steps: int, dt: float) -> list[tuple[str, float, tuple[int, ...]]]:
    """Return (name, angle, qubits) of each gate."""
    found: list[tuple[str, float, tuple[int, ...]]] = []
    for _ in range(steps):
        for start in (0, 1):
            found += [("rzz", -2 * dt, (q, q + 1)) for q in range(start, num_qubits - 1, 2)]
        for q in range(num_qubits):
            found += [("rx", -1.8 * dt, (q,)), ("rz", -0.9 * dt, (q,))]
    return found


def quasim(args: argparse.Namespace, precision: str) -> Run:
    """Prepare our own run."""
    import quasim_backend as quasim
    from quasim_backend.ir.observables import PauliString

    circuit = quasim.Circuit(args.qubits)
    for name, angle, qubits in gates(args.qubits, args.steps, args.dt):
        circuit.gate(name, qubits, [angle])
    middle = args.qubits // 2
    observables = [
        PauliString.from_letters({middle: "Z"}),
        PauliString.from_letters({middle: "Z", middle + 1: "Z"}),
    ]
    for number, observable in enumerate(observables):
        circuit.save("expectation", f"o{number}", observable=observable)
    session = quasim.runtime(
        method="matrix_product_state",
        simulation_precision=precision,
        max_bond_dimension=args.bond,
        max_truncation_error=1.0,
    )

    def run() -> tuple[list[float], dict[str, Any]]:
        result = session.run(circuit, shots=0)
        facts = ("max_bond", "discarded_weight", "fidelity_estimate")
        kept = {name: result.metadata[name] for name in facts}
        return [result.saved["o0"], result.saved["o1"]], kept

    return run


def aer(args: argparse.Namespace, lapack: bool) -> Run:
    """Prepare Aer's run, with its own singular value decomposition or LAPACK's."""
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp
    from qiskit_aer import AerSimulator

    circuit = QuantumCircuit(args.qubits)
    for name, angle, qubits in gates(args.qubits, args.steps, args.dt):
        getattr(circuit, name)(angle, *qubits)
    middle = args.qubits // 2
    # On all qubits: Aer 0.18.2 gives wrong values for saves on a few of many qubits.
    for number, letters in enumerate([[("Z", [middle], 1)], [("ZZ", [middle, middle + 1], 1)]]):
        operator = SparsePauliOp.from_sparse_list(letters, args.qubits)
        circuit.save_expectation_value(operator, range(args.qubits), label=f"o{number}")
    backend = AerSimulator(
        method="matrix_product_state",
        matrix_product_state_max_bond_dimension=args.bond,
        mps_lapack=lapack,
        max_parallel_threads=args.threads,
    )

    def run() -> tuple[list[float], dict[str, Any]]:
        data = backend.run(circuit, shots=1).result().data(0)
        return [data["o0"], data["o1"]], {}

    return run


def quimb(args: argparse.Namespace) -> Run:
    """Prepare quimb's run."""
    import quimb as qu
    import quimb.tensor as qtn

    def run() -> tuple[list[float], dict[str, Any]]:
        circuit = qtn.CircuitMPS(args.qubits, max_bond=args.bond, cutoff=1e-16)
        for name, angle, qubits in gates(args.qubits, args.steps, args.dt):
            circuit.apply_gate(name.upper(), angle, *qubits)
        middle, z = args.qubits // 2, qu.pauli("Z")
        values = [
            circuit.local_expectation(z, (middle,)),
            circuit.local_expectation(z & z, (middle, middle + 1)),
        ]
        facts = {"fidelity_estimate": float(circuit.fidelity_estimate())}
        return [float(value.real) for value in values], facts

    return run


def main() -> None:
    """Time every simulator once and print a line of JSON for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--qubits", type=int, default=100)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--bond", type=int, default=64)
    parser.add_argument("--dt", type=float, default=0.4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=None)
    args = parser.parse_args()
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(args.threads)
    rivals: dict[str, Callable[[], Run]] = {
        "quasim complex128": lambda: quasim(args, "fp64"),
        "quasim complex64": lambda: quasim(args, "fp32"),
        "aer": lambda: aer(args, lapack=False),
        "aer lapack": lambda: aer(args, lapack=True),
        "quimb": lambda: quimb(args),
    }
    for name, prepare in rivals.items():
        if args.only and name not in args.only:
            continue
        run = prepare()
        began, wall = time.process_time(), time.perf_counter()
        values, facts = run()
        seconds, wall = time.process_time() - began, time.perf_counter() - wall
        line = {"simulator": name, "seconds": round(seconds, 3), "wall": round(wall, 3)}
        print(json.dumps({**line, "values": values, **facts}), flush=True)


if __name__ == "__main__":
    main()

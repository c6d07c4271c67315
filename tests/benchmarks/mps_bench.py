"""Matrix product states side by side: ours, Aer's and, if named, quimb's, in one process.

A quench of the Ising chain in a tilted field, second-neighbour entanglement and all, from
``|0...0>``: Trotter steps of RZZ on neighbours, RX and RZ. Each simulator gets the same largest
bond and the same threshold, and gives ``<Z>`` on six qubits and ``<ZZ>`` in the middle. Their error
is the root mean square of the difference to a run at twice the bond (``--reference``), so that
equal accuracy can be seen; ``lost`` is the weight that our cuts discarded together. Simulators run
in turns and the best of ``--repeats`` counts, in seconds of the processor: other work on the
machine counts as little as it can.

    python tests/benchmarks/mps_bench.py --qubits 100 --steps 12 --bond 64 --dt 0.5
"""

from __future__ import annotations

import argparse
import json
import math
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


def strings(num_qubits: int) -> list[dict[int, str]]:
    """Return the Pauli strings that are measured."""
    middle = num_qubits // 2
    singles = [{middle + offset: "Z"} for offset in (-7, -4, -1, 0, 3, 6)]
    return [*singles, {middle: "Z", middle + 1: "Z"}]


def quasim(args: argparse.Namespace, precision: str, bond: int | None = None) -> Run:
    """Prepare our own run."""
    import quasim_backend as quasim
    from quasim_backend.ir.observables import PauliString

    circuit = quasim.Circuit(args.qubits)
    for name, angle, qubits in gates(args.qubits, args.steps, args.dt):
        circuit.gate(name, qubits, [angle])
    for number, letters in enumerate(strings(args.qubits)):
        observable = PauliString.from_letters(letters)
        circuit.save("expectation", f"o{number}", observable=observable)
    session = quasim.runtime(
        method="matrix_product_state",
        simulation_precision=precision,
        max_bond_dimension=bond or args.bond,
        max_truncation_error=1.0,
        num_threads=args.threads,
    )

    def run() -> tuple[list[float], dict[str, Any]]:
        result = session.run(circuit, shots=0)
        facts = {"lost": float(f"{result.metadata['discarded_weight']:.3g}")}
        return list(result.saved.values()), facts

    return run


def aer(args: argparse.Namespace, lapack: bool) -> Run:
    """Prepare Aer's run, with its own singular value decomposition or LAPACK's."""
    from qiskit import QuantumCircuit
    from qiskit.quantum_info import SparsePauliOp
    from qiskit_aer import AerSimulator

    circuit = QuantumCircuit(args.qubits)
    for name, angle, qubits in gates(args.qubits, args.steps, args.dt):
        getattr(circuit, name)(angle, *qubits)
    # On all qubits: Aer 0.18.2 gives wrong values for saves on a few of many qubits.
    for number, letters in enumerate(strings(args.qubits)):
        term = ("".join(letters.values()), list(letters), 1)
        operator = SparsePauliOp.from_sparse_list([term], args.qubits)
        circuit.save_expectation_value(operator, range(args.qubits), label=f"o{number}")
    backend = AerSimulator(
        method="matrix_product_state",
        matrix_product_state_max_bond_dimension=args.bond,
        mps_lapack=lapack,
        max_parallel_threads=args.threads,
    )

    def run() -> tuple[list[float], dict[str, Any]]:
        data = backend.run(circuit, shots=1).result().data(0)
        return [data[f"o{number}"] for number in range(len(strings(args.qubits)))], {}

    return run


def quimb(args: argparse.Namespace) -> Run:
    """Prepare quimb's run."""
    import quimb as qu
    import quimb.tensor as qtn

    def run() -> tuple[list[float], dict[str, Any]]:
        circuit = qtn.CircuitMPS(args.qubits, max_bond=args.bond, cutoff=1e-16)
        for name, angle, qubits in gates(args.qubits, args.steps, args.dt):
            circuit.apply_gate(name.upper(), angle, *qubits)
        z = qu.pauli("Z")
        operators = {1: z, 2: z & z}
        values = [
            circuit.local_expectation(operators[len(letters)], tuple(letters))
            for letters in strings(args.qubits)
        ]
        return [float(value.real) for value in values], {}

    return run


def main() -> None:
    """Time the simulators in turns and print a line of JSON for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--qubits", type=int, default=100)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--bond", type=int, default=64)
    parser.add_argument("--dt", type=float, default=0.5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--reference", type=int, help="bond of the reference; default: twice")
    parser.add_argument("--only", nargs="*", default=[name for name in RIVALS if name != "quimb"])
    args = parser.parse_args()
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(args.threads)
    runs = {name: RIVALS[name](args) for name in args.only}
    lines: dict[str, dict[str, Any]] = {}
    for _ in range(args.repeats):
        for name, run in runs.items():
            began, wall = time.process_time(), time.perf_counter()
            values, facts = run()
            seconds, wall = time.process_time() - began, time.perf_counter() - wall
            line = lines.setdefault(name, {"simulator": name, "seconds": seconds, "wall": wall})
            line["seconds"] = round(min(line["seconds"], seconds), 3)
            line["wall"] = round(min(line["wall"], wall), 3)
            line.update(values=values, **facts)
    exact, facts = quasim(args, "fp64", args.reference or 2 * args.bond)()
    for line in lines.values():
        error = math.dist(line.pop("values"), exact) / math.sqrt(len(exact))
        print(json.dumps({**line, "error": float(f"{error:.3g}")}))
    print(json.dumps({"simulator": "reference", **facts}))


RIVALS: dict[str, Callable[[argparse.Namespace], Run]] = {
    "quasim complex128": lambda args: quasim(args, "fp64"),
    "quasim complex64": lambda args: quasim(args, "fp32"),
    "aer": lambda args: aer(args, lapack=False),
    "aer lapack": lambda args: aer(args, lapack=True),
    "quimb": quimb,
}


if __name__ == "__main__":
    main()

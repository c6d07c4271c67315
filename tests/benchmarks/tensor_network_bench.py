"""Tensor networks beside quimb: from scratch, and again with other angles.

    python tests/benchmarks/tensor_network_bench.py [rounds] [seconds of search]

Both get the same budget for the search and complex64; quimb searches with cotengra's
HyperOptimizer and takes its path again, ours makes of the budget what ``auto`` does. Runs
alternate and the best of each counts, in processor time, since the machine is shared; each is in a
process of its own, with nothing remembered, and given up after `LONGEST` seconds. Values are
compared. The rate of the contraction is set beside that of NumPy's product of two matrices.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from quasim_backend import Circuit, Config, Runtime
from quasim_backend.ir.instructions import Save
from quasim_backend.ir.observables import PauliString, PauliSum
from quasim_backend.ir.parameters import Parameter

LONGEST = 25.0
"""Seconds after which a run is given up."""
WIDTH, DEPTH = {"grid": 36, "line": 50}, {"grid": 8, "line": 10}
CENTRE = PauliString.from_letters({14: "Z", 15: "Z"})
STATE = sum(1 << q for q in range(0, 50, 3))


def grid_edges(rows: int, columns: int) -> list[list[tuple[int, int]]]:
    """Return four layers of disjoint neighbours that together are all of a grid."""
    layers: list[list[tuple[int, int]]] = [[], [], [], []]
    for r in range(rows):
        for c in range(columns):
            q = r * columns + c
            if c + 1 < columns:
                layers[c % 2].append((q, q + 1))
            if r + 1 < rows:
                layers[2 + r % 2].append((q, q + columns))
    return layers


def grid_angles(depth: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 2 * np.pi, (depth, 36, 2))


def grid(depth: int, angles: object) -> Circuit:
    """Depth layers on a 6x6 grid: ry and rz on each qubit, then CZ on a quarter of the edges."""
    circuit, layers = Circuit(36), grid_edges(6, 6)
    for d in range(depth):
        for q in range(36):
            circuit.ry(angles[d][q][0], q).rz(angles[d][q][1], q)
        for a, b in layers[d % 4]:
            circuit.cz(a, b)
    return circuit


def brickwork(width: int, depth: int, angles: object) -> Circuit:
    """Depth layers on a line: ry and rz on each qubit, then CX on every other pair."""
    circuit = Circuit(width)
    for d in range(depth):
        for q in range(width):
            circuit.ry(angles[d][q][0], q).rz(angles[d][q][1], q)
        for q in range(d % 2, width - 1, 2):
            circuit.cx(q, q + 1)
    return circuit


def brickwork_angles(width: int, depth: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 2 * np.pi, (depth, width, 2))


def in_quimb(circuit: Circuit):
    """Return the same circuit in quimb, whose first qubit is the leftmost bit."""
    import quimb.tensor as qtn

    result = qtn.Circuit(circuit.num_qubits, dtype="complex64")
    for operation in circuit.instructions:
        gate = operation.gate
        if gate.num_controls:
            result.apply_gate("CNOT" if gate.name == "x" else "CZ", *operation.qubits)
        elif gate.name in ("ry", "rz"):
            result.apply_gate(gate.name.upper(), float(gate.params[0]), *operation.qubits)
        else:
            result.apply_gate("CZ", *operation.qubits)
    return result


def symbolic(depth: int, width: int) -> tuple[np.ndarray, dict[Parameter, tuple[int, int, int]]]:
    names = np.empty((depth, width, 2), object)
    places = {}
    for d, q, k in np.ndindex(depth, width, 2):
        names[d, q, k] = Parameter(f"a{d}_{q}_{k}")
        places[names[d, q, k]] = (d, q, k)
    return names, places


def circuit_of(kind: str, angles: object) -> Circuit:
    return grid(8, angles) if kind == "grid" else brickwork(50, 10, angles)


def angles_of(kind: str, seed: int) -> np.ndarray:
    return grid_angles(8, seed) if kind == "grid" else brickwork_angles(50, 10, seed)


# --- one process each -----------------------------------------------------------------------------


def ours(kind: str, seconds: float) -> dict[str, Any]:
    """Return processor seconds from scratch and again, the values, and the rate."""
    config = Config(method="tensor_network", contraction_seconds=seconds, promote_small=False)
    runtime = Runtime(config)
    names, places = symbolic(DEPTH[kind], WIDTH[kind])
    template = circuit_of(kind, names)
    save = Save("amplitudes", "a", indices=(STATE,))
    if kind == "grid":
        save = Save("expectation", "a", observable=PauliSum.of(CENTRE))

    def value(seed: int) -> tuple[complex, dict[str, Any]]:
        angles = angles_of(kind, seed)
        values = {p: float(angles[place]) for p, place in places.items()}
        result = runtime.run(template, save=save, parameters=values)
        return complex(np.ravel(result.saved["a"])[0]), result.metadata

    found = [timed(lambda seed=seed: value(seed)) for seed in range(4)]
    return {
        "scratch": found[0][0],
        "again": min(spent for spent, _ in found[1:]),
        "values": [one for _, (one, _) in found],
        "rate": max(m["flops"] / m["contraction_seconds"] for _, (_, m) in found),
        "flops": found[0][1][1]["flops"],
    }


def fixed(kind: str, seconds: float) -> dict[str, Any]:
    """Return ours of a circuit with numbers for angles: nothing is kept for another run."""
    config = Config(method="tensor_network", contraction_seconds=seconds, promote_small=False)
    circuit = circuit_of(kind, angles_of(kind, 0))

    def value() -> complex:
        if kind == "grid":
            return Runtime(config).measure(circuit, [PauliSum.of(CENTRE)])[0]
        save = Save("amplitudes", "a", indices=(STATE,))
        return Runtime(config).run(circuit, save=save).saved["a"][0]

    spent, found = timed(value)
    return {"scratch": spent, "values": [complex(found)]}


def theirs(kind: str, seconds: float) -> dict[str, Any]:
    """Return the same of quimb."""
    import cotengra

    optimizer = cotengra.HyperOptimizer(
        methods=["greedy", "labels"],
        minimize="combo-64",
        max_time=seconds,
        max_repeats=1 << 20,
        parallel=False,
        progbar=False,
    )

    def value(seed: int) -> complex:
        path = optimizer if seed == 0 else tuple(optimizer.path)
        circuit = in_quimb(circuit_of(kind, angles_of(kind, seed)))
        if kind == "line":
            text = "".join(str(STATE >> q & 1) for q in range(50))
            return complex(circuit.amplitude(text, optimize=path))
        z = np.diag([1, -1]).astype("complex64")
        where, rules = (14, 15), "ADCRS"
        return complex(
            circuit.local_expectation(np.kron(z, z), where, optimize=path, simplify_sequence=rules)
        )

    found = [timed(lambda seed=seed: value(seed)) for seed in range(3)]
    return {
        "scratch": found[0][0],
        "again": min(spent for spent, _ in found[1:]),
        "values": [one for _, one in found],
    }


def timed(function: Callable[[], object]) -> tuple[float, object]:
    """Return processor seconds, which other users of the machine change least, and the value."""
    started = time.process_time()
    value = function()
    return time.process_time() - started, value


def limited(name: str, kind: str, seconds: float) -> dict[str, Any] | None:
    """Return what that function gives in a fresh process, or None if it fails or is too slow."""
    with tempfile.TemporaryFile("w+") as output:
        command = [sys.executable, __file__, name, kind, str(seconds)]
        process = subprocess.Popen(command, stdout=output, start_new_session=True)
        try:
            process.wait(LONGEST)
        except subprocess.TimeoutExpired:
            return None
        finally:
            # With whatever it has started itself.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if process.returncode:
            return None  # such as quimb, where a path takes more memory than there is
        output.seek(0)
        return json.loads(output.read().splitlines()[-1])


def product_rate() -> float:
    """Return the real operations a second of NumPy's product of two complex64 matrices."""
    a = np.random.default_rng(0).normal(size=(1024, 1024)).astype(np.complex64)
    times = []
    for _ in range(5):
        started = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - started)
    return 8 * 1024.0**3 / min(times)


def one() -> None:
    """Do one run and print what it gives, complex numbers as pairs."""
    function = {"fixed": fixed, "ours": ours, "theirs": theirs}[sys.argv[1]]
    found = function(sys.argv[2], float(sys.argv[3]))
    found["values"] = [[v.real, v.imag] for v in found["values"]]
    print(json.dumps(found))


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 2.0
    print(f"best of {rounds}, search of {seconds} s at most, processor seconds", flush=True)
    for kind in ("grid", "line"):
        runs: dict[str, list[dict[str, Any] | None]] = {"fixed": [], "ours": [], "theirs": []}
        for _ in range(rounds):
            for name in runs:
                runs[name].append(limited(name, kind, seconds))
        for name, found in runs.items():
            done = [one for one in found if one is not None]
            if not done:
                print(f"{kind} {name}: each run took more than {LONGEST} s")
                continue
            best = {
                key: min(one[key] for one in done) for key in ("scratch", "again") if key in done[0]
            }
            text = ", ".join(f"{key} {spent:.3f} s" for key, spent in best.items())
            given_up = f", {len(found) - len(done)} given up" if len(done) < len(found) else ""
            print(f"{kind} {name}: {text}{given_up}", flush=True)
        done = [[one for one in runs[name] if one] for name in ("ours", "theirs")]
        first = [found[0]["values"][:3] for found in done if found]
        if len(first) == 2:
            print(f"{kind}: values {np.abs(np.subtract(*first)).max():.1e} apart")
        for one in done[0][:1]:
            print(
                f"{kind}: {one['flops']:.2g} FLOPs at {one['rate'] / 1e9:.1f} GFLOP/s, "
                f"NumPy's matrix product {product_rate() / 1e9:.0f} GFLOP/s",
                flush=True,
            )


if __name__ == "__main__":
    one() if len(sys.argv) == 4 else main()

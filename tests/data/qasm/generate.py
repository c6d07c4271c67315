"""Writes the circuits of this folder that MQT Bench makes; see README.md."""

from __future__ import annotations

from pathlib import Path

from mqt.bench import BenchmarkLevel, get_benchmark
from qiskit import qasm2, transpile

# Gates every OpenQASM 2 reader knows.
BASIS = (
    *("h", "x", "y", "z", "s", "sdg", "t", "tdg", "rx", "ry", "rz", "u1", "u2", "u3"),
    *("cx", "cz", "swap", "ccx", "cu1", "crz"),
)
CIRCUITS = {
    "ae": 5,
    "ghz": 8,
    "graphstate": 10,
    "grover": 4,
    "qaoa": 6,
    "qftentangled": 6,
    "qpeexact": 6,
    "qpeinexact": 6,
    "qwalk": 4,
    "vqe_real_amp": 6,
    "vqe_su2": 5,
    "wstate": 7,
}

for name, size in CIRCUITS.items():
    circuit = get_benchmark(name, level=BenchmarkLevel.ALG, circuit_size=size)
    if not circuit.clbits:
        circuit.measure_all()
    circuit = transpile(circuit, basis_gates=BASIS, optimization_level=1, seed_transpiler=1)
    path = Path(__file__).with_name(f"{name}_{size}.qasm")
    path.write_text(qasm2.dumps(circuit) + "\n", encoding="utf-8")

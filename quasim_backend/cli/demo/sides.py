"""The SDKs of the demo: how each runs a file on its own simulator and on ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

from quasim_backend.cli.demo import pytket_circuits
from quasim_backend.cli.demo.cirq_circuits import as_cirq
from quasim_backend.cli.demo.pennylane_circuits import as_pennylane
from quasim_backend.ir.qasm2 import load

__all__ = ["SIDES", "Run", "Side"]

Run: TypeAlias = Callable[[int], Mapping[str, int]]
"""Seed to counts; the keys are bits, the last classical bit leftmost, without blanks."""


@dataclass(frozen=True)
class Side:
    """One SDK.

    Attributes:
        name: For the table.
        theirs: Name of its own simulator.
        modules: What must be importable: their simulator and our adapter.
        prepare: Reads a file for a number of shots; returns how ours and theirs run it, or
            raises `UnsupportedError` where the SDK's own simulator cannot.
    """

    name: str
    theirs: str
    modules: tuple[str, ...]
    prepare: Callable[[Path, int], tuple[Run, Run]]

    def missing(self) -> str | None:
        """Return why the SDK cannot take part, or None if it can."""
        for module in self.modules:
            try:
                import_module(module)
            except ImportError as cause:
                return f"cannot import {module}: {cause}"
        return None


def _qiskit(path: Path, shots: int) -> tuple[Run, Run]:
    qasm2 = import_module("qiskit.qasm2")
    circuit = qasm2.load(str(path), custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)

    def running(simulator: Any) -> Run:
        def run(seed: int) -> Mapping[str, int]:
            counts = simulator.run(circuit, shots=shots, seed_simulator=seed).result().get_counts()
            return {key.replace(" ", ""): int(n) for key, n in counts.items()}

        return run

    ours = import_module("quasim_qiskit").AerSimulator()
    theirs = import_module("qiskit_aer").AerSimulator()
    return running(ours), running(theirs)


def _cirq(path: Path, shots: int) -> tuple[Run, Run]:
    source = load(path)
    circuit = as_cirq(source)

    def running(module: str) -> Run:
        simulator_type = import_module(module).Simulator

        def run(seed: int) -> Mapping[str, int]:
            bits = simulator_type(seed=seed).run(circuit, repetitions=shots).measurements
            keys = [bits.get(f"c{c}") for c in reversed(range(source.num_clbits))]
            columns = [[0] * shots if k is None else k[:, 0].tolist() for k in keys]
            return Counter("".join(map(str, row)) for row in zip(*columns, strict=True))

        return run

    return running("quasim_cirq"), running("cirq")


def _pennylane(path: Path, shots: int) -> tuple[Run, Run]:
    qml = import_module("pennylane")
    source = load(path)
    function, bits = as_pennylane(source)

    def running(name: str, **options: Any) -> Run:
        def run(seed: int) -> Mapping[str, int]:
            node = qml.QNode(function, qml.device(name, seed=seed), **options)
            samples = qml.set_shots(node, shots)().reshape(shots, -1).astype(int)
            rows = [["0"] * source.num_clbits for _ in range(shots)]
            for column, bit in enumerate(bits):
                for row, value in zip(rows, samples[:, column].tolist(), strict=True):
                    row[source.num_clbits - 1 - bit] = str(value)
            return Counter("".join(row) for row in rows)

        return run

    # default.qubit's own way would run shot by shot, which takes minutes here.
    return running("quasim.cpu"), running("default.qubit", mcm_method="deferred")


def _pytket(path: Path, shots: int) -> tuple[Run, Run]:
    source, circuit = load(path), pytket_circuits.read(path)
    theirs = pytket_circuits.OwnStateVector(circuit, source)
    return (
        lambda seed: pytket_circuits.run_ours(circuit, source, shots, seed),
        lambda seed: theirs(shots, seed),
    )


SIDES = (
    Side("Qiskit", "qiskit_aer.AerSimulator", ("qiskit", "qiskit_aer", "quasim_qiskit"), _qiskit),
    Side("Cirq", "cirq.Simulator", ("cirq", "quasim_cirq"), _cirq),
    Side(
        "PennyLane",
        "default.qubit, measurements deferred",
        ("pennylane", "quasim_pennylane"),
        _pennylane,
    ),
    Side("pytket", "Circuit.get_statevector, sampled", ("pytket", "quasim_pytket"), _pytket),
)

"""Files read by pytket, run on our backend, and on the state vector that pytket itself computes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from quasim_backend.errors import UnsupportedError
from quasim_backend.ir import Circuit

__all__ = ["OwnStateVector", "read", "run_ours"]


def read(path: Path) -> Any:
    """Read a file with pytket's own reader."""
    return import_module("pytket.qasm").circuit_from_qasm(str(path))


def run_ours(circuit: Any, source: Circuit, shots: int, seed: int) -> Mapping[str, int]:
    """Run on `quasim_pytket.QuasimBackend`; the keys have the last classical bit leftmost."""
    bit = import_module("pytket.circuit").Bit
    bits = [bit(name, i) for name, size in source.registers for i in range(size)]
    backend = import_module("quasim_pytket").QuasimBackend()
    counts = backend.run_circuit(circuit, n_shots=shots, seed=seed).get_counts(bits[::-1])
    return {"".join(map(str, key)): int(n) for key, n in counts.items()}


class OwnStateVector:
    """Samples of the state vector of ``Circuit.get_statevector``."""

    def __init__(self, circuit: Any, source: Circuit) -> None:
        """Take the gates apart from the measurements at the end.

        Raises:
            UnsupportedError: If the circuit measures, resets or decides before its end.
        """
        pytket = import_module("pytket.circuit")
        kinds = {c.op.type for c in circuit.get_commands()}
        if kinds & {pytket.OpType.Conditional, pytket.OpType.Reset}:
            raise UnsupportedError("pytket's own state vector takes no feed-forward and no reset")
        self._gates = pytket.Circuit()
        for qubit in circuit.qubits:
            self._gates.add_qubit(qubit)
        self._gates.add_phase(circuit.phase)
        order = {qubit: place for place, qubit in enumerate(reversed(circuit.qubits))}
        bits = [pytket.Bit(name, i) for name, size in source.registers for i in range(size)]
        self._places: dict[int, int] = {}
        for command in circuit.get_commands():
            if command.op.type == pytket.OpType.Measure:
                self._places[bits.index(command.bits[0])] = order[command.qubits[0]]
            elif command.op.type != pytket.OpType.Barrier:
                self._gates.add_gate(command.op, command.args)
        self._num_bits = len(bits)

    def __call__(self, shots: int, seed: int) -> Mapping[str, int]:
        """Compute the state vector and draw from it."""
        weights = np.abs(self._gates.get_statevector()) ** 2
        draws = np.random.default_rng(seed).choice(len(weights), shots, p=weights / weights.sum())
        values = np.zeros(shots, np.int64)
        for bit, place in self._places.items():
            values |= (draws >> place & 1) << bit
        return Counter(format(v, f"0{self._num_bits}b") for v in values.tolist())

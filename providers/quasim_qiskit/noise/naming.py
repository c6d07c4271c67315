"""What an instruction of a Qiskit circuit is called where a noise model of Qiskit looks for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from quasim_backend.ir import Gate
from quasim_backend.ir.instructions import GateOp, Instruction
from quasim_backend.noise import GateNoise, NoiseModel
from quasim_backend.noise.rules import gate_key

__all__ = ["Naming"]

_SILENT = ""
"""Label of gates that no rule is for."""

_OPEN = re.compile(r"_o\d+$")
"""How Qiskit ends the name of a gate whose controls must not all be 1."""


class Naming:
    """Gives labels to gates where the gate itself would find another name's errors, or none."""

    def __init__(self, model: NoiseModel) -> None:
        """Collect the names of a model that `TranslatedNoise` made."""
        self._model = model
        self._names: set[str] = set()
        self._found_by: dict[tuple[str, int], set[str]] = {}
        for rule in model.rules:
            if isinstance(rule, GateNoise):
                self._names.update(rule.labels)
                for name in rule.gates:
                    key = gate_key(name)
                    if key is not None:
                        self._found_by.setdefault(key, set()).add(name)

    def label(self, name: str, gate: Gate) -> str | None:
        """Return the label of a gate that Qiskit calls ``name``; None if it needs none."""
        found = self._found_by.get((gate.name, gate.num_controls), ())
        if name in self._names:
            return None if len(found) == 1 and name in found else name
        return name if found else None

    def written(
        self, operation: Any, placed: Sequence[GateOp], qubits: tuple[int, ...]
    ) -> list[Instruction]:
        """Return an operation's gates so that the right ones get noise, as Qiskit Aer has it.

        One gate on all qubits has the operation's name. Open controls are closed ones between
        X gates. A Pauli gate is called by its letters. Anything else is its
        parts.

        Args:
            operation: Of Qiskit.
            placed: Its gates on the circuit's qubits.
            qubits: The operation's qubits.
        """
        if operation.name == "pauli":
            name = str(operation.params[0])
            before, after = self._model.placement.around(("", name, qubits))
            quiet = [GateOp(replace(p.gate, label=_SILENT), p.qubits) for p in placed]
            return [*before, *quiet, *after]
        if len(placed) != 1 or placed[0].qubits != qubits:
            return list(placed)
        only = placed[0]
        gate, name = only.gate, _OPEN.sub("", operation.name)
        closed = (1 << gate.num_controls) - 1
        label = getattr(operation, "label", None)
        if gate.control_state == closed or label is not None:
            chosen = label if label is not None else self.label(name, gate)
            return [GateOp(replace(gate, label=chosen), qubits)]
        flip = Gate.named("x")
        flips: list[Instruction] = [
            GateOp(replace(flip, label=self.label("x", flip)), (q,))
            for i, q in enumerate(qubits[: gate.num_controls])
            if not gate.control_state >> i & 1
        ]
        gate = replace(gate, control_state=closed)
        return [*flips, GateOp(replace(gate, label=self.label(name, gate)), qubits), *flips]

"""How a gate is spelt in OpenQASM 3: a standard name, or a definition, with modifiers.

Every spelling is exact, global phase included. Gates without a standard name get a definition of
their own in the text, so that any reader understands them.
"""

from __future__ import annotations

import cmath
from collections.abc import Mapping, Sequence

import numpy as np

from quasim_backend.errors import UnsupportedError
from quasim_backend.ir.gate_table import FORMALS, RECORDS, Template
from quasim_backend.ir.gates import Gate
from quasim_backend.ir.parameters import Affine, Parameter
from quasim_backend.ir.program import PrimitiveKind
from quasim_backend.ir.qasm2.spelling import (
    CIRCUITS,
    MAX_WIDTH,
    Line,
    euler_angles,
    spell_template,
)
from quasim_backend.ir.qasm3.naming import Names, angle_text, number_text

__all__ = ["GateWriter"]

_NAMES: dict[tuple[str, int], str] = {
    **{(name, 0): name for name in ("p", "x", "y", "z", "h", "s", "sdg", "t", "tdg", "sx")},
    **{(name, 0): name for name in ("rx", "ry", "rz", "swap", "id", "gphase")},
    **{(name, 1): f"c{name}" for name in ("x", "y", "z", "p", "rx", "ry", "rz", "h", "swap")},
    ("x", 2): "ccx",
    ("u", 0): "U",
    ("ug", 1): "cu",
}
"""Record and number of controls to name, where all readers agree on the phase."""

_SPELLINGS = {"u1": "p", "cu1": "cp", "u3": "U", "c3x": "ctrl(3) @ x", "c4x": "ctrl(4) @ x"}
"""Names in ``qelib1.inc`` to names in OpenQASM 3."""


class GateWriter:
    """Writes gates, and collects the definitions they need."""

    def __init__(self, names: Names) -> None:
        """Start without definitions.

        Args:
            names: Names in use; definitions take theirs from it.
        """
        self.definitions: list[str] = []
        self._names = names
        self._defined: dict[object, str] = {}

    def lines(
        self, gate: Gate, qubits: Sequence[str], parameters: Mapping[Parameter, str]
    ) -> list[str]:
        """Return the statements for a gate.

        Args:
            gate: The gate.
            qubits: Names of its qubits, controls first.
            parameters: What symbolic parameters are called.

        Raises:
            UnsupportedError: If the gate holds a matrix on several qubits, or is too wide.
        """
        if gate.data is not None and not gate.num_controls and gate.power == 1.0:
            inline = _inline(gate, qubits)
            if inline is not None:
                return inline
        modifiers: list[str] = []
        angles = gate.params
        name = None
        if gate.power == 1.0 and gate.control_state == (1 << gate.num_controls) - 1:
            name = _NAMES.get((gate.name, gate.num_controls))
        if name is None and gate.name == "u" and gate.num_controls and gate.power == 1.0:
            # Readers differ in the phase of U, which counts under a control; they agree on cu.
            name, angles = "cu", (*gate.params, 0.0)
            states = [gate.control_state >> k & 1 for k in range(gate.num_controls)]
            last = states.pop()
            if not last:
                name, angles = self._defined_record("ug"), (*gate.params, 0.0)
                states.append(last)
            modifiers += _controls(states)
        elif name is None:
            name = _NAMES.get((gate.name, 0)) or self._definition(gate)
            modifiers += _controls([gate.control_state >> k & 1 for k in range(gate.num_controls)])
            if gate.power != 1.0:
                whole = gate.power == round(gate.power)
                modifiers.append(f"pow({round(gate.power) if whole else repr(gate.power)})")
        numbers = ", ".join(angle_text(angle, parameters) for angle in angles)
        return [_statement([*modifiers, name], numbers, qubits)]

    def _definition(self, gate: Gate) -> str:
        """Return the name of a definition of the gate without controls and power."""
        if gate.name in RECORDS:
            return self._defined_record(gate.name)
        if gate.name == "pauli_rotation" and gate.masks is not None:
            x, z, width = gate.masks
            letters = ["ixzy"[(x >> q & 1) + 2 * (z >> q & 1)] for q in reversed(range(width))]
            wanted = f"rotation_{''.join(letters)}"
            key: object = gate.masks
            bare = Gate(gate.name, (Affine(0.0, ((FORMALS[0], 1.0),)),), masks=gate.masks)
            templates = bare.templates()
        else:
            assert gate.data is not None
            wanted = gate.name
            key = (gate.name, gate.data.tobytes())
            templates = Gate(gate.name, data=gate.data).templates()
        width = gate.num_targets
        if width > MAX_WIDTH:
            raise UnsupportedError(
                f"Gate '{gate.name}' on {width} qubits has no short form in OpenQASM 3; at most "
                f"{MAX_WIDTH} qubits are written. Decompose it first."
            )
        return self._define(key, wanted, len(gate.params), width, templates)

    def _defined_record(self, name: str) -> str:
        record = RECORDS[name]
        templates = CIRCUITS.get(name, record.lowering)
        return self._define(name, name, len(record.parameters), record.num_qubits, templates)

    def _define(
        self, key: object, wanted: str, params: int, width: int, templates: Sequence[Template]
    ) -> str:
        if key in self._defined:
            return self._defined[key]
        lines = [line for template in templates for line in _spelt(template, wanted)]
        name = self._names.new(wanted, "gate")
        self._defined[key] = name
        formals = {FORMALS[k]: f"v{k}" for k in range(params)}
        qubits = [f"q{k}" for k in range(width)]
        head = f"gate {name}({', '.join(formals.values())})" if params else f"gate {name}"
        self.definitions.append(f"{head} {', '.join(qubits)} {{".replace("  ", " "))
        for spelt, angles, places in lines:
            numbers = ", ".join(angle_text(angle, formals) for angle in angles)
            operands = [qubits[p] for p in places]
            self.definitions.append(
                "  " + _statement([_SPELLINGS.get(spelt, spelt)], numbers, operands)
            )
        self.definitions.append("}")
        return name


def _inline(gate: Gate, qubits: Sequence[str]) -> list[str] | None:
    """Write a unitary on no or one qubit without a definition."""
    if gate.data is None or gate.num_targets > 1 or gate.name == "permutation":
        return None
    if gate.num_targets == 0:
        return [_statement(["gphase"], number_text(cmath.phase(complex(gate.data.flat[0]))), ())]
    if gate.name == "diagonal":
        return None
    alpha, theta, phi, lam = euler_angles(gate.data)
    numbers = ", ".join(number_text(v) for v in (theta, phi, lam))
    phase = number_text(alpha - (phi + lam) / 2)
    return [_statement(["U"], numbers, qubits), _statement(["gphase"], phase, ())]


def _spelt(template: Template, name: str) -> list[Line]:
    if template.kind == PrimitiveKind.MATRIX and template.data is not None:
        if len(template.targets) != 1:
            raise UnsupportedError(
                f"Gate '{name}' holds a matrix on {len(template.targets)} qubits, and OpenQASM 3 "
                f"has only named gates. Matrices on 1 qubit, diagonals, permutations and Pauli "
                f"rotations can be written; decompose others, for example with "
                f"qiskit.transpile(..., basis_gates=['u', 'cx'])."
            )
        # Not as U: readers differ in its phase, which counts once the gate is controlled.
        alpha, theta, phi, lam = euler_angles(np.asarray(template.data))
        place = template.targets
        turns: list[Line] = [("rz", (lam,), place), ("ry", (theta,), place), ("rz", (phi,), place)]
        return [*turns, ("gphase", (alpha,), ())]
    return spell_template(template, (), name)


def _controls(states: Sequence[int]) -> list[str]:
    """Write modifiers for controls: runs of equal ones together."""
    modifiers: list[str] = []
    start = 0
    for end in range(1, len(states) + 1):
        if end == len(states) or states[end] != states[start]:
            word = "ctrl" if states[start] else "negctrl"
            modifiers.append(word if end - start == 1 else f"{word}({end - start})")
            start = end
    return modifiers


def _statement(words: Sequence[str], numbers: str, qubits: Sequence[str]) -> str:
    """Write ``ctrl @ name(numbers) qubits;``."""
    call = f"{' @ '.join(words)}({numbers})" if numbers else " @ ".join(words)
    return f"{call} {', '.join(qubits)};" if qubits else f"{call};"

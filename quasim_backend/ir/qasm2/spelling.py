"""How a gate is spelt in OpenQASM 2: by its name in ``qelib1.inc``, or as gates that have one.

Every decomposition is exact. `spell` leaves out the global phase, which OpenQASM 2 cannot say; the
phases of controlled gates are relative and are kept. `spell_template` keeps both: the writer of
OpenQASM 3 builds on it.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from quasim_backend.errors import ParameterError, UnsupportedError
from quasim_backend.ir.gate_table import Template
from quasim_backend.ir.gates import Gate
from quasim_backend.ir.parameters import Affine
from quasim_backend.ir.program import PrimitiveKind

__all__ = ["CIRCUITS", "MAX_WIDTH", "Line", "euler_angles", "spell", "spell_template"]

Angle: TypeAlias = float | Affine
Line: TypeAlias = tuple[str, tuple[Angle, ...], tuple[int, ...]]
"""Name in ``qelib1.inc`` or ``gphase``, parameters, and positions among the gate's qubits."""

MAX_WIDTH = 10
"""Most qubits of a decomposition whose length grows as ``2**width``."""

_NAMES: dict[tuple[str, int], str] = {
    **{(name, 0): name for name in ("id", "x", "y", "z", "h", "s", "sdg", "t", "tdg", "sx")},
    **{(name, 0): name for name in ("sxdg", "rx", "ry", "rz", "u2", "swap", "rxx", "rzz", "rccx")},
    **{(name, 1): f"c{name}" for name in ("x", "y", "z", "h", "sx", "rx", "ry", "rz", "swap")},
    # The older names are the ones every reader knows.
    ("p", 0): "u1",
    ("u", 0): "u3",
    ("p", 1): "cu1",
    ("u", 1): "cu3",
    ("ug", 1): "cu",
    ("x", 2): "ccx",
    ("x", 3): "c3x",
    ("x", 4): "c4x",
    ("sx", 3): "c3sqrtx",
    ("rcccx", 0): "rc3x",
}
"""Record and number of controls to name."""

_X = np.array([1, 0])
CIRCUITS: dict[str, tuple[Template, ...]] = {
    "dcx": (
        Template(PrimitiveKind.PERMUTATION, targets=(1,), controls=(0,), table=_X),
        Template(PrimitiveKind.PERMUTATION, targets=(0,), controls=(1,), table=_X),
    ),
    "dcxdg": (
        Template(PrimitiveKind.PERMUTATION, targets=(0,), controls=(1,), table=_X),
        Template(PrimitiveKind.PERMUTATION, targets=(1,), controls=(0,), table=_X),
    ),
    "ecr": (
        Template(PrimitiveKind.ROTATION, x_bits=(1,), z_bits=(0,), angle=math.pi / 4),
        Template(PrimitiveKind.PERMUTATION, targets=(0,), table=_X),
        Template(PrimitiveKind.ROTATION, x_bits=(1,), z_bits=(0,), angle=-math.pi / 4),
    ),
}
"""Lowerings that suit a reader of text better than the gate table's."""


def spell(gate: Gate) -> list[Line]:
    """Return the lines that stand for a gate; none for a pure global phase.

    Raises:
        ParameterError: If a parameter is not bound.
        UnsupportedError: If the gate holds a matrix on several qubits, or is too wide.
    """
    if gate.parameters:
        raise ParameterError(
            f"Gate '{gate.name}' has the unbound parameter '{gate.parameters[0].name}'; bind it "
            f"before writing OpenQASM 2."
        )
    controls = tuple(range(gate.num_controls))
    flips: list[Line] = [("x", (), (c,)) for c in controls if not gate.control_state >> c & 1]
    name = _NAMES.get((gate.name, gate.num_controls))
    if name is not None and gate.power == 1.0:
        lines = [(name, gate.params, tuple(range(gate.num_qubits)))]
    elif gate.power != 1.0 and gate.power == round(gate.power) and abs(gate.power) <= 8:
        step = replace(gate, power=1.0)
        lines = spell(step if gate.power > 0 else step.inverse()) * round(abs(gate.power))
        return lines  # each step has its own flips
    else:
        plain = gate.power == 1.0 and gate.name in CIRCUITS
        lines = []
        for template in CIRCUITS[gate.name] if plain else gate.templates():
            lines += spell_template(template, controls, gate.name)
    return [*flips, *(line for line in lines if line[0] != "gphase"), *flips]


def spell_template(template: Template, controls: tuple[int, ...], name: str) -> list[Line]:
    """Write one primitive; the gate's targets follow its controls.

    Args:
        template: The primitive; an angle may be symbolic.
        controls: Positions of controls, all of which must be 1.
        name: Name of the gate, for errors.

    Raises:
        UnsupportedError: If it is a matrix on several qubits, or too wide.
    """
    shift = len(controls)
    places = tuple(t + shift for t in template.targets)
    every = (*controls, *(c + shift for c in template.controls))
    width = len(places) + len(every)
    if width > MAX_WIDTH and template.kind != PrimitiveKind.ROTATION:
        raise UnsupportedError(
            f"Gate '{name}' on {width} qubits has no short form in OpenQASM 2; at most {MAX_WIDTH} "
            f"qubits are written. Decompose it first, for example with qiskit.transpile."
        )
    if template.kind == PrimitiveKind.MATRIX:
        if len(places) != 1 or template.data is None:
            raise UnsupportedError(
                f"Gate '{name}' holds a matrix on {len(places)} qubits; OpenQASM 2 has only named "
                f"gates. Matrices on 1 qubit can be written; decompose larger ones, for example "
                f"with qiskit.transpile(..., basis_gates=['u', 'cx'])."
            )
        return _matrix(template.data, every, places[0])
    if template.kind == PrimitiveKind.DIAGONAL and template.data is not None:
        return _diagonal(_on_controls(np.angle(template.data), len(every)), (*every, *places))
    if template.kind == PrimitiveKind.PERMUTATION and template.table is not None:
        return _permutation([int(i) for i in template.table], every, places)
    angle = template.angle
    if template.kind == PrimitiveKind.PHASE:
        return _phase(angle, every)
    x_bits, z_bits = ({b + shift for b in bits} for bits in (template.x_bits, template.z_bits))
    letters = {b: "IXZY"[(b in x_bits) + 2 * (b in z_bits)] for b in sorted(x_bits | z_bits)}
    return _rotation(letters, angle, every)


def _rotation(letters: dict[int, str], angle: Angle, controls: tuple[int, ...]) -> list[Line]:
    """Write ``exp(-i angle/2 P)``: turn P into a parity of bits, rotate it, turn back."""
    if not letters:
        return _phase(-angle / 2, controls)
    if len(letters) == 1 and len(controls) <= 1:
        (place, letter), *_ = letters.items()
        name = ("cr" if controls else "r") + letter.lower()
        return [(name, (angle,), (*controls, place))]
    turn: list[Line] = []
    back: list[Line] = []
    for place, letter in letters.items():
        if letter == "Y":
            turn.append(("sdg", (), (place,)))
            back.append(("s", (), (place,)))
        if letter in "XY":
            turn.append(("h", (), (place,)))
            back.append(("h", (), (place,)))
    *rest, last = letters
    parity: list[Line] = [("cx", (), (place, last)) for place in rest]
    if not controls:
        core: list[Line] = [("rz", (angle,), (last,))]
    elif len(controls) == 1:
        core = [("crz", (angle,), (*controls, last))]
    else:
        core = [*_phase(-angle / 2, controls), *_phase(angle, (*controls, last))]
    return [*turn, *parity, *core, *reversed(parity), *reversed(back)]


def _phase(angle: Angle, places: tuple[int, ...]) -> list[Line]:
    """Write a factor ``exp(i angle)`` where all places are 1."""
    if len(places) > MAX_WIDTH:
        raise UnsupportedError(
            f"A phase under {len(places)} controls has no short form in OpenQASM 2; at most "
            f"{MAX_WIDTH} are written. Decompose it first, for example with qiskit.transpile."
        )
    if len(places) <= 2:
        return [(("gphase", "u1", "cu1")[len(places)], (angle,), places)]
    if isinstance(angle, Affine):
        raise UnsupportedError(f"A symbolic phase on {len(places)} qubits has no short form.")
    return _diagonal(_on_controls(np.array([0.0, angle]), len(places) - 1), places)


def _on_controls(angles: NDArray[np.float64], controls: int) -> NDArray[np.float64]:
    """Return the angles of a controlled diagonal: 0 except where the low bits are all 1."""
    result = np.zeros(len(angles) << controls)
    result[(1 << controls) - 1 :: 1 << controls] = angles
    return result


def _diagonal(angles: NDArray[np.float64], places: tuple[int, ...]) -> list[Line]:
    """Write ``diag(exp(i angles))`` as phases of parities (a Walsh transform).

    ``angles[x] = constant + sum over masks of b[mask] * parity(x & mask)``. Parities with one
    highest bit are collected in that qubit by CX in Gray order, so one CX leads to the next.
    """
    width = len(places)
    walsh = angles.astype(float).reshape((2,) * width)
    for axis in range(width):
        low, high = np.take(walsh, 0, axis), np.take(walsh, 1, axis)
        walsh = np.stack([low + high, low - high], axis)
    weights = walsh.reshape(-1) * (-2.0 / len(angles))
    constant = float(angles[0])  # all parities of 0 are 0
    lines: list[Line] = [("gphase", (constant,), ())] if constant else []
    for top in range(width):
        collected = 0
        for number in range(1 << top):
            mask = number ^ number >> 1
            if abs(weights[mask | 1 << top]) < 1e-15:
                continue
            lines += _collect(collected ^ mask, top, places)
            lines.append(("u1", (float(weights[mask | 1 << top]),), (places[top],)))
            collected = mask
        lines += _collect(collected, top, places)
    return lines


def _collect(mask: int, top: int, places: tuple[int, ...]) -> list[Line]:
    return [("cx", (), (places[b], places[top])) for b in range(top) if mask >> b & 1]


def _permutation(
    table: list[int], controls: tuple[int, ...], places: tuple[int, ...]
) -> list[Line]:
    """Write ``|i> -> |table[i]>`` as transpositions of basis states."""
    if table == [0, 2, 1, 3] and len(controls) <= 1:
        return [("cswap" if controls else "swap", (), (*controls, *places))]
    lines: list[Line] = []
    done: set[int] = set()
    for first in range(len(table)):
        current = table[first]
        while first not in done and current != first:
            lines += _transposition(first, current, controls, places)
            done.add(current)
            current = table[current]
        done.add(first)
    return lines


def _transposition(
    a: int, b: int, controls: tuple[int, ...], places: tuple[int, ...]
) -> list[Line]:
    """Swap basis states ``a`` and ``b``: make them differ in one bit, then flip that bit."""
    different = [k for k in range(len(places)) if (a ^ b) >> k & 1]
    pivot, *others = different
    low = b if a >> pivot & 1 else a
    align: list[Line] = [("cx", (), (places[pivot], places[k])) for k in others]
    held = [k for k in range(len(places)) if k != pivot]
    flips: list[Line] = [("x", (), (places[k],)) for k in held if not low >> k & 1]
    flip = _controlled_x((*controls, *(places[k] for k in held)), places[pivot])
    return [*align, *flips, *flip, *flips, *reversed(align)]


def _controlled_x(controls: tuple[int, ...], target: int) -> list[Line]:
    name = _NAMES["x", len(controls)] if len(controls) <= 4 else None
    if name is not None:
        return [(name, (), (*controls, target))]
    hadamard: Line = ("h", (), (target,))
    return [hadamard, *_phase(math.pi, (*controls, target)), hadamard]


def _matrix(matrix: NDArray[np.complex128], controls: tuple[int, ...], place: int) -> list[Line]:
    """Write a one-qubit unitary."""
    alpha, theta, phi, lam = euler_angles(matrix)
    total = phi + lam
    if not controls:
        return [("u3", (theta, phi, lam), (place,)), ("gphase", (alpha - total / 2,), ())]
    if len(controls) == 1:
        return [("cu", (theta, phi, lam, alpha - total / 2), (*controls, place))]
    return [
        *_rotation({place: "Z"}, lam, controls),
        *_rotation({place: "Y"}, theta, controls),
        *_rotation({place: "Z"}, phi, controls),
        *_phase(alpha, controls),
    ]


def euler_angles(matrix: NDArray[np.complex128]) -> tuple[float, float, float, float]:
    """Return ``alpha, theta, phi, lam`` of ``exp(i alpha) Rz(phi) Ry(theta) Rz(lam)``.

    Args:
        matrix: A unitary, shape ``(2, 2)``.
    """
    alpha = cmath.phase(complex(np.linalg.det(matrix))) / 2
    special: Sequence[Sequence[complex]] = (matrix * cmath.exp(-1j * alpha)).tolist()
    theta = 2 * math.atan2(abs(special[1][0]), abs(special[0][0]))
    total = 2 * cmath.phase(special[1][1]) if abs(special[1][1]) > 1e-12 else 0.0
    difference = 2 * cmath.phase(special[1][0]) if abs(special[1][0]) > 1e-12 else 0.0
    return alpha, theta, (total + difference) / 2, (total - difference) / 2

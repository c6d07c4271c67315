"""Gates that are Clifford, recognised by their values: a rotation by pi/2 as much as an ``s``.

A gate is Clifford if it takes every Pauli operator to a Pauli operator, up to a sign. For narrow
gates that is looked up in the dense matrix; Pauli rotations are known at any width.
"""

from __future__ import annotations

import cmath
import importlib.util
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from quasim_backend.ir.gates import Gate
from quasim_backend.ir.parameters import Affine

__all__ = [
    "TOLERANCE",
    "CliffordForm",
    "clifford_form",
    "is_available",
    "pauli_form",
    "preparation",
]

Matrix: TypeAlias = NDArray[np.complex128]
Move: TypeAlias = tuple[str, tuple[int, ...]]
"""A gate by its name in Stim, and its qubits."""

TOLERANCE = 1e-8
"""Largest accepted difference of a matrix entry, as for `quasim_backend.ir.gates.Gate.unitary`."""
_DENSE_QUBITS = 7
"""Widest gate whose matrix is looked at."""
_PREPARED_QUBITS = 12
"""Widest state that is looked at."""
_STATE_TOLERANCE = 1e-7
"""Largest accepted difference of an amplitude, which may come in single precision."""
_REMEMBERED = 4096
"""Gates whose form is kept; beyond, all are forgotten."""


def is_available() -> str | None:
    """Return why Stim cannot be used, or None."""
    if importlib.util.find_spec("stim") is None:
        return (
            "it needs the package 'stim', which is not installed; "
            "pip install 'quasim-backend[stim]'"
        )
    return None


@dataclass(frozen=True, eq=False, slots=True)
class CliffordForm:
    """A Clifford gate on its own qubits, the first one number 0.

    Attributes:
        moves: What to do in Stim, in the order it acts; up to a global phase.
        steps: The same in H, S, S_DAG, X, Y, Z and CX alone.
        phase: The gate is ``exp(i phase)`` times the steps' matrices, with S = diag(1, i).
        template: The moves as lines of a Stim circuit, for ``str.format`` with the qubits.
        off: Largest difference of a matrix entry, or an amplitude, from what was given.
    """

    moves: tuple[Move, ...]
    steps: tuple[Move, ...]
    phase: float
    template: str
    off: float = 0.0

    @property
    def is_pauli(self) -> bool:
        """Whether it is a product of Pauli operators, up to a phase."""
        return all(name in ("X", "Y", "Z") for name, _ in self.steps)


def clifford_form(gate: Gate) -> CliffordForm | None:
    """Return the form of a gate without unbound parameters; None if it is no Clifford.

    Equal gates share one form.
    """
    data = None if gate.data is None else gate.data.tobytes()
    key = (gate.name, gate.params, data, gate.masks, gate.num_controls, gate.control_state)
    place = (key, gate.power)
    try:
        return _known[place]
    except KeyError:
        pass
    if len(_known) >= _REMEMBERED:
        _known.clear()
    form = _known[place] = _recognised(gate)
    return form


_known: dict[Any, CliffordForm | None] = {}


@cache
def pauli_form(letters: str) -> CliffordForm:
    """Return the form of a product of Paulis; letter ``i`` acts on qubit ``i``."""
    moves = tuple((letter, (i,)) for i, letter in enumerate(letters) if letter != "I")
    return CliffordForm(moves, moves, 0.0, _template(moves))


def preparation(amplitudes: Matrix) -> CliffordForm | None:
    """Return what makes a state of ``|0...0>``; None if it is no stabilizer state.

    Args:
        amplitudes: complex128 ``(2**k,)`` of norm 1; the first qubit is the lowest index bit.
    """
    import stim

    width = len(amplitudes).bit_length() - 1
    if width > _PREPARED_QUBITS:
        return None
    largest = int(np.abs(amplitudes).argmax())
    turned = amplitudes * np.conj(amplitudes[largest]) / abs(amplitudes[largest])
    # Stim takes states that are only nearly stabilizer states; the comparison below does not.
    try:
        tableau = stim.Tableau.from_state_vector(turned, endian="little")
    except ValueError:
        return None
    steps = _moves_of(tableau.to_circuit("elimination"))
    made = _state_of(steps, width)
    phase = cmath.phase(complex(amplitudes[largest] / made[largest]))
    off = float(np.abs(amplitudes - cmath.exp(1j * phase) * made).max())
    if off > _STATE_TOLERANCE:
        return None
    return CliffordForm(steps, steps, phase, _template(steps), off)


def _recognised(gate: Gate) -> CliffordForm | None:
    if gate.masks is not None and gate.power == 1.0 and not gate.num_controls:
        angle = gate.params[0]
        assert not isinstance(angle, Affine)
        if gate.num_qubits > 2:
            return _rotation(gate.masks[0], gate.masks[1], angle)
    if gate.num_qubits <= _DENSE_QUBITS:
        return _from_matrix(gate.matrix())
    if gate.num_targets <= _DENSE_QUBITS:
        # With three controls and more only the identity is Clifford.
        base = Gate(gate.name, gate.params, 0, 0, gate.power, gate.data, gate.masks).matrix()
        off = float(np.abs(base - np.eye(len(base))).max())
        if off < TOLERANCE:
            return CliffordForm((), (), 0.0, "", off)
    return None


# --- Pauli rotations --------------------------------------------------------------------------

_TURNS: tuple[tuple[str, ...], ...] = ((), ("S",), ("Z",), ("S_DAG",))
_INVERSE = {"S": "S_DAG", "S_DAG": "S"}


def _rotation(x: int, z: int, angle: float) -> CliffordForm | None:
    """Return ``exp(-i angle/2 P)``: S**k between a change of basis from P to Z and its undoing.

    With ``angle = k pi/2``, ``exp(-i angle/2 Z) = exp(-i k pi/4) S**k``.
    """
    support = [q for q in range((x | z).bit_length()) if (x | z) >> q & 1]
    if not support:
        return CliffordForm((), (), -angle / 2, "")
    quarters = round(angle / (math.pi / 2))
    # The matrix is off by half as much as the angle.
    off = abs(angle - quarters * (math.pi / 2)) / 2
    if off > TOLERANCE:
        return None
    phase = -math.pi / 4 * quarters
    turn = _TURNS[quarters % 4]
    if not turn:
        return CliffordForm((), (), phase, "", off)
    before: list[Move] = []
    for q in support:
        if x >> q & 1:
            before += [("S_DAG", (q,)), ("H", (q,))] if z >> q & 1 else [("H", (q,))]
    last = support[-1]
    before += [("CX", (q, last)) for q in support[:-1]]
    undone = [(_INVERSE.get(name, name), qubits) for name, qubits in reversed(before)]
    steps = (*before, *((name, (last,)) for name in turn), *undone)
    return CliffordForm(steps, steps, phase, _template(steps), off)


# --- dense matrices ---------------------------------------------------------------------------


def _from_matrix(matrix: Matrix) -> CliffordForm | None:
    import stim

    width = len(matrix).bit_length() - 1
    if width == 0:
        return CliffordForm((), (), cmath.phase(complex(matrix[0, 0])), "")
    adjoint = matrix.conj().T
    columns = np.arange(len(matrix))
    images: list[str] = []
    for bit in range(width):
        flipped = matrix[:, columns ^ 1 << bit]  # U X
        signs = np.where(columns >> bit & 1, -1.0, 1.0)
        for product in (flipped @ adjoint, (matrix * signs) @ adjoint):
            image = _pauli_of(product)
            if image is None:
                return None
            images.append(image)
    paulis = [stim.PauliString(image) for image in images]
    tableau = stim.Tableau.from_conjugated_generators(xs=paulis[::2], zs=paulis[1::2])
    name = _names().get(str(tableau))
    if name in ("I", "II"):
        steps: tuple[Move, ...] = ()
    elif name in ("X", "Y", "Z"):
        steps = ((name, (0,)),)
    else:
        steps = _moves_of(tableau.to_circuit("elimination"))
    made = _matrix_of(steps, width)
    largest = np.unravel_index(np.abs(made).argmax(), made.shape)
    phase = cmath.phase(complex(matrix[largest] / made[largest]))
    off = float(np.abs(matrix - cmath.exp(1j * phase) * made).max())
    if off > 4 * TOLERANCE:
        return None
    moves = steps if name is None or not steps else ((name, tuple(range(width))),)
    return CliffordForm(moves, steps, phase, _template(moves), off)


def _pauli_of(matrix: Matrix) -> str | None:
    """Return a Pauli product as Stim writes it, lowest qubit first; None if it is none.

    ``X**a Z**b`` takes ``|c>`` to ``(-1)**(b.c) |c ^ a>``, and ``Y = i X Z``.
    """
    size = len(matrix)
    width = size.bit_length() - 1
    a = int(np.abs(matrix[:, 0]).argmax())
    columns = np.arange(size)
    entries = matrix[columns ^ a, columns]
    first = complex(entries[0])
    b = sum(1 << q for q in range(width) if (entries[1 << q] / first).real < 0)
    sign = first / 1j ** ((a & b).bit_count() % 4)
    rounded = 1.0 if sign.real > 0 else -1.0
    parity = np.array([(c & b).bit_count() & 1 for c in range(size)])
    wanted = np.zeros_like(matrix)
    wanted[columns ^ a, columns] = rounded * 1j ** ((a & b).bit_count() % 4) * (1 - 2 * parity)
    if np.abs(matrix - wanted).max() > TOLERANCE:
        return None
    letters = "".join("_XZY"[(a >> q & 1) | (b >> q & 1) << 1] for q in range(width))
    return ("+" if rounded > 0 else "-") + letters


_R = math.sqrt(0.5)
_STEPS: dict[str, Matrix] = {
    "H": np.array([[_R, _R], [_R, -_R]], np.complex128),
    "S": np.diag([1, 1j]),
    "S_DAG": np.diag([1, -1j]),
    "X": np.array([[0, 1], [1, 0]], np.complex128),
    "Y": np.array([[0, -1j], [1j, 0]]),
    "Z": np.diag([1, -1]).astype(np.complex128),
}


def _matrix_of(steps: Sequence[Move], width: int) -> Matrix:
    """Return the product of steps, ``(2**k, 2**k)``; qubit 0 is the lowest index bit."""
    return _applied(steps, np.eye(1 << width, dtype=np.complex128))


def _state_of(steps: Sequence[Move], width: int) -> Matrix:
    """Return what steps make of ``|0...0>``, ``(2**k,)``."""
    return _applied(steps, np.eye(1 << width, 1, dtype=np.complex128))[:, 0]


def _applied(steps: Sequence[Move], columns: Matrix) -> Matrix:
    size, count = columns.shape
    rows = np.arange(size)
    for name, qubits in steps:
        if name == "CX":
            control, target = qubits
            columns = columns[np.where(rows >> control & 1, rows ^ 1 << target, rows)]
        else:
            tensor = columns.reshape(size >> qubits[0] + 1, 2, -1)
            columns = np.einsum("ab,ibj->iaj", _STEPS[name], tensor).reshape(size, count)
    return columns


@cache
def _names() -> dict[str, str]:
    """Return the names of Stim's gates on one and two qubits by their tableaus."""
    import stim

    return {
        str(data.tableau): name
        for name, data in stim.gate_data().items()
        if data.is_unitary and (data.is_single_qubit_gate or data.is_two_qubit_gate)
    }


def _moves_of(circuit: Any) -> tuple[Move, ...]:
    """Read H, S and CX of a Stim circuit, each gate on its own."""
    return tuple(
        (instruction.name, tuple(target.value for target in group))
        for instruction in circuit
        for group in instruction.target_groups()
    )


def _template(moves: Sequence[Move]) -> str:
    return "".join(f"{name} {' '.join(f'{{{q}}}' for q in qubits)}\n" for name, qubits in moves)

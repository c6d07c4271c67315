"""The table of Cirq's gates: how each becomes gates of ours.

A rule returns `Placed` pairs: one of our gates and the positions it acts on, controls first,
counted in the order of the Cirq gate's own qubits. Matrices, diagonals and Pauli labels are kept as
Cirq orders them, first qubit most significant; `translate` turns them round when it places them.

The table is keyed on the exact type, because a subclass may redefine what its gate does. A gate
that is not in the table is taken by its matrix when it is small, with its type's name as label,
else by its decomposition.
"""

from __future__ import annotations

import cmath
import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypeAlias

import cirq
import numpy as np
from numpy.typing import NDArray

from quasim_backend.ir import Affine, Gate
from quasim_cirq.parameters import NeedsValues, Symbols, UnsupportedOperationError

__all__ = ["MAX_MATRIX_QUBITS", "Placed", "lower_gate"]

Placed: TypeAlias = tuple[Gate, tuple[int, ...]]
Rule: TypeAlias = Callable[[Any, Symbols], "tuple[Placed, ...]"]

MAX_MATRIX_QUBITS = 6
"""Largest gate of unknown type whose matrix is asked for rather than its decomposition."""

_MATRIX_TOLERANCE = 1e-5
"""Largest error of a unitary that Cirq itself accepts from a user."""


def lower_gate(gate: cirq.Gate, symbols: Symbols) -> tuple[Placed, ...] | None:
    """Translate a unitary gate.

    Args:
        gate: Any gate on qubits (not qudits).
        symbols: Collects the symbolic parameters.

    Returns:
        The gates that make it up, in the order they act; None if it is not unitary.

    Raises:
        NeedsValues: If it has symbols where only numbers can be translated.
        UnsupportedOperationError: If it has no translation.
    """
    rule = _RULES.get(type(gate))
    return _by_protocols(gate, symbols) if rule is None else rule(gate, symbols)


# --- powers of gates with two eigenvalues ------------------------------------------------------


def _power_rule(fixed: str | None, power: str, rotation: str | None, controls: int = 0) -> Rule:
    """Make the rule of ``exp(i pi s t) * G**t`` with exponent ``t`` and global shift ``s``.

    Args:
        fixed: Our name of ``G`` itself.
        power: Our name of ``G**t``.
        rotation: Our name of ``exp(-i theta/2 G)``, which is the gate with shift -1/2.
        controls: Number of leading controls of ``G``.
    """
    num_targets = Gate.named(power, (0.0,)).num_targets
    places = tuple(range(controls + num_targets))
    state = (1 << controls) - 1
    whole = None if fixed is None else Gate.named(fixed, controls=controls)

    def rule(gate: cirq.EigenGate, symbols: Symbols) -> tuple[Placed, ...]:
        exponent, shift = gate.exponent, float(gate.global_shift)
        if type(exponent) is not float:
            exponent = symbols.angle(exponent)
        if shift == -0.5 and rotation is not None and not controls:
            return ((_one_angle(rotation, exponent * math.pi, 0, 0), places),)
        phase = _phase(exponent * (math.pi * shift)) if shift else ()
        if isinstance(exponent, float):
            remainder = exponent % 2
            if remainder == 0:
                return phase
            if remainder == 1 and whole is not None:
                return ((whole, places), *phase)
        return ((_one_angle(power, exponent, controls, state), places), *phase)

    return rule


def _one_angle(name: str, angle: float | Affine, controls: int, state: int) -> Gate:
    """Make a gate with one parameter; a number needs no more checks than that it is finite."""
    if isinstance(angle, float) and math.isfinite(angle):
        return Gate.trusted(name, (angle,), controls, state)
    return Gate.named(name, (angle,), controls=controls)


def _phase(angle: float | Affine) -> tuple[Placed, ...]:
    return ((Gate.named("gphase", (angle,)), ()),)


def _iswap(gate: cirq.ISwapPowGate, symbols: Symbols) -> tuple[Placed, ...]:
    exponent, shift = symbols.angle(gate.exponent), float(gate.global_shift)
    phase = _phase(exponent * (math.pi * shift)) if shift else ()
    fixed = (
        {1.0: "iswap", 3.0: "iswapdg"}.get(exponent % 4) if isinstance(exponent, float) else None
    )
    main = Gate.named(fixed) if fixed else Gate.named("iswappow", (exponent,))
    return ((main, (0, 1)), *phase)


def _phased_iswap(gate: cirq.PhasedISwapPowGate, symbols: Symbols) -> tuple[Placed, ...]:
    exponent, shift = symbols.angle(gate.exponent), float(gate.global_shift)
    phase = _phase(exponent * (math.pi * shift)) if shift else ()
    turn = symbols.angle(gate.phase_exponent)
    return ((Gate.named("phased_iswap", (turn, exponent)), (0, 1)), *phase)


def _phase_gradient(gate: cirq.PhaseGradientGate, symbols: Symbols) -> tuple[Placed, ...]:
    exponent = symbols.angle(gate.exponent)
    # Basis state x gets exp(2 pi i t x / 2**n): every qubit adds its own share of x.
    return tuple((Gate.named("zpow", (exponent * 0.5**q,)), (q,)) for q in range(gate.num_qubits()))


# --- gates with parameters ----------------------------------------------------------------------


def _phased_x(gate: cirq.PhasedXPowGate, symbols: Symbols) -> tuple[Placed, ...]:
    exponent, shift = symbols.angle(gate.exponent), float(gate.global_shift)
    phase = _phase(exponent * (math.pi * shift)) if shift else ()
    return (
        (Gate.named("phased_x", (exponent, symbols.angle(gate.phase_exponent))), (0,)),
        *phase,
    )


def _attribute_rule(name: str, *attributes: str) -> Rule:
    """Make the rule of a gate whose parameters are those attributes, in our order."""

    def rule(gate: cirq.Gate, symbols: Symbols) -> tuple[Placed, ...]:
        values = tuple(symbols.angle(getattr(gate, a)) for a in attributes)
        return ((Gate.named(name, values), tuple(range(gate.num_qubits()))),)

    return rule


def _global_phase(gate: cirq.GlobalPhaseGate, symbols: Symbols) -> tuple[Placed, ...]:
    return _phase(cmath.phase(_number(gate.coefficient)))


def _diagonal(gate: Any, symbols: Symbols) -> tuple[Placed, ...]:
    angles = [symbols.angle(_number(a)) for a in gate.diag_angles_radians]
    entries = np.exp(1j * np.array(angles))
    return ((Gate.diagonal(entries), tuple(range(gate.num_qubits()))),)


def _number(value: Any) -> complex:
    """Return a number, or ask for the values of its symbols."""
    if cirq.is_parameterized(value):
        raise NeedsValues
    return complex(value)


# --- gates made of others -----------------------------------------------------------------------


def _nothing(gate: cirq.Gate, symbols: Symbols) -> tuple[Placed, ...]:
    return ()


def _pauli_string(gate: cirq.DensePauliString, symbols: Symbols) -> tuple[Placed, ...] | None:
    coefficient = _number(gate.coefficient)
    if abs(abs(coefficient) - 1) > 1e-8:
        return None
    letters = tuple((Gate.named("ixyz"[p]), (q,)) for q, p in enumerate(gate.pauli_mask) if p)
    return letters if coefficient == 1 else (*letters, *_phase(cmath.phase(coefficient)))


def _pauli_phasor(gate: cirq.PauliStringPhasorGate, symbols: Symbols) -> tuple[Placed, ...]:
    negative, positive = symbols.angle(gate.exponent_neg), symbols.angle(gate.exponent_pos)
    label = "".join("IXYZ"[p] for p in gate.dense_pauli_string.pauli_mask)
    if not label:
        return ()
    theta = (negative + -1.0 * positive) * math.pi
    rotation = Gate.pauli_rotation(label, theta)
    return (
        (rotation, tuple(range(len(label)))),
        *_phase((negative + positive) * (math.pi / 2)),
    )


def _parallel(gate: cirq.ParallelGate, symbols: Symbols) -> tuple[Placed, ...] | None:
    inner = lower_gate(gate.sub_gate, symbols)
    if inner is None:
        return None
    width = gate.sub_gate.num_qubits()
    return tuple(
        (part, tuple(p + copy * width for p in places))
        for copy in range(gate.num_copies)
        for part, places in inner
    )


def _controlled(gate: cirq.ControlledGate, symbols: Symbols) -> tuple[Placed, ...] | None:
    inner = lower_gate(gate.sub_gate, symbols)
    return None if inner is None else add_controls(gate.control_values, inner)


def add_controls(values: Any, inner: Iterable[Placed]) -> tuple[Placed, ...]:
    """Control gates by leading qubits.

    Args:
        values: Cirq's control values; the gate acts where the controls satisfy them.
        inner: Gates placed on the qubits after the controls.
    """
    parts = tuple(inner)
    count = cirq.num_qubits(values)
    result: list[Placed] = []
    for places, state in _control_terms(values):
        for part, targets in parts:
            moved = tuple(t + count for t in targets)
            result.append((part.controlled(len(places), state) if places else part, places + moved))
    return tuple(result)


def _control_terms(values: Any) -> list[tuple[tuple[int, ...], int]]:
    """Return disjoint conditions as (control positions, their values as bits)."""
    if isinstance(values, cirq.ProductOfSums):
        sums = [sorted(set(s)) for s in values]
        places = tuple(p for p, s in enumerate(sums) if s != [0, 1])
        choices: Iterable[tuple[int, ...]] = itertools.product(*(sums[p] for p in places))
    else:
        choices = sorted({tuple(c) for c in values.expand()})
        places = tuple(range(cirq.num_qubits(values)))
    return [(places, sum(bit << i for i, bit in enumerate(choice))) for choice in choices]


# --- anything else ------------------------------------------------------------------------------


def _matrix(matrix: NDArray[np.complex128]) -> tuple[Placed, ...]:
    """Return a gate for a matrix, as a diagonal if it is one."""
    width = len(matrix).bit_length() - 1
    error = np.abs(matrix.conj().T @ matrix - np.eye(len(matrix))).max()
    if not error < _MATRIX_TOLERANCE:
        raise UnsupportedOperationError(f"a matrix that is not unitary (off by {error:.2g})")
    diagonal = matrix.diagonal()
    if width == 0:
        return _phase(cmath.phase(complex(diagonal[0])))
    places = tuple(range(width))
    if np.count_nonzero(matrix) == np.count_nonzero(diagonal) and error < 1e-9:
        return ((Gate.diagonal(diagonal), places),)
    return ((Gate.unitary(matrix, check=False), places),)


def _matrix_gate(gate: cirq.MatrixGate, symbols: Symbols) -> tuple[Placed, ...]:
    return _matrix(np.asarray(cirq.unitary(gate), dtype=np.complex128))


def _by_protocols(gate: cirq.Gate, symbols: Symbols) -> tuple[Placed, ...] | None:
    """Translate a gate of a type that is not in the table."""
    if hasattr(gate, "_act_on_"):
        raise UnsupportedOperationError(f"{type(gate).__name__} defines how it acts on a state")
    return _by_definition(gate, symbols)


def _by_definition(gate: cirq.Gate, symbols: Symbols) -> tuple[Placed, ...] | None:
    """Translate a gate by its matrix or by its parts."""
    if cirq.is_parameterized(gate):
        raise NeedsValues
    if not cirq.has_unitary(gate):
        return None
    width = cirq.num_qubits(gate)
    stated = hasattr(gate, "_unitary_") or hasattr(gate, "_apply_unitary_")
    if stated and width <= MAX_MATRIX_QUBITS:
        matrix = cirq.unitary(gate, None)
        if matrix is not None:
            # Noise rules know a gate without a name of ours by its type.
            return tuple(
                (replace(part, label=type(gate).__name__), places)
                for part, places in _matrix(np.asarray(matrix, dtype=np.complex128))
            )
    parts = _by_decomposition(gate, symbols)
    if parts is None and width <= MAX_MATRIX_QUBITS:
        return _matrix(np.asarray(cirq.unitary(gate), dtype=np.complex128))
    if parts is None:
        raise UnsupportedOperationError(f"{type(gate).__name__} on {width} qubits has no parts")
    return parts


def _by_decomposition(gate: cirq.Gate, symbols: Symbols) -> tuple[Placed, ...] | None:
    """Translate the parts of a gate; None if it has none, or they need more qubits."""
    qubits = cirq.LineQubit.range(cirq.num_qubits(gate))
    operations = cirq.decompose_once_with_qubits(gate, qubits, None)
    if operations is None:
        return None
    result: list[Placed] = []
    for operation in operations:
        places = [q.x if isinstance(q, cirq.LineQubit) else -1 for q in operation.qubits]
        if operation.gate is None or any(not 0 <= p < len(qubits) for p in places):
            return None
        parts = lower_gate(operation.gate, symbols)
        if parts is None:
            return None
        result += [(part, tuple(places[p] for p in inner)) for part, inner in parts]
    return tuple(result)


_RULES: dict[type, Callable[[Any, Symbols], tuple[Placed, ...] | None]] = {
    cirq.IdentityGate: _nothing,
    cirq.WaitGate: _nothing,
    cirq.XPowGate: _power_rule("x", "xpow", "rx"),
    cirq.YPowGate: _power_rule("y", "ypow", "ry"),
    cirq.ZPowGate: _power_rule("z", "zpow", "rz"),
    cirq.HPowGate: _power_rule("h", "hpow", None),
    cirq.CXPowGate: _power_rule("x", "xpow", None, 1),
    cirq.CZPowGate: _power_rule("z", "zpow", None, 1),
    cirq.CCXPowGate: _power_rule("x", "xpow", None, 2),
    cirq.CCZPowGate: _power_rule("z", "zpow", None, 2),
    cirq.XXPowGate: _power_rule(None, "xxpow", "rxx"),
    cirq.YYPowGate: _power_rule(None, "yypow", "ryy"),
    cirq.ZZPowGate: _power_rule(None, "zzpow", "rzz"),
    cirq.SwapPowGate: _power_rule("swap", "swappow", None),
    cirq.CSwapGate: lambda gate, symbols: ((Gate.named("cswap"), (0, 1, 2)),),
    cirq.ISwapPowGate: _iswap,
    cirq.PhasedISwapPowGate: _phased_iswap,
    cirq.PhaseGradientGate: _phase_gradient,
    cirq.PhasedXPowGate: _phased_x,
    cirq.PhasedXZGate: _attribute_rule(
        "phased_xz", "x_exponent", "z_exponent", "axis_phase_exponent"
    ),
    cirq.FSimGate: _attribute_rule("fsim", "theta", "phi"),
    cirq.PhasedFSimGate: _attribute_rule("phased_fsim", "theta", "zeta", "chi", "gamma", "phi"),
    cirq.GlobalPhaseGate: _global_phase,
    cirq.DiagonalGate: _diagonal,
    cirq.TwoQubitDiagonalGate: _diagonal,
    cirq.ThreeQubitDiagonalGate: _diagonal,
    cirq.MatrixGate: _matrix_gate,
    cirq.DensePauliString: _pauli_string,
    cirq.PauliStringPhasorGate: _pauli_phasor,
    cirq.ParallelGate: _parallel,
    cirq.ControlledGate: _controlled,
    # These act in their own way on stabilizer states only.
    cirq.CliffordGate: _by_definition,
    cirq.SingleQubitCliffordGate: _by_definition,
}
# Subclasses that change the constructor only.
_RULES |= {
    cirq.Rx: _RULES[cirq.XPowGate],
    cirq.Ry: _RULES[cirq.YPowGate],
    cirq.Rz: _RULES[cirq.ZPowGate],
    type(cirq.X): _RULES[cirq.XPowGate],
    type(cirq.Y): _RULES[cirq.YPowGate],
    type(cirq.Z): _RULES[cirq.ZPowGate],
    cirq.MSGate: _RULES[cirq.XXPowGate],
}
# Gates that older versions of Cirq do not have.
_NEWER: dict[str, Rule] = {
    "CYPowGate": _power_rule("y", "ypow", None, 1),
    "CCYPowGate": _power_rule("y", "ypow", None, 2),
}
_RULES |= {getattr(cirq, name): rule for name, rule in _NEWER.items() if hasattr(cirq, name)}

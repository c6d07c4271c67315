"""The gate table: one record a gate, the single source of what a gate is.

A record states a gate four times over: its matrix in closed form, its inverse, its generator and
its lowering to primitives. `tests/ir/test_gate_table.py` proves that they agree for every record,
so a new gate is one entry here and needs no new test.

Matrices are little-endian: the gate's first target is the lowest bit of the matrix index. Pauli
labels are written as Qiskit writes them: the leftmost letter acts on the last target.
Angles are in radians, except for parameters named ``t`` (an exponent, as in Cirq: ``X**t``) and
phase exponents named ``p``, ``a``, which count half turns.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quasim_backend.ir.parameters import Affine, Parameter
from quasim_backend.ir.program import PrimitiveKind

__all__ = ["ALIASES", "FORMALS", "RECORDS", "GateRecord", "Template"]

Matrix = NDArray[np.complex128]

FORMALS = tuple(Parameter(f"${i}") for i in range(6))
"""Formal parameters that stand for a gate's own parameters inside its lowering."""


@dataclass(frozen=True, eq=False, slots=True)
class Template:
    """One primitive of a lowering, on the gate's own target numbers."""

    kind: PrimitiveKind
    targets: tuple[int, ...] = ()
    controls: tuple[int, ...] = ()
    x_bits: tuple[int, ...] = ()
    z_bits: tuple[int, ...] = ()
    angle: float | Affine = 0.0
    data: Matrix | None = None
    table: NDArray[np.int64] | None = None


@dataclass(frozen=True, eq=False, slots=True)
class GateRecord:
    """Everything QuASIM knows about one gate.

    Attributes:
        name: Canonical name.
        num_qubits: Number of targets, without controls.
        parameters: Names of the parameters.
        matrix: Closed form: parameter values to ``(2**k, 2**k)`` complex128.
        inverse: Name of the inverse gate and its parameters as affine functions of ours.
        lowering: The primitives, in the order they act; exact, global phase included.
        generator: For one-parameter gates, ``G`` in ``U(v) = exp(-i v G)`` as (weight, Pauli label)
            pairs; None otherwise.
        diagonal: Whether the matrix is diagonal for all parameters.
        permutation: Whether the gate maps basis states to basis states without phases.
        self_inverse: Whether the gate is its own inverse.
        clifford: Whether the gate is a Clifford for all parameters.
    """

    name: str
    num_qubits: int
    parameters: tuple[str, ...]
    matrix: Callable[..., Matrix]
    inverse: tuple[str, tuple[float | Affine, ...]]
    lowering: tuple[Template, ...]
    generator: tuple[tuple[float, str], ...] | None = None
    diagonal: bool = False
    permutation: bool = False
    self_inverse: bool = False
    clifford: bool = False


# --- building blocks of lowerings -------------------------------------------------------------

_A, _B, _C, _D, _E = (Affine(0.0, ((p, 1.0),)) for p in FORMALS[:5])
_PI = math.pi


def _rot(label: str, angle: float | Affine, targets: Sequence[int] | None = None) -> Template:
    """Return ``exp(-i angle/2 P)``; the leftmost letter of ``label`` acts on the last target."""
    places = tuple(range(len(label))) if targets is None else tuple(targets)
    letters = list(zip(places, reversed(label), strict=True))
    return Template(
        PrimitiveKind.ROTATION,
        x_bits=tuple(q for q, c in letters if c in "XY"),
        z_bits=tuple(q for q, c in letters if c in "ZY"),
        angle=angle,
    )


def _phase(angle: float | Affine, controls: tuple[int, ...] = ()) -> Template:
    return Template(PrimitiveKind.PHASE, controls=controls, angle=angle)


def _mat(matrix: Matrix, targets: tuple[int, ...] = (0,)) -> Template:
    return Template(PrimitiveKind.MATRIX, targets=targets, data=matrix)


def _diag(entries: Sequence[complex], targets: tuple[int, ...] = (0,)) -> Template:
    return Template(PrimitiveKind.DIAGONAL, targets=targets, data=np.array(entries, complex))


def _perm(
    table: Sequence[int], targets: tuple[int, ...] = (0,), controls: tuple[int, ...] = ()
) -> Template:
    return Template(
        PrimitiveKind.PERMUTATION,
        targets=targets,
        controls=controls,
        table=np.array(table, np.int64),
    )


# --- closed forms -----------------------------------------------------------------------------

_R = math.sqrt(0.5)
_I2 = np.eye(2, dtype=complex)
_X = np.array([[0, 1], [1, 0]], complex)
_Y = np.array([[0, -1j], [1j, 0]], complex)
_Z = np.diag([1, -1]).astype(complex)
_H = np.array([[_R, _R], [_R, -_R]], complex)
_S = np.diag([1, 1j]).astype(complex)
_T = np.diag([1, cmath.exp(0.25j * math.pi)]).astype(complex)
_SX = np.array([[0.5 + 0.5j, 0.5 - 0.5j], [0.5 - 0.5j, 0.5 + 0.5j]], complex)
_SWAP = np.eye(4, dtype=complex)[[0, 2, 1, 3]]
_ISWAP = np.array([[1, 0, 0, 0], [0, 0, 1j, 0], [0, 1j, 0, 0], [0, 0, 0, 1]], complex)
_DCX = np.array([[1, 0, 0, 0], [0, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0]], complex)
_ECR = np.array(
    [[0, _R, 0, _R * 1j], [_R, 0, _R * -1j, 0], [0, _R * 1j, 0, _R], [_R * -1j, 0, _R, 0]], complex
)
_RCCX = np.eye(8, dtype=complex)
_RCCX[[3, 7], [3, 7]] = 0
_RCCX[3, 7], _RCCX[7, 3], _RCCX[5, 5] = -1j, 1j, -1
_RCCCX = np.eye(16, dtype=complex)
_RCCCX[[7, 15], [7, 15]] = 0
_RCCCX[7, 15], _RCCCX[15, 7], _RCCCX[3, 3], _RCCCX[11, 11] = 1, -1, 1j, -1j
_RCCCX_SWAP = [*range(7), 15, *range(8, 15), 7]
_RCCCX_PHASES = np.array([1, 1, 1, 1j, 1, 1, 1, 1, 1, 1, 1, -1j, 1, 1, 1, -1])


def _const(matrix: Matrix) -> Callable[..., Matrix]:
    return lambda: matrix.copy()


def _e(angle: float) -> complex:
    """Return ``exp(i angle)``."""
    return cmath.exp(1j * angle)


def _kron(label: str) -> Matrix:
    result = np.eye(1, dtype=complex)
    for letter in label:
        result = np.kron(result, {"I": _I2, "X": _X, "Y": _Y, "Z": _Z}[letter])
    return result


def _expm(label: str, angle: float) -> Matrix:
    """Return ``exp(-i angle/2 P)`` as a matrix."""
    pauli = _kron(label)
    return math.cos(angle / 2) * np.eye(len(pauli)) - 1j * math.sin(angle / 2) * pauli


def _u(theta: float, phi: float, lam: float) -> Matrix:
    c, s = math.cos(theta / 2), math.sin(theta / 2)
    return np.array([[c, -_e(lam) * s], [_e(phi) * s, _e(phi + lam) * c]])


def _r(theta: float, phi: float) -> Matrix:
    c, s = math.cos(theta / 2), math.sin(theta / 2)
    return np.array([[c, -1j * _e(-phi) * s], [-1j * _e(phi) * s, c]])


def _zpow(t: float) -> Matrix:
    return np.diag([1, _e(_PI * t)])


def _involution_power(matrix: Matrix, t: float) -> Matrix:
    """Return ``M**t`` for ``M @ M = 1``: eigenvalue 1 stays, -1 becomes ``exp(i pi t)``."""
    identity = np.eye(len(matrix))
    return (identity + matrix) / 2 + _e(_PI * t) * (identity - matrix) / 2


def _phased_x(t: float, p: float) -> Matrix:
    return _zpow(p) @ _involution_power(_X, t) @ _zpow(-p)


def _exchange(theta: float, phase: float) -> Matrix:
    """Rotate within span(|01>, |10>) by ``theta`` with off-diagonal phase ``phase``."""
    result = np.eye(4, dtype=complex)
    c, s = math.cos(theta), math.sin(theta)
    result[1:3, 1:3] = [[c, 1j * _e(-phase) * s], [1j * _e(phase) * s, c]]
    return result


def _fsim(theta: float, phi: float) -> Matrix:
    result = _exchange(-theta, 0.0)
    result[3, 3] = _e(-phi)
    return result


def _phased_fsim(theta: float, zeta: float, chi: float, gamma: float, phi: float) -> Matrix:
    """Cirq's PhasedFSimGate, its first qubit as our first target."""
    c, s = math.cos(theta), math.sin(theta)
    return np.array(
        [
            [1, 0, 0, 0],
            [0, _e(-gamma + zeta) * c, -1j * _e(-gamma - chi) * s, 0],
            [0, -1j * _e(-gamma + chi) * s, _e(-gamma - zeta) * c, 0],
            [0, 0, 0, _e(-2 * gamma - phi)],
        ]
    )


def _xx_minus_yy(theta: float, beta: float) -> Matrix:
    result = np.eye(4, dtype=complex)
    c, s = math.cos(theta / 2), math.sin(theta / 2)
    result[0, 0] = result[3, 3] = c
    result[0, 3], result[3, 0] = -1j * _e(-beta) * s, -1j * _e(beta) * s
    return result


def _xx_plus_yy(theta: float, beta: float) -> Matrix:
    result = np.eye(4, dtype=complex)
    c, s = math.cos(theta / 2), math.sin(theta / 2)
    result[1, 1] = result[2, 2] = c
    result[1, 2], result[2, 1] = -1j * _e(-beta) * s, -1j * _e(beta) * s
    return result


# --- the table --------------------------------------------------------------------------------

# fmt: off
_NONE: tuple[float | Affine, ...] = ()

_FIXED: tuple[GateRecord, ...] = (
    GateRecord(
        "id", 1, (), _const(_I2), ("id", _NONE), (),
        diagonal=True, permutation=True, self_inverse=True, clifford=True,
    ),
    GateRecord(
        "x", 1, (), _const(_X), ("x", _NONE), (_perm([1, 0]),),
        permutation=True, self_inverse=True, clifford=True,
    ),
    GateRecord("y", 1, (), _const(_Y), ("y", _NONE), (_mat(_Y),), self_inverse=True, clifford=True),
    GateRecord(
        "z", 1, (), _const(_Z), ("z", _NONE), (_diag([1, -1]),),
        diagonal=True, self_inverse=True, clifford=True,
    ),
    GateRecord("h", 1, (), _const(_H), ("h", _NONE), (_mat(_H),), self_inverse=True, clifford=True),
    GateRecord(
        "s", 1, (), _const(_S), ("sdg", _NONE), (_diag([1, 1j]),),
        diagonal=True, clifford=True,
    ),
    GateRecord(
        "sdg", 1, (), _const(_S.conj()), ("s", _NONE), (_diag([1, -1j]),),
        diagonal=True, clifford=True,
    ),
    GateRecord(
        "t", 1, (), _const(_T), ("tdg", _NONE),
        (_diag([1, _e(_PI / 4)]),), diagonal=True,
    ),
    GateRecord(
        "tdg", 1, (), _const(_T.conj()), ("t", _NONE),
        (_diag([1, _e(-_PI / 4)]),), diagonal=True,
    ),
    GateRecord("sx", 1, (), _const(_SX), ("sxdg", _NONE), (_mat(_SX),), clifford=True),
    GateRecord(
        "sxdg", 1, (), _const(_SX.conj().T), ("sx", _NONE), (_mat(_SX.conj().T),), clifford=True
    ),
    GateRecord(
        "v", 1, (), _const(_expm("X", _PI / 2)), ("vdg", _NONE), (_rot("X", _PI / 2),),
        clifford=True,
    ),
    GateRecord(
        "vdg", 1, (), _const(_expm("X", -_PI / 2)), ("v", _NONE), (_rot("X", -_PI / 2),),
        clifford=True,
    ),
    GateRecord(
        "swap", 2, (), _const(_SWAP), ("swap", _NONE), (_perm([0, 2, 1, 3], (0, 1)),),
        permutation=True, self_inverse=True, clifford=True,
    ),
    GateRecord(
        "iswap", 2, (), _const(_ISWAP), ("iswapdg", _NONE),
        (_perm([0, 2, 1, 3], (0, 1)), _diag([1, 1j, 1j, 1], (0, 1))), clifford=True,
    ),
    GateRecord(
        "iswapdg", 2, (), _const(_ISWAP.conj().T), ("iswap", _NONE),
        (_perm([0, 2, 1, 3], (0, 1)), _diag([1, -1j, -1j, 1], (0, 1))), clifford=True,
    ),
    GateRecord(
        "dcx", 2, (), _const(_DCX), ("dcxdg", _NONE), (_perm([0, 2, 3, 1], (0, 1)),),
        permutation=True, clifford=True,
    ),
    GateRecord(
        "dcxdg", 2, (), _const(_DCX.T.copy()), ("dcx", _NONE), (_perm([0, 3, 1, 2], (0, 1)),),
        permutation=True, clifford=True,
    ),
    GateRecord(
        "ecr", 2, (), _const(_ECR), ("ecr", _NONE), (_mat(_ECR, (0, 1)),),
        self_inverse=True, clifford=True,
    ),
    GateRecord(
        "rccx", 3, (), _const(_RCCX), ("rccx", _NONE),
        (
            _perm([0, 1, 2, 7, 4, 5, 6, 3], (0, 1, 2)),
            _diag([1, 1, 1, -1j, 1, -1, 1, 1j], (0, 1, 2)),
        ),
        self_inverse=True,
    ),
    GateRecord(
        "rcccx", 4, (), _const(_RCCCX), ("rcccxdg", _NONE),
        (_perm(_RCCCX_SWAP, (0, 1, 2, 3)), _diag(list(_RCCCX_PHASES), (0, 1, 2, 3))),
    ),
    GateRecord(
        "rcccxdg", 4, (), _const(_RCCCX.conj().T), ("rcccx", _NONE),
        (_diag(list(_RCCCX_PHASES.conj()), (0, 1, 2, 3)), _perm(_RCCCX_SWAP, (0, 1, 2, 3))),
    ),
)

_ROTATIONS: tuple[GateRecord, ...] = tuple(
    GateRecord(
        name, len(label), ("theta",), lambda v, label=label: _expm(label, v), (name, (-_A,)),
        (_rot(label, _A),), ((0.5, label),), diagonal=set(label) == {"Z"},
    )
    for name, label in (
        ("rx", "X"), ("ry", "Y"), ("rz", "Z"),
        ("rxx", "XX"), ("ryy", "YY"), ("rzz", "ZZ"), ("rzx", "XZ"),
    )
)

_POWERS: tuple[GateRecord, ...] = tuple(
    GateRecord(
        name, len(label), ("t",), lambda v, label=label: _involution_power(_kron(label), v),
        (name, (-_A,)), (_rot(label, _A * _PI), _phase(_A * (_PI / 2))),
        ((_PI / 2, label), (-_PI / 2, "I" * len(label))), diagonal=set(label) == {"Z"},
    )
    for name, label in (
        ("xpow", "X"), ("ypow", "Y"), ("xxpow", "XX"), ("yypow", "YY"), ("zzpow", "ZZ"),
    )
)

_PARAMETRIC: tuple[GateRecord, ...] = (
    GateRecord(
        "gphase", 0, ("gamma",), lambda g: np.array([[_e(g)]]), ("gphase", (-_A,)), (_phase(_A),),
        ((-1.0, ""),), diagonal=True,
    ),
    GateRecord(
        "p", 1, ("lam",), lambda v: np.diag([1, _e(v)]), ("p", (-_A,)), (_phase(_A, (0,)),),
        ((-0.5, "I"), (0.5, "Z")), diagonal=True,
    ),
    GateRecord(
        "zpow", 1, ("t",), _zpow, ("zpow", (-_A,)), (_phase(_A * _PI, (0,)),),
        ((-_PI / 2, "I"), (_PI / 2, "Z")), diagonal=True,
    ),
    GateRecord(
        "hpow", 1, ("t",), lambda t: _involution_power(_H, t), ("hpow", (-_A,)),
        (_rot("Y", -_PI / 4), _phase(_A * _PI, (0,)), _rot("Y", _PI / 4)),
        ((-_PI / 2, "I"), (_PI / 2 * _R, "X"), (_PI / 2 * _R, "Z")),
    ),
    GateRecord(
        "r", 1, ("theta", "phi"), _r, ("r", (-_A, _B)),
        (_rot("Z", -_B), _rot("X", _A), _rot("Z", _B)),
    ),
    GateRecord(
        "u", 1, ("theta", "phi", "lam"), _u, ("u", (-_A, -_C, -_B)),
        (_rot("Z", _C), _rot("Y", _A), _rot("Z", _B), _phase((_B + _C) * 0.5)),
    ),
    GateRecord(
        "u2", 1, ("phi", "lam"), lambda phi, lam: _u(_PI / 2, phi, lam),
        ("u2", (-_B - _PI, -_A + _PI)),
        (_rot("Z", _B), _rot("Y", _PI / 2), _rot("Z", _A), _phase((_A + _B) * 0.5)),
    ),
    GateRecord(
        "ug", 1, ("theta", "phi", "lam", "gamma"), lambda t, p, v, g: _e(g) * _u(t, p, v),
        ("ug", (-_A, -_C, -_B, -_D)),
        (_rot("Z", _C), _rot("Y", _A), _rot("Z", _B), _phase((_B + _C) * 0.5 + _D)),
    ),
    GateRecord(
        "rot", 1, ("phi", "theta", "omega"),
        lambda p, t, o: _expm("Z", o) @ _expm("Y", t) @ _expm("Z", p), ("rot", (-_C, -_B, -_A)),
        (_rot("Z", _A), _rot("Y", _B), _rot("Z", _C)),
    ),
    GateRecord(
        "tk1", 1, ("a", "b", "c"),
        lambda a, b, c: _expm("Z", _PI * a) @ _expm("X", _PI * b) @ _expm("Z", _PI * c),
        ("tk1", (-_C, -_B, -_A)),
        (_rot("Z", _C * _PI), _rot("X", _B * _PI), _rot("Z", _A * _PI)),
    ),
    GateRecord(
        "phased_x", 1, ("t", "p"), _phased_x, ("phased_x", (-_A, _B)),
        (_rot("Z", _B * -_PI), _rot("X", _A * _PI), _rot("Z", _B * _PI), _phase(_A * (_PI / 2))),
    ),
    GateRecord(
        "phased_xz", 1, ("x", "z", "a"), lambda x, z, a: _zpow(z) @ _phased_x(x, a),
        ("phased_xz", (-_A, -_B, _B + _C)),
        (
            _rot("Z", _C * -_PI), _rot("X", _A * _PI), _rot("Z", (_B + _C) * _PI),
            _phase((_A + _B) * (_PI / 2)),
        ),
    ),
    GateRecord(
        "swappow", 2, ("t",), lambda t: _involution_power(_SWAP, t), ("swappow", (-_A,)),
        (
            _phase(_A * (_PI / 4)), _rot("XX", _A * (_PI / 2)), _rot("YY", _A * (_PI / 2)),
            _rot("ZZ", _A * (_PI / 2)),
        ),
        ((-_PI / 4, "II"), (_PI / 4, "XX"), (_PI / 4, "YY"), (_PI / 4, "ZZ")),
    ),
    GateRecord(
        "iswappow", 2, ("t",), lambda t: _exchange(_PI / 2 * t, 0.0), ("iswappow", (-_A,)),
        (_rot("XX", _A * (-_PI / 2)), _rot("YY", _A * (-_PI / 2))),
        ((-_PI / 4, "XX"), (-_PI / 4, "YY")),
    ),
    GateRecord(
        "phased_iswap", 2, ("p", "t"), lambda p, t: _exchange(_PI / 2 * t, 2 * _PI * p),
        ("phased_iswap", (_A, -_B)),
        (
            _rot("Z", _A * _PI, (0,)), _rot("Z", _A * -_PI, (1,)),
            _rot("XX", _B * (-_PI / 2)), _rot("YY", _B * (-_PI / 2)),
            _rot("Z", _A * -_PI, (0,)), _rot("Z", _A * _PI, (1,)),
        ),
    ),
    GateRecord(
        "fsim", 2, ("theta", "phi"), _fsim, ("fsim", (-_A, -_B)),
        (_rot("XX", _A), _rot("YY", _A), _phase(-_B, (0, 1))),
    ),
    GateRecord(
        "phased_fsim", 2, ("theta", "zeta", "chi", "gamma", "phi"), _phased_fsim,
        ("phased_fsim", (-_A, -_B, _C, -_D, -_E)),
        (
            _rot("Z", (_B + _C) * 0.5, (0,)), _rot("Z", (_B + _C) * -0.5, (1,)),
            _rot("XX", _A), _rot("YY", _A),
            _rot("Z", (_B - _C) * 0.5, (0,)), _rot("Z", (_B - _C) * -0.5, (1,)),
            _phase(-_D, (0,)), _phase(-_D, (1,)), _phase(-_E, (0, 1)),
        ),
    ),
    GateRecord(
        "xx_minus_yy", 2, ("theta", "beta"), _xx_minus_yy, ("xx_minus_yy", (-_A, _B)),
        (
            _rot("Z", -_B, (1,)), _rot("XX", _A * 0.5), _rot("YY", _A * -0.5), _rot("Z", _B, (1,)),
        ),
    ),
    GateRecord(
        "xx_plus_yy", 2, ("theta", "beta"), _xx_plus_yy, ("xx_plus_yy", (-_A, _B)),
        (
            _rot("Z", _B, (0,)), _rot("XX", _A * 0.5), _rot("YY", _A * 0.5), _rot("Z", -_B, (0,)),
        ),
    ),
)
# fmt: on

RECORDS: dict[str, GateRecord] = {
    record.name: record for record in (*_FIXED, *_ROTATIONS, *_POWERS, *_PARAMETRIC)
}
"""Canonical name to record."""

ALIASES: dict[str, tuple[str, int]] = {
    "i": ("id", 0),
    "u1": ("p", 0),
    "phase": ("p", 0),
    "u3": ("u", 0),
    "cx": ("x", 1),
    "cnot": ("x", 1),
    "cy": ("y", 1),
    "cz": ("z", 1),
    "ch": ("h", 1),
    "cs": ("s", 1),
    "csdg": ("sdg", 1),
    "ct": ("t", 1),
    "ctdg": ("tdg", 1),
    "csx": ("sx", 1),
    "csxdg": ("sxdg", 1),
    "cp": ("p", 1),
    "cu1": ("p", 1),
    "cphase": ("p", 1),
    "crx": ("rx", 1),
    "cry": ("ry", 1),
    "crz": ("rz", 1),
    "cu": ("ug", 1),
    "cu3": ("u", 1),
    "cswap": ("swap", 1),
    "fredkin": ("swap", 1),
    "ccx": ("x", 2),
    "toffoli": ("x", 2),
    "ccz": ("z", 2),
    "c3x": ("x", 3),
    "c3z": ("z", 3),
    "c3sx": ("sx", 3),
    "c3sqrtx": ("sx", 3),
    "c4x": ("x", 4),
    "rc3x": ("rcccx", 0),
    "global_phase": ("gphase", 0),
}
"""Common names of controlled and renamed gates: name to (canonical name, number of controls)."""

"""What each of pytket's gates is in our gate table.

Angles of pytket count half turns. Everything here is in the order of the operation's own qubits:
a piece names the positions it acts on, controls first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

from pytket.circuit import OpType

from quasim_backend.ir import Gate
from quasim_pytket.symbols import Value

__all__ = ["ANGLED", "COMPOSED", "CONTROLLED", "FIXED", "GATE_TYPES", "Piece", "Recipe"]

Piece: TypeAlias = tuple[Gate, tuple[int, ...]]
Recipe: TypeAlias = Callable[[Sequence[Value], int], list[Piece]]

_PI = math.pi

FIXED: dict[OpType, Gate] = {
    kind: Gate.named(name)
    for kind, name in (
        (OpType.X, "x"),
        (OpType.Y, "y"),
        (OpType.Z, "z"),
        (OpType.H, "h"),
        (OpType.S, "s"),
        (OpType.Sdg, "sdg"),
        (OpType.T, "t"),
        (OpType.Tdg, "tdg"),
        (OpType.V, "v"),
        (OpType.Vdg, "vdg"),
        (OpType.SX, "sx"),
        (OpType.SXdg, "sxdg"),
        (OpType.CX, "cx"),
        (OpType.CY, "cy"),
        (OpType.CZ, "cz"),
        (OpType.CH, "ch"),
        (OpType.CS, "cs"),
        (OpType.CSdg, "csdg"),
        (OpType.CSX, "csx"),
        (OpType.CSXdg, "csxdg"),
        (OpType.CCX, "ccx"),
        (OpType.CSWAP, "cswap"),
        (OpType.SWAP, "swap"),
        (OpType.ISWAPMax, "iswap"),
        (OpType.ECR, "ecr"),
    )
} | {
    OpType.CV: Gate.named("v", controls=1),
    OpType.CVdg: Gate.named("vdg", controls=1),
    OpType.ZZMax: Gate.named("rzz", (_PI / 2,)),
    OpType.Sycamore: Gate.named("fsim", (_PI / 2, _PI / 6)),
}
"""Gates without parameters, on the operation's qubits in order."""

ANGLED: dict[OpType, tuple[str, int, float]] = {
    OpType.Rx: ("rx", 0, _PI),
    OpType.Ry: ("ry", 0, _PI),
    OpType.Rz: ("rz", 0, _PI),
    OpType.U1: ("p", 0, _PI),
    OpType.U2: ("u2", 0, _PI),
    OpType.U3: ("u", 0, _PI),
    OpType.TK1: ("tk1", 0, 1.0),
    OpType.PhasedX: ("r", 0, _PI),
    OpType.CRx: ("rx", 1, _PI),
    OpType.CRy: ("ry", 1, _PI),
    OpType.CRz: ("rz", 1, _PI),
    OpType.CU1: ("p", 1, _PI),
    OpType.CU3: ("u", 1, _PI),
    OpType.XXPhase: ("rxx", 0, _PI),
    OpType.YYPhase: ("ryy", 0, _PI),
    OpType.ZZPhase: ("rzz", 0, _PI),
    OpType.ISWAP: ("iswappow", 0, 1.0),
    OpType.PhasedISWAP: ("phased_iswap", 0, 1.0),
    OpType.FSim: ("fsim", 0, _PI),
    OpType.Phase: ("gphase", 0, _PI),
}
"""Gates whose parameters are ours times a factor: our name, number of controls, factor."""

CONTROLLED: dict[OpType, str] = {
    OpType.CnX: "x",
    OpType.CnY: "y",
    OpType.CnZ: "z",
    OpType.CnRx: "rx",
    OpType.CnRy: "ry",
    OpType.CnRz: "rz",
}
"""Gates with any number of controls: what acts on the last qubit."""


def _gpi(values: Sequence[Value], _: int) -> list[Piece]:
    return [(Gate.named("phased_x", (1.0, values[0])), (0,))]


def _gpi2(values: Sequence[Value], _: int) -> list[Piece]:
    return [(Gate.named("r", (_PI / 2, values[0] * _PI)), (0,))]


def _aams(values: Sequence[Value], _: int) -> list[Piece]:
    angle, first, second = (value * _PI for value in values)
    return [
        (Gate.named("rz", (first * -1.0,)), (0,)),
        (Gate.named("rz", (second * -1.0,)), (1,)),
        (Gate.named("rxx", (angle,)), (0, 1)),
        (Gate.named("rz", (first,)), (0,)),
        (Gate.named("rz", (second,)), (1,)),
    ]


def _phased_xx(values: Sequence[Value], count: int) -> list[Piece]:
    return _aams((values[0], values[1], values[1]), count)


def _phased_x(values: Sequence[Value], count: int) -> list[Piece]:
    gate = Gate.named("r", (values[0] * _PI, values[1] * _PI))
    return [(gate, (position,)) for position in range(count)]


def _tk2(values: Sequence[Value], _: int) -> list[Piece]:
    names = ("rxx", "ryy", "rzz")
    return [
        (Gate.named(name, (value * _PI,)), (0, 1))
        for name, value in zip(names, values, strict=True)
    ]


def _phase_gadget(values: Sequence[Value], count: int) -> list[Piece]:
    return [(Gate.pauli_rotation("Z" * count, values[0] * _PI), tuple(range(count)))]


def _bridge(_: Sequence[Value], __: int) -> list[Piece]:
    return [(Gate.named("cx"), (0, 2))]


def _xx_phase_3(values: Sequence[Value], _: int) -> list[Piece]:
    gate = Gate.named("rxx", (values[0] * _PI,))
    return [(gate, pair) for pair in ((0, 1), (1, 2), (0, 2))]


def _eswap(values: Sequence[Value], _: int) -> list[Piece]:
    return [
        (Gate.named("swappow", (values[0],)), (0, 1)),
        (Gate.named("gphase", (values[0] * (-_PI / 2),)), ()),
    ]


COMPOSED: dict[OpType, Recipe] = {
    OpType.GPI: _gpi,
    OpType.GPI2: _gpi2,
    OpType.AAMS: _aams,
    OpType.PhasedXX: _phased_xx,
    OpType.TwinPhasedX: _phased_x,
    OpType.NPhasedX: _phased_x,
    OpType.TK2: _tk2,
    OpType.PhaseGadget: _phase_gadget,
    OpType.BRIDGE: _bridge,
    OpType.XXPhase3: _xx_phase_3,
    OpType.ESWAP: _eswap,
}
"""Gates made of several of ours: parameters and number of qubits to pieces."""

GATE_TYPES = frozenset({*FIXED, *ANGLED, *CONTROLLED, *COMPOSED, OpType.noop})
"""Every gate that is no box."""

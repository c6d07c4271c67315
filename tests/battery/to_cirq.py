"""IR gates as Cirq gates, written apart from the adapter and in the other direction."""

from __future__ import annotations

import cirq
import numpy as np

PI = np.pi
FIXED = {
    "id": cirq.I, "x": cirq.X, "y": cirq.Y, "z": cirq.Z, "h": cirq.H, "s": cirq.S,
    "sdg": cirq.S**-1, "t": cirq.T, "tdg": cirq.T**-1, "sx": cirq.X**0.5, "sxdg": cirq.X**-0.5,
    "v": cirq.rx(PI / 2), "vdg": cirq.rx(-PI / 2), "swap": cirq.SWAP, "iswap": cirq.ISWAP,
    "iswapdg": cirq.ISWAP**-1,
}  # fmt: skip
POWERS = {
    "xpow": cirq.X, "ypow": cirq.Y, "zpow": cirq.Z, "hpow": cirq.H, "xxpow": cirq.XX,
    "yypow": cirq.YY, "zzpow": cirq.ZZ, "swappow": cirq.SWAP, "iswappow": cirq.ISWAP,
}  # fmt: skip
PARAMETRIC = {
    "rx": cirq.rx, "ry": cirq.ry, "rz": cirq.rz,
    "p": lambda v: cirq.ZPowGate(exponent=v / PI),
    "rxx": lambda v: cirq.XXPowGate(exponent=v / PI, global_shift=-0.5),
    "ryy": lambda v: cirq.YYPowGate(exponent=v / PI, global_shift=-0.5),
    "rzz": lambda v: cirq.ZZPowGate(exponent=v / PI, global_shift=-0.5),
    "gphase": lambda v: cirq.GlobalPhaseGate(np.exp(1j * v)),
    "phased_x": lambda t, p: cirq.PhasedXPowGate(phase_exponent=p, exponent=t),
    "phased_xz": lambda x, z, a: cirq.PhasedXZGate(
        x_exponent=x, z_exponent=z, axis_phase_exponent=a
    ),
    "phased_iswap": lambda p, t: cirq.PhasedISwapPowGate(phase_exponent=p, exponent=t),
    "fsim": cirq.FSimGate, "phased_fsim": cirq.PhasedFSimGate,
}  # fmt: skip


def reversed_bits(width):
    """Return the index permutation between little-endian and Cirq's big-endian order."""
    index = np.arange(1 << width)
    return sum((index >> q & 1) << (width - 1 - q) for q in range(width)) + 0 * index


def cirq_gate(gate):
    """Return a numeric gate as one of Cirq's, or None if Cirq has none for it."""
    params = [float(v) for v in gate.params]
    if gate.power != 1.0:
        return None
    if gate.name in FIXED:
        base = FIXED[gate.name]
    elif gate.name in POWERS:
        base = POWERS[gate.name] ** params[0]
    elif gate.name in PARAMETRIC:
        base = PARAMETRIC[gate.name](*params)
    elif gate.name in ("unitary", "permutation", "diagonal") and 0 < gate.num_targets <= 4:
        order = reversed_bits(gate.num_targets)
        if gate.name == "diagonal":
            base = cirq.DiagonalGate(list(np.angle(gate.data)[order]))
        else:
            plain = gate.data if gate.name == "unitary" else _permutation(gate.data)
            base = cirq.MatrixGate(plain[np.ix_(order, order)])
    else:
        return None
    if gate.num_controls:
        values = [gate.control_state >> i & 1 for i in range(gate.num_controls)]
        base = base.controlled(gate.num_controls, control_values=values)
    return base


def _permutation(table):
    matrix = np.zeros((len(table),) * 2)
    matrix[table, np.arange(len(table))] = 1
    return matrix

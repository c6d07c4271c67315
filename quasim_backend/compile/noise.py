"""Channels of a circuit in a simpler form that has the same effect on every result.

Engines that draw operators draw fewer and cheaper ones afterwards, but not the same ones: a
circuit whose uniforms are given from outside is to be left as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quasim_backend.compile.canonical_channels import canonical_channel
from quasim_backend.compile.noise_merging import merged
from quasim_backend.ir.channels import Channel
from quasim_backend.ir.circuit import Circuit
from quasim_backend.ir.instructions import (
    Barrier,
    ChannelOp,
    Delay,
    GateOp,
    Instruction,
    Measure,
    Reset,
    Save,
)

__all__ = ["canonical_noise", "seen"]

_EXACT = 1e-12
"""Entries up to this are rounding errors."""


def canonical_noise(circuit: Circuit, *, keep_last: bool = False) -> Circuit:
    """Return a circuit whose channels are canonical, without those that no result depends on.

    Channels that meet become one, see `merged`. Left out are channels that do nothing; that come
    last on qubits which are neither measured nor saved afterwards; and that leave ``|0>`` as it is,
    on qubits on which nothing has happened. Of circuits with control flow only the channels on the
    top level are looked at, and none is left out for what comes after it.

    Args:
        circuit: Starts in ``|0...0>``; not changed.
        keep_last: Keep what no measurement or save point sees: the final state is wanted.
    """
    known: dict[int, Channel | None] = {}
    kept: list[Instruction] = []
    touched: set[int] = set()
    for instruction in circuit.instructions:
        if isinstance(instruction, ChannelOp):
            channel, qubits = instruction.channel, instruction.qubits
            if id(channel) not in known:
                known[id(channel)] = canonical_channel(channel)
            simple = known[id(channel)]
            if simple is None or (touched.isdisjoint(qubits) and _keeps_zero(simple)):
                continue
            touched.update(qubits)
            kept.append(ChannelOp(simple, qubits))
            continue
        if isinstance(instruction, GateOp):
            if instruction.gate.name != "id":
                touched.update(instruction.qubits)
        elif not isinstance(instruction, Barrier | Delay | Measure | Reset | Save):
            touched.update(range(circuit.num_qubits))
        kept.append(instruction)
    result = Circuit(circuit.num_qubits, circuit.num_clbits, circuit.name)
    kept = merged(kept)
    result.instructions += kept if keep_last else seen(kept)
    return result


def seen(instructions: Sequence[Instruction]) -> list[Instruction]:
    """Return instructions without the channels that nothing looks at afterwards."""
    simple = GateOp | ChannelOp | Barrier | Delay | Measure | Reset
    if not all(isinstance(i, simple) for i in instructions):
        return list(instructions)
    if not any(isinstance(i, Measure) for i in instructions):
        return list(instructions)  # the state itself may be the result
    seen: set[int] = set()
    kept: list[Instruction] = []
    for instruction in reversed(instructions):
        if isinstance(instruction, ChannelOp):
            if seen.isdisjoint(instruction.qubits):
                continue
            seen.update(instruction.qubits)
        elif isinstance(instruction, Measure):
            seen.update(instruction.qubits)
        elif isinstance(instruction, Reset):
            seen.difference_update(instruction.qubits)
        elif isinstance(instruction, GateOp) and not seen.isdisjoint(instruction.qubits):
            seen.update(instruction.qubits)
        kept.append(instruction)
    return kept[::-1]


def _keeps_zero(channel: Channel) -> bool:
    """Return whether every operator maps ``|0...0>`` to a multiple of itself."""
    return all(np.abs(k[1:, 0]).max() < _EXACT for k in channel.kraus_operators())

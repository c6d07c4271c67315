"""All shots of a circuit at once: one Stim circuit, whose samples Stim draws by Pauli frames."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.stabilizer.channels import channel_form
from quasim_backend.engines.stabilizer.trace import Gates, Measured, Pauli, Reset, Saved, Trace
from quasim_backend.ir.channels import ReadoutError
from quasim_backend.ir.instructions import ChannelOp, GateOp
from quasim_backend.kernels.base import CancelToken
from quasim_backend.kernels.random import shot_uniforms

__all__ = ["FrameProgram", "frame_program"]

_BLOCK = 4096
"""Shots that Stim draws in one call. Always as many, so that a shot depends on seed and number
only; as few, so that the frames stay in cache."""


@dataclass(frozen=True, eq=False)
class FrameProgram:
    """A circuit for Stim, and where its records go.

    Attributes:
        text: The circuit.
        num_clbits: Classical bits.
        trace: What it was written from.
        cache: Keeps the circuit as Stim has it; never part of its meaning.
    """

    text: str
    num_clbits: int
    trace: Trace
    cache: dict[str, Any] = field(default_factory=dict, repr=False)

    def sample(self, shots: int, seed: int, cancel: CancelToken) -> NDArray[np.uint64]:
        """Return classical memory of each shot, uint64 ``(shots, words)``, packed as usual.

        Raises:
            Cancelled: If the token was set.
        """
        import stim

        trace = self.trace
        words = np.zeros((shots, max(1, -(-self.num_clbits // 64))), np.uint64)
        out = words.view(np.uint8)
        out[:] = np.frombuffer(trace.memory.to_bytes(out.shape[1], "little"), np.uint8)
        if not trace.num_records:
            return words
        if "circuit" not in self.cache:
            self.cache["circuit"] = stim.Circuit(self.text)
        cancel.check()
        sampler = self.cache["circuit"].compile_sampler(seed=seed)
        in_place = [*trace.records.items()] == [(r, r) for r in range(trace.num_records)]
        for first in range(0, shots, _BLOCK):
            cancel.check()
            drawn = sampler.sample_bit_packed(_BLOCK)[: shots - first]
            last = first + len(drawn)
            for number, (records, readout) in enumerate(trace.confused):
                uniforms = shot_uniforms(seed, np.arange(first, last), number)
                _confuse(drawn, records, readout, uniforms)
            if in_place:
                out[first:last, : drawn.shape[1]] |= drawn
            else:
                out[first:last] |= self._moved(drawn, out.shape[1])
        return words

    def _moved(self, drawn: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
        """Bring records, packed ``(shots, bytes)``, to their classical bits, ``(shots, size)``."""
        trace = self.trace
        bits = np.unpackbits(drawn, axis=1, count=trace.num_records, bitorder="little")
        result = np.zeros((len(drawn), 8 * size), np.uint8)
        result[:, [*trace.records]] = bits[:, [*trace.records.values()]]
        return np.packbits(result, axis=1, bitorder="little")


Writer: TypeAlias = Callable[..., str]


def frame_program(trace: Trace, num_clbits: int) -> FrameProgram | None:
    """Return the circuit for Stim, without saves; None if a channel draws gates that are no Paulis.

    Args:
        trace: What the code does, with gates and channels that keep stabilizer states.
        num_clbits: Classical bits of the code.
    """
    lines: list[str] = []
    writers: dict[Any, Writer] = {}
    done = 0
    for event in trace.events:
        match event:
            case Gates():
                if not _write(event, writers, lines):
                    return None
            case Measured():
                lines += _measured(event)
                done += len(event.qubits)
            case Reset(qubits):
                lines.append(f"R {' '.join(map(str, qubits))}\n")
            case Pauli(letter, qubit, records):
                if not records:
                    lines.append(f"{letter} {qubit}\n")
                lines += [f"C{letter} rec[{record - done}] {qubit}\n" for record in records]
            case Saved():
                pass
    return FrameProgram("".join(lines), num_clbits, trace)


def _write(event: Gates, writers: dict[Any, Writer], lines: list[str]) -> bool:
    """Append gates and channels; False if there is one that Stim has no line for."""
    add = lines.append
    # This loop runs once a gate.
    for operation in event.step.operations:
        what = operation.gate if type(operation) is GateOp else operation.channel  # type: ignore[union-attr]
        write = writers.get(what)
        if write is None:
            if isinstance(operation, ChannelOp):
                noise = channel_form(operation.channel)
                if noise is None or noise.template is None:
                    return False
                write = writers[what] = noise.template.format
            else:
                write = event.form(operation.gate).template.format
                if not operation.gate.parameters:
                    writers[what] = write
        add(write(*operation.qubits))
    return True


def _measured(event: Measured) -> Iterator[str]:
    """Yield measurements; those without a flip share a line."""
    plain: list[str] = []
    for qubit, flip in zip(event.qubits, event.flips, strict=True):
        if not flip:
            plain.append(str(qubit))
            continue
        if plain:
            yield f"M {' '.join(plain)}\n"
            plain = []
        yield f"M({flip!r}) {qubit}\n"
    if plain:
        yield f"M {' '.join(plain)}\n"


def _confuse(
    drawn: NDArray[np.uint8],
    records: tuple[int, ...],
    readout: ReadoutError,
    uniforms: NDArray[np.float64],
) -> None:
    """Pass records, uint8 ``(shots, bytes)`` packed and overwritten, through a readout error."""
    true = np.zeros(len(drawn), np.int64)
    for i, record in enumerate(records):
        true |= (drawn[:, record >> 3] >> (record & 7) & 1).astype(np.int64) << i
    ladder = np.cumsum(readout.matrix, axis=1)[:, :-1]
    turned = (uniforms[:, None] >= ladder[true]).sum(axis=1) ^ true
    for i, record in enumerate(records):
        drawn[:, record >> 3] ^= ((turned >> i & 1) << (record & 7)).astype(np.uint8)

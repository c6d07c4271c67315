"""One run: the observables of all save points, propagated backwards through the circuit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from quasim_backend.compile.code import (
    CompiledCircuit,
    InitializeStep,
    MeasureStep,
    ResetStep,
    SampleStep,
    SaveStep,
    SetStateStep,
)
from quasim_backend.engines.base import EngineRequest
from quasim_backend.engines.pauli_images import words_of
from quasim_backend.engines.pauli_propagation.moves import (
    Move,
    Rotation,
    channel_move,
    dephasing,
    gate_moves,
    resetting,
)
from quasim_backend.engines.pauli_propagation.strings import OutOfRoom, PauliStrings
from quasim_backend.engines.pauli_sums import SavedSums, Terms
from quasim_backend.engines.saves import SaveSink
from quasim_backend.engines.straight_code import Operation, StraightCode
from quasim_backend.errors import MemoryLimitError, UnsupportedError
from quasim_backend.ir.channels import Channel
from quasim_backend.ir.gates import Gate
from quasim_backend.ir.instructions import ChannelOp, GateOp
from quasim_backend.ir.observables import PauliString
from quasim_backend.ir.program import ComplexArray

__all__ = ["Propagation"]

_SHARED = 2
"""Observables are columns of one table if it has up to so many times the entries it needs."""
_FOLLOWED = 512
"""Strings that a forecast follows."""
_REFRESH = 64
"""Moves after which the light cone is looked at again."""


class Propagation:
    """The operations of a run, last one first, and the strings that pass them.

    Attributes:
        strings: Where the propagation is.
        moves: Number of moves that met a string.
        work: Strings that met a move, added up over moves.
        peak: The most strings there were at any time.
    """

    def __init__(self, compiled: CompiledCircuit, request: EngineRequest) -> None:
        """Write the circuit out and the save points as sums of strings.

        Args:
            compiled: Gate code that reads no outcomes.
            request: What is asked for, without shots.
        """
        self._request = request
        self._width = compiled.num_qubits
        self._operations: list[Operation] = []
        self._saves: list[SavedSums] = []
        self._memory: list[int] = []  # at each save point
        code = StraightCode(compiled, request)
        for operation in code:
            self._operations.append(operation)
            if isinstance(operation, SaveStep):
                self._saves.append(SavedSums.of(operation.save, self._width))
                self._memory.append(code.bits)
        if request.initial_state is not None:
            start = request.kernels.to_host(
                request.kernels.from_host(request.initial_state, np.dtype(np.complex128))
            )
            self._operations.insert(0, SetStateStep(np.asarray(start, np.complex128)))
        sums = [terms for saved in self._saves for terms in saved.sums]
        total = sum(map(len, sums))
        distinct = len({string for terms in sums for string in terms})
        self._shared = distinct * len(sums) <= _SHARED * total
        real = all(complex(w).imag == 0 for terms in sums for w in terms.values())
        config = request.config
        self.strings = PauliStrings(
            self._width,
            1 if self._shared else len(sums),
            len(sums) if self._shared else 1,
            np.float64 if real else np.complex128,
            config.pauli_threshold,
            config.max_pauli_weight,
            request.workspace_bytes,
        )
        self.moves, self.work, self.peak = 0, 0.0, 0.0
        self._stands_for = 1.0
        self._cone = 0
        self._known: dict[tuple[Gate | Channel, tuple[int, ...]], Sequence[Move]] = {}

    @property
    def operations(self) -> int:
        """Number of operations of the run."""
        return len(self._operations)

    def run(self) -> None:
        """Propagate to the circuit's beginning.

        Raises:
            MemoryLimitError: If the strings outgrow the request's workspace.
            UnsupportedError: If more is dropped than the configuration allows.
            Cancelled: If the request's token was set.
        """
        for place in self._steps():
            if self.strings.is_loose():
                self._merge()
                self._check(place)
        if len(self.strings):
            self._merge()
            self._check(0)

    def forecast(self) -> None:
        """Find `work` and `peak` from a part of the strings; there is nothing to save afterwards.

        Where there are more than a few hundred, every other one is left out and the rest counts
        twice, as Knuth counts the leaves of a tree by walking down a part of it (Math. Comp. 29,
        122 (1975)). Strings that would have merged with one that was left out are missed, so that
        the numbers are rather too high. Ends as soon as the strings outgrow the workspace.

        Raises:
            Cancelled: If the request's token was set.
        """
        for _ in self._steps():
            if self.peak * self.strings.bytes_each > self._request.workspace_bytes:
                return
            if len(self.strings) > _FOLLOWED:
                self._merge()
            while len(self.strings) > _FOLLOWED:
                self.strings.halve()
                self._stands_for *= 2

    def _steps(self) -> Iterator[int]:
        """Apply operation after operation, last one first; yield its number after each move."""
        number = sum(len(saved.sums) for saved in self._saves)
        saves = iter(reversed(self._saves))
        for place in reversed(range(len(self._operations))):
            self._request.cancel.check()
            operation = self._operations[place]
            if isinstance(operation, SaveStep):
                saved = next(saves)
                number -= len(saved.sums)
                try:
                    self._add(saved.sums, number)
                except OutOfRoom as full:
                    raise self._out_of_room(full.args[0], place) from None
                continue
            for move in self._moves_of(operation):
                try:
                    self._apply(move)
                except OutOfRoom as full:
                    raise self._out_of_room(full.args[0], place) from None
                yield place

    def saved(self) -> tuple[SaveSink, dict[str, float]]:
        """Return what the save points keep, and bounds on errors by label."""
        values = np.asarray(self.strings.at_zero(), np.complex128).reshape(-1)
        errors = self.strings.dropped.reshape(-1)
        sink, bounds, first = SaveSink(sampled=False), dict[str, float](), 0
        for saved, memory in zip(self._saves, self._memory, strict=True):
            own = slice(first, first + len(saved.sums))
            first += len(saved.sums)
            value, bound = saved.value(values[own], errors[own])
            label = saved.save.label
            sink.add(saved.save, np.zeros(1, np.int64), memory, value)
            bounds[label] = max(bounds.get(label, 0.0), bound)
        return sink, bounds

    # --- pieces -------------------------------------------------------------------------------

    def _add(self, sums: Sequence[Terms], first: int) -> None:
        """Put the strings of a save point's sums, numbered from ``first``, into the table."""
        if self._shared:
            places: dict[PauliString, int] = {}
            for terms in sums:
                for string in terms:
                    places.setdefault(string, len(places))
            coefficients = np.zeros((self.strings.dropped.shape[1], len(places)), np.complex128)
            for column, terms in enumerate(sums, first):
                for string, weight in terms.items():
                    coefficients[column, places[string]] = weight
            listed, groups = list(places), np.zeros(len(places), np.uint64)
        else:
            listed = [string for terms in sums for string in terms]
            sizes = [len(terms) for terms in sums]
            groups = np.repeat(np.arange(first, first + len(sums), dtype=np.uint64), sizes)
            weights = [weight for terms in sums for weight in terms.values()]
            coefficients = np.array([weights], np.complex128).reshape(1, -1)
        masks = ([s.x for s in listed], [s.z for s in listed])
        table = np.vstack([*(words_of(m, self._width) for m in masks), groups[None]])
        real = not np.iscomplexobj(self.strings.coefficients)
        self.strings.add(table, coefficients.real if real else coefficients)
        for string in listed:
            self._cone |= string.x | string.z

    def _moves_of(self, operation: Operation) -> Sequence[Move]:
        """Return what an operation does to strings, where it can meet one; preparations are done.

        The moves of a gate are remembered for its next occurrence.
        """
        assert not isinstance(operation, SaveStep)
        if isinstance(operation, SetStateStep):
            self._prepare(operation.amplitudes, range(self._width))
            return ()
        if not sum(1 << q for q in operation.qubits) & self._cone:
            return ()
        match operation:
            case GateOp(gate, qubits):
                found = self._known.get((gate, qubits))
                if found is None:
                    found = self._known[gate, qubits] = gate_moves(gate, qubits)
                return found
            case ChannelOp(channel, qubits):
                found = self._known.get((channel, qubits))
                if found is None:
                    found = self._known[channel, qubits] = (channel_move(channel, qubits),)
                return found
            case InitializeStep(amplitudes, qubits):
                self._prepare(amplitudes, qubits)
                return ()
            case ResetStep(qubits):
                return [resetting(q) for q in qubits]
            case MeasureStep() | SampleStep():
                return [dephasing(q) for q in operation.qubits]

    def _apply(self, move: Move) -> None:
        strings = self.strings
        self.moves += 1
        self.work += len(strings) * self._stands_for
        if isinstance(move, Rotation):
            strings.rotate(move)
            self._cone |= move.x | move.z
        else:
            strings.transfer(move)
            self._cone |= sum(1 << q for q in move.qubits)
        self.peak = max(self.peak, len(strings) * self._stands_for)
        if self.moves % _REFRESH == 0:
            self._cone = strings.support()

    def _prepare(self, amplitudes: ComplexArray, qubits: Sequence[int]) -> None:
        """Take the expectation values of what strings do on prepared qubits, which are I then."""
        x_masks, z_masks = self.strings.local_masks(qubits)
        both, inverse = np.unique(np.stack([x_masks, z_masks]), axis=1, return_inverse=True)
        kernels = self._request.kernels
        state = kernels.from_host(np.asarray(amplitudes), np.dtype(np.complex128))
        values = kernels.pauli_expectations(
            state, np.ascontiguousarray(both[0]), np.ascontiguousarray(both[1])
        )
        self.strings.scale(np.asarray(values)[inverse.reshape(-1)])

    def _merge(self) -> None:
        self.strings.merge()
        self._cone = self.strings.support()

    def _check(self, place: int) -> None:
        """Refuse to go on when too much was dropped."""
        limit = self._request.config.max_truncation_error
        worst = float(self.strings.dropped.max(initial=0.0))
        if limit is not None and worst > limit:
            raise UnsupportedError(
                f"Pauli propagation dropped coefficients of {worst:.3g} in all, more than "
                f"max_truncation_error={limit:g} allows, with {place} of {self.operations} "
                f"operations still to come (it goes backwards). Lower pauli_threshold or raise "
                f"max_pauli_weight."
            )

    def _out_of_room(self, count: int, place: int) -> MemoryLimitError:
        allowed = self._request.workspace_bytes / 2**20
        return MemoryLimitError(
            f"Pauli propagation reached {count} strings of {self.strings.bytes_each} bytes, more "
            f"than max_workspace_mb={allowed:g} allows, with {place} of {self.operations} "
            f"operations still to come (it goes backwards). Drop small ones with "
            f"pauli_threshold=1e-4 or so, or heavy ones with max_pauli_weight (the error is "
            f"stated), or raise max_workspace_mb."
        )

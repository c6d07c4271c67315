"""From operations to a network, backwards in time from what is asked for.

Going backwards, what does not matter is never built: an operation outside the light cone of the
question meets only traced qubits, where a unitary cancels with its adjoint and a channel keeps the
trace. More: on a qubit where the question commutes with Z, whatever is diagonal there commutes and
cancels too.

Matrices on one qubit wait on their wire and are multiplied together until something else comes.
Diagonal products make no index, anti-diagonal ones only turn the wire around.

In a *doubled* network each qubit has two wires: ``ket`` for the state and ``bra`` for its
conjugate. Its result is ``Tr(O rho)``, linear in ``rho[ket, bra]``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from quasim_backend.engines.tensor_network.network import (
    Array,
    Entries,
    Indices,
    Leaf,
    Network,
)
from quasim_backend.engines.tensor_network.pieces import Matrix, Piece, pieces_of, times
from quasim_backend.ir.channels import Channel
from quasim_backend.ir.instructions import ChannelOp, GateOp
from quasim_backend.ir.observables import PauliString
from quasim_backend.ir.parameters import Affine, Parameter

__all__ = ["ZERO", "Outcome", "Wires"]

ZERO = 4e-16
"""Entries of products of 2x2 unitaries below this are taken to be zeros that were rounded."""

FREE, DIAGONAL, SPLIT = 0, 1, 2
"""What the question is on a qubit: the identity, something that commutes with Z, anything."""

Outcome: TypeAlias = tuple[int, int]
"""What a measurement found: the number of events before it, and the qubit."""

_Waiting: TypeAlias = "Matrix | list[Any]"
"""A product, or its factors from late to early: matrices, and (make, angle number, diagonal)."""


class Wires:
    """The wires of a network under construction, at some time of the circuit."""

    def __init__(
        self, num_qubits: int, doubled: bool, sources: Mapping[Parameter, int] | None = None
    ) -> None:
        """Start at the end of a circuit; nothing is asked for yet.

        Args:
            num_qubits: Number of qubits.
            doubled: Whether there are bra wires.
            sources: Where values of parameters come from; changed with each `GatesStep`.
        """
        self.network = Network()
        self.sources = sources or {}
        self._doubled = doubled
        self._ket: list[int] = [-1] * num_qubits
        self._bra: list[int] = [-1] * num_qubits
        self._ket_turned = [False] * num_qubits
        self._bra_turned = [False] * num_qubits
        self._waiting: list[_Waiting | None] = [None] * num_qubits
        self._kind = [FREE if doubled else SPLIT] * num_qubits
        self._given: Sequence[Outcome] = ()
        self._asked: Sequence[Outcome] = ()
        self._outcomes: dict[Outcome, int] = {}

    # --- the question ---------------------------------------------------------------------------

    def ask_diagonal(self, qubits: Sequence[int], values: Array | None = None) -> Indices:
        """Give each qubit an index, in a doubled network the same for ket and bra.

        Args:
            qubits: The qubits, each asked for once.
            values: A diagonal operator ``(2,) * k`` to put there, an axis a qubit.

        Returns:
            The indices.
        """
        for q in qubits:
            self._ket[q] = self._bra[q] = self.network.new_index()
            self._kind[q] = DIAGONAL if self._doubled else SPLIT
        indices = tuple(self._ket[q] for q in qubits)
        if values is not None:
            self.network.leaves.append(Leaf(indices, values))
        return indices

    def ask_matrix(self, qubits: Sequence[int], matrix: Array | None = None) -> Indices:
        """Give each qubit two indices, one for ket and one for bra.

        Args:
            qubits: The qubits.
            matrix: An operator ``(2**k, 2**k)`` to put there, first qubit lowest.

        Returns:
            The kets' indices, then the bras'.
        """
        for q in qubits:
            self._ket[q], self._bra[q] = self.network.new_index(), self.network.new_index()
            self._kind[q] = SPLIT
        kets = tuple(self._ket[q] for q in qubits)
        bras = tuple(self._bra[q] for q in qubits)
        if matrix is not None:
            # Tr(O rho): rows of O meet the bra. Axes have the highest qubit first.
            tensor = np.asarray(matrix, complex).reshape((2,) * (2 * len(qubits)))
            self.network.leaves.append(Leaf((*bras[::-1], *kets[::-1]), tensor))
        return (*kets, *bras)

    def ask_outcomes(self, given: Sequence[Outcome], asked: Sequence[Outcome], events: int) -> None:
        """Ask for outcomes of measurements: those given get bits, those asked for are open.

        Args:
            given: Outcomes that bits are given for, in their order.
            asked: Outcomes to leave open, the first lowest.
            events: What is asked now; earlier measurements get their indices on the way back.
        """
        self._given, self._asked = given, asked
        self._outcomes = dict.fromkeys((*given, *asked), -1)
        for outcome in self._outcomes:
            if outcome[0] == events:
                (self._outcomes[outcome],) = self.ask_diagonal((outcome[1],))

    @property
    def looks_for_outcomes(self) -> bool:
        """Whether an earlier measurement has an outcome that was asked for."""
        return -1 in self._outcomes.values()

    def ask_pauli(self, string: PauliString) -> None:
        """Put a Pauli string between ket and bra."""
        for q in range(string.width):
            x, z = string.x >> q & 1, string.z >> q & 1
            if not x | z:
                continue
            (index,) = self.ask_diagonal((q,))
            if z:
                value = np.array([1j, -1j]) if x else np.array([1, -1], complex)
                self.network.leaves.append(Leaf((index,), value))
            if x:  # <b|X|k> is 1 where b = 1 - k
                self._bra_turned[q] = True
                self._kind[q] = SPLIT

    # --- backwards in time ----------------------------------------------------------------------

    def before(self, operations: Iterable[GateOp | ChannelOp]) -> None:
        """Go back over gates and channels, which are given in the order they act."""
        kind = self._kind
        for operation in reversed(tuple(operations)):
            qubits = operation.qubits
            if qubits and not any([kind[q] for q in qubits]):
                continue
            if isinstance(operation, ChannelOp):
                self._channel(operation.channel, qubits)
                continue
            for piece in reversed(pieces_of(operation.gate)):
                self._piece(piece, [qubits[p] for p in piece.places], qubits)

    def before_reset(self, qubits: Iterable[int]) -> None:
        """Go back over a reset: what was before is traced."""
        for q in qubits:
            if self._kind[q] != FREE:
                self._end((q,), np.array([1, 0], complex))

    def before_measurement(self, qubits: Iterable[int], event: int) -> None:
        """Go back over a measurement, the event of that number: ket and bra must agree.

        Their common index is the outcome, which is summed over unless it is asked for.
        """
        copy = np.eye(2, dtype=complex)
        for q in qubits:
            wanted = (event, q) in self._outcomes
            if self._kind[q] == SPLIT:
                self._flush(q)
                index = self.network.new_index()
                self._leaf((self._ket[q], index), (self._ket_turned[q], False), copy)
                self._leaf((self._bra[q], index), (self._bra_turned[q], False), copy)
                self._begin(q, index, index, DIAGONAL)
            elif wanted and self._kind[q] == FREE:
                self.ask_diagonal((q,))
            if wanted:
                self._outcomes[event, q] = self._ket[q]

    def before_state(self, qubits: Sequence[int], amplitudes: Array) -> None:
        """Go back over a preparation of ``(2**k,)`` amplitudes: what was before is traced."""
        if not self._doubled and not any([self._kind[q] for q in qubits]):
            return
        tensor = np.asarray(amplitudes, complex).reshape((2,) * len(qubits)).transpose()
        for q in qubits:
            if self._kind[q] == FREE:
                self.ask_diagonal((q,))
        self._end(tuple(qubits), tensor)

    def finish(self) -> Network:
        """Go back to the start in ``|0...0>`` and return the network."""
        for q, index in enumerate(self._ket):
            if index < 0 or self._kind[q] == FREE:
                continue
            waiting = self._waiting[q]
            self._waiting[q] = None
            if waiting is None:
                self._both((q,), np.array([1, 0], complex), None)
            elif isinstance(waiting, tuple):
                self._both((q,), np.array([waiting[0], waiting[2]]), None)
            else:
                self._both((q,), None, _product(waiting).then(_first_column))
        if self._outcomes:
            found = [self._own(outcome) for outcome in (*self._given, *self._asked)]
            self.network.bits = tuple(found[: len(self._given)])
            self.network.open = tuple(reversed(found[len(self._given) :]))
        return self.network

    def _own(self, outcome: Outcome) -> int:
        """Return an index that is this outcome's alone: a repeated measurement has the same."""
        index = self._outcomes.pop(outcome)
        if index not in self._outcomes.values():
            return index
        copy = self.network.new_index()
        self.network.leaves.append(Leaf((index, copy), np.eye(2, dtype=complex)))
        return copy

    # --- pieces ---------------------------------------------------------------------------------

    def _piece(self, piece: Piece, places: list[int], qubits: Sequence[int]) -> None:
        kind, kinds = piece.kind, self._kind
        if kind == "one":
            q = places[0]
            if kinds[q] == FREE or (kinds[q] == DIAGONAL and piece.diagonal):
                return
            self._wait(q, piece)
        elif kind == "swap":
            a, b = places
            wires: tuple[list[Any], ...] = (
                self._ket,
                self._bra,
                self._ket_turned,
                self._bra_turned,
                self._waiting,
                kinds,
            )
            for wire in wires:
                wire[a], wire[b] = wire[b], wire[a]
        elif kind == "dense":
            shared = [qubits[p] for p in piece.shared]
            if any([kinds[q] for q in places]) or SPLIT in [kinds[q] for q in shared]:
                self._dense(places, shared, piece.value)
        elif SPLIT in [kinds[q] for q in places] or not self._doubled:
            for q in places:
                self._share(q)
            if kind == "diagonal":
                self._both(places, piece.value, self._made(piece))
            else:
                self._terms(piece, places)

    def _wait(self, q: int, piece: Piece) -> None:
        self._kind[q] = SPLIT
        waiting = self._waiting[q]
        if piece.make is None:
            value = piece.value
            if waiting is None:
                self._waiting[q] = value
            elif isinstance(waiting, tuple):
                self._waiting[q] = times(waiting, value)
            elif isinstance(waiting[-1], tuple) and len(waiting[-1]) == 4:
                waiting[-1] = times(waiting[-1], value)
            else:
                waiting.append(value)
            return
        factor = (piece.make, self._angle(piece), piece.diagonal)
        if waiting is None:
            self._waiting[q] = [factor]
        elif isinstance(waiting, tuple):
            self._waiting[q] = [waiting, factor]
        else:
            waiting.append(factor)

    def _share(self, q: int) -> None:
        """Make a qubit ready for a tensor that does not change it."""
        if self._kind[q] == FREE:
            self.ask_diagonal((q,))
        elif self._waiting[q] is not None:
            self._flush(q)

    def _dense(self, places: Sequence[int], shared: Sequence[int], value: Array) -> None:
        for q in (*places, *shared):
            self._share(q)
        kets = [self.network.new_index() for _ in places]
        bras = [self.network.new_index() for _ in places] if self._doubled else kets
        for index, turned, new, conj in self._sides(kets, bras):
            indices = (*(index[q] for q in places), *new, *(index[q] for q in shared))
            turns = (
                *(turned[q] for q in places),
                *[False] * len(new),
                *(turned[q] for q in shared),
            )
            self._leaf(indices, turns, value.conj() if conj else value)
        for q, ket, bra in zip(places, kets, bras, strict=True):
            self._begin(q, ket, bra, SPLIT)

    def _terms(self, piece: Piece, places: Sequence[int]) -> None:
        """Add a sum of products: an index for the term's numbers, a matrix for each qubit."""
        count = max(piece.slot_of) + 1
        kets = [self.network.new_index() for _ in range(count)]
        bras = [self.network.new_index() for _ in range(count)]
        make = self._made(piece)
        for index, turned, slots, conj in self._sides(kets, bras):
            value = piece.value
            if conj and value is not None:
                value = value.conj()
            self._leaf(tuple(slots), (False,) * count, value, _side(make, conj))
            for q, slot, table in zip(places, piece.slot_of, piece.tables, strict=True):
                self._leaf((slots[slot], index[q]), (False, turned[q]), table)

    def _channel(self, channel: Channel, qubits: Sequence[int]) -> None:
        kraus = channel.kraus_operators()
        width, kinds = len(qubits), self._kind
        shape = (2,) * (2 * width)
        if not any(np.any(k - np.diag(np.diag(k))) for k in kraus):
            if SPLIT not in [kinds[q] for q in qubits]:
                return
            for q in qubits:
                self._share(q)
            rows = np.array([np.diag(k) for k in kraus])
            tensor = np.einsum("mk,mb->kb", rows, rows.conj()).reshape(shape)
            sides = (
                [self._ket[q] for q in reversed(qubits)],
                [self._bra[q] for q in reversed(qubits)],
            )
            turns = [self._ket_turned[q] for q in reversed(qubits)]
            turns += [self._bra_turned[q] for q in reversed(qubits)]
            self._leaf((*sides[0], *sides[1]), turns, tensor)
            return
        for q in qubits:
            self._share(q)
        stacked = np.array(kraus)
        tensor = np.einsum("mik,mjl->ijkl", stacked, stacked.conj()).reshape(shape * 2)
        backwards = tuple(reversed(qubits))
        kets = [self.network.new_index() for _ in backwards]
        bras = [self.network.new_index() for _ in backwards]
        after = [self._ket[q] for q in backwards] + [self._bra[q] for q in backwards]
        turns = [self._ket_turned[q] for q in backwards] + [self._bra_turned[q] for q in backwards]
        self._leaf((*after, *kets, *bras), (*turns, *[False] * (2 * width)), tensor)
        for q, ket, bra in zip(backwards, kets, bras, strict=True):
            self._begin(q, ket, bra, SPLIT)

    # --- wires ----------------------------------------------------------------------------------

    def _begin(self, q: int, ket: int, bra: int, kind: int) -> None:
        self._ket[q], self._bra[q], self._kind[q] = ket, bra, kind
        self._ket_turned[q] = self._bra_turned[q] = False

    def _end(self, qubits: Sequence[int], amplitudes: Array) -> None:
        """End wires in a pure state; before it the qubits are traced."""
        for q in qubits:
            if self._waiting[q] is not None:
                self._flush(q)
        self._both(qubits, amplitudes, None)
        for q in qubits:
            self._begin(q, -1, -1, FREE)

    def _flush(self, q: int) -> None:
        """Put the waiting matrix of a qubit into the network."""
        waiting = self._waiting[q]
        self._waiting[q] = None
        if waiting is None:
            return
        if isinstance(waiting, tuple):
            a, b, c, d = waiting
            if abs(b) <= ZERO and abs(c) <= ZERO:
                self._vector(q, a, d)
                return
            if abs(a) <= ZERO and abs(d) <= ZERO:
                self._vector(q, b, c)
                self._ket_turned[q] = not self._ket_turned[q]
                self._bra_turned[q] = not self._bra_turned[q]
                return
            value, make = np.array(((a, b), (c, d))), None
        else:
            if all(len(f) == 3 and f[2] for f in waiting):
                self._both((q,), None, _product(waiting).then(np.diag))
                return
            value, make = None, _product(waiting)
        kets = [self.network.new_index()]
        bras = [self.network.new_index()] if self._doubled else kets
        for index, turned, new, conj in self._sides(kets, bras):
            one = value.conj() if conj and value is not None else value
            self._leaf((index[q], new[0]), (turned[q], False), one, _side(make, conj))
        self._begin(q, kets[0], bras[0], SPLIT)

    def _vector(self, q: int, first: complex, second: complex) -> None:
        """Put a diagonal matrix on one qubit into the network."""
        if abs(first - second) > ZERO:
            self._both((q,), np.array((first, second)), None)
        elif self._doubled:
            self.network.scale *= abs(first) ** 2
        else:
            self.network.scale *= first

    def _sides(self, kets: list[int], bras: list[int]) -> list[tuple[Any, Any, list[int], bool]]:
        sides: list[tuple[Any, Any, list[int], bool]] = [(self._ket, self._ket_turned, kets, False)]
        if self._doubled:
            sides.append((self._bra, self._bra_turned, bras, True))
        return sides

    def _both(self, qubits: Sequence[int], value: Array | None, make: Entries | None) -> None:
        """Add a tensor on the qubits' indices, and its conjugate on the bras'."""
        for index, turned, _, conj in self._sides([], []):
            one = value.conj() if conj and value is not None else value
            turns = [turned[q] for q in qubits]
            self._leaf([index[q] for q in qubits], turns, one, _side(make, conj))

    def _leaf(
        self,
        indices: Sequence[int],
        turned: Sequence[bool],
        value: Array | None,
        make: Entries | None = None,
    ) -> None:
        if True in turned:
            axes = tuple(i for i, t in enumerate(turned) if t)
            if value is not None:
                value = np.flip(value, axes)
            elif make is not None:
                make = make.then(lambda entries: np.flip(entries, axes))
        self.network.leaves.append(Leaf(tuple(indices), value, make))

    def _made(self, piece: Piece) -> Entries | None:
        if piece.make is None:
            return None
        make, number = piece.make, self._angle(piece)
        return Entries(lambda angles: make(angles[number]), (number,))

    def _angle(self, piece: Piece) -> int:
        angle = piece.angle
        assert isinstance(angle, Affine)
        terms = tuple((self.sources[p], w) for p, w in angle.terms)
        return self.network.angles.add(angle.offset, terms, piece.frequency)


# --- values that depend on angles ---------------------------------------------------------------


def _product(factors: Sequence[Any]) -> Entries:
    def make(angles: Sequence[float]) -> Array:
        result: Matrix | None = None
        for factor in factors:
            one = factor if len(factor) == 4 else factor[0](angles[factor[1]])
            result = one if result is None else times(result, one)
        return np.array(result, complex).reshape(2, 2)

    return Entries(make, tuple(f[1] for f in factors if len(f) == 3))


def _side(make: Entries | None, conj: bool) -> Entries | None:
    return make.conjugate() if conj and make is not None else make


def _first_column(matrix: Array) -> Array:
    return matrix[:, 0]

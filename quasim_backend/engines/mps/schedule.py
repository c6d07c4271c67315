"""The order in which waiting gates are applied: sweeps along the chain.

The centre has to travel to each gate, and every step costs an orthogonalisation. Gates that do not
touch the same qubits commute, so those at hand are applied in the order of their places: to the
right end, then back. Gates on one pair of neighbours that follow each other are multiplied first:
CX RZ CX is one cut. So are distant ones that share a qubit, see `fans`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.mps.chains import Chain, gate_chain
from quasim_backend.engines.mps.fans import Fan, fan_of
from quasim_backend.engines.mps.state import MatrixProductState
from quasim_backend.ir.gates import Gate
from quasim_backend.kernels.base import CancelToken

__all__ = ["Schedule"]

Matrix: TypeAlias = NDArray[Any]

_IDENTITY = np.eye(2)
_LONGEST = 10_000
"""Gates that wait at most."""


def _matrix(gate: Gate) -> Matrix:
    """Return a gate's matrix, not to be written to; circuits repeat gates and angles."""
    if gate.data is not None or gate.masks is not None:
        return gate.matrix()
    params = tuple(float(v) for v in gate.params)  # type: ignore[arg-type]
    return _table_matrix(gate.name, params, gate.num_controls, gate.control_state, gate.power)


@lru_cache(maxsize=4096)
def _table_matrix(
    name: str, params: tuple[float, ...], num_controls: int, control_state: int, power: float
) -> Matrix:
    return Gate(name, params, num_controls, control_state, power).matrix()


@dataclass(eq=False)
class _Waiting:
    """An operator that waits: a matrix on neighbours (the left one the high bit), or others."""

    sites: tuple[int, ...]
    matrix: Matrix | None = None
    chain: Chain | None = None
    fans: list[Fan] = field(default_factory=list)
    """One operator; two where both of its qubits could be the pivot."""
    after: int = 0
    """How many operators have to be applied before."""
    before: list[_Waiting] = field(default_factory=list)
    """Operators that wait for this one."""


class Schedule:
    """Gates that wait for a state."""

    def __init__(
        self, cancel: CancelToken, progress: Callable[[float], None] | None = None
    ) -> None:
        """Start empty.

        Args:
            cancel: Stops `flush`.
            progress: Told which fraction of what waits is applied.
        """
        self._cancel = cancel
        self._progress = progress
        self._ready: list[_Waiting] = []
        self._last: dict[int, _Waiting] = {}  # the last operator on each qubit
        self._ones: dict[int, Matrix] = {}  # unitaries on single qubits, which come after it
        self._count = 0

    def add(self, gate: Gate, qubits: tuple[int, ...], state: MatrixProductState) -> None:
        """Take a gate without unbound parameters; ``state`` is changed if too many wait."""
        if len(qubits) < 2:
            site = qubits[0] if qubits else 0
            matrix = _matrix(gate) if qubits else _matrix(gate)[0, 0] * _IDENTITY  # a phase
            known = self._ones.get(site)
            self._ones[site] = matrix if known is None else matrix @ known
            return
        if len(qubits) == 2:
            self._add_two(gate, *qubits)
        else:
            chain = self._after_ones(gate_chain(gate, qubits))
            self._append(_Waiting(chain.sites, chain=chain))
        if self._count >= _LONGEST:
            self.flush(state)

    def flush(self, state: MatrixProductState) -> None:
        """Apply everything that waits.

        Raises:
            Cancelled: If the token was set.
        """
        to_right, done = True, 0
        while self._ready:
            self._cancel.check()
            chosen = self._nearest(state.centre, to_right=to_right)
            if chosen is None:
                to_right = not to_right
                continue
            self._ready.remove(chosen)
            done += 1
            state.truncation.progress = done / self._count
            if chosen.matrix is not None:
                state.apply_pair(chosen.matrix, chosen.sites[0], to_right=to_right)
            elif chosen.chain is not None:
                state.apply_chain(chosen.chain)
            else:
                state.apply_chain(chosen.fans[0].chain())
            if self._progress is not None:
                self._progress(done / self._count)
            for other in chosen.before:
                other.after -= 1
                if not other.after:
                    self._ready.append(other)
        for site, matrix in self._ones.items():
            state.apply_one(matrix, site)
        self._last.clear()
        self._ones.clear()
        self._count = 0

    # --- pieces -------------------------------------------------------------------------------

    def _nearest(self, centre: int, *, to_right: bool) -> _Waiting | None:
        """Return the next operator that reaches from the centre on, in a direction."""
        if to_right:
            ahead = [w for w in self._ready if w.sites[-1] >= centre]
            return min(ahead, key=lambda w: w.sites[0], default=None)
        ahead = [w for w in self._ready if w.sites[0] <= centre]
        return max(ahead, key=lambda w: w.sites[-1], default=None)

    def _add_two(self, gate: Gate, low: int, high: int) -> None:
        """Take a gate on two qubits: into a fan that waits, as a fan, or as what it is."""
        matrix, near = _matrix(gate), abs(low - high) == 1
        last = (self._last.get(low), self._last.get(high))
        if near and not any(waiting is not None and waiting.fans for waiting in last):
            self._add_pair(matrix, low, high)
            return
        both = (
            fan_of(matrix, low, high, pivot_is_low=True),
            fan_of(matrix, high, low, pivot_is_low=False),
        )
        fans = [fan for fan in both if fan is not None]
        if any(self._joins(fan) for fan in fans):
            return
        if near:
            self._add_pair(matrix, low, high)
        elif fans:
            ones = {q: self._ones.pop(q) for q in (low, high) if q in self._ones}
            for fan in fans:
                fan.start_with(ones)
            self._append(_Waiting(fans[0].sites, fans=fans))
        else:
            chain = self._after_ones(gate_chain(gate, (low, high)))
            self._append(_Waiting(chain.sites, chain=chain))

    def _joins(self, fan: Fan) -> bool:
        """Multiply a gate into the last operator on its pivot, if that is a fan about it."""
        waiting = self._last.get(fan.pivot)
        if waiting is None or waiting.before:  # what waits for it must not be passed
            return False
        known = next((f for f in waiting.fans if f.pivot == fan.pivot), None)
        one = self._ones.get(fan.pivot)
        if known is None or (one is not None and (one[0, 1] or one[1, 0])):
            return False
        (other,) = fan.factors
        if abs(other - fan.pivot) == 1 and not known.sites[0] <= other <= known.sites[-1]:
            return False  # a pair by itself is cheaper than a wider fan
        fan.start_with({q: self._ones.pop(q) for q in (fan.pivot, other) if q in self._ones})
        known.join(fan)
        waiting.fans, waiting.sites = [known], known.sites
        before = self._last.get(other)
        if before is not None and before is not waiting:
            if not waiting.after:
                self._ready.remove(waiting)
            waiting.after += 1
            before.before.append(waiting)
        self._last[other] = waiting
        return True

    def _add_pair(self, matrix: Matrix, low: int, high: int) -> None:
        """Take a matrix on neighbours; qubit ``low`` is its low bit."""
        site = min(low, high)
        if low < high:  # the left one is to be the high bit
            matrix = matrix.reshape(2, 2, 2, 2).transpose(1, 0, 3, 2).reshape(4, 4)
        ones = [self._ones.pop(q, None) for q in (site, site + 1)]
        if any(one is not None for one in ones):
            left, right = (_IDENTITY if one is None else one for one in ones)
            both = left[:, None, :, None] * right[None, :, None, :]  # faster than np.kron
            matrix = matrix @ both.reshape(4, 4)
        last = self._last.get(site)
        same = last is not None and last is self._last.get(site + 1)
        if same and last is not None and last.matrix is not None:
            last.matrix = matrix @ last.matrix
            return
        self._append(_Waiting((site, site + 1), matrix))

    def _after_ones(self, chain: Chain) -> Chain:
        """Multiply unitaries that wait on a chain's qubits into it."""
        tensors = list(chain.tensors)
        for i, site in enumerate(chain.sites):
            one = self._ones.pop(site, None)
            if one is not None:
                tensors[i] = np.einsum("aoib,ij->aojb", tensors[i], one)
        return Chain(chain.sites, tuple(tensors))

    def _append(self, waiting: _Waiting) -> None:
        earlier = {id(w): w for q in waiting.sites if (w := self._last.get(q)) is not None}
        for other in earlier.values():
            other.before.append(waiting)
        waiting.after = len(earlier)
        if not earlier:
            self._ready.append(waiting)
        self._last.update(dict.fromkeys(waiting.sites, waiting))
        self._count += 1

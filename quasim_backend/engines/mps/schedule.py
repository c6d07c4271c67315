"""The order in which waiting gates are applied: sweeps along the chain.

The centre has to travel to each gate, and every step costs an orthogonalisation. Gates that do not
touch the same qubits commute, so those at hand are applied in the order of their places: to the
right end, then back. Gates on one pair of neighbours that follow each other are multiplied first:
CX RZ CX is one cut.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.mps.chains import Chain, gate_chain
from quasim_backend.engines.mps.state import MatrixProductState
from quasim_backend.ir.gates import Gate
from quasim_backend.kernels.base import CancelToken

__all__ = ["Schedule"]

Matrix: TypeAlias = NDArray[Any]

_IDENTITY = np.eye(2)
_SWAPPED = [0, 2, 1, 3]
_LONGEST = 10_000
"""Gates that wait at most."""


@dataclass(eq=False)
class _Waiting:
    """An operator that waits: a matrix on neighbours (the left one the high bit), or a chain."""

    sites: tuple[int, ...]
    matrix: Matrix | None
    chain: Chain | None = None
    after: int = 0
    """How many operators have to be applied before."""
    before: list[_Waiting] = field(default_factory=list)
    """Operators that wait for this one."""


class Schedule:
    """Gates that wait for a state."""

    def __init__(self, cancel: CancelToken) -> None:
        """Start empty.

        Args:
            cancel: Stops `flush`.
        """
        self._cancel = cancel
        self._ready: list[_Waiting] = []
        self._last: dict[int, _Waiting] = {}  # the last operator on each qubit
        self._ones: dict[int, Matrix] = {}  # unitaries on single qubits, which come after it
        self._count = 0

    def add(self, gate: Gate, qubits: tuple[int, ...], state: MatrixProductState) -> None:
        """Take a gate without unbound parameters; ``state`` is changed if too many wait."""
        if len(qubits) < 2:
            site = qubits[0] if qubits else 0
            matrix = gate.matrix() if qubits else gate.matrix()[0, 0] * _IDENTITY  # a phase
            known = self._ones.get(site)
            self._ones[site] = matrix if known is None else matrix @ known
            return
        if len(qubits) == 2 and abs(qubits[0] - qubits[1]) == 1:
            self._add_pair(gate.matrix(), *qubits)
        else:
            chain = self._after_ones(gate_chain(gate, qubits))
            self._append(_Waiting(chain.sites, None, chain))
        if self._count >= _LONGEST:
            self.flush(state)

    def flush(self, state: MatrixProductState) -> None:
        """Apply everything that waits.

        Raises:
            Cancelled: If the token was set.
        """
        to_right = True
        while self._ready:
            self._cancel.check()
            chosen = self._nearest(state.centre, to_right=to_right)
            if chosen is None:
                to_right = not to_right
                continue
            self._ready.remove(chosen)
            if chosen.matrix is not None:
                state.apply_pair(chosen.matrix, chosen.sites[0], to_right=to_right)
            elif chosen.chain is not None:
                state.apply_chain(chosen.chain)
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

    def _add_pair(self, matrix: Matrix, low: int, high: int) -> None:
        """Take a matrix on neighbours; qubit ``low`` is its low bit."""
        site = min(low, high)
        if low < high:  # the left one is to be the high bit
            matrix = matrix[np.ix_(_SWAPPED, _SWAPPED)]
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

"""The result: pytket's own, with counting that does not loop over shots."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pytket.backends.backendresult import BackendResult, StoredResult
from pytket.circuit import BasisOrder, Bit, Circuit, Qubit
from pytket.utils.outcomearray import OutcomeArray

from quasim_backend.ir.program import ComplexArray

__all__ = ["QuasimResult", "pack_outcomes"]

_MIRRORED = np.packbits(np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)[:, ::-1])
"""Every byte with its bits in the other order."""


def pack_outcomes(words: NDArray[np.uint64], width: int) -> OutcomeArray:
    """Return shots as pytket stores them: the first bit is the highest of the first byte.

    Args:
        words: uint64 ``(shots, words)``, the first bit the lowest of the first word.
        width: Number of bits.
    """
    if not words.size:
        return OutcomeArray(np.zeros((len(words), (width + 7) // 8), np.uint8), width)
    raw = np.ascontiguousarray(words, dtype="<u8").view(np.uint8)
    return OutcomeArray(_MIRRORED[raw[:, : (width + 7) // 8]], width)


class QuasimResult(BackendResult):
    """A `BackendResult`; see there for its methods.

    A result with shots computes the state, unitary or density matrix when it is first asked for,
    so that sampling does not pay for it. `to_dict` writes what was computed.

    Attributes:
        metadata: Facts about the run: engine, device, precision, seed, times; see
            `quasim_backend.Result`.
    """

    def __init__(
        self,
        *,
        metadata: Mapping[str, Any] | None = None,
        compute: Callable[[], dict[str, ComplexArray]] | None = None,
        q_bits: Sequence[Qubit] = (),
        **parts: Any,
    ) -> None:
        """Make a result.

        Args:
            metadata: Facts about the run.
            compute: Returns ``state``, ``unitary`` or ``density_matrix`` by name.
            q_bits: The qubits, first one most significant.
            parts: Arguments of `BackendResult`.
        """
        self._compute: Callable[[], dict[str, ComplexArray]] | None = None
        super().__init__(q_bits=q_bits, **parts)
        self.metadata = dict(metadata or {})
        self._compute = compute
        if compute is not None:
            self.q_bits = {qubit: place for place, qubit in enumerate(q_bits)}

    @property
    def contains_state_results(self) -> bool:
        """Whether a state, unitary or density matrix is stored or can be computed."""
        return self._compute is not None or bool(super().contains_state_results)

    def _get_state_res(self, qubits: Sequence[Qubit]) -> StoredResult:
        compute = self._compute
        if compute is not None:
            for name, value in compute().items():
                setattr(self, f"_{name}", value)
            self._compute = None
        return super()._get_state_res(qubits)

    def get_counts(
        self,
        cbits: Sequence[Bit] | None = None,
        basis: BasisOrder = BasisOrder.ilo,
        ppcirc: Circuit | None = None,
    ) -> Counter[tuple[int, ...]]:
        """Return how often each outcome was seen; see `BackendResult.get_counts`.

        Args:
            cbits: Bits wanted, in order; default all.
            basis: Order of all bits: increasing or decreasing.
            ppcirc: Classical circuit that is applied to each outcome first.
        """
        chosen = sorted(self.c_bits, reverse=basis == BasisOrder.dlo) if cbits is None else cbits
        plain = ppcirc is None and self._ppcirc is None
        if self._shots is None or not plain or not all(bit in self.c_bits for bit in chosen):
            return super().get_counts(cbits, basis, ppcirc)
        columns = [self.c_bits[bit] for bit in chosen]
        if columns == list(range(self._shots.width)):
            packed = np.asarray(self._shots)
        else:
            packed = np.packbits(self._shots.to_readouts()[:, columns], axis=1)
        if not packed.size:
            return Counter({(): len(packed)} if len(packed) else {})
        # One item a row: sorting items is many times faster than sorting rows.
        rows = np.ascontiguousarray(packed).view(np.dtype((np.void, packed.shape[1])))[:, 0]
        values, numbers = np.unique(rows, return_counts=True)
        raw = values.view(np.uint8).reshape(len(values), -1)
        outcomes = np.unpackbits(raw, axis=1, count=len(columns))
        return Counter(dict(zip(map(tuple, outcomes.tolist()), numbers.tolist(), strict=True)))

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what belongs to this process: a state not yet computed is lost."""
        width = None if self._shots is None else self._shots.width
        return {**self.__dict__, "_compute": None, "_width": width}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Give the shots their width back, which pytket's own array forgets."""
        width = state.pop("_width")
        self.__dict__.update(state)
        if self._shots is not None:
            self._shots = OutcomeArray(np.asarray(self._shots), width)

"""The result of a run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.errors import OptionError

__all__ = ["Result"]

_MANY_KEYS = 1 << 10
"""From so many bitstrings on, they are written as an array; it costs a third of the time."""


@dataclass(eq=False)
class Result:
    """What a run gives back. Arrays are the result's own; do not overwrite them.

    Attributes:
        shots: Number of shots; 0 if none were asked for.
        num_clbits: Number of classical bits.
        packed: uint64 ``(shots, words)``, classical memory of each shot in shot order: bit ``c``
            is bit ``c % 64`` of word ``c // 64``. None without shots.
        state: Final amplitudes ``(2**n,)``, little-endian, if they were saved.
        unitary: The circuit's unitary ``(2**n, 2**n)``, if it was asked for.
        saved: Values of the circuit's save points by label.
        metadata: Facts about the run: engine and why it was chosen, kernel set, device and why
            it computes there (``placement``), dtype, precision, passes, bytes moved, times in
            seconds, seed, simulated qubits, notes.
        superop: The circuit's superoperator ``(4**n, 4**n)``, if it was asked for.
        standard_errors: For each label of a save of subtype ``average``, float64 of the shape of
            its value: the sample standard deviation of the values of single shots (divided by
            ``shots - 1``) over ``sqrt(shots)``; of complex values that of their distance from the
            mean. 0 where the average is exact: on a density matrix without outcomes to follow, in
            circuits that leave nothing to chance. NaN for a single shot. Of a conditional save
            ``{memory: error}``, each from the shots with that memory. Noise that none of the shots
            met is not in it.
    """

    shots: int = 0
    num_clbits: int = 0
    packed: NDArray[np.uint64] | None = None
    state: NDArray[np.complexfloating[Any, Any]] | None = None
    unitary: NDArray[np.complexfloating[Any, Any]] | None = None
    saved: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    superop: NDArray[np.complexfloating[Any, Any]] | None = None
    standard_errors: dict[str, Any] = field(default_factory=dict)

    @property
    def samples(self) -> NDArray[np.uint8]:
        """Classical bits, uint8 ``(shots, num_clbits)`` in shot order; column ``c`` is bit ``c``.

        Raises:
            OptionError: If the run drew no shots.
        """
        # Not functools.cached_property: Python 3.11's holds a lock for all results while one is
        # computed, and a child forked meanwhile would wait for it for ever.
        known: NDArray[np.uint8] | None = self.__dict__.get("_samples")
        if known is None:
            words = self._words()
            # On a little-endian byte string, bit c of the memory is bit c % 8 of byte c // 8.
            raw = np.ascontiguousarray(words, dtype="<u8").view(np.uint8)
            known = np.unpackbits(raw, axis=1, count=self.num_clbits, bitorder="little")
            self.__dict__["_samples"] = known
        return known

    def int_counts(self) -> dict[int, int]:
        """Return how often each memory value was seen, values ascending.

        Raises:
            OptionError: If the run drew no shots.
        """
        words = self._words()
        if words.shape[1] == 0:
            return {0: self.shots} if self.shots else {}
        if words.shape[1] == 1:
            values, numbers = np.unique(words[:, 0], return_counts=True)
            return dict(zip(values.tolist(), numbers.tolist(), strict=True))
        # Highest word first, so that the rows come out sorted by value.
        rows, numbers = np.unique(words[:, ::-1], axis=0, return_counts=True)
        keys = (int.from_bytes(row.astype(">u8").tobytes(), "big") for row in rows)
        return dict(zip(keys, numbers.tolist(), strict=True))

    def counts(self) -> dict[str, int]:
        """Return how often each bitstring was seen; classical bit 0 is the rightmost character.

        Raises:
            OptionError: If the run drew no shots.
        """
        counts = self.int_counts()
        if not self.num_clbits:
            return {"": self.shots} if self.shots else {}
        if len(counts) < _MANY_KEYS:
            return {format(v, f"0{self.num_clbits}b"): number for v, number in counts.items()}
        return dict(zip(_bitstrings(counts, self.num_clbits), counts.values(), strict=True))

    def __repr__(self) -> str:
        """Show size and engine."""
        parts = [f"shots={self.shots}", f"num_clbits={self.num_clbits}"]
        if self.state is not None:
            parts.append(f"state={self.state.shape}")
        if self.saved:
            parts.append(f"saved={sorted(self.saved)}")
        if "engine" in self.metadata:
            parts.append(f"engine={self.metadata['engine']!r}")
        return f"Result({', '.join(parts)})"

    def _words(self) -> NDArray[np.uint64]:
        if self.packed is None:
            raise OptionError(
                "This result has no samples: the run was asked for none. Give `shots`, and measure "
                "qubits into classical bits."
            )
        return self.packed


def _bitstrings(values: Iterable[int], width: int) -> list[str]:
    """Write integers below ``2**width`` in binary with ``width`` digits."""
    size = -(-width // 8)
    raw = b"".join(value.to_bytes(size, "big") for value in values)
    bits = np.unpackbits(np.frombuffer(raw, np.uint8).reshape(-1, size), axis=1)[:, -width:]
    text = (bits + ord("0")).tobytes().decode("ascii")
    return [text[start : start + width] for start in range(0, len(text), width)]

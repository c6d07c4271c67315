"""Uniform random numbers of shots: the ``j``-th draw of shot ``s``, in whatever order asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from quasim_backend.errors import ShapeError
from quasim_backend.kernels.random import shot_uniforms

__all__ = ["ShotUniforms"]

_TABLE_ENTRIES = 8 << 20
"""Numbers kept for later draws; beyond, they are computed for the shots that ask."""


class ShotUniforms:
    """Philox(seed, s, j), or the caller's own array.

    Draws are computed for all shots at once and several in a block: single-shot nodes would
    otherwise pay one array call for each number.
    """

    def __init__(
        self, seed: int, shots: int, given: NDArray[np.float64] | None, *, branches: bool
    ) -> None:
        """Remember where numbers come from.

        Args:
            seed: Philox key.
            shots: Number of shots.
            branches: Whether shots part ways: then many small draws follow, worth a block.
            given: float64 ``(shots, draws)`` to take instead, or None.
        """
        self._seed = seed
        self._shots = shots
        self._given = given
        self._block = min(max(65536 // shots, 1), 32) if branches else 1
        self._limit = max(1, _TABLE_ENTRIES // (self._block * shots))
        self._tables: dict[int, NDArray[np.float64]] = {}

    def draw(self, shots: NDArray[np.int64], draw: int) -> NDArray[np.float64]:
        """Return draw number ``draw`` of some shots, float64 ``(len(shots),)``, not to be written.

        Shot numbers are distinct and ascending.

        Raises:
            ShapeError: If the caller's array has fewer draws.
        """
        if self._given is not None:
            self._check(draw)
            return np.asarray(self._given[shots, draw])
        block, place = divmod(draw, self._block)
        table = self._tables.get(block)
        if table is None:
            if len(self._tables) >= self._limit:
                return shot_uniforms(self._seed, shots, draw)
            every = np.arange(self._shots)
            first = block * self._block
            rows = [shot_uniforms(self._seed, every, first + i) for i in range(self._block)]
            table = rows[0][None] if len(rows) == 1 else np.stack(rows)
            self._tables[block] = table
        # Shots are distinct and ascending: as many as there are means all, without a gather.
        return np.asarray(table[place] if len(shots) == self._shots else table[place, shots])

    def block(self, shots: NDArray[np.int64], first: int, count: int) -> NDArray[np.float64]:
        """Return ``count`` draws of some shots from number ``first`` on, ``(count, len(shots))``.

        Raises:
            ShapeError: If the caller's array has fewer draws.
        """
        if self._given is not None:
            self._check(first + count - 1)
            return np.asarray(self._given[shots, first : first + count].T)
        result = np.empty((count, len(shots)))
        done = 0
        while done < count:
            number, place = divmod(first + done, self._block)
            size = min(self._block - place, count - done)
            result[done] = self.draw(shots, first + done)  # makes the table, if there is room
            table = self._tables.get(number)
            if table is None:
                done += 1
                continue
            rows = table[place : place + size]
            result[done : done + size] = rows if len(shots) == self._shots else rows[:, shots]
            done += size
        return result

    def _check(self, draw: int) -> None:
        assert self._given is not None
        if draw >= self._given.shape[1]:
            raise ShapeError(
                f"The run draws more than the {self._given.shape[1]} uniforms a shot that were "
                f"given."
            )

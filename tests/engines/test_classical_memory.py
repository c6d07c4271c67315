"""Moving sampled bits into classical memory."""

from __future__ import annotations

import numpy as np
import pytest

from quasim_backend.engines.classical_memory import PackedMemory, move_bits


def moved(index: int, moves: list[tuple[int, int]]) -> int:
    return sum((index >> source & 1) << target for source, target in moves)


@pytest.mark.parametrize("shots", [1, 100, 5000])
@pytest.mark.parametrize(
    ("sources", "targets"),
    [
        (range(24), range(24)),
        (range(3, 10), range(50, 57)),
        (range(20, 30), range(10)),
        (range(24), range(23, -1, -1)),
        ([5, 63, 1, 40, 22, 7], [63, 0, 9, 8, 41, 2]),
        ([4, 4, 4], [0, 5, 9]),
        ([], []),
    ],
)
def test_bits_move_one_by_one(shots, sources, targets):
    indices = np.random.default_rng(1).integers(0, 1 << 64, shots, np.uint64)
    moves = list(zip(sources, targets, strict=True))
    got = move_bits(indices, moves)
    assert got.dtype == np.uint64
    assert got.tolist() == [moved(i, moves) for i in indices.tolist()]


@pytest.mark.parametrize("part", [slice(None), slice(2, None, 3)])
def test_written_indices_keep_the_other_bits_and_the_later_of_two_values(part):
    rng = np.random.default_rng(2)
    memory = PackedMemory(50, 100)
    memory.words[:] = rng.integers(0, 1 << 63, memory.words.shape, np.uint64)
    before = memory.words.copy()
    shots = np.arange(50)[part]
    indices = rng.integers(0, 1 << 10, len(shots)).astype(np.uint64)
    clbits, qubits = [70, 3, 64, 3, 99], [0, 1, 2, 9, 4]
    memory.write_indices(shots, clbits, indices, qubits)
    for s in range(50):
        wanted = int(before[s, 0]) | int(before[s, 1]) << 64
        if s in shots:
            index = int(indices[shots.tolist().index(s)])
            for c, q in zip(clbits, qubits, strict=True):
                wanted = wanted & ~(1 << c) | (index >> q & 1) << c
        assert int(memory.words[s, 0]) | int(memory.words[s, 1]) << 64 == wanted

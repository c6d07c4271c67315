// Exchanges pairs of qubits, any number of disjoint ones in one pass over the state.
//
// What such an exchange does to an index it undoes when it is done again, so tiles are exchanged in
// pairs: a block reads both, turns them over in shared memory and writes each to the other's place.
// A tile holds the lowest qubits and their partners, so that warps read and write runs.
#pragma once

#include "tile.cuh"

namespace quasim_device {

QUASIM_DEVICE Mask exchanged(Mask index, const i32* qubits, i32 first, i32 last) {
  for (i32 k = first; k < last; k += 2) {
    const Mask differ = (index >> qubits[k] ^ index >> qubits[k + 1]) & 1;
    index ^= differ << qubits[k] | differ << qubits[k + 1];
  }
  return index;
}

template <class T>
QUASIM_DEVICE void exchange_qubits(const Block& block, Complex<T>* amplitudes, const char* program,
                                   i64 number) {
  const auto& header = *part<ProgramHeader>(program, 0);
  const Swaps& swaps = part<Swaps>(program, header.swaps)[number];
  const Phase* const phases = part<Phase>(program, header.phases) + swaps.phase;
  const ThreadPlace* const places = part<ThreadPlace>(program, header.places);
  const i32* const qubits = part<i32>(program, header.bounds);
  Complex<T>* const state = amplitudes + (block.member() << header.num_qubits);
  const u64 tiles = u64{1} << popcount(swaps.outside);
  PerThread<Own<T>> all;
  for (u64 tile = block.index(); tile < tiles; tile += block.blocks()) {
    const Mask base = deposit(tile, swaps.outside);
    const Mask other = exchanged(base, qubits, swaps.first, swaps.last);
    if (other < base) continue;  // the block of `other` does both
    block.apart([&](int thread) {
      const Mask index = places[phases[0].places + thread].index;
      QUASIM_UNROLL
      for (int j = 0; j < kAmplitudes; ++j) {
        const Mask from = j < kOther ? base : other;
        all[thread].held.a[j] = state[from | index | pattern_index(phases[0], j)];
      }
    });
    exchange(block, phases[1], places, base, all);
    block.apart([&](int thread) {
      const Mask index = places[phases[1].places + thread].index;
      QUASIM_UNROLL
      for (int j = 0; j < kAmplitudes; ++j) {
        const Mask to = j < kOther ? other : base;
        state[to | index | pattern_index(phases[1], j)] = all[thread].held.a[j];
      }
    });
  }
}

}  // namespace quasim_device

// Marginal probabilities: one read of the state, in whole rows of 32 amplitudes.
//
// A tile is up to 2^12 neighbouring amplitudes, 16 a thread. A block has one value of the measured
// qubits above the tile, and adds the tiles of its share of the other qubits above position by
// position, in registers. At the end it adds over the tile's own unmeasured qubits: those of the
// sixteen positions in registers, the rest in shared memory.
//
// An amplitude costs its 8 or 16 bytes, two conversions, a product and two fused additions in
// double; a block's end costs at most 8 bytes written and read in shared memory for each position.
#pragma once

#include "reductions.cuh"

namespace quasim_device {

// Positions of a thread: bits 5 to 8 of the position in the tile. Lanes are the bits below them,
// so that a warp reads runs; warps are the bits above.
constexpr int kNormBits = 4;
constexpr int kNorms = 1 << kNormBits;
constexpr int kLaneBits = 5;

struct Norms {
  double at[kNorms];
};

// Adds position by position the tiles that `row` counts through in the bits of `free`.
template <class T>
QUASIM_DEVICE void add_tiles(const Block& block, PerThread<Norms>& norms, const Complex<T>* from,
                             int tile, u64 rounds, u64 row, u64 fixed, Mask free) {
  block.apart([&](int thread) {
    QUASIM_UNROLL
    for (int k = 0; k < kNorms; ++k) norms[thread].at[k] = 0.0;
  });
  for (u64 round = 0; round < rounds; ++round) {
    const Complex<T>* const amplitudes = from + ((row | fixed) << tile);
    block.apart([&](int thread) {
      const int first = thread % kWarp + thread / kWarp * kWarp * kNorms;
      QUASIM_UNROLL
      for (int half = 0; half < kNorms; half += kNorms / 2) {
        Complex<T> read[kNorms / 2];
        read_together(amplitudes, first + half * kWarp, kWarp, i64{1} << tile, read);
        QUASIM_UNROLL
        for (int k = 0; k < kNorms / 2; ++k) norms[thread].at[half + k] += norm(read[k]);
      }
    });
    row = ((row | ~free) + 1) & free;
  }
}

// Adds over those bits of the sixteen positions that are in `rest`; sums are where they are 0.
QUASIM_DEVICE void fold_positions(Norms& norms, Mask rest) {
  QUASIM_UNROLL
  for (int b = 0; b < kNormBits; ++b) {
    if ((rest >> (kLaneBits + b) & 1) == 0) continue;
    QUASIM_UNROLL
    for (int k = 0; k < kNorms; ++k) {
      if ((k >> b & 1) == 0) norms.at[k] += norms.at[k | 1 << b];
    }
  }
}

// sums[member][split][value] = sum |a|^2 over the split's share, for every value of the qubits in
// `measured`, its bits at `places`. Block: value of the measured qubits above the tile, then split.
// Shared memory: 8 bytes for each position that is left after `fold_positions`.
template <class T>
QUASIM_DEVICE void probabilities(const Block& block, const Complex<T>* amplitudes, double* sums,
                                 const i64* places, i64 num_qubits, i64 measured, i64 splits) {
  // Narrow states leave positions empty; these are added like those of an unmeasured qubit.
  const Mask positions = static_cast<Mask>(block.threads()) * kNorms - 1;
  const int tile =
      popcount(positions) < num_qubits ? popcount(positions) : static_cast<int>(num_qubits);
  const Mask low = static_cast<Mask>(measured) & ((Mask{1} << tile) - 1);
  const Mask rest = positions & ~low;
  const Mask high = static_cast<Mask>(measured) >> tile;
  const Mask free = ((Mask{1} << (num_qubits - tile)) - 1) & ~high;
  const u64 value = block.index() / static_cast<u64>(splits);
  const u64 split = block.index() % static_cast<u64>(splits);
  const u64 rounds = (u64{1} << popcount(free)) / static_cast<u64>(splits);

  PerThread<Norms> norms;
  add_tiles(block, norms, amplitudes + (block.member() << num_qubits), tile, rounds,
            deposit(split * rounds, free), deposit(value, high), free);

  // In shared memory a position's measured bits are lowest. Lanes are told apart by the first
  // `low_lanes` of them, and by unmeasured bits, which the swizzle brings next to those.
  double* const shared = block.shared<double>();
  const int width = popcount(low);
  const int low_lanes = popcount(low & 15);
  const Swizzle at{width, width > low_lanes ? low_lanes : 4};
  const Mask folded = Mask{kNorms - 1} << kLaneBits;
  const Mask left = rest & ~folded;
  block.each([&](int thread) {
    fold_positions(norms[thread], rest);
    const u64 first = static_cast<u64>(thread % kWarp + thread / kWarp * kWarp * kNorms);
    const u64 start = extract(first, low) | extract(first, left) << width;
    QUASIM_UNROLL
    for (int k = 0; k < kNorms; ++k) {
      const Mask own = static_cast<Mask>(k) << kLaneBits;
      if ((own & rest) != 0) continue;
      u64 place = start;
      QUASIM_UNROLL
      for (int b = 0; b < kNormBits; ++b) {
        if ((k >> b & 1) != 0) place |= u64{1} << popcount(low & ((Mask{32} << b) - 1));
      }
      shared[at(static_cast<int>(place))] = norms[thread].at[k];
    }
  });
  fold(block, shared, 1 << (width + popcount(left)), 1 << width, at);

  const u64 part = block.member() * static_cast<u64>(splits) + split;
  double* const own = sums + (part << popcount(static_cast<Mask>(measured)));
  block.apart([&](int thread) {
    for (int i = thread; i < 1 << width; i += block.threads()) {
      own[ordered(value << width | static_cast<u64>(i), places)] = shared[at(i)];
    }
  });
}

}  // namespace quasim_device

// Probabilities that a stage adds up while it stores: |a|^2 by the value of some qubits.
//
// A block takes tiles that have one value of the counted qubits outside of them. It adds up each
// tile over the qubits that are not counted: the register qubits among them in registers, the
// others in shared memory. The sums go to a row of the block's own, tile after tile, so that no two
// blocks add to one number; rows of one value are added later, in order.
//
// An amplitude costs two conversions, a product and two additions in double, and at most one double
// written and read in shared memory. A tile of 2^t amplitudes, c of its qubits counted, moves
// 16 * 2^c bytes of sums, which mostly stay in the cache: at most a sixteenth of what the
// amplitudes of a complex64 tile move when blocks of samples are counted.
#pragma once

#include "held.cuh"
#include "program.cuh"
#include "reductions.cuh"

namespace quasim_device {

// What a register pattern changes in the place of a sum.
QUASIM_DEVICE u32 image_of_pattern(const u32* images, int pattern) {
  u32 image = 0;
  QUASIM_UNROLL
  for (int r = 0; r < kRegisterBits; ++r) {
    if (pattern >> r & 1) image ^= images[r];
  }
  return image;
}

struct Tally {
  double* sums;  // [member][split][value]; null if nothing is counted
  const i64* places;
  Mask counted;
  Mask inner;  // index bits, not counted, by which blocks of one value differ: the split
};

// Index bits of tile number `tile`: inner ones first, so that neighbouring blocks read neighbouring
// memory; the last ones are those that one block goes through.
QUASIM_DEVICE Mask base_of(u64 tile, Mask outside, const Tally& tally) {
  const Mask counted = outside & tally.counted;
  const Mask inner = tally.inner;
  return deposit(tile, inner) | deposit(tile >> popcount(inner), counted) |
         deposit(tile >> popcount(inner | counted), outside & ~(inner | counted));
}

// The counted bits of an index, in the order of `places`.
QUASIM_DEVICE u64 counted_value(Mask index, const Tally& tally) {
  const Mask lowest = tally.counted & (~tally.counted + 1);
  const bool is_run = lowest != 0 && (tally.counted & (tally.counted + lowest)) == 0;
  // Samples want the sums by all high qubits: a shift.
  const u64 value =
      is_run ? (index & tally.counted) >> popcount(lowest - 1) : extract(index, tally.counted);
  return ordered(value, tally.places);
}

// Where the norms of a tile lie in shared memory: counted bits lowest, then the threads' others.
struct TallyPlaces {
  Mask counted;  // of the tile
  Mask others;   // ... of its threads, not counted
  int width;
  Swizzle at;
};

QUASIM_DEVICE TallyPlaces tally_places(Mask tile, Mask registers, Mask counted) {
  const Mask threads = tile & ~registers;
  const Mask own = tile & counted;
  const int width = popcount(own);
  const int low_lanes = popcount(deposit(15, threads) & counted);
  return {own, threads & ~counted, width, {width, width > low_lanes ? low_lanes : 4}};
}

// The norms of a thread, over those register bits that are not counted.
template <class T>
QUASIM_DEVICE void put_norms(const Registers<T>& held, const Phase& phase, const TallyPlaces& to,
                             Mask where, double* shared) {
  double norms[kAmplitudes];
  QUASIM_UNROLL
  for (int j = 0; j < kAmplitudes; ++j) norms[j] = norm(held.a[j]);
  u32 images[kRegisterBits];
  int added = 0;
  QUASIM_UNROLL
  for (int r = 0; r < kRegisterBits; ++r) {
    const Mask own = phase.registers[r];
    images[r] = 0;
    if ((own & to.counted) != 0) {
      images[r] = static_cast<u32>(to.at(1 << popcount(to.counted & (own - 1))));
      continue;
    }
    added |= 1 << r;
    QUASIM_UNROLL
    for (int j = 0; j < kAmplitudes; ++j) {
      if ((j >> r & 1) == 0) norms[j] += norms[j | 1 << r];
    }
  }
  const u64 place = extract(where, to.counted) | extract(where, to.others) << to.width;
  const u32 start = static_cast<u32>(to.at(static_cast<int>(place)));
  QUASIM_UNROLL
  for (int j = 0; j < kAmplitudes; ++j) {
    if ((j & added) == 0) shared[start ^ image_of_pattern(images, j)] = norms[j];
  }
}

// Adds up `count` values in shared memory until 2^width are there: value i becomes the sum of all
// i + k * 2^width. Starts after a barrier and ends with one.
QUASIM_DEVICE void add_columns(const Block& block, double* values, int count, int width,
                               Swizzle at) {
  const int left = 1 << width;
  const int most = left > block.threads() ? left : block.threads();
  const int columns = most < count ? most : count;
  block.each([&](int thread) {
    for (int i = thread; i < columns; i += block.threads()) {
      double sum = 0.0;
      for (int k = i; k < count; k += columns) sum += values[at(k)];
      values[at(i)] = sum;
    }
  });
  fold(block, values, columns, left, at);
}

// Adds a tile to the block's row; its first one overwrites what is there. `tile` are the index bits
// that differ in the tile, `base` the others. Shared memory: 8 bytes an amplitude; free when it is
// called, and afterwards.
template <class T>
QUASIM_DEVICE void count_tile(const Block& block, const Tally& tally, const Phase& phase, Mask tile,
                              Mask base, bool first, PerThread<Own<T>>& all) {
  const Mask registers =
      phase.registers[0] | phase.registers[1] | phase.registers[2] | phase.registers[3];
  const TallyPlaces places = tally_places(tile, registers, tally.counted);
  double* const shared = block.shared<double>();
  block.each(
      [&](int thread) { put_norms(all[thread].held, phase, places, all[thread].where, shared); });
  add_columns(block, shared, 1 << (places.width + popcount(places.others)), places.width,
              places.at);
  const u64 split = block.index() & ((u64{1} << popcount(tally.inner)) - 1);
  const u64 row = (static_cast<u64>(block.member()) << popcount(tally.inner)) + split;
  double* const sums = tally.sums + (row << popcount(tally.counted));
  block.each([&](int thread) {
    for (int i = thread; i < 1 << places.width; i += block.threads()) {
      const Mask index = base | deposit(static_cast<u64>(i), places.counted);
      double& sum = sums[counted_value(index, tally)];
      const double more = shared[places.at(i)];
      sum = first ? more : sum + more;
    }
  });
}

}  // namespace quasim_device

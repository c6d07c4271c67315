// Tiles that Pauli strings map to themselves, and Walsh-Hadamard transforms of a tile.
//
// A tile is a coset of a subspace of indices. The subspace is spanned by the bits of a row, 128
// bytes of neighbours, and by eight masks that the host makes of the strings' X masks, so that one
// tile serves every string whose X mask lies in their span, however many qubits it acts on. The
// bits of a place in the tile are the row's, then one for each mask.
//
// A tiling is nine words: the eight masks, and the set of bits that number the tiles. States
// narrower than a tile fill its first places; the others are zero.
//
// A thread holds sixteen places: those that differ from its number in the four highest bits. Tile
// and numbers take 48 KiB of shared memory in either precision: no GPU has less, and several blocks
// fit on those with more, which hide the loads of one behind the sums of the others.
#pragma once

#include "block.cuh"

namespace quasim_device {

constexpr int kHeld = 16;
constexpr int kTilingMasks = 8;

template <class T>
struct PauliTile {
  static constexpr int kRowBits = sizeof(T) == sizeof(float) ? 4 : 3;
  static constexpr int kBits = kRowBits + kTilingMasks;
  static constexpr int kSize = 1 << kBits;
  static constexpr int kThreads = kSize / kHeld;

  // Places that a state of this width fills.
  QUASIM_DEVICE static int filled(i64 num_qubits) {
    return num_qubits < kBits ? 1 << num_qubits : kSize;
  }
  QUASIM_DEVICE static Complex<T>* amplitudes(const Block& block) {
    return block.shared<Complex<T>>();
  }
  // One number for each place, where `swizzled` puts it.
  QUASIM_DEVICE static T* numbers(const Block& block) { return block.shared<T>() + 2 * kSize; }
};

// A term of a sum, in one word: its Z mask outside the tile, from kPlaceShift on its Z mask on the
// places, from kRunShift on how many terms have this place; 0 for all but the first of those.
constexpr int kPlaceShift = 36;
constexpr int kRunShift = 48;

QUASIM_DEVICE int place_of(u64 term) { return static_cast<int>(term >> kPlaceShift & 0xfff); }
QUASIM_DEVICE int run_of(u64 term) { return static_cast<int>(term >> kRunShift); }

// visit(k, place, index) for the places of a thread, in the tile whose first index is `first`.
template <class T, class Visit>
QUASIM_DEVICE void for_held(int thread, const u64* tiling, u64 first, Visit visit) {
  using Tile = PauliTile<T>;
  u64 start = first ^ static_cast<u64>(thread & ((1 << Tile::kRowBits) - 1));
  QUASIM_UNROLL
  for (int bit = 0; bit < 4; ++bit) {
    if (thread >> (Tile::kRowBits + bit) & 1) start ^= tiling[bit];
  }
  const u64 masks[4] = {tiling[4], tiling[5], tiling[6], tiling[7]};
  QUASIM_UNROLL
  for (int k = 0; k < kHeld; ++k) {
    u64 index = start;
    QUASIM_UNROLL
    for (int bit = 0; bit < 4; ++bit) {
      if (k >> bit & 1) index ^= masks[bit];
    }
    visit(k, thread + k * Tile::kThreads, index);
  }
}

// Reads a tile into shared memory: each warp 256 bytes or more at a time, in whole rows.
template <class T>
QUASIM_DEVICE void load_tile(const Block& block, const Complex<T>* state, i64 num_qubits,
                             const u64* tiling, u64 first) {
  Complex<T>* const amplitudes = PauliTile<T>::amplitudes(block);
  const int filled = PauliTile<T>::filled(num_qubits);
  block.each([&](int thread) {
    for_held<T>(thread, tiling, first, [&](int, int place, u64 index) {
      amplitudes[place] = place < filled ? state[index] : Complex<T>{T{0}, T{0}};
    });
  });
}

// Where the number of a place lies. Linear in the bits, and free of bank conflicts for warps that
// differ in bits 0 to 4 of the place, in bits 4 to 8, or in the lowest three or four and those
// above the next four.
QUASIM_DEVICE int swizzled(int place) { return place ^ (place >> 4 & 31); }

// Transforms sixteen numbers over those bits of their position that are set in `kLevels`.
template <int kLevels, class T>
QUASIM_DEVICE void butterflies(T (&values)[kHeld]) {
  QUASIM_UNROLL
  for (int bit = 0; bit < 4; ++bit) {
    const int step = 1 << bit;
    if ((kLevels & step) == 0) continue;
    QUASIM_UNROLL
    for (int k = 0; k < kHeld; ++k) {
      if (k & step) continue;
      const T sum = values[k] + values[k | step];
      values[k | step] = values[k] - values[k | step];
      values[k] = sum;
    }
  }
}

// Transforms the tile's numbers over bits of the four from kLow on.
template <int kLow, int kLevels, class T>
QUASIM_DEVICE void transform_four(const Block& block, T* numbers) {
  block.each([&](int thread) {
    const int start = swizzled((thread >> kLow) << (kLow + 4) | (thread & ((1 << kLow) - 1)));
    T values[kHeld];
    QUASIM_UNROLL
    for (int k = 0; k < kHeld; ++k) values[k] = numbers[start ^ swizzled(k << kLow)];
    butterflies<kLevels>(values);
    QUASIM_UNROLL
    for (int k = 0; k < kHeld; ++k) numbers[start ^ swizzled(k << kLow)] = values[k];
  });
}

// Transforms the tile's numbers over all bits but the four that a thread holds: per number 7 or 8
// additions, and two reads and two writes of shared memory.
template <class T>
QUASIM_DEVICE void transform_low(const Block& block, T* numbers) {
  constexpr int kRest = PauliTile<T>::kRowBits;
  transform_four<kRest, 15>(block, numbers);
  transform_four<0, (1 << kRest) - 1>(block, numbers);
}

}  // namespace quasim_device

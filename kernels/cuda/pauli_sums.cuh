// Expectation values of Pauli strings.
//
// With f(i) = conj(a_i) a_(i ^ x), a string's value is (-i)^m sum of (-1)^parity(i & z) f(i), m
// being the number of Y's. Partners i and i ^ x have conjugate products, so that half of the
// indices is enough, and their real or their imaginary parts by whether m is even. A transform
// takes the halves of two X masks; one of x = 0 takes all of a tile. The host doubles and signs.
//
// An amplitude is read from memory once for all X masks in the span of a tiling (8 or 16 bytes),
// and nothing is written but the sums. One X mask costs per amplitude 1 multiply-add, 5.5
// additions and, in shared memory, 1 read of the amplitude and 2.5 accesses to a number: by
// these counts the memory of an H100 hides four X masks. With few strings, the last two thirds of
// the transform cost more than adding what they need.
#pragma once

#include "pauli_tile.cuh"

namespace quasim_device {

// A warp adds for one string in 85 instructions, and does its part of `transform_low` in 290.
template <class T>
constexpr int kAddedUpTo = 3 * PauliTile<T>::kThreads / kWarp;

// The products of one X mask, at eight of the places j = thread + k * threads of half a tile.
// `slot` is x, from bit 15 on whether imaginary parts are wanted, and from bit 16 on the bits below
// x's highest: there j lacks the bit that tells partners apart. Warps read runs, with bank
// conflicts of two only if x stays within a row.
template <class T>
QUASIM_DEVICE void half_products(const Complex<T>* amplitudes, int thread, u32 slot, int first,
                                 T* products) {
  const int x = static_cast<int>(slot & 0x7fff);
  const int below = static_cast<int>(slot >> 16);
  const bool imaginary = (slot >> 15 & 1) != 0;
  QUASIM_UNROLL
  for (int k = 0; k < kHeld / 2; ++k) {
    const int j = thread + k * PauliTile<T>::kThreads;
    const int place = first | (j + (j & ~below));
    const Complex<T> a = amplitudes[place];
    const Complex<T> b = amplitudes[place ^ x];
    products[k] = imaginary ? a.re * b.im - a.im * b.re : a.re * b.re + a.im * b.im;
  }
}

// Fills the tile's numbers with the products of two X masks, the second in the upper half, and
// transforms them over the bits that a thread holds.
template <class T>
QUASIM_DEVICE void transform_products(const Block& block, u32 lower, u32 upper) {
  using Tile = PauliTile<T>;
  const Complex<T>* const amplitudes = Tile::amplitudes(block);
  T* const numbers = Tile::numbers(block);
  const bool whole = (lower & 0x7fff) == 0;
  block.each([&](int thread) {
    T products[kHeld];
    half_products(amplitudes, thread, lower, 0, products);
    half_products(amplitudes, thread, upper, whole ? Tile::kSize / 2 : 0, products + kHeld / 2);
    butterflies<7>(products);
    if (whole) butterflies<8>(products);
    QUASIM_UNROLL
    for (int k = 0; k < kHeld; ++k) {
      numbers[swizzled(thread) ^ swizzled(k * Tile::kThreads)] = products[k];
    }
  });
}

// Adds for each term the number at its place, once `transform_low` is done.
template <class T>
QUASIM_DEVICE void take_sums(const Block& block, const u64* terms, i64 begin, i64 end, u64 first,
                             double* sums) {
  const T* const numbers = PauliTile<T>::numbers(block);
  block.each([&](int thread) {
    for (i64 t = begin + thread; t < end; t += PauliTile<T>::kThreads) {
      const double sum = numbers[swizzled(place_of(terms[t]))];
      sums[t] += parity(terms[t] & first) ? -sum : sum;
    }
  });
}

// Adds for each term what `transform_low` would leave at its place, a warp for each term.
template <class T>
QUASIM_DEVICE void add_sums(const Block& block, const u64* terms, i64 begin, i64 end, u64 first,
                            double* sums) {
  using Tile = PauliTile<T>;
  constexpr int kWarps = Tile::kThreads / kWarp;
  const T* const numbers = Tile::numbers(block);
  for (i64 t = begin; t < end; t += kWarps) {
    PerThread<double> values;
    block.apart([&](int thread) {
      const i64 term = t + thread / kWarp;
      const int z = term < end ? place_of(terms[term]) : 0;
      const int start = swizzled((z & -Tile::kThreads) | thread % kWarp);
      T sum = T{0};
      QUASIM_UNROLL
      for (int k = 0; k < kWarps; ++k) {
        const T number = numbers[start ^ swizzled(k * kWarp)];
        sum += popcount(static_cast<u64>(z & (k * kWarp))) & 1 ? -number : number;
      }
      values[thread] = popcount(static_cast<u64>(z & (thread % kWarp))) & 1 ? -sum : sum;
    });
    block.warp_sums(values, [&](int warp, double sum) {
      const i64 term = t + warp;
      if (term < end) sums[term] += parity(terms[term] & first) ? -sum : sum;
    });
  }
  block.each([&](int) {});
}

// Sums of every `shares`-th tile, one for each term: `sums` is (members, shares, num_terms). The
// other blocks of a share take other transforms. A transform is four words: its two X masks, its
// first term, and the term after its last. Terms are ordered by transform.
template <class T>
QUASIM_DEVICE void pauli_sums(const Block& block, const Complex<T>* states, i64 num_qubits,
                              const u64* tiling, const u32* transforms, i64 num_transforms,
                              const u64* terms, i64 num_terms, i64 shares, double* sums) {
  using Tile = PauliTile<T>;
  const Complex<T>* const state = states + (block.member() << num_qubits);
  const i64 share = static_cast<i64>(block.index()) % shares;
  const i64 part = static_cast<i64>(block.index()) / shares;
  const i64 parts = static_cast<i64>(block.blocks()) / shares;
  const u32* const begin = transforms + 4 * (num_transforms * part / parts);
  const u32* const end = transforms + 4 * (num_transforms * (part + 1) / parts);
  if (begin == end) return;
  double* const own = sums + (static_cast<i64>(block.member()) * shares + share) * num_terms;
  block.each([&](int thread) {
    for (i64 t = begin[2] + thread; t < end[-1]; t += Tile::kThreads) own[t] = 0.0;
  });
  const i64 tiles = num_qubits > Tile::kBits ? i64{1} << (num_qubits - Tile::kBits) : 1;
  const u64 outside = tiling[kTilingMasks];
  const u64 stride = deposit(static_cast<u64>(shares), outside);
  u64 first = deposit(static_cast<u64>(share), outside);
  for (i64 tile = share; tile < tiles; tile += shares) {
    load_tile(block, state, num_qubits, tiling, first);
    for (const u32* at = begin; at != end; at += 4) {
      transform_products<T>(block, at[0], at[1]);
      if (at[3] - at[2] <= kAddedUpTo<T>) {
        add_sums<T>(block, terms, at[2], at[3], first, own);
      } else {
        transform_low(block, Tile::numbers(block));
        take_sums<T>(block, terms, at[2], at[3], first, own);
      }
    }
    // Carries run through the bits that are not outside.
    first = ((first | ~outside) + stride) & outside;
  }
}

// Adds the shares of 16 terms in a fixed order: totals[member * stride + term]. 256 threads. Reads
// runs of 128 bytes.
QUASIM_DEVICE void pauli_totals(const Block& block, const double* sums, i64 shares, i64 num_terms,
                                double* totals, i64 stride) {
  const i64 member = static_cast<i64>(block.member());
  const i64 first = static_cast<i64>(block.index()) * 16;
  const double* const own = sums + member * shares * num_terms;
  double* const partial = block.shared<double>();
  block.each([&](int thread) {
    const i64 term = first + thread % 16;
    double sum = 0.0;
    if (term < num_terms) {
      for (i64 share = thread / 16; share < shares; share += 16) {
        sum += own[share * num_terms + term];
      }
    }
    partial[thread] = sum;
  });
  block.apart([&](int thread) {
    if (thread >= 16 || first + thread >= num_terms) return;
    double total = 0.0;
    for (int row = 0; row < 16; ++row) total += partial[16 * row + thread];
    totals[member * stride + first + thread] = total;
  });
}

}  // namespace quasim_device

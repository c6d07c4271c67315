// A weighted sum of Pauli strings applied to a state.
//
// (P a)_i = (-i)^m (-1)^parity(i & z) a_(i ^ x), m being the number of Y's. The host puts (-i)^m
// into the weights; a group is the strings of one X mask with the real, or the imaginary, parts of
// their weights. Over a tile a group's factors are the signed weights added up or, where those are
// many, their Walsh-Hadamard transform by z.
//
// An amplitude is read once for all X masks in the span of a tiling, and its result written once
// and, but for the first tiling, read: 16 or 24 bytes of complex64, twice that of complex128. A
// group costs per amplitude 2 multiply-adds and 1 read of shared memory, and 2.5 instructions a
// string, or 12 additions and 6 accesses to a number for a transform of any number of strings.
#pragma once

#include "pauli_tile.cuh"

namespace quasim_device {

// A thread adds one string in 50 instructions, and does its part of a transform in 450.
constexpr u32 kAddedWeights = 8;

template <class T>
struct Held {
  Complex<T> of[kHeld];
};

template <class T>
QUASIM_DEVICE void multiply_by_i(Complex<T> (&values)[kHeld]) {
  QUASIM_UNROLL
  for (int k = 0; k < kHeld; ++k) values[k] = {-values[k].im, values[k].re};
}

// (-1)^parity(k & four) for k = 0, 1, ..., as set bits.
QUASIM_DEVICE u32 sign_bits(int four) {
  return (four & 1 ? 0xaaaau : 0u) ^ (four & 2 ? 0xccccu : 0u) ^ (four & 4 ? 0xf0f0u : 0u) ^
         (four & 8 ? 0xff00u : 0u);
}

// Adds up the signed weights at a thread's places.
template <class T>
QUASIM_DEVICE void add_weights(int thread, const u64* terms, const T* weights, u32 begin, u32 end,
                               u64 first, T (&factors)[kHeld]) {
  const u64 key = first | static_cast<u64>(thread) << kPlaceShift;
  for (u32 t = begin; t < end; ++t) {
    const T weight = parity(key & terms[t]) ? -weights[t] : weights[t];
    const u32 minus = sign_bits(place_of(terms[t]) / PauliTile<T>::kThreads);
    QUASIM_UNROLL
    for (int k = 0; k < kHeld; ++k) factors[k] += minus >> k & 1 ? -weight : weight;
  }
}

// Puts the signed weights at their places z, terms of the same place added in their order, and
// transforms them over all bits but the four that a thread holds.
template <class T>
QUASIM_DEVICE void transform_weights(const Block& block, const u64* terms, const T* weights,
                                     u32 begin, u32 end, u64 first) {
  using Tile = PauliTile<T>;
  T* const numbers = Tile::numbers(block);
  block.each([&](int thread) {
    QUASIM_UNROLL
    for (int k = 0; k < kHeld; ++k) numbers[thread + k * Tile::kThreads] = T{0};
  });
  block.each([&](int thread) {
    for (u32 t = begin + static_cast<u32>(thread); t < end; t += Tile::kThreads) {
      const u32 last = t + static_cast<u32>(run_of(terms[t]));
      if (last == t) continue;
      T sum = T{0};
      for (u32 u = t; u < last; ++u) sum += parity(first & terms[u]) ? -weights[u] : weights[u];
      numbers[swizzled(place_of(terms[t]))] = sum;
    }
  });
  transform_low(block, numbers);
}

// Adds the partners' amplitudes times the factors.
template <class T>
QUASIM_DEVICE void add_partners(const Complex<T>* amplitudes, int thread, u32 x,
                                const T (&factors)[kHeld], Complex<T> (&results)[kHeld]) {
  constexpr u32 kThreads = PauliTile<T>::kThreads;
  const Complex<T>* const near = amplitudes + (static_cast<u32>(thread) ^ (x & (kThreads - 1)));
  const u32 far = x & ~(kThreads - 1);
  QUASIM_UNROLL
  for (u32 k = 0; k < kHeld; ++k) {
    const Complex<T> a = near[(k * kThreads) ^ far];
    results[k] = results[k] + factors[k] * a;
  }
}

// Applies the groups of one tiling to every state: a block for each tile. A group is three words:
// x; its first term; the term after its last. Those with imaginary weights come before
// `first_real`: what they add up to is multiplied by i. `adds` says whether `results` already holds
// those of other tilings.
template <class T>
QUASIM_DEVICE void pauli_products(const Block& block, const Complex<T>* states, Complex<T>* results,
                                  i64 num_qubits, i64 adds, const u64* tiling, const u32* groups,
                                  i64 first_real, i64 num_groups, const u64* terms,
                                  const T* weights) {
  using Tile = PauliTile<T>;
  const u64 first = deposit(block.index(), tiling[kTilingMasks]);
  const u64 start = block.member() << num_qubits;
  const Complex<T>* const amplitudes = Tile::amplitudes(block);
  const T* const numbers = Tile::numbers(block);
  PerThread<Held<T>> held;
  block.apart([&](int thread) { held[thread] = {}; });
  load_tile(block, states + start, num_qubits, tiling, first);
  for (i64 g = 0;; ++g) {
    if (g == first_real) block.apart([&](int thread) { multiply_by_i(held[thread].of); });
    if (g == num_groups) break;
    const u32 x = groups[3 * g];
    const u32 begin = groups[3 * g + 1];
    const u32 end = groups[3 * g + 2];
    const bool few = end - begin <= kAddedWeights;
    if (!few) transform_weights(block, terms, weights, begin, end, first);
    block.each([&](int thread) {
      T factors[kHeld] = {};
      if (few) {
        add_weights(thread, terms, weights, begin, end, first, factors);
      } else {
        QUASIM_UNROLL
        for (int k = 0; k < kHeld; ++k) {
          factors[k] = numbers[swizzled(thread) ^ swizzled(k * Tile::kThreads)];
        }
        butterflies<15>(factors);
      }
      add_partners(amplitudes, thread, x, factors, held[thread].of);
    });
  }
  Complex<T>* const own = results + start;
  const int filled = Tile::filled(num_qubits);
  block.apart([&](int thread) {
    for_held<T>(thread, tiling, first, [&](int k, int place, u64 index) {
      if (place >= filled) return;
      own[index] = adds ? own[index] + held[thread].of[k] : held[thread].of[k];
    });
  });
}

}  // namespace quasim_device

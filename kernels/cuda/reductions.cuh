// What reductions share: reads, sums by halves in shared memory, sums over splits, orders of bits.
//
// A large sum is split over blocks. Each writes what it has added up to a place of its own, and
// `add_splits` adds these in order: there are no atomics, and results do not depend on luck.
#pragma once

#include "block.cuh"

namespace quasim_device {

// Where value i lies in shared memory: bits of i from `from` on move it among 16 neighbours, so
// that threads which differ in those bits do not meet in one bank.
struct Swizzle {
  int from = 4;
  int to = 0;

  QUASIM_DEVICE int operator()(int i) const { return i ^ ((i >> from) << to & 15); }
};

// Adds `count` values until `left` are there: value i becomes the sum of all i + k * left. Both
// are powers of two. Starts after a barrier and ends with one.
QUASIM_DEVICE void fold(const Block& block, double* values, int count, int left, Swizzle at) {
  for (int half = count / 2; half >= left; half /= 2) {
    block.each([&](int thread) {
      for (int i = thread; i < half; i += block.threads()) values[at(i)] += values[at(i + half)];
    });
  }
}

// read[k] = from[first + k * step], 0 from `size` on. All loads are under way before one is waited
// for, which a branch around each would prevent.
template <int kCount, class T>
QUASIM_DEVICE void read_together(const Complex<T>* from, i64 first, int step, i64 size,
                                 Complex<T> (&read)[kCount]) {
  if (first + (kCount - 1) * step < size) {
    QUASIM_UNROLL
    for (int k = 0; k < kCount; ++k) read[k] = from[first + k * step];
  } else {
    QUASIM_UNROLL
    for (int k = 0; k < kCount; ++k) {
      read[k] = first + k * step < size ? from[first + k * step] : Complex<T>{T{0}, T{0}};
    }
  }
}

// Bit i of a value of measured qubits, which ascend, goes to bit places[i]; without places it
// stays.
QUASIM_DEVICE u64 ordered(u64 value, const i64* places) {
  if (places == nullptr) return value;
  u64 result = 0;
  for (int i = 0; value >> i != 0; ++i) result |= (value >> i & 1) << places[i];
  return result;
}

// result[v] = the sum of sums[split][v], for `size` values of every member. A block takes `width`
// values, a power of two, and as many parts of the splits as it has threads for. Shared memory: one
// double a thread. Moves 8 bytes a partial sum, in runs of `width`.
QUASIM_DEVICE void add_splits(const Block& block, const double* sums, double* result, i64 splits,
                              i64 size, i64 width) {
  double* const scratch = block.shared<double>();
  const int columns = static_cast<int>(width);
  const int parts = block.threads() / columns;
  const i64 first = static_cast<i64>(block.index()) * width;
  const double* const own = sums + static_cast<i64>(block.member()) * splits * size;
  const Swizzle at;
  block.each([&](int thread) {
    const i64 value = first + thread % columns;
    double sum = 0.0;
    if (value < size) {
      for (i64 split = thread / columns; split < splits; split += parts) {
        sum += own[split * size + value];
      }
    }
    scratch[at(thread)] = sum;
  });
  fold(block, scratch, block.threads(), columns, at);
  block.apart([&](int thread) {
    const i64 value = first + thread;
    if (thread >= columns || value >= size) return;
    result[static_cast<i64>(block.member()) * size + value] = scratch[at(thread)];
  });
}

}  // namespace quasim_device

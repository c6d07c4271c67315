// Sums over one state or two that end in a few numbers: inner products, moments of sparse matrices.
#pragma once

#include "reductions.cuh"

namespace quasim_device {

// Writes a block's sums to sums[block][place]; `scratch` as for `block_sum`.
QUASIM_DEVICE void write_sum(const Block& block, PerThread<double>& values, double* scratch,
                             double* sums, int place, int places) {
  const double sum = block_sum(block, values, scratch);
  block.apart([&](int thread) {
    if (thread == 0) sums[static_cast<i64>(block.index()) * places + place] = sum;
  });
}

// sums[block] = the block's share of <left|right>, real part and imaginary part. Blocks take turns.
// Moves both states once; an amplitude costs four conversions and four fused additions in double.
template <class T>
QUASIM_DEVICE void inner(const Block& block, const Complex<T>* left, const Complex<T>* right,
                         double* sums, i64 num_qubits) {
  constexpr int kTogether = 4;
  const i64 size = i64{1} << num_qubits;
  const i64 turn = static_cast<i64>(block.threads()) * kTogether;
  PerThread<double> re;
  PerThread<double> im;
  block.apart([&](int thread) { re[thread] = im[thread] = 0.0; });
  for (i64 first = static_cast<i64>(block.index()) * turn; first < size;
       first += static_cast<i64>(block.blocks()) * turn) {
    block.apart([&](int thread) {
      Complex<T> bra[kTogether];
      Complex<T> ket[kTogether];
      read_together(left, first + thread, block.threads(), size, bra);
      read_together(right, first + thread, block.threads(), size, ket);
      Complex<double> sum = {0.0, 0.0};
      QUASIM_UNROLL
      for (int k = 0; k < kTogether; ++k) {
        sum = sum + conj(converted<double>(bra[k])) * converted<double>(ket[k]);
      }
      re[thread] += sum.re;
      im[thread] += sum.im;
    });
  }
  double* const scratch = block.shared<double>();
  write_sum(block, re, scratch, sums, 0, 2);
  write_sum(block, im, scratch, sums, 1, 2);
}

// What is wrong with a sparse matrix.
constexpr int kBadRows = 0;
constexpr int kBadColumn = 1;

// The share of one of `lanes` threads in entry `row` of M|state>; bad[kind] is set, and what is not
// there left out, where the matrix refers to it.
template <class T>
QUASIM_DEVICE Complex<double> row_product(const Complex<T>* amplitudes, i64 size,
                                          const Complex<double>* values, const i64* columns,
                                          const i64* row_start, i64 entries, i64 row, int lane,
                                          int lanes, u64* bad) {
  Complex<double> sum = {0.0, 0.0};
  const i64 begin = row_start[row];
  const i64 end = row_start[row + 1];
  if (begin < 0 || begin > end || end > entries) {
    bad[kBadRows] = 1;
    return sum;
  }
  for (i64 e = begin + lane; e < end; e += lanes) {
    const i64 column = columns[e];
    if (column < 0 || column >= size) {
      bad[kBadColumn] = 1;
    } else {
      sum = sum + values[e] * converted<double>(amplitudes[column]);
    }
  }
  return sum;
}

// sums[block] = the block's share of <state|M|state> (two numbers) and <state|M^dagger M|state>.
// `lanes` threads, a power of two, share a row; blocks take turns. Shared memory: two doubles a
// thread, 17 at least. An entry costs 24 bytes, read in runs of `lanes`, and an amplitude from
// wherever it is.
template <class T>
QUASIM_DEVICE void sparse_moments(const Block& block, const Complex<T>* amplitudes,
                                  const Complex<double>* values, const i64* columns,
                                  const i64* row_start, double* sums, u64* bad, i64 num_qubits,
                                  i64 entries, i64 lanes) {
  const i64 size = i64{1} << num_qubits;
  const int width = static_cast<int>(lanes);
  const int rows = block.threads() / width;
  double* const re = block.shared<double>();
  double* const im = re + block.threads();
  const Swizzle at;
  PerThread<double> mean_re;
  PerThread<double> mean_im;
  PerThread<double> squared;
  block.apart([&](int thread) { mean_re[thread] = mean_im[thread] = squared[thread] = 0.0; });
  for (i64 first = static_cast<i64>(block.index()) * rows; first < size;
       first += static_cast<i64>(block.blocks()) * rows) {
    block.each([&](int thread) {
      const int own = thread / width;
      const int lane = thread % width;
      Complex<double> sum = {0.0, 0.0};
      if (first + own < size) {
        sum = row_product(amplitudes, size, values, columns, row_start, entries, first + own, lane,
                          width, bad);
      }
      re[at(lane * rows + own)] = sum.re;
      im[at(lane * rows + own)] = sum.im;
    });
    fold(block, re, block.threads(), rows, at);
    fold(block, im, block.threads(), rows, at);
    block.each([&](int thread) {
      if (thread >= rows || first + thread >= size) return;
      const Complex<double> product = {re[at(thread)], im[at(thread)]};
      const Complex<double> term = conj(converted<double>(amplitudes[first + thread])) * product;
      mean_re[thread] += term.re;
      mean_im[thread] += term.im;
      squared[thread] += norm(product);
    });
  }
  write_sum(block, mean_re, re, sums, 0, 3);
  write_sum(block, mean_im, re, sums, 1, 3);
  write_sum(block, squared, re, sums, 2, 3);
}

}  // namespace quasim_device

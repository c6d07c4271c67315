// Matrices and permutations on more qubits than a thread's registers hold.
//
// Groups of amplitudes that belong together are copied to scratch memory, and read from there: two
// passes, and as many multiply-adds an amplitude as the matrix has columns. Such gates are rare.
#pragma once

#include "elementwise.cuh"
#include "program.cuh"

namespace quasim_device {

// The amplitudes of a group differ in the target qubits; which group, the other qubits say.
struct Groups {
  const i32* targets;  // the first is the lowest bit of an amplitude's number in its group
  i64 width;
  Mask free;   // qubits that tell groups apart: no targets, no controls
  Mask fixed;  // values of the controls

  QUASIM_DEVICE Mask index(i64 group, i64 number) const {
    Mask result = fixed | deposit(static_cast<u64>(group), free);
    for (i64 k = 0; k < width; ++k) {
      if (number >> k & 1) result |= Mask{1} << targets[k];
    }
    return result;
  }
};

template <class T>
QUASIM_DEVICE void gather_groups(const Block& block, const Complex<T>* amplitudes,
                                 const i32* targets, i64 width, i64 free, i64 fixed, i64 first,
                                 i64 groups, Complex<T>* scratch) {
  const Groups all{targets, width, static_cast<Mask>(free), static_cast<Mask>(fixed)};
  for_share(block, groups << width, [&](u64 place) {
    const i64 number = static_cast<i64>(place) & ((i64{1} << width) - 1);
    scratch[place] = amplitudes[all.index(first + (static_cast<i64>(place) >> width), number)];
  });
}

template <class T>
QUASIM_DEVICE void multiply_groups(const Block& block, Complex<T>* amplitudes, const i32* targets,
                                   i64 width, i64 free, i64 fixed, i64 first, i64 groups,
                                   const Complex<T>* scratch, const char* program, i64 data) {
  const auto& header = *part<ProgramHeader>(program, 0);
  const auto* const matrix = part<Complex<double>>(program, header.data) + data;
  const Groups all{targets, width, static_cast<Mask>(free), static_cast<Mask>(fixed)};
  const i64 size = i64{1} << width;
  for_share(block, groups << width, [&](u64 place) {
    const i64 row = static_cast<i64>(place) & (size - 1);
    const Complex<T>* const group = scratch + (static_cast<i64>(place) - row);
    Complex<double> sum{0, 0};
    for (i64 column = 0; column < size; ++column) {
      sum = sum + matrix[row * size + column] * converted<double>(group[column]);
    }
    amplitudes[all.index(first + (static_cast<i64>(place) >> width), row)] = converted<T>(sum);
  });
}

template <class T>
QUASIM_DEVICE void permute_groups(const Block& block, Complex<T>* amplitudes, const i32* targets,
                                  i64 width, i64 free, i64 fixed, i64 first, i64 groups,
                                  const Complex<T>* scratch, const char* program, i64 data) {
  const auto& header = *part<ProgramHeader>(program, 0);
  const i64* const table = part<i64>(program, header.tables) + data;
  const Groups all{targets, width, static_cast<Mask>(free), static_cast<Mask>(fixed)};
  for_share(block, groups << width, [&](u64 place) {
    const i64 number = static_cast<i64>(place) & ((i64{1} << width) - 1);
    amplitudes[all.index(first + (static_cast<i64>(place) >> width), table[number])] =
        scratch[place];
  });
}

// result[column] = sum over the rows, (rows, columns); a block makes one column.
QUASIM_DEVICE void add_rows(const Block& block, const double* values, i64 rows, i64 columns,
                            double* result) {
  PerThread<double> sums;
  const i64 column = static_cast<i64>(block.index());
  block.apart([&](int thread) {
    double sum = 0;
    for (i64 row = thread; row < rows; row += block.threads()) {
      sum += values[row * columns + column];
    }
    sums[thread] = sum;
  });
  const double total = block_sum(block, sums, block.shared<double>());
  block.apart([&](int thread) {
    if (thread == 0) result[column] = total;
  });
}

}  // namespace quasim_device

// Reduced density matrices.
//
// Row a of a panel holds the amplitudes whose kept qubits have the value a, one column for each
// value of the others. A block takes a pair of tiles of up to 16 rows, ket and bra, and a split of
// the panels. It copies one panel after the other to shared memory, 16 KiB for each tile, and adds
// products of columns to squares of kRows by kRows entries, each in the registers of several
// threads that share the columns. At the end it adds over these threads.
//
// A tile's rows are numbered by the lowest kept qubits, its columns by the lowest others: warps
// read runs of at least 128 bytes. The state is read once for up to 4 kept qubits, 2^(k - 4) times
// for more. An entry costs four fused additions in double for each column, and a square of 16 eight
// reads of shared memory; half of the squares are made, as the matrix is Hermitian.
#pragma once

#include "reductions.cuh"

namespace quasim_device {

// Where amplitudes of a panel come from and go to. Both are linear in the amplitude's number in
// the panel, by exclusive or. Numbers beyond the panel mean what they are modulo its size.
template <class T>
class Panel {
 public:
  // 8-byte amplitudes meet in 16 banks, 16-byte ones in 8.
  static constexpr int kBankBits = sizeof(T) == 4 ? 4 : 3;

  QUASIM_DEVICE Panel(Mask rows, Mask columns)
      : all_(rows | columns),
        row_places_(extract(rows, all_)),
        column_places_(extract(columns, all_)),
        column_bits_(popcount(columns)),
        low_columns_(popcount(column_places_ & ((1 << kBankBits) - 1))) {}

  QUASIM_DEVICE int columns() const { return 1 << column_bits_; }
  QUASIM_DEVICE u64 source(int number) const { return deposit(static_cast<u64>(number), all_); }
  QUASIM_DEVICE u64 target(int number) const {
    return static_cast<u64>(
               start(static_cast<int>(extract(static_cast<u64>(number), row_places_)))) ^
           extract(static_cast<u64>(number), column_places_);
  }

  // Column c of a row is at start(row) ^ c. Where low qubits are kept, neighbouring threads write
  // to several rows: these use the banks that the columns leave.
  QUASIM_DEVICE int start(int row) const {
    return row << column_bits_ | (row << low_columns_ & (columns() - 1));
  }

 private:
  Mask all_;
  Mask row_places_;
  Mask column_places_;
  int column_bits_;
  int low_columns_;
};

// Entries of a square, ket's row by bra's row.
template <int kRows>
struct Square {
  double re[kRows][kRows];
  double im[kRows][kRows];
};

// Copies panels to shared memory: where each thread's first amplitude comes from and goes to, and,
// in shared memory as registers are few, how far from there the others do.
template <class T>
class Copies {
 public:
  static constexpr int kEach = sizeof(T) == 4 ? 8 : 4;

  // Takes the first 16 * kEach bytes of `shared`.
  QUASIM_DEVICE Copies(const Block& block, const Panel<T>& panel, u64* shared)
      : source_steps_(shared), target_steps_(shared + kEach) {
    block.each([&](int thread) {
      sources_[thread] = panel.source(thread);
      targets_[thread] = static_cast<int>(panel.target(thread));
      if (thread >= kEach) return;
      source_steps_[thread] = panel.source(thread * block.threads());
      target_steps_[thread] = panel.target(thread * block.threads());
    });
  }

  // Copies the panel that starts at `from`; no barrier. Of a small panel, several threads write the
  // same to the same place.
  QUASIM_DEVICE void copy(const Block& block, const Complex<T>* from, Complex<T>* to) {
    block.apart([&](int thread) {
      Complex<T> read[kEach];
      QUASIM_UNROLL
      for (int k = 0; k < kEach; ++k) read[k] = from[sources_[thread] | source_steps_[k]];
      QUASIM_UNROLL
      for (int k = 0; k < kEach; ++k) {
        to[targets_[thread] ^ static_cast<int>(target_steps_[k])] = read[k];
      }
    });
  }

 private:
  u64* source_steps_;
  u64* target_steps_;
  PerThread<u64> sources_;
  PerThread<int> targets_;
};

// Adds the products of every `step`-th column from `first` on.
template <int kRows, class T>
QUASIM_DEVICE void add_products(Square<kRows>& square, const Panel<T>& panel, const Complex<T>* ket,
                                int ket_row, const Complex<T>* bra, int bra_row, int first,
                                int step) {
  int ket_start[kRows];
  int bra_start[kRows];
  QUASIM_UNROLL
  for (int r = 0; r < kRows; ++r) {
    ket_start[r] = panel.start(ket_row + r);
    bra_start[r] = panel.start(bra_row + r);
  }
  for (int column = first; column < panel.columns(); column += step) {
    Complex<double> left[kRows];
    QUASIM_UNROLL
    for (int r = 0; r < kRows; ++r) left[r] = converted<double>(ket[ket_start[r] ^ column]);
    QUASIM_UNROLL
    for (int c = 0; c < kRows; ++c) {
      const Complex<double> right = conj(converted<double>(bra[bra_start[c] ^ column]));
      QUASIM_UNROLL
      for (int r = 0; r < kRows; ++r) {
        square.re[r][c] += left[r].re * right.re;
        square.re[r][c] -= left[r].im * right.im;
        square.im[r][c] += left[r].re * right.im;
        square.im[r][c] += left[r].im * right.re;
      }
    }
  }
}

// sums[split] = the split's share of the density matrix of the qubits in `kept`, bits of rows and
// columns at `places`; row-major, Hermitian to the last bit. Block: ket tile, bra tile, split;
// those with ket above bra do nothing. Shared memory: a panel of 2^(row_bits + column_bits)
// amplitudes, two where there are several tiles; 16 bytes a thread at least.
template <int kRows, class T>
QUASIM_DEVICE void density(const Block& block, const Complex<T>* amplitudes, Complex<double>* sums,
                           const i64* places, i64 num_qubits, i64 kept, i64 row_bits,
                           i64 column_bits, i64 splits) {
  const Mask others = ((Mask{1} << num_qubits) - 1) & ~static_cast<Mask>(kept);
  const Mask rows = deposit((Mask{1} << row_bits) - 1, static_cast<Mask>(kept));
  const Mask columns = deposit((Mask{1} << column_bits) - 1, others);
  const Mask above = static_cast<Mask>(kept) & ~rows;
  const Mask free = others & ~columns;
  const u64 tiles = u64{1} << popcount(above);
  const u64 split = block.index() % static_cast<u64>(splits);
  const u64 pair = block.index() / static_cast<u64>(splits);
  const u64 ket_tile = pair / tiles;
  const u64 bra_tile = pair % tiles;
  if (ket_tile > bra_tile) return;
  const bool same = ket_tile == bra_tile;

  const Panel<T> panel(rows, columns);
  u64* const shared = block.shared<u64>();
  Copies<T> copies(block, panel, shared);
  // Threads that share the columns of a square are neighbours.
  const int side = (1 << row_bits) / kRows;
  const int squares = side * side;
  const int parts = block.threads() / squares;
  const auto ket_row = [&](int square) { return square / side * kRows; };
  const auto bra_row = [&](int square) { return square % side * kRows; };

  Complex<T>* const ket = reinterpret_cast<Complex<T>*>(shared + 2 * Copies<T>::kEach);
  Complex<T>* const bra = same ? ket : ket + (i64{1} << (row_bits + column_bits));
  PerThread<Square<kRows>> entries;
  block.apart([&](int thread) { entries[thread] = {}; });
  const u64 rounds = (u64{1} << popcount(free)) / static_cast<u64>(splits);
  Mask base = deposit(split * rounds, free);
  for (u64 round = 0; round < rounds; ++round) {
    copies.copy(block, amplitudes + (base | deposit(ket_tile, above)), ket);
    if (!same) copies.copy(block, amplitudes + (base | deposit(bra_tile, above)), bra);
    block.each([&](int) {});
    block.each([&](int thread) {
      const int square = thread / parts;
      if (same && ket_row(square) > bra_row(square)) return;
      add_products(entries[thread], panel, ket, ket_row(square), bra, bra_row(square),
                   thread % parts, parts);
    });
    base = ((base | ~free) + 1) & free;
  }

  double* const re = block.shared<double>();
  double* const im = re + block.threads();
  const Swizzle at;
  const int qubits = popcount(static_cast<Mask>(kept));
  Complex<double>* const own = sums + (split << 2 * qubits);
  QUASIM_UNROLL
  for (int r = 0; r < kRows; ++r) {
    QUASIM_UNROLL
    for (int c = 0; c < kRows; ++c) {
      block.each([&](int thread) {
        const int place = at(thread % parts * squares + thread / parts);
        re[place] = entries[thread].re[r][c];
        im[place] = entries[thread].im[r][c];
      });
      fold(block, re, block.threads(), squares, at);
      fold(block, im, block.threads(), squares, at);
      block.each([&](int square) {
        if (square >= squares) return;
        const u64 row = ket_tile << row_bits | static_cast<u64>(ket_row(square) + r);
        const u64 column = bra_tile << row_bits | static_cast<u64>(bra_row(square) + c);
        if (row > column) return;
        const u64 a = ordered(row, places);
        const u64 b = ordered(column, places);
        const Complex<double> entry = {re[at(square)], row == column ? 0.0 : im[at(square)]};
        own[b << qubits | a] = conj(entry);
        own[a << qubits | b] = entry;
      });
    }
  }
}

// Of one qubit.
template <class T>
QUASIM_DEVICE void density_of_one(const Block& block, const Complex<T>* amplitudes,
                                  Complex<double>* sums, const i64* places, i64 num_qubits,
                                  i64 kept, i64 row_bits, i64 column_bits, i64 splits) {
  density<2>(block, amplitudes, sums, places, num_qubits, kept, row_bits, column_bits, splits);
}

// Of at least two qubits.
template <class T>
QUASIM_DEVICE void density_of_many(const Block& block, const Complex<T>* amplitudes,
                                   Complex<double>* sums, const i64* places, i64 num_qubits,
                                   i64 kept, i64 row_bits, i64 column_bits, i64 splits) {
  density<4>(block, amplitudes, sums, places, num_qubits, kept, row_bits, column_bits, splits);
}

}  // namespace quasim_device

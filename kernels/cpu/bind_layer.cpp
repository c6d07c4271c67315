#include <algorithm>
#include <utility>

#include "cpu/tile_bind.hpp"

namespace quasim {
namespace {

template <typename T>
AlignedArray<T> reals(const std::vector<Complex>& values) {
  AlignedArray<T> result(2 * values.size());
  for (std::size_t v = 0; v < values.size(); ++v) {
    result.data()[2 * v] = static_cast<T>(values[v].real());
    result.data()[2 * v + 1] = static_cast<T>(values[v].imag());
  }
  return result;
}

}  // namespace

template <typename T>
TileValues<T> bind_layer(ItemNumbers& numbers, const TileOp& op, double scale) {
  TileValues<T> values;
  const TileShape& shape = numbers.tile().shape;
  const int row_bits = shape.row_bits();
  const std::size_t row = std::size_t{1} << row_bits;
  const std::size_t rows = std::size_t{1} << (shape.qubits - row_bits);
  const Mask low = low_mask(row_bits);
  const int choices = std::popcount(op.select);
  std::vector<Complex> base(row, scale);
  std::vector<Complex> high(rows, 1.0);
  bool any_high = op.outer;
  // For each bit that chooses a table row: factors of a row where it is 0, and where it is 1.
  std::vector<Complex> patterns(2 * row * static_cast<std::size_t>(choices), 1.0);
  std::vector<PhaseTerm> several;
  for (const int i : op.items) {
    PhaseTerm term = numbers.term(numbers.item(i));
    const Mask above = term.inner >> row_bits;
    if (term.outer != 0) {
      values.outer.push_back(std::move(term));
    } else if (above == 0) {
      for (std::size_t j = 0; j < row; ++j) base[j] = times(base[j], term.at(j, 0));
    } else if ((term.inner & low) == 0) {
      any_high = true;
      for (std::size_t r = 0; r < rows; ++r) {
        high[r] = times(high[r], term.at(r << row_bits, 0));
      }
    } else if (std::popcount(above) == 1) {
      const int place = std::popcount(op.select & (above - 1));
      Complex* const pattern = patterns.data() + 2 * row * static_cast<std::size_t>(place);
      for (std::size_t j = 0; j < row; ++j) {
        pattern[j] = times(pattern[j], term.at(j, 0));
        pattern[row + j] = times(pattern[row + j], term.at((above << row_bits) | j, 0));
      }
    } else {
      several.push_back(std::move(term));
    }
  }
  std::vector<Complex> table(row << choices);
  std::ranges::copy(base, table.begin());
  for (int k = 0; k < choices; ++k) {
    const Complex* const zero = patterns.data() + 2 * row * static_cast<std::size_t>(k);
    const Complex* const one = zero + row;
    const std::size_t filled = row << k;
    for (std::size_t j = 0; j < filled; ++j) {
      table[filled + j] = times(table[j], one[j & (row - 1)]);
      table[j] = times(table[j], zero[j & (row - 1)]);
    }
  }
  for (const PhaseTerm& term : several) {
    for (std::size_t j = 0; j < table.size(); ++j) {
      const Mask place = deposit(j >> row_bits, op.select) << row_bits | (j & (row - 1));
      table[j] = times(table[j], term.at(place, 0));
    }
  }
  values.coefs = reals<T>(table);
  if (op.outer) {
    values.rows = std::move(high);
  } else if (any_high) {
    values.high = reals<T>(high);
  }
  return values;
}

template TileValues<float> bind_layer(ItemNumbers&, const TileOp&, double);
template TileValues<double> bind_layer(ItemNumbers&, const TileOp&, double);

}  // namespace quasim

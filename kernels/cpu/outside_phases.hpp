// What the qubits outside a tile make of a layer: one phase for each of its qubits inside.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "cpu/tile_bind.hpp"

namespace quasim {

// Belongs to one thread.
template <typename T>
class OutsidePhases {
 public:
  OutsidePhases() = default;
  explicit OutsidePhases(const TileShape& shape)
      : qubits_(shape.qubits),
        row_bits_(shape.row_bits()),
        high_(std::size_t{2} << (qubits_ - row_bits_)),
        phases_(std::size_t{1} << std::max(qubits_ - row_bits_, TileShape::kMaxRowBits)) {}

  // Factors of the rows, those of the layer itself included.
  const T* high() const { return high_.data(); }
  // Factors of the amplitudes of a row.
  const T* low() const { return low_.data(); }

  // Finds both for the tile whose qubits outside have the bits of `outside`.
  void find(const TileValues<T>& values, Mask outside) {
    Complex all = 1.0;
    Mask touched = 0;
    for (const PhaseTerm& term : values.outer) {
      if (term.inner == 0) {
        all = times(all, term.at(0, outside));
        continue;
      }
      if (term.kind == PhaseTerm::Kind::kMatch && (outside & term.outer) != term.outer_value) {
        all = times(all, term.miss);
        continue;
      }
      auto& factor = factors_[static_cast<std::size_t>(std::countr_zero(term.inner))];
      if ((touched & term.inner) == 0) factor = {1.0, 1.0};
      touched |= term.inner;
      factor[0] = times(factor[0], term.at(0, outside));
      factor[1] = times(factor[1], term.at(term.inner, outside));
    }
    spread(all, touched, row_bits_, qubits_ - row_bits_);
    for (std::size_t r = 0; r < values.rows.size(); ++r) {
      const Complex value = times(phases_[r], values.rows[r]);
      high_.data()[2 * r] = static_cast<T>(value.real());
      high_.data()[2 * r + 1] = static_cast<T>(value.imag());
    }
    spread(1.0, touched, 0, row_bits_);
    for (std::size_t j = 0; j < std::size_t{1} << row_bits_; ++j) {
      low_[2 * j] = static_cast<T>(phases_[j].real());
      low_[2 * j + 1] = static_cast<T>(phases_[j].imag());
    }
  }

 private:
  // Products over `count` positions from `first`, by their value.
  void spread(Complex start, Mask touched, int first, int count) {
    phases_[0] = start;
    for (int p = 0; p < count; ++p) {
      const std::size_t filled = std::size_t{1} << p;
      const bool changed = ((touched >> (first + p)) & 1) != 0;
      const auto& factor = factors_[static_cast<std::size_t>(first + p)];
      for (std::size_t j = 0; j < filled; ++j) {
        phases_[filled + j] = changed ? times(phases_[j], factor[1]) : phases_[j];
        if (changed) phases_[j] = times(phases_[j], factor[0]);
      }
    }
  }

  int qubits_ = 0;
  int row_bits_ = 0;
  AlignedArray<T> high_;
  alignas(64) std::array<T, std::size_t{2} << TileShape::kMaxRowBits> low_{};
  std::vector<Complex> phases_;
  std::array<std::array<Complex, 2>, 64> factors_{};  // of each position touched
};

}  // namespace quasim

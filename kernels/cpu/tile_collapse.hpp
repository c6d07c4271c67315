// Collapses a state tile by tile, while a stage has the tile at hand.
#pragma once

#include <algorithm>
#include <cstring>

#include "cpu/blocks.hpp"
#include "cpu/compiled.hpp"
#include "quasim/passage.hpp"

namespace quasim {

template <typename T>
class TileCollapse {
 public:
  TileCollapse(const Collapse& collapse, const CompiledStage<T>& stage, int num_qubits,
               const KernelTable<T>& kernels)
      : kernels_(kernels),
        row_bits_(std::min(kRowBits, stage.padded_qubits)),
        rows_(std::uint64_t{1} << (stage.padded_qubits - row_bits_)),
        outer_mask_(collapse.mask & stage.outer_qubits),
        outer_value_(collapse.value & stage.outer_qubits),
        factors_(std::size_t{2} << row_bits_) {
    const Mask local = low_mask(num_qubits) & ~stage.outer_qubits;
    const Mask mask = extract(collapse.mask, local);
    const Mask value = extract(collapse.value, local);
    row_mask_ = mask >> row_bits_;
    row_value_ = value >> row_bits_;
    for (std::size_t j = 0; j < std::size_t{1} << row_bits_; ++j) {
      const bool kept = ((j ^ value) & mask & low_mask(row_bits_)) == 0;
      const T factor = kept ? static_cast<T>(collapse.scale) : T{0};
      factors_.data()[2 * j] = factors_.data()[2 * j + 1] = factor;
    }
  }

  // Whether anything but zeros is left of the tile whose qubits outside have these bits.
  bool leaves(Mask outside) const { return (outside & outer_mask_) == outer_value_; }

  // Collapses a tile of which something is left.
  void operator()(T* tile) const {
    const std::size_t row_reals = std::size_t{2} << row_bits_;
    for (std::uint64_t row = 0; row < rows_; ++row, tile += row_reals) {
      if ((row & row_mask_) == row_value_) {
        kernels_.multiply(tile, factors_.data(), row_reals);
      } else {
        std::memset(tile, 0, row_reals * sizeof(T));
      }
    }
  }

 private:
  const KernelTable<T>& kernels_;
  int row_bits_;
  std::uint64_t rows_;
  Mask outer_mask_;
  Mask outer_value_;
  Mask row_mask_ = 0;  // of row numbers
  Mask row_value_ = 0;
  AlignedArray<T> factors_;  // of the amplitudes of a row, each twice
};

}  // namespace quasim

// The derivative of one rotation or phase that has controls inside a tile.
#pragma once

#include <array>
#include <cstdint>

#include "cpu/compiled.hpp"

namespace quasim {

// With C the projector on the controls and P the Pauli string (the identity for a phase, which is
// a rotation by it with -2 times the angle), the derivative of the state is -i/2 C P.
template <typename T>
class Generator {
 public:
  Generator(const CompiledOp<T>& op, const CompiledStage<T>& stage, const KernelTable<T>& kernels);

  // Rows of a tile; calls may take them apart.
  std::uint64_t rows() const { return rows_; }

  // Im<second|C P|first> on rows [begin, end) of one tile.
  double overlap(const T* first, const T* second, Mask outside, std::uint64_t begin,
                 std::uint64_t end) const;

  // Adds rate * -i C P first to `second`.
  void push(const T* first, T* second, double rate, Mask outside, std::uint64_t begin,
            std::uint64_t end) const;

 private:
  static constexpr int kMaxRowBits = 6;

  bool acts_on_row(std::uint64_t row) const {
    return ((row ^ (op_.tile_control_value >> row_bits_)) & (op_.tile_control_mask >> row_bits_)) ==
           0;
  }
  // The sign that a row's position and the qubits outside the tile contribute.
  bool negative(std::uint64_t row, Mask outside) const {
    return (parity((row << row_bits_) & op_.tile_parity) ^ parity(outside & op_.outer_parity)) != 0;
  }

  const CompiledOp<T>& op_;
  const KernelTable<T>& kernels_;
  int row_bits_;
  std::uint64_t rows_;
  Complex factor_;  // of the partner in -i P, where the Z part of P is +1
  std::array<double, std::size_t{1} << kMaxRowBits> weights_{};  // sign; 0 where controls fail
};

}  // namespace quasim

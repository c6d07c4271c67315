// Sums over two states from which the derivatives of one operation follow.
//
// Let ket and bra be the states after a fused operation, R = sum ket bra^dagger over all qubits but
// the operation's own. Every derivative inside the operation is a trace of R with a small matrix,
// so one pass over the amplitudes serves all its parameters. For a diagonal operation the diagonal
// of Im R is enough; for one Pauli rotation a single number is.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "cpu/compiled.hpp"

namespace quasim {

template <typename T>
class Probe {
 public:
  Probe(const CompiledOp<T>& op, const CompiledStage<T>& stage, const KernelTable<T>& kernels);

  // Whether the operation has a parameter at all.
  bool wanted() const { return !op_.constant; }
  // Reals that `add` sums.
  std::size_t size() const { return size_; }
  // Parts of a tile that `add` can take separately.
  std::uint64_t units() const { return units_; }

  // Adds units [begin, end) of one tile.
  void add(const T* ket, const T* bra, Mask outside, std::uint64_t begin, std::uint64_t end,
           double* sums) const;

  // Writes the derivative of every parametric primitive of the operation.
  void finish(const Program& inverse, std::span<const double> parameters, const double* sums,
              std::span<double> derivatives) const;

 private:
  static constexpr int kRowBits = 6;
  static constexpr std::size_t kRow = std::size_t{1} << kRowBits;

  void add_cross(const T* ket, const T* bra, Mask outside, std::uint64_t begin, std::uint64_t end,
                 double* sums) const;
  void add_diagonal(const T* ket, const T* bra, Mask outside, std::uint64_t begin,
                    std::uint64_t end, double* sums) const;
  void add_pauli(const T* ket, const T* bra, Mask outside, std::uint64_t begin, std::uint64_t end,
                 double* sums) const;
  void finish_cross(const Program& inverse, std::span<const double> parameters, const double* sums,
                    std::span<double> derivatives) const;
  void finish_diagonal(const Program& inverse, const double* sums,
                       std::span<double> derivatives) const;

  const CompiledOp<T>& op_;
  const KernelTable<T>& kernels_;
  int row_bits_ = 0;
  std::size_t size_ = 0;
  std::uint64_t units_ = 0;
  Mask inner_ = 0;                      // tile positions of the operation's qubits
  std::vector<std::uint64_t> offsets_;  // cross: amplitude of each row
  std::array<double, kRow> weights_{};  // factor of each amplitude of a row: sign, 0 if controlled
  std::array<std::uint32_t, kRow> places_{};  // diagonal: low part of the matrix index
};

}  // namespace quasim

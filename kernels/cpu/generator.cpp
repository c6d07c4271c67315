#include "cpu/generator.hpp"

#include <algorithm>

namespace quasim {

template <typename T>
Generator<T>::Generator(const CompiledOp<T>& op, const CompiledStage<T>& stage,
                        const KernelTable<T>& kernels)
    : op_(op),
      kernels_(kernels),
      row_bits_(std::min(kMaxRowBits, stage.tile_qubits)),
      rows_(std::uint64_t{1} << (stage.tile_qubits - row_bits_)),
      factor_(partner_factor(op.members.front().x_mask, op.members.front().z_mask, 1.0)) {
  const Mask within = low_mask(row_bits_);
  for (std::size_t j = 0; j <= within; ++j) {
    const bool active = ((j ^ op.tile_control_value) & op.tile_control_mask & within) == 0;
    weights_[j] = !active ? 0.0 : parity(j & op.tile_parity) ? -1.0 : 1.0;
  }
}

template <typename T>
double Generator<T>::overlap(const T* first, const T* second, Mask outside, std::uint64_t begin,
                             std::uint64_t end) const {
  const std::size_t row = std::size_t{1} << row_bits_;
  const bool imaginary = factor_.real() == 0.0;
  std::array<double, std::size_t{1} << kMaxRowBits> products;
  double total = 0.0;
  for (std::uint64_t r = begin; r < end; ++r) {
    if (!acts_on_row(r)) continue;
    const std::uint64_t partner = r ^ (op_.tile_flip >> row_bits_);
    kernels_.overlaps(second + 2 * (r << row_bits_), first + 2 * (partner << row_bits_),
                      op_.tile_flip & (row - 1), imaginary ? 1 : 0, row, products.data());
    double sum = 0.0;
    for (std::size_t j = 0; j < row; ++j) sum += weights_[j] * products[j];
    total += negative(r, outside) ? -sum : sum;
  }
  // Re(factor * p) has either the real or the imaginary part of p in it.
  return imaginary ? -factor_.imag() * total : factor_.real() * total;
}

template <typename T>
void Generator<T>::push(const T* first, T* second, double rate, Mask outside, std::uint64_t begin,
                        std::uint64_t end) const {
  const std::size_t row = std::size_t{1} << row_bits_;
  for (std::uint64_t r = begin; r < end; ++r) {
    if (!acts_on_row(r)) continue;
    const T* const from = first + 2 * ((r ^ (op_.tile_flip >> row_bits_)) << row_bits_);
    T* const to = second + 2 * (r << row_bits_);
    const double sign = negative(r, outside) ? -rate : rate;
    for (std::size_t j = 0; j < row; ++j) {
      const std::size_t k = j ^ (op_.tile_flip & (row - 1));
      const Complex value(static_cast<double>(from[2 * k]), static_cast<double>(from[2 * k + 1]));
      const Complex step = times(factor_ * (sign * weights_[j]), value);
      to[2 * j] += static_cast<T>(step.real());
      to[2 * j + 1] += static_cast<T>(step.imag());
    }
  }
}

template class Generator<float>;
template class Generator<double>;

}  // namespace quasim

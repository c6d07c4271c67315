// Norm, inner product and collapse.
#include "quasim/reductions.hpp"

#include <array>

#include "cpu/blocks.hpp"

namespace quasim {

template <typename T>
double norm_squared(StateView<const T> state, RunContext context) {
  const int block_bits = std::min(kBlockBits, state.num_qubits);
  std::vector<double> sums(state.size() >> block_bits);
  const auto& kernels = reduction_kernels<T>();
  for_each_unit(sums.size(), state.size(), context, [&](std::uint64_t block) {
    sums[block] = kernels.norm(state.amplitudes + ((2 * block) << block_bits),
                               std::uint64_t{1} << block_bits);
  });
  double total = 0.0;
  for (const double sum : sums) total += sum;
  return total;
}

template <typename T>
std::complex<double> inner(StateView<const T> left, const T* right, RunContext context) {
  const int block_bits = std::min(kBlockBits, left.num_qubits);
  std::vector<std::array<double, 2>> sums(left.size() >> block_bits);
  const auto& kernels = reduction_kernels<T>();
  for_each_unit(sums.size(), left.size(), context, [&](std::uint64_t block) {
    const std::uint64_t at = (2 * block) << block_bits;
    kernels.inner(left.amplitudes + at, right + at, std::uint64_t{1} << block_bits,
                  sums[block].data());
  });
  double re = 0.0;
  double im = 0.0;
  for (const auto& sum : sums) {
    re += sum[0];
    im += sum[1];
  }
  return {re, im};
}

template <typename T>
void collapse(StateView<T> state, Mask mask, Mask value, double scale, RunContext context) {
  const int row_bits = std::min(kRowBits, state.num_qubits);
  const std::uint64_t row_size = std::uint64_t{1} << row_bits;
  const Mask row_mask = mask & (row_size - 1);
  const Mask row_value = value & (row_size - 1);
  const int block_bits = std::min(kBlockBits, state.num_qubits);
  const T factor = static_cast<T>(scale);
  const auto collapse_row = [&](std::uint64_t first) {
    T* const row = state.amplitudes + 2 * first;
    const bool kept = (first & mask & ~(row_size - 1)) == (value & ~(row_size - 1));
    for (std::uint64_t j = 0; j < row_size; ++j) {
      const bool keep = kept && (j & row_mask) == row_value;
      row[2 * j] = keep ? row[2 * j] * factor : T{0};
      row[2 * j + 1] = keep ? row[2 * j + 1] * factor : T{0};
    }
  };
  for_each_unit(state.size() >> block_bits, state.size(), context, [&](std::uint64_t block) {
    const std::uint64_t first = block << block_bits;
    for (std::uint64_t row = 0; row < std::uint64_t{1} << block_bits; row += row_size) {
      collapse_row(first + row);
    }
  });
}

#define QUASIM_INSTANTIATE(T)                                                    \
  template double norm_squared(StateView<const T>, RunContext);                  \
  template std::complex<double> inner(StateView<const T>, const T*, RunContext); \
  template void collapse(StateView<T>, Mask, Mask, double, RunContext);
QUASIM_INSTANTIATE(float)
QUASIM_INSTANTIATE(double)
#undef QUASIM_INSTANTIATE

}  // namespace quasim

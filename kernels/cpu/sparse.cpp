// Moments of a sparse matrix in a state: rows of the product are used as they are made.
#include <stdexcept>

#include "cpu/blocks.hpp"

namespace quasim {

template <typename T>
SparseMoments sparse_moments(StateView<const T> state, const SparseMatrix& matrix,
                             RunContext context) {
  const int block_bits = std::min(kBlockBits, state.num_qubits);
  std::vector<SparseMoments> sums(state.size() >> block_bits);
  const auto at = [&](std::uint64_t i) {
    return std::complex<double>(static_cast<double>(state.amplitudes[2 * i]),
                                static_cast<double>(state.amplitudes[2 * i + 1]));
  };
  const auto entries = static_cast<std::int64_t>(matrix.values.size());
  for_each_unit(sums.size(), state.size(), context, [&](std::uint64_t block) {
    SparseMoments sum;
    for (std::uint64_t row = block << block_bits; row < (block + 1) << block_bits; ++row) {
      const std::int64_t begin = matrix.row_start[row];
      const std::int64_t end = matrix.row_start[row + 1];
      if (begin < 0 || begin > end || end > entries) {
        throw std::invalid_argument("A sparse matrix's row starts must ascend.");
      }
      double re = 0.0;
      double im = 0.0;
      for (auto e = static_cast<std::size_t>(begin); e < static_cast<std::size_t>(end); ++e) {
        const auto column = static_cast<std::uint64_t>(matrix.columns[e]);
        if (column >= state.size()) {
          throw std::invalid_argument("A sparse matrix has a column the state does not have.");
        }
        const std::complex<double> a = at(column);
        const std::complex<double> m = matrix.values[e];
        re += m.real() * a.real() - m.imag() * a.imag();
        im += m.real() * a.imag() + m.imag() * a.real();
      }
      const std::complex<double> left = at(row);
      sum.mean += std::complex<double>(left.real() * re + left.imag() * im,
                                       left.real() * im - left.imag() * re);
      sum.squared += re * re + im * im;
    }
    sums[block] = sum;
  });
  SparseMoments total;
  for (const SparseMoments& sum : sums) {
    total.mean += sum.mean;
    total.squared += sum.squared;
  }
  return total;
}

template SparseMoments sparse_moments(StateView<const float>, const SparseMatrix&, RunContext);
template SparseMoments sparse_moments(StateView<const double>, const SparseMatrix&, RunContext);

}  // namespace quasim

// A weighted sum of Pauli strings applied to a state.
//
// (P a)_i = (-i)^m (-1)^parity(i & z) a_(i ^ x), m being the number of Y's. Strings with one X mask
// share the amplitudes they read; their signed weights over a row of 64 positions are the
// Walsh-Hadamard transform of the weights by the low bits of z.
#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "cpu/blocks.hpp"

namespace quasim {
namespace {

constexpr std::uint64_t kRow = std::uint64_t{1} << kRowBits;
using Row = std::array<double, kRow>;

struct Term {
  Mask z;
  double re;
  double im;
};

struct Group {
  Mask x;
  std::vector<Term> terms;
};

std::vector<Group> group_by_x(std::span<const Mask> x_masks, std::span<const Mask> z_masks,
                              std::span<const std::complex<double>> weights) {
  std::vector<std::size_t> order(x_masks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t t) { return x_masks[t]; });
  std::vector<Group> groups;
  for (const std::size_t t : order) {
    if (groups.empty() || groups.back().x != x_masks[t]) groups.push_back({x_masks[t], {}});
    std::complex<double> w = weights[t];
    for (int y = std::popcount(x_masks[t] & z_masks[t]) & 3; y > 0; --y) w = {w.imag(), -w.real()};
    groups.back().terms.push_back({z_masks[t], w.real(), w.imag()});
  }
  return groups;
}

void transform(Row& row, std::uint64_t size) {
  for (std::uint64_t h = 1; h < size; h *= 2) {
    for (std::uint64_t i = 0; i < size; i += 2 * h) {
      for (std::uint64_t j = i; j < i + h; ++j) {
        const double a = row[j];
        const double b = row[j + h];
        row[j] = a + b;
        row[j + h] = a - b;
      }
    }
  }
}

}  // namespace

template <typename T>
void pauli_sum_product(StateView<const T> state, std::span<const std::uint64_t> x_masks,
                       std::span<const std::uint64_t> z_masks,
                       std::span<const std::complex<double>> weights, T* result,
                       RunContext context) {
  const std::vector<Group> groups = group_by_x(x_masks, z_masks, weights);
  const int row_bits = std::min(kRowBits, state.num_qubits);
  const std::uint64_t size = std::uint64_t{1} << row_bits;
  for_each_unit(state.size() >> row_bits, state.size(), context, [&](std::uint64_t row) {
    Row out_re{};
    Row out_im{};
    for (const Group& group : groups) {
      Row factor_re{};
      Row factor_im{};
      for (const Term& term : group.terms) {
        const double sign = parity((row << row_bits) & term.z) ? -1.0 : 1.0;
        factor_re[term.z & (size - 1)] += sign * term.re;
        factor_im[term.z & (size - 1)] += sign * term.im;
      }
      transform(factor_re, size);
      transform(factor_im, size);
      const T* const source = state.amplitudes + 2 * ((row ^ (group.x >> row_bits)) << row_bits);
      for (std::uint64_t j = 0; j < size; ++j) {
        const std::uint64_t k = j ^ (group.x & (size - 1));
        const double re = static_cast<double>(source[2 * k]);
        const double im = static_cast<double>(source[2 * k + 1]);
        out_re[j] += factor_re[j] * re - factor_im[j] * im;
        out_im[j] += factor_re[j] * im + factor_im[j] * re;
      }
    }
    T* const out = result + 2 * (row << row_bits);
    for (std::uint64_t j = 0; j < size; ++j) {
      out[2 * j] = static_cast<T>(out_re[j]);
      out[2 * j + 1] = static_cast<T>(out_im[j]);
    }
  });
}

template void pauli_sum_product(StateView<const float>, std::span<const std::uint64_t>,
                                std::span<const std::uint64_t>,
                                std::span<const std::complex<double>>, float*, RunContext);
template void pauli_sum_product(StateView<const double>, std::span<const std::uint64_t>,
                                std::span<const std::uint64_t>,
                                std::span<const std::complex<double>>, double*, RunContext);

}  // namespace quasim

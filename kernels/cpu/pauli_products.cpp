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
  bool real = false;  // whether any weight has that part
  bool imaginary = false;
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
    groups.back().real |= w.real() != 0.0;
    groups.back().imaginary |= w.imag() != 0.0;
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

// Signed weights of one part, real or imaginary, for each position of a row.
Row factors(const Group& group, Mask first, double Term::* part, std::uint64_t size) {
  Row row{};
  for (const Term& term : group.terms) {
    row[term.z & (size - 1)] += parity(first & term.z) ? -(term.*part) : term.*part;
  }
  transform(row, size);
  return row;
}

// One string only: the row of signs was made before, up to the sign of the whole row.
Row signed_row(const Row& signs, double weight) {
  Row row;
  for (std::uint64_t j = 0; j < kRow; ++j) row[j] = weight * signs[j];
  return row;
}

Row signs_of(Mask z) {
  Row signs{};
  for (std::uint64_t j = 0; j < kRow; ++j) signs[j] = parity(j & z) ? -1.0 : 1.0;
  return signs;
}

}  // namespace

template <typename T>
void pauli_sum_product(StateView<const T> state, std::span<const std::uint64_t> x_masks,
                       std::span<const std::uint64_t> z_masks,
                       std::span<const std::complex<double>> weights, T* result,
                       RunContext context) {
  const std::vector<Group> groups = group_by_x(x_masks, z_masks, weights);
  std::vector<Row> signs;
  for (const Group& group : groups) signs.push_back(signs_of(group.terms.front().z));
  const int row_bits = std::min(kRowBits, state.num_qubits);
  const std::uint64_t size = std::uint64_t{1} << row_bits;
  for_each_unit(state.size() >> row_bits, state.size(), context, [&](std::uint64_t row) {
    Row out_re{};
    Row out_im{};
    Row re;
    Row im;
    const Mask first = row << row_bits;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      const Group& group = groups[g];
      const T* const source = state.amplitudes + 2 * (first ^ (group.x & ~(size - 1)));
      for (std::uint64_t j = 0; j < size; ++j) {
        const std::uint64_t k = j ^ (group.x & (size - 1));
        re[j] = static_cast<double>(source[2 * k]);
        im[j] = static_cast<double>(source[2 * k + 1]);
      }
      const bool single = group.terms.size() == 1;
      const Term& term = group.terms.front();
      const double sign = parity(first & term.z) ? -1.0 : 1.0;
      if (group.real) {
        const Row f =
            single ? signed_row(signs[g], sign * term.re) : factors(group, first, &Term::re, size);
        for (std::uint64_t j = 0; j < size; ++j) out_re[j] += f[j] * re[j];
        for (std::uint64_t j = 0; j < size; ++j) out_im[j] += f[j] * im[j];
      }
      if (group.imaginary) {
        const Row f =
            single ? signed_row(signs[g], sign * term.im) : factors(group, first, &Term::im, size);
        for (std::uint64_t j = 0; j < size; ++j) out_re[j] -= f[j] * im[j];
        for (std::uint64_t j = 0; j < size; ++j) out_im[j] += f[j] * re[j];
      }
    }
    T* const out = result + 2 * first;
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

// Expectation values of Pauli strings.
//
// Strings with one X mask share the products conj(a_i) a_(i ^ x); each string only signs them. A
// row of 64 products is Walsh-Hadamard transformed once, after which every string finds its signed
// row sum in one entry.
#include <array>
#include <numeric>

#include "cpu/blocks.hpp"

namespace quasim {
namespace {

constexpr int kMaxChunkBits = 8;  // units of work a group of strings
// With fewer strings, plain signed sums are cheaper than a transform.
constexpr std::size_t kTransformFrom = 6;

constexpr std::uint64_t kRow = std::uint64_t{1} << kRowBits;
using Row = std::array<double, kRow>;

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

Row signs_of(Mask z) {
  Row signs{};
  for (std::uint64_t j = 0; j < kRow; ++j) signs[j] = parity(j & z) ? -1.0 : 1.0;
  return signs;
}

double signed_sum(const Row& row, const Row& signs, std::uint64_t size) {
  std::array<double, 8> sums{};
  std::uint64_t j = 0;
  for (; j + 8 <= size; j += 8) {
    for (std::uint64_t i = 0; i < 8; ++i) sums[i] += row[j + i] * signs[j + i];
  }
  for (; j < size; ++j) sums[0] += row[j] * signs[j];
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

// Strings that share the X mask and need the same part, real or imaginary, of the products.
template <typename T>
void sum_group(StateView<const T> state, Mask x, bool imaginary, std::span<const Mask> z_masks,
               std::span<double> result, RunContext context) {
  const int row_bits = std::min(kRowBits, state.num_qubits);
  const std::uint64_t size = std::uint64_t{1} << row_bits;
  const int free_bits = state.num_qubits - row_bits;
  const int chunk_bits = std::clamp(free_bits - kRowBits, 0, kMaxChunkBits);
  const std::uint64_t rows = std::uint64_t{1} << (free_bits - chunk_bits);
  const std::uint64_t chunks = std::uint64_t{1} << chunk_bits;
  const std::size_t terms = z_masks.size();
  const bool transformed = terms >= kTransformFrom;
  std::vector<Row> signs;
  if (!transformed) {
    for (const Mask z : z_masks) signs.push_back(signs_of(z));
  }
  const auto& kernels = reduction_kernels<T>();
  std::vector<double> sums(chunks * terms, 0.0);
  for_each_unit(chunks, state.size(), context, [&](std::uint64_t chunk) {
    Row products{};
    std::vector<double> mine(terms, 0.0);
    for (std::uint64_t row = chunk * rows; row < (chunk + 1) * rows; ++row) {
      const std::uint64_t partner = row ^ (x >> row_bits);
      kernels.overlaps(state.amplitudes + ((2 * row) << row_bits),
                       state.amplitudes + ((2 * partner) << row_bits), x & (size - 1), imaginary,
                       size, products.data());
      if (transformed) transform(products, size);
      for (std::size_t t = 0; t < terms; ++t) {
        const double sum =
            transformed ? products[z_masks[t] & (size - 1)] : signed_sum(products, signs[t], size);
        mine[t] += parity((row << row_bits) & z_masks[t]) ? -sum : sum;
      }
    }
    std::ranges::copy(mine, sums.begin() + static_cast<std::ptrdiff_t>(chunk * terms));
  });
  for (std::size_t t = 0; t < terms; ++t) {
    result[t] = 0.0;
    for (std::uint64_t chunk = 0; chunk < chunks; ++chunk) result[t] += sums[chunk * terms + t];
  }
}

}  // namespace

template <typename T>
void pauli_expectations(StateView<const T> state, std::span<const std::uint64_t> x_masks,
                        std::span<const std::uint64_t> z_masks, std::span<double> result,
                        RunContext context) {
  const auto odd = [&](std::size_t t) { return (std::popcount(x_masks[t] & z_masks[t]) & 1) != 0; };
  std::vector<std::size_t> order(x_masks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    return x_masks[a] != x_masks[b] ? x_masks[a] < x_masks[b] : odd(a) < odd(b);
  });
  std::vector<Mask> group;
  std::vector<double> values;
  for (std::size_t first = 0; first < order.size();) {
    const Mask x = x_masks[order[first]];
    const bool imaginary = odd(order[first]);
    group.clear();
    std::size_t last = first;
    for (; last < order.size() && x_masks[order[last]] == x && odd(order[last]) == imaginary;
         ++last) {
      group.push_back(z_masks[order[last]]);
    }
    values.resize(group.size());
    sum_group(state, x, imaginary, group, values, context);
    for (std::size_t t = 0; t < group.size(); ++t) {
      // The string's value is (-i)^m sum of signed products, m being the number of Y's.
      const bool negative = (std::popcount(x & group[t]) & 2) != 0;
      result[order[first + t]] = negative ? -values[t] : values[t];
    }
    first = last;
  }
}

template void pauli_expectations(StateView<const float>, std::span<const std::uint64_t>,
                                 std::span<const std::uint64_t>, std::span<double>, RunContext);
template void pauli_expectations(StateView<const double>, std::span<const std::uint64_t>,
                                 std::span<const std::uint64_t>, std::span<double>, RunContext);

}  // namespace quasim

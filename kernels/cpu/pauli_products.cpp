// A weighted sum of Pauli strings applied to a state.
//
// (P a)_i = (-i)^m (-1)^parity(i & z) a_(i ^ x), m being the number of Y's. Strings with one X mask
// share the amplitudes they read. Over a row of 64 positions their signed weights are a fixed part,
// of strings without Z's above the row, and one pattern of signs for each choice of Z's within it;
// or, where those are many, the Walsh-Hadamard transform of the weights by the low bits of z.
#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "cpu/blocks.hpp"

namespace quasim {
namespace {

constexpr std::uint64_t kRow = std::uint64_t{1} << kRowBits;
// More patterns of signs than this cost more than a transform.
constexpr std::size_t kMaxPatterns = 8;

// log2 of the rows that go through all strings together: long runs of the amplitudes read.
constexpr int kBlockRows = 3;

using Row = std::array<double, kRow>;

// What a row's real and imaginary parts are multiplied by.
template <typename T>
struct alignas(64) Factors {
  std::array<T, 2 * kRow> of;

  void set(const Row& row, bool imaginary) {
    for (std::size_t j = 0; j < kRow; ++j) {
      // An imaginary weight multiplies the amplitude with its parts swapped: (-w im, w re).
      of[2 * j] = static_cast<T>(imaginary ? -row[j] : row[j]);
      of[2 * j + 1] = static_cast<T>(row[j]);
    }
  }
};

struct Term {
  Mask z;
  double weight;
};

// The strings of one X mask with the real, or the imaginary, parts of their weights.
template <typename T>
class Group {
 public:
  Group(Mask x, bool imaginary, std::vector<Term> terms)
      : x_(x), imaginary_(imaginary), terms_(std::move(terms)) {
    Row fixed{};
    for (const Term& term : terms_) {
      const Mask low = term.z & (kRow - 1);
      if (term.z == low) {
        add_signs(fixed, low, term.weight);
      } else if (std::ranges::find(low_, low) == low_.end()) {
        low_.push_back(low);
      }
    }
    std::erase_if(terms_,
                  [&](const Term& term) { return low_.size() <= kMaxPatterns && fits(term); });
    fixed_.set(fixed, imaginary_);
    if (low_.size() > kMaxPatterns) return;
    for (const Mask low : low_) {
      Row signs{};
      add_signs(signs, low, 1.0);
      patterns_.emplace_back().set(signs, imaginary_);
    }
    if (terms_.size() == 1 && low_.size() == 1) {
      const double weight = terms_.front().weight;
      const bool only = std::ranges::all_of(fixed, [](double f) { return f == 0.0; });
      if (!only) return;
      for (const double signed_weight : {weight, -weight}) {
        Row row{};
        add_signs(row, low_.front(), signed_weight);
        single_.emplace_back().set(row, imaginary_);
      }
    }
  }

  Mask x() const { return x_; }
  bool imaginary() const { return imaginary_; }

  // The factors of the row that starts at `first`; `space` may be used for them.
  const T* factors(Mask first, Factors<T>& space) const {
    if (terms_.empty()) return fixed_.of.data();
    if (!single_.empty()) {
      return single_[static_cast<std::size_t>(parity(first & terms_.front().z))].of.data();
    }
    if (patterns_.empty()) {
      transformed(first, space);
      return space.of.data();
    }
    std::array<double, kMaxPatterns> weights{};
    for (const Term& term : terms_) {
      const auto place = std::ranges::find(low_, term.z & (kRow - 1)) - low_.begin();
      weights[static_cast<std::size_t>(place)] +=
          parity(first & term.z) ? -term.weight : term.weight;
    }
    space = fixed_;
    for (std::size_t p = 0; p < patterns_.size(); ++p) {
      const T weight = static_cast<T>(weights[p]);
      for (std::size_t j = 0; j < 2 * kRow; ++j) space.of[j] += weight * patterns_[p].of[j];
    }
    return space.of.data();
  }

 private:
  static bool fits(const Term& term) { return term.z < kRow; }

  static void add_signs(Row& row, Mask z, double weight) {
    for (std::uint64_t j = 0; j < kRow; ++j) row[j] += parity(j & z) ? -weight : weight;
  }

  void transformed(Mask first, Factors<T>& space) const {
    Row row{};
    for (const Term& term : terms_) {
      row[term.z & (kRow - 1)] += parity(first & term.z) ? -term.weight : term.weight;
    }
    for (std::uint64_t h = 1; h < kRow; h *= 2) {
      for (std::uint64_t i = 0; i < kRow; i += 2 * h) {
        for (std::uint64_t j = i; j < i + h; ++j) {
          const double a = row[j];
          const double b = row[j + h];
          row[j] = a + b;
          row[j + h] = a - b;
        }
      }
    }
    space.set(row, imaginary_);
  }

  Mask x_;
  bool imaginary_;
  std::vector<Term> terms_;  // that differ between rows; all of them where they are transformed
  std::vector<Mask> low_;    // Z's within a row of those, each once
  Factors<T> fixed_;
  std::vector<Factors<T>> patterns_;  // of each of `low_`
  std::vector<Factors<T>> single_;    // one term only: for even and odd parity of the row
};

template <typename T>
std::vector<Group<T>> group_by_x(std::span<const Mask> x_masks, std::span<const Mask> z_masks,
                                 std::span<const std::complex<double>> weights) {
  std::vector<std::size_t> order(x_masks.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t t) { return x_masks[t]; });
  std::vector<Group<T>> groups;
  for (std::size_t begin = 0; begin < order.size();) {
    const Mask x = x_masks[order[begin]];
    std::array<std::vector<Term>, 2> parts;
    std::size_t end = begin;
    for (; end < order.size() && x_masks[order[end]] == x; ++end) {
      const std::size_t t = order[end];
      std::complex<double> w = weights[t];
      for (int y = std::popcount(x & z_masks[t]) & 3; y > 0; --y) w = {w.imag(), -w.real()};
      if (w.real() != 0.0) parts[0].push_back({z_masks[t], w.real()});
      if (w.imag() != 0.0) parts[1].push_back({z_masks[t], w.imag()});
    }
    for (const bool imaginary : {false, true}) {
      auto& terms = parts[imaginary ? 1 : 0];
      if (!terms.empty()) groups.emplace_back(x, imaginary, std::move(terms));
    }
    begin = end;
  }
  return groups;
}

}  // namespace

template <typename T>
void pauli_sum_product(StateView<const T> state, std::span<const std::uint64_t> x_masks,
                       std::span<const std::uint64_t> z_masks,
                       std::span<const std::complex<double>> weights, T* result,
                       RunContext context) {
  const auto groups = group_by_x<T>(x_masks, z_masks, weights);
  const auto& kernels = reduction_kernels<T>();
  const int row_bits = std::min(kRowBits, state.num_qubits);
  const std::uint64_t size = std::uint64_t{1} << row_bits;
  const Mask lanes = low_mask(kernels.lane_bits);
  const int block_bits = std::min(kBlockRows, state.num_qubits - row_bits);
  const std::uint64_t rows = std::uint64_t{1} << block_bits;
  for_each_unit(
      state.size() >> row_bits >> block_bits, state.size(), context, [&](std::uint64_t block) {
        T* const out = result + 2 * (block << (block_bits + row_bits));
        std::fill_n(out, 2 * size << block_bits, T{0});
        Factors<T> space;
        for (const Group<T>& group : groups) {
          const Mask flip = group.x() & (size - 1);
          const auto add = kernels.add_row[flip & lanes][group.imaginary() ? 1 : 0];
          for (std::uint64_t row = 0; row < rows; ++row) {
            const Mask first = (block << block_bits | row) << row_bits;
            const T* const source = state.amplitudes + 2 * (first ^ (group.x() ^ flip));
            add(source, flip, group.factors(first, space), size, out + 2 * (row << row_bits));
          }
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

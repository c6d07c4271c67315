// Marginal probabilities.
//
// Rows of 64 amplitudes are added position by position into bins chosen by the measured qubits
// above the row, so that neighbouring additions never hit the same sum. A bin's positions are
// folded into outcomes at the end.
#include <array>

#include "cpu/blocks.hpp"

namespace quasim {
namespace {

// At most this many measured qubits choose a bin: 64 bins of 64 sums fit the L1 cache. Measured
// qubits above them number independent units of work.
constexpr int kMaxBinBits = 6;
constexpr int kUnitBits = 6;  // split the sum when the outcomes alone give less work than this

// The highest `count` bits of a mask.
Mask highest(Mask mask, int count) {
  while (std::popcount(mask) > count) mask &= mask - 1;
  return mask;
}

}  // namespace

template <typename T>
void probabilities(StateView<const T> state, std::span<const std::int32_t> qubits,
                   std::span<double> result, RunContext context) {
  const int row_bits = std::min(kRowBits, state.num_qubits);
  const std::uint64_t row_size = std::uint64_t{1} << row_bits;
  std::array<int, 64> outcome_bit{};
  Mask measured = 0;
  for (std::size_t k = 0; k < qubits.size(); ++k) {
    measured |= bit(qubits[k]);
    outcome_bit[static_cast<std::size_t>(qubits[k])] = static_cast<int>(k);
  }
  const auto outcome_of = [&](Mask index) {
    Mask outcome = 0;
    for_each_bit(index & measured,
                 [&](int q) { outcome |= bit(outcome_bit[static_cast<std::size_t>(q)]); });
    return outcome;
  };

  // Masks of row numbers.
  const Mask all = low_mask(state.num_qubits - row_bits);
  const Mask high = measured >> row_bits;
  const Mask split = highest(high, std::max(0, std::popcount(high) - kMaxBinBits));
  const Mask binned = high & ~split;
  const Mask free = all & ~high;
  const Mask chunks = highest(free, std::max(0, std::min(std::popcount(free) - kRowBits,
                                                         kUnitBits - std::popcount(split))));
  const std::uint64_t num_chunks = std::uint64_t{1} << std::popcount(chunks);
  const std::uint64_t num_splits = std::uint64_t{1} << std::popcount(split);
  const std::uint64_t num_bins = std::uint64_t{1} << std::popcount(binned);
  const Mask fixed = split | chunks;
  const std::uint64_t rows = std::uint64_t{1} << std::popcount(all & ~fixed);

  std::vector<std::uint64_t> position_outcome(row_size);
  for (std::uint64_t j = 0; j < row_size; ++j) position_outcome[j] = outcome_of(j);
  std::vector<std::uint64_t> bin_outcome(num_bins);
  for (std::uint64_t b = 0; b < num_bins; ++b) {
    bin_outcome[b] = outcome_of(deposit(b, binned) << row_bits);
  }

  // With several chunks each has sums of its own, added in order at the end.
  std::vector<std::vector<double>> partial(num_chunks > 1 ? num_chunks * num_splits : 0);
  std::ranges::fill(result, 0.0);
  const auto& kernels = reduction_kernels<T>();
  const auto fold = [&](const std::vector<double>& bins, std::uint64_t base) {
    for (std::uint64_t b = 0; b < num_bins; ++b) {
      for (std::uint64_t j = 0; j < row_size; ++j) {
        result[base | bin_outcome[b] | position_outcome[j]] += bins[b * row_size + j];
      }
    }
  };
  for_each_unit(num_splits * num_chunks, state.size(), context, [&](std::uint64_t unit) {
    const std::uint64_t outer = unit / num_chunks;
    const Mask value = deposit(outer, split) | deposit(unit % num_chunks, chunks);
    std::vector<double> bins(num_bins * row_size, 0.0);
    std::uint64_t row = value;
    for (std::uint64_t r = 0; r < rows; ++r) {
      const std::uint64_t bin = binned == 0 ? 0 : extract(row, binned);
      kernels.add_norms(state.amplitudes + ((2 * row) << row_bits), &bins[bin * row_size],
                        row_size);
      row = (((row | fixed) + 1) & ~fixed & all) | value;
    }
    if (num_chunks > 1) {
      partial[unit] = std::move(bins);
    } else {
      fold(bins, outcome_of(deposit(outer, split) << row_bits));
    }
  });
  for (std::uint64_t unit = 0; unit < partial.size(); ++unit) {
    fold(partial[unit], outcome_of(deposit(unit / num_chunks, split) << row_bits));
  }
}

template void probabilities(StateView<const float>, std::span<const std::int32_t>,
                            std::span<double>, RunContext);
template void probabilities(StateView<const double>, std::span<const std::int32_t>,
                            std::span<double>, RunContext);

}  // namespace quasim

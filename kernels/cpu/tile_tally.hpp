// Sums |a|^2 by the value of some qubits tile by tile, while a stage has the tile at hand.
//
// A tile is cut into rows of contiguous amplitudes. Where the qubits are all above a row, a row
// adds one number to one sum. Else a row is added position by position to bins, which neighbouring
// amplitudes never share, and the bins are folded at the end.
//
// The tiles are cut into chunks of their own number, whatever the threads: each chunk has sums of
// its own, which are added in order.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "cpu/blocks.hpp"
#include "cpu/compiled.hpp"
#include "quasim/passage.hpp"

namespace quasim {

template <typename T>
class TileTally {
 public:
  // None if the sums would take too much room.
  static std::optional<TileTally> make(std::span<const std::int32_t> qubits,
                                       const CompiledStage<T>& stage, int num_qubits,
                                       const KernelTable<T>& kernels) {
    TileTally tally(qubits, stage, num_qubits, kernels);
    const std::size_t state = sizeof(T) * (std::size_t{2} << num_qubits);
    const bool fits = tally.by_rows_ ? sizeof(double) * kChunks * tally.outcomes() <=
                                           std::max(kSmall, state >> kShareBits)
                                     : tally.bin_bits_.size() <= kMaxBinBits;
    if (!fits) return std::nullopt;
    return tally;
  }

  std::uint64_t chunks(std::uint64_t tiles) const { return std::min(tiles, kChunks); }

  // Makes room for the sums of so many chunks.
  void prepare(std::uint64_t chunks) { sums_.resize(chunks); }

  // Called by one thread for each chunk.
  void begin(std::uint64_t chunk) {
    sums_[chunk].assign(by_rows_ ? outcomes() : row_size() << bin_bits_.size(), 0.0);
  }

  void add(std::uint64_t chunk, const T* tile, Mask outside) {
    std::size_t base = 0;
    for (const auto& [qubit, bin] : outer_) base |= ((outside >> qubit) & 1) << bin;
    double* const sums = sums_[chunk].data();
    for (const std::uint32_t row : bin_of_row_) {
      if (by_rows_) {
        sums[base | row] += kernels_->norm(tile, row_size());
      } else {
        kernels_->add_norms(tile, sums + (base | row) * row_size(), row_size());
      }
      tile += 2 * row_size();
    }
  }

  // Adds the chunks up into `result`, one entry an outcome, overwritten.
  void finish(std::span<double> result) const {
    std::ranges::fill(result, 0.0);
    const std::size_t entries = sums_.empty() ? 0 : sums_.front().size();
    std::vector<std::size_t> outcome(entries);
    for (std::size_t i = 0; i < entries; ++i) outcome[i] = by_rows_ ? i : outcome_of(i);
    for (const auto& chunk : sums_) {
      for (std::size_t i = 0; i < entries; ++i) result[outcome[i]] += chunk[i];
    }
  }

 private:
  static constexpr std::uint64_t kChunks = 64;
  static constexpr std::size_t kMaxBinBits = 6;
  static constexpr int kShortRow = 3;
  static constexpr int kShareBits = 5;  // of the state's bytes
  static constexpr std::size_t kSmall = std::size_t{1} << 20;

  TileTally(std::span<const std::int32_t> qubits, const CompiledStage<T>& stage, int num_qubits,
            const KernelTable<T>& kernels)
      : kernels_(&kernels), count_(qubits.size()) {
    const Mask local = low_mask(num_qubits) & ~stage.outer_qubits;
    const auto position_of = [&](int q) { return std::popcount(local & low_mask(q)); };
    int lowest = stage.tile_qubits;
    for (const int q : qubits) {
      if ((local >> q) & 1) lowest = std::min(lowest, position_of(q));
    }
    row_bits_ = std::min(kRowBits, stage.tile_qubits);
    by_rows_ = lowest >= std::min(row_bits_, kShortRow);
    if (by_rows_) row_bits_ = std::min(row_bits_, lowest);
    bin_of_row_.assign(std::size_t{1} << (stage.tile_qubits - row_bits_), 0);
    for (std::size_t k = 0; k < qubits.size(); ++k) {
      const int q = qubits[k];
      const bool inside = ((local >> q) & 1) != 0;
      const int position = inside ? position_of(q) : 0;
      if (inside && position < row_bits_) {
        position_bits_.emplace_back(position, static_cast<int>(k));
        continue;
      }
      const int bin = by_rows_ ? static_cast<int>(k) : static_cast<int>(bin_bits_.size());
      bin_bits_.push_back(static_cast<int>(k));
      if (!inside) {
        outer_.emplace_back(q, bin);
        continue;
      }
      for (std::size_t row = 0; row < bin_of_row_.size(); ++row) {
        if ((row >> (position - row_bits_)) & 1) bin_of_row_[row] |= std::uint32_t{1} << bin;
      }
    }
  }

  std::size_t row_size() const { return std::size_t{1} << row_bits_; }
  std::size_t outcomes() const { return std::size_t{1} << count_; }

  // The outcome that entry `i` of the bins belongs to.
  std::size_t outcome_of(std::size_t i) const {
    std::size_t outcome = 0;
    for (const auto& [position, k] : position_bits_) outcome |= ((i >> position) & 1) << k;
    const std::size_t bin = i >> row_bits_;
    for (std::size_t b = 0; b < bin_bits_.size(); ++b) outcome |= ((bin >> b) & 1) << bin_bits_[b];
    return outcome;
  }

  const KernelTable<T>* kernels_;
  std::size_t count_;  // qubits
  int row_bits_ = 0;
  bool by_rows_ = false;
  std::vector<std::pair<int, int>> position_bits_;  // positions in a row, and their outcome bits
  std::vector<int> bin_bits_;                       // outcome bits of the bits of a bin's number
  std::vector<std::pair<int, int>> outer_;          // qubits outside the tile, and their bin bits
  std::vector<std::uint32_t> bin_of_row_;
  std::vector<std::vector<double>> sums_;  // by chunk
};

}  // namespace quasim

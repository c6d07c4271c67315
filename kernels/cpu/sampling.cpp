// Inverse transform sampling without a table of 2^n entries.
//
// Block sums are made once. The uniforms are sorted and merged with them, so each block that is
// hit is read again once, whatever the number of shots. Shots are independent given the block
// sums, hence the same for any number of threads.
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "cpu/blocks.hpp"

namespace quasim {
namespace {

struct Shot {
  double uniform;
  std::uint64_t place;  // in the caller's order
};

// Sorted by uniform: counting sort into about one bucket a shot, then a sort inside each.
std::vector<Shot> sorted_shots(std::span<const double> uniforms) {
  const std::size_t count = uniforms.size();
  std::vector<Shot> shots(count);
  if (std::ranges::is_sorted(uniforms)) {
    for (std::size_t s = 0; s < count; ++s) shots[s] = {uniforms[s], s};
    return shots;
  }
  const std::size_t buckets = std::max<std::size_t>(1, count / 4);
  const auto bucket_of = [&](double u) {
    return std::min(buckets - 1, static_cast<std::size_t>(u * static_cast<double>(buckets)));
  };
  std::vector<std::size_t> start(buckets + 1, 0);
  for (const double u : uniforms) ++start[bucket_of(u) + 1];
  std::partial_sum(start.begin(), start.end(), start.begin());
  std::vector<std::size_t> next(start.begin(), start.end() - 1);
  for (std::size_t s = 0; s < count; ++s) shots[next[bucket_of(uniforms[s])]++] = {uniforms[s], s};
  const auto before = [](const Shot& a, const Shot& b) {
    return a.uniform != b.uniform ? a.uniform < b.uniform : a.place < b.place;
  };
  for (std::size_t b = 0; b < buckets; ++b) {
    std::sort(shots.begin() + static_cast<std::ptrdiff_t>(start[b]),
              shots.begin() + static_cast<std::ptrdiff_t>(start[b + 1]), before);
  }
  return shots;
}

// Draws within one block, for targets in ascending order.
template <typename T>
class BlockScan {
 public:
  BlockScan(const T* amplitudes, int block_bits, const double* row_sums, double below)
      : amplitudes_(amplitudes),
        size_(std::uint64_t{1} << block_bits),
        row_bits_(std::min(kRowBits, block_bits)),
        row_sums_(row_sums),
        below_(below) {}

  // The position in the block where the running sum exceeds `target`. When rounding leaves it
  // short, the last position that has any weight.
  std::uint64_t find(double target) {
    while (row_ < (size_ >> row_bits_)) {
      if (!in_row_) {
        const double after = below_ + row_sums_[row_];
        if (!(target < after)) {
          if (row_sums_[row_] > 0) last_row_ = row_;
          below_ = after;
          ++row_;
          continue;
        }
        in_row_ = true;
        running_ = below_;
        position_ = row_ << row_bits_;
      }
      const std::uint64_t end = (row_ + 1) << row_bits_;
      for (; position_ < end; ++position_) {
        const double after = running_ + weight(position_);
        if (target < after) return position_;
        running_ = after;
      }
      // The row sum was rounded up: its last weighted position takes the difference.
      if (target < below_ + row_sums_[row_]) return last_weighted(row_);
      last_row_ = row_;
      below_ += row_sums_[row_++];
      in_row_ = false;
    }
    return last_weighted(last_row_);
  }

 private:
  double weight(std::uint64_t i) const {
    const auto re = static_cast<double>(amplitudes_[2 * i]);
    const auto im = static_cast<double>(amplitudes_[2 * i + 1]);
    return re * re + im * im;
  }

  std::uint64_t last_weighted(std::uint64_t row) const {
    std::uint64_t i = (row + 1) << row_bits_;
    while (i > (row << row_bits_) + 1 && !(weight(i - 1) > 0)) --i;
    return i - 1;
  }

  const T* amplitudes_;
  std::uint64_t size_;
  int row_bits_;
  const double* row_sums_;
  double below_;          // sum of the rows before row_
  double running_ = 0.0;  // sum before position_, once in a row
  std::uint64_t row_ = 0;
  std::uint64_t last_row_ = 0;  // the latest row passed that has weight
  std::uint64_t position_ = 0;
  bool in_row_ = false;
};

// Sums of the rows of a block, and the sum of those in order.
template <typename T>
double sum_rows(const T* block, int block_bits, double* row_sums) {
  const auto& kernels = reduction_kernels<T>();
  const int row_bits = std::min(kRowBits, block_bits);
  const std::uint64_t rows = std::uint64_t{1} << (block_bits - row_bits);
  double total = 0.0;
  for (std::uint64_t r = 0; r < rows; ++r) {
    const double sum = kernels.norm(block + ((2 * r) << row_bits), std::uint64_t{1} << row_bits);
    if (row_sums != nullptr) row_sums[r] = sum;
    total += sum;
  }
  return total;
}

}  // namespace

template <typename T>
void sample(StateView<const T> state, std::span<const double> uniforms,
            std::span<std::uint64_t> result, RunContext context) {
  const int block_bits = std::min(kBlockBits, state.num_qubits);
  const std::uint64_t blocks = state.size() >> block_bits;
  const auto block_at = [&](std::uint64_t b) { return state.amplitudes + ((2 * b) << block_bits); };

  std::vector<double> below(blocks + 1);  // running sum before each block
  for_each_unit(blocks, state.size(), context, [&](std::uint64_t b) {
    below[b + 1] = sum_rows(block_at(b), block_bits, nullptr);
  });
  std::uint64_t last_block = 0;
  for (std::uint64_t b = 0; b < blocks; ++b) {
    if (below[b + 1] > 0) last_block = b;
    below[b + 1] += below[b];
  }
  const double total = below[blocks];
  if (!(total > 0) || !std::isfinite(total)) {
    throw std::invalid_argument("Cannot sample: the state's norm is zero or not finite.");
  }

  const std::vector<Shot> shots = sorted_shots(uniforms);
  const auto draw = [&](std::uint64_t begin, std::uint64_t end, int worker) {
    std::vector<double> row_sums(std::size_t{1} << std::max(0, block_bits - kRowBits));
    std::uint64_t s = begin;
    while (s < end) {
      if (context.control.stopped()) return;
      if (worker == 0) context.control.poll();
      const auto found = std::upper_bound(below.begin() + 1, below.end(), shots[s].uniform * total);
      const std::uint64_t block =
          std::min(last_block, static_cast<std::uint64_t>(found - below.begin() - 1));
      sum_rows(block_at(block), block_bits, row_sums.data());
      BlockScan<T> scan(block_at(block), block_bits, row_sums.data(), below[block]);
      do {
        result[shots[s].place] = block << block_bits | scan.find(shots[s].uniform * total);
        ++s;
      } while (s < end && (block == last_block || shots[s].uniform * total < below[block + 1]));
    }
  };
  parallel_ranges(shots.size(), choose_threads(state.size(), context.threads), context.control,
                  draw);
  context.control.throw_if_cancelled();
}

template void sample(StateView<const float>, std::span<const double>, std::span<std::uint64_t>,
                     RunContext);
template void sample(StateView<const double>, std::span<const double>, std::span<std::uint64_t>,
                     RunContext);

}  // namespace quasim

// Inverse transform sampling without a table of 2^n entries.
//
// Block sums are made once, or come from whoever wrote the state. Shots are distributed over the
// blocks by a counting sort, so each block that is hit is read again once, whatever the number of
// shots; within a block a shot finds its row and its position by counting running sums that do not
// exceed its target. Shots are independent given the block sums, hence the same for any number of
// threads.
#include <bit>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <utility>

#include "cpu/blocks.hpp"

namespace quasim {
namespace {

constexpr std::size_t kShotsWorthThreads = 1 << 14;

int threads_for(std::size_t shots, RunContext context) {
  if (shots < kShotsWorthThreads) return 1;
  return context.threads > 0 ? std::min(context.threads, thread_limit()) : thread_limit();
}

// Running sums of the blocks, and how to find the block of a target.
class Ladder {
 public:
  explicit Ladder(std::span<const double> block_sums) : below_(block_sums.size() + 1) {
    for (std::size_t b = 0; b < block_sums.size(); ++b) {
      if (block_sums[b] > 0) last_ = b;
      below_[b + 1] = below_[b] + block_sums[b];
    }
    if (!(total() > 0) || !std::isfinite(total())) {
      throw std::invalid_argument("Cannot sample: the state's norm is zero or not finite.");
    }
    // Entry c is the block of the uniform c / cells: with as many cells as blocks, the blocks of
    // a cell are one or two on average over the shots, however uneven the distribution.
    const std::size_t cells = block_sums.size();
    first_.resize(cells + 1);
    std::size_t b = 0;
    for (std::size_t c = 0; c <= cells; ++c) {
      const double target = static_cast<double>(c) / static_cast<double>(cells) * total();
      while (b < last_ && !(target < below_[b + 1])) ++b;
      first_[c] = static_cast<std::uint32_t>(b);
    }
  }

  double total() const { return below_.back(); }
  double below(std::uint64_t block) const { return below_[block]; }
  std::size_t blocks() const { return below_.size() - 1; }

  // The first block whose running sum exceeds `target`; one without weight is never found.
  std::uint32_t find(double uniform, double target) const {
    const auto cell = static_cast<std::size_t>(uniform * static_cast<double>(blocks()));
    std::uint32_t low = first_[cell];
    std::uint32_t high = first_[cell + 1];
    while (low < high) {
      const std::uint32_t middle = low + (high - low) / 2;
      if (target < below_[middle + 1]) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }

 private:
  std::vector<double> below_;         // sum of the blocks before each
  std::vector<std::uint32_t> first_;  // 2^32 blocks are more amplitudes than any memory holds
  std::size_t last_ = 0;              // the last block with weight
};

// A counting sort by block. It is stable, so parts of the shots can be moved by different threads,
// and it can be replayed: the way back to the caller's order needs no list of places.
class BlockSort {
 public:
  BlockSort(const Ladder& ladder, std::span<const double> uniforms, RunContext context)
      : count_(uniforms.size()),
        parts_(static_cast<std::size_t>(threads_for(count_, context))),
        control_(context.control),
        block_of_(std::make_unique_for_overwrite<std::uint32_t[]>(count_)),
        start_(ladder.blocks() + 1),
        part_start_(parts_) {
    each_part([&](std::size_t part) {
      part_start_[part].resize(ladder.blocks());
      std::uint64_t* const sizes = part_start_[part].data();
      for_shots_of(part, [&](std::size_t s) {
        const double u = uniforms[s];
        if (!(u >= 0.0 && u < 1.0)) throw std::invalid_argument("A uniform is not in [0, 1).");
        const std::uint32_t block = ladder.find(u, u * ladder.total());
        block_of_[s] = block;
        ++sizes[block];
      });
    });
    std::uint64_t start = 0;
    for (std::size_t b = 0; b < ladder.blocks(); ++b) {
      start_[b] = start;
      for (std::vector<std::uint64_t>& part : part_start_) start += std::exchange(part[b], start);
    }
    start_.back() = start;
  }

  // Places of the shots of block b: [start()[b], start()[b + 1]).
  std::span<const std::uint64_t> start() const { return start_; }

  // Calls `visit(shot, place)` for every shot, on several threads.
  template <typename Visit>
  void for_each(const Visit& visit) {
    each_part([&](std::size_t part) {
      std::vector<std::uint64_t> next = part_start_[part];
      for_shots_of(part, [&](std::size_t s) { visit(s, next[block_of_[s]]++); });
    });
  }

 private:
  template <typename Body>
  void each_part(const Body& body) {
    parallel_ranges(parts_, static_cast<int>(parts_), control_,
                    [&](std::uint64_t begin, std::uint64_t end, int) {
                      for (std::size_t part = begin; part < end; ++part) body(part);
                    });
  }
  template <typename Body>
  void for_shots_of(std::size_t part, const Body& body) const {
    const std::size_t end = count_ * (part + 1) / parts_;
    for (std::size_t s = count_ * part / parts_; s < end; ++s) body(s);
  }

  std::size_t count_;
  std::size_t parts_;
  Control& control_;
  std::unique_ptr<std::uint32_t[]> block_of_;
  std::vector<std::uint64_t> start_;
  std::vector<std::vector<std::uint64_t>> part_start_;
};

}  // namespace

int sample_block_bits(int num_qubits) { return std::min(kBlockBits, num_qubits); }

template <typename T>
void block_norms(StateView<const T> state, std::span<double> sums, RunContext context) {
  const int block_bits = sample_block_bits(state.num_qubits);
  const auto& kernels = reduction_kernels<T>();
  for_each_unit(sums.size(), state.size(), context, [&](std::uint64_t block) {
    sums[block] = kernels.norm(state.amplitudes + ((2 * block) << block_bits),
                               std::uint64_t{1} << block_bits);
  });
}

template <typename T>
void sample(StateView<const T> state, std::span<const double> block_sums,
            std::span<const double> uniforms, std::span<std::uint64_t> result, RunContext context) {
  const int block_bits = sample_block_bits(state.num_qubits);
  const std::uint64_t block_size = std::uint64_t{1} << block_bits;
  const Ladder ladder(block_sums);
  BlockSort order(ladder, uniforms, context);
  // By block: targets, which become basis states.
  const auto shots = std::make_unique_for_overwrite<double[]>(uniforms.size());
  order.for_each(
      [&](std::size_t s, std::uint64_t place) { shots[place] = uniforms[s] * ladder.total(); });
  const auto& kernels = reduction_kernels<T>();
  const std::span<const std::uint64_t> start = order.start();
  const auto draw = [&](std::uint64_t begin, std::uint64_t end, int worker) {
    // The block of shot `begin`: a worker may start and end inside a block.
    auto block = static_cast<std::uint64_t>(std::ranges::upper_bound(start, begin) - start.begin());
    for (--block; begin < end; ++block) {
      if (context.control.stopped()) return;
      if (worker == 0) context.control.poll();
      const std::uint64_t until = std::min(end, start[block + 1]);
      if (begin == until) continue;
      const std::uint64_t first = block << block_bits;
      kernels.draw_in_block(state.amplitudes + 2 * first, block_size, first, ladder.below(block),
                            &shots[begin], until - begin);
      begin = until;
    }
  };
  parallel_ranges(uniforms.size(), choose_threads(state.size(), context.threads), context.control,
                  draw);
  context.control.throw_if_cancelled();
  order.for_each([&](std::size_t s, std::uint64_t place) {
    result[s] = std::bit_cast<std::uint64_t>(shots[place]);
  });
}

#define QUASIM_INSTANTIATE(T)                                                                \
  template void block_norms(StateView<const T>, std::span<double>, RunContext);              \
  template void sample(StateView<const T>, std::span<const double>, std::span<const double>, \
                       std::span<std::uint64_t>, RunContext);
QUASIM_INSTANTIATE(float)
QUASIM_INSTANTIATE(double)
#undef QUASIM_INSTANTIATE

}  // namespace quasim

#include "quasim/executor.hpp"

#include <algorithm>
#include <vector>

#include "cpu/blocks.hpp"
#include "cpu/bound.hpp"
#include "cpu/denormals.hpp"
#include "quasim/thread_pool.hpp"

namespace quasim {
namespace {

// Between two looks at the cancel flag, at most this many groups: a few milliseconds.
constexpr std::uint64_t kGroupsPerPoll = std::uint64_t{1} << 16;

// Each operation over the whole state, shared by the threads.
template <typename T>
void run_whole(const CompiledStage<T>& stage, const Bound<T>& bound, std::size_t first_op,
               T* amplitudes, Control& control, int threads) {
  for (std::size_t i = 0; i < stage.ops.size(); ++i) {
    const auto& op = stage.ops[i];
    const auto function = bound.functions[first_op + i];
    const T* const coefs = bound.coefs_of(op);
    if (threads == 1 && op.groups <= kGroupsPerPoll && op.recipe != Recipe::kWide) {
      // Small states: no pool, no allocation, and a glance at the clock every few operations.
      if (control.stopped()) return;
      if (i % 16 == 0) control.poll();
      sweep<T>(op, function, coefs, amplitudes, 0, 0, op.groups, nullptr);
      continue;
    }
    const auto body = [&](std::uint64_t begin, std::uint64_t end, int worker) {
      const AlignedArray<T> scratch(op.recipe == Recipe::kWide ? 4 * op.sweep.rows : 0);
      const std::uint64_t chunk = std::max<std::uint64_t>(
          1, op.recipe == Recipe::kWide ? kGroupsPerPoll / (op.sweep.rows * op.sweep.rows)
                                        : kGroupsPerPoll);
      for (std::uint64_t at = begin; at < end; at += chunk) {
        if (control.stopped()) return;
        if (worker == 0) control.poll();
        sweep<T>(op, function, coefs, amplitudes, 0, at, std::min(end, at + chunk),
                 const_cast<T*>(scratch.data()));
      }
    };
    parallel_ranges(op.groups, threads, control, body);
    if (control.stopped()) return;
  }
}

// All operations of the stage on one tile after the other: one pass over memory.
template <typename T>
class TileRunner {
 public:
  TileRunner(const CompiledStage<T>& stage, const Bound<T>& bound, std::size_t first_op,
             T* amplitudes)
      : stage_(stage),
        bound_(bound),
        first_op_(first_op),
        amplitudes_(amplitudes),
        buffer_(stage),
        scratch_(bound.plan.scratch_size) {}

  void operator()(std::uint64_t tile, const Control& control) {
    const Mask outside = deposit(tile, stage_.outer_qubits);
    T* const home = amplitudes_ + 2 * outside;
    const auto acts = [&](const CompiledOp<T>& op) { return acts_on(op, outside); };
    if (std::ranges::none_of(stage_.ops, acts)) return;
    T* const work = buffer_.gather(home);
    for (std::size_t i = 0; i < stage_.ops.size(); ++i) {
      const auto& op = stage_.ops[i];
      if (!acts(op)) continue;
      if (control.stopped()) return;
      sweep<T>(op, bound_.functions[first_op_ + i], bound_.coefs_of(op), work, outside, 0,
               op.groups, scratch_.data());
    }
    buffer_.scatter(home);
  }

 private:
  const CompiledStage<T>& stage_;
  const Bound<T>& bound_;
  std::size_t first_op_;
  T* amplitudes_;
  TileBuffer<T> buffer_;
  AlignedArray<T> scratch_;
};

template <typename T>
void run_tiles(const CompiledStage<T>& stage, const Bound<T>& bound, std::size_t first_op,
               T* amplitudes, Control& control, int threads) {
  const std::uint64_t tiles = std::uint64_t{1} << std::popcount(stage.outer_qubits);
  parallel_ranges(tiles, threads, control, [&](std::uint64_t begin, std::uint64_t end, int worker) {
    TileRunner<T> runner(stage, bound, first_op, amplitudes);
    for (std::uint64_t tile = begin; tile < end; ++tile) {
      if (control.stopped()) return;
      if (worker == 0) control.poll();
      runner(tile, control);
    }
  });
}

}  // namespace

template <typename T>
void run(const NativePlan& plan, T* amplitudes, std::span<const double> parameters,
         Control& control, int threads) {
  const FlushDenormals guard;
  const auto compiled = plan.compiled<T>(reduction_kernels<T>());
  const Bound<T> bound(plan.program(), *compiled, parameters);
  const int workers = choose_threads(std::uint64_t{1} << plan.program().num_qubits, threads);
  std::size_t first_op = 0;
  for (const auto& stage : compiled->stages) {
    control.throw_if_cancelled();
    if (stage.outer_qubits == 0 && stage.in_place) {
      run_whole(stage, bound, first_op, amplitudes, control, workers);
    } else {
      run_tiles(stage, bound, first_op, amplitudes, control, workers);
    }
    first_op += stage.ops.size();
  }
  control.throw_if_cancelled();
}

template void run(const NativePlan&, float*, std::span<const double>, Control&, int);
template void run(const NativePlan&, double*, std::span<const double>, Control&, int);

}  // namespace quasim

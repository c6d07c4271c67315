#include "quasim/executor.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "cpu/compiled.hpp"
#include "cpu/denormals.hpp"
#include "quasim/isa.hpp"
#include "quasim/thread_pool.hpp"

namespace quasim {
namespace {

// Between two looks at the cancel flag, at most this many groups: a few milliseconds.
constexpr std::uint64_t kGroupsPerPoll = std::uint64_t{1} << 16;

template <typename T>
const KernelTable<T>& current_kernels() {
  if constexpr (sizeof(T) == sizeof(float)) {
    return *current_isa().single_precision;
  } else {
    return *current_isa().double_precision;
  }
}

// The coefficients of one run.
template <typename T>
struct Bound {
  const CompiledPlan<T>& plan;
  AlignedArray<T> coefs;
  std::vector<SweepFn<T>> functions;  // by operation, over all stages

  Bound(const Program& program, const CompiledPlan<T>& compiled, std::span<const double> parameters)
      : plan(compiled), coefs(compiled.bound_size) {
    for (const auto& stage : plan.stages) {
      for (const auto& op : stage.ops) {
        SweepFn<T> function = op.function;
        if (!op.constant &&
            bind(program, op, parameters, plan.kernels->lane_bits, coefs.data() + op.coef_start)) {
          function = op.real_function;
        }
        functions.push_back(function);
      }
    }
  }

  const T* coefs_of(const CompiledOp<T>& op) const {
    return (op.constant ? plan.constants.data() : coefs.data()) + op.coef_start;
  }
};

// Sweeps groups [begin, end) of `op` over a tile whose qubits outside have the bits of `outside`.
template <typename T>
void sweep(const CompiledOp<T>& op, SweepFn<T> function, const T* coefs, T* tile, Mask outside,
           std::uint64_t begin, std::uint64_t end, T* scratch) {
  Sweep<T> s = op.sweep;
  const std::size_t choice = op.outer_select == 0 ? 0 : extract(outside, op.outer_select);
  s.amplitudes = tile;
  s.coefs = coefs + choice * op.coef_size;
  s.begin = begin;
  s.end = end;
  s.negate = static_cast<std::uint64_t>(parity(outside & op.outer_parity));
  s.offsets = op.offsets.data();
  if (!op.cycles.empty()) s.cycles = op.cycles.data() + op.cycle_start[choice];
  s.scratch = scratch;
  function(s);
}

template <typename T>
bool acts_on(const CompiledOp<T>& op, Mask outside) {
  return (outside & op.outer_control_mask) == op.outer_control_value;
}

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
        buffer_(stage.in_place ? 0 : std::size_t{2} << stage.padded_qubits),
        scratch_(bound.plan.scratch_size) {
    if (!stage.in_place) {
      std::memset(buffer_.data(), 0, buffer_.size() * sizeof(T));
    }
  }

  void operator()(std::uint64_t tile, const Control& control) {
    const Mask outside = deposit(tile, stage_.outer_qubits);
    T* const home = amplitudes_ + 2 * outside;
    const auto acts = [&](const CompiledOp<T>& op) { return acts_on(op, outside); };
    if (std::ranges::none_of(stage_.ops, acts)) return;
    if (!stage_.in_place) gather(home);
    T* const work = stage_.in_place ? home : buffer_.data();
    for (std::size_t i = 0; i < stage_.ops.size(); ++i) {
      const auto& op = stage_.ops[i];
      if (!acts(op)) continue;
      if (control.stopped()) return;
      sweep<T>(op, bound_.functions[first_op_ + i], bound_.coefs_of(op), work, outside, 0,
               op.groups, scratch_.data());
    }
    if (!stage_.in_place) scatter(home);
  }

 private:
  std::size_t run_bytes() const { return sizeof(T) * (std::size_t{2} << stage_.run_qubits); }

  void gather(const T* home) {
    T* to = buffer_.data();
    for (const auto offset : stage_.run_offsets) {
      std::memcpy(to, home + 2 * offset, run_bytes());
      to += std::size_t{2} << stage_.run_qubits;
    }
  }

  void scatter(T* home) const {
    const T* from = buffer_.data();
    for (const auto offset : stage_.run_offsets) {
      std::memcpy(home + 2 * offset, from, run_bytes());
      from += std::size_t{2} << stage_.run_qubits;
    }
  }

  const CompiledStage<T>& stage_;
  const Bound<T>& bound_;
  std::size_t first_op_;
  T* amplitudes_;
  AlignedArray<T> buffer_;
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
  const auto compiled = plan.compiled<T>(current_kernels<T>());
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

#include "quasim/executor.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "cpu/blocks.hpp"
#include "cpu/bound.hpp"
#include "cpu/denormals.hpp"
#include "cpu/direct.hpp"
#include "cpu/plan_runner.hpp"
#include "cpu/tile_runner.hpp"
#include "quasim/reductions.hpp"
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

template <typename T>
void run_tiles(const CompiledStage<T>& stage, const Bound<T>& bound, std::size_t number,
               T* amplitudes, Control& control, int threads, Mask live, TileExtras<T> extras) {
  const Mask outer = stage.outer_qubits & live;
  const std::uint64_t tiles = std::uint64_t{1} << std::popcount(outer);
  TileTally<T>* const tally = extras.tally;
  const std::uint64_t chunks = tally != nullptr ? tally->chunks(tiles) : tiles;
  if (tally != nullptr) tally->prepare(chunks);
  const auto body = [&](std::uint64_t begin, std::uint64_t end, int worker) {
    TileRunner<T> runner(stage, bound, number, amplitudes, outer, extras);
    const auto first_of = [&](std::uint64_t chunk) {
      return chunks == tiles ? chunk : tiles / chunks * chunk;  // both are powers of two
    };
    for (std::uint64_t chunk = begin; chunk < end; ++chunk) {
      if (tally != nullptr) tally->begin(chunk);
      for (std::uint64_t tile = first_of(chunk); tile < first_of(chunk + 1); ++tile) {
        if (control.stopped()) return;
        runner(tile, first_of(end), chunk, control, worker == 0);
      }
    }
  };
  if (tiles == 1) {
    body(0, 1, 0);
  } else {
    parallel_ranges(chunks, threads, control, body);
  }
}

}  // namespace

template <typename T>
PlanRunner<T>::PlanRunner(const NativePlan& plan, int threads, Control& control)
    : plan_(plan), direct_(plan.direct()), threads_(threads) {
  const auto& kernels = reduction_kernels<T>();
  if (direct_ != nullptr) {
    compiled_ = direct_->compiled<T>(kernels, Form::kOperations, &control);
    if (runs_directly(*direct_, *compiled_)) return;
    direct_ = nullptr;
  }
  compiled_ = plan.compiled<T>(kernels, Form::kTiles, &control);
}

template <typename T>
void PlanRunner<T>::operator()(T* amplitudes, std::span<const double> parameters, Control& control,
                               const Passage& passage, BindMemo<T>* memo) const {
  const auto& stages = compiled_->stages;
  const int num_qubits = plan_.program().num_qubits;
  const StateView<T> state{amplitudes, num_qubits};
  const RunContext context{control, threads_};
  const bool tiles_first = direct_ == nullptr && !stages.empty() && stages.front().tiled;
  const bool tiles_last = direct_ == nullptr && !stages.empty() && stages.back().tiled;

  std::optional<TileCollapse<T>> collapse;
  if (passage.collapse.acts()) {
    if (tiles_first) {
      collapse.emplace(passage.collapse, stages.front(), num_qubits, *compiled_->kernels);
    } else {
      quasim::collapse(state, passage.collapse.mask, passage.collapse.value, passage.collapse.scale,
                       context);
    }
  }
  std::optional<TileTally<T>> tally;
  if (passage.tally != nullptr && tiles_last) {
    tally =
        TileTally<T>::make(passage.tally->qubits, stages.back(), num_qubits, *compiled_->kernels);
  }

  if (direct_ != nullptr) {
    run_direct(*direct_, *compiled_, amplitudes, parameters, control);
  } else {
    run_stages(amplitudes, parameters, control, passage.live, collapse ? &*collapse : nullptr,
               tally ? &*tally : nullptr, memo);
  }

  if (passage.tally == nullptr || control.stopped()) return;
  Tally& wanted = *passage.tally;
  wanted.done = tally.has_value() || !wanted.optional;
  if (tally) {
    tally->finish(wanted.sums);
  } else if (wanted.done) {
    probabilities(StateView<const T>{amplitudes, num_qubits}, wanted.qubits, wanted.sums, context);
  }
}

template <typename T>
void PlanRunner<T>::run_stages(T* amplitudes, std::span<const double> parameters, Control& control,
                               Mask live, const TileCollapse<T>* collapse, TileTally<T>* tally,
                               BindMemo<T>* memo) const {
  const Bound<T> bound(plan_.program(), *compiled_, parameters, memo);
  const int workers = choose_threads(std::uint64_t{1} << plan_.program().num_qubits, threads_);
  for (std::size_t number = 0; number < compiled_->stages.size(); ++number) {
    const auto& stage = compiled_->stages[number];
    if (control.stopped()) return;
    if (stage.tiled) {
      TileExtras<T> extras;
      if (number == 0) extras.collapse = collapse;
      if (number + 1 == compiled_->stages.size()) extras.tally = tally;
      run_tiles(stage, bound, number, amplitudes, control, workers, live, extras);
    } else {
      run_whole(stage, bound, bound.first_op[number], amplitudes, control, workers);
    }
    live |= stage.mixing;
  }
}

template class PlanRunner<float>;
template class PlanRunner<double>;

template <typename T>
void run(const NativePlan& plan, T* amplitudes, std::span<const double> parameters,
         Control& control, int threads, const Passage& passage) {
  const FlushDenormals guard;
  control.throw_if_cancelled();
  PlanRunner<T>(plan, threads, control)(amplitudes, parameters, control, passage);
  control.throw_if_cancelled();
}
template void run(const NativePlan&, float*, std::span<const double>, Control&, int,
                  const Passage&);
template void run(const NativePlan&, double*, std::span<const double>, Control&, int,
                  const Passage&);

}  // namespace quasim

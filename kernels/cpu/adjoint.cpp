#include "quasim/adjoint.hpp"

#include <algorithm>

#include "cpu/blocks.hpp"
#include "cpu/denormals.hpp"
#include "cpu/pair_run.hpp"

namespace quasim {
namespace {

template <typename T>
void measure(const PairTask<T>& task) {
  if (task.op.function != nullptr || !task.op.generator) return;
  const auto& generator = *task.op.generator;
  task.sums[task.op.sum_start] +=
      generator.overlap(task.first, task.second, task.outside, task.share.begin(generator.rows()),
                        task.share.end(generator.rows()));
}

template <typename T>
void undo(const PairTask<T>& task) {
  if (task.op.merged) return;
  if (task.op.function != nullptr || task.op.block) {
    const std::uint64_t groups = PairOps<T>::groups(task.op);
    PairOps<T>::run(task.op, task.first, task.second, task.outside, task.share.begin(groups),
                    task.share.end(groups), task.sums);
  } else if (task.op.applied) {
    sweep_each(task);
  }
}

}  // namespace

template <typename T>
void adjoint(const PairPlan& inverse, T* ket, T* bra, std::span<const double> parameters,
             std::span<double> derivatives, Control& control, int threads) {
  const FlushDenormals guard;
  const auto& kernels = reduction_kernels<T>();
  const int workers = choose_threads(std::uint64_t{1} << inverse.num_qubits(), threads);
  std::ranges::fill(derivatives, 0.0);
  for (const PairStage& stage : inverse.stages()) {
    control.throw_if_cancelled();
    control.poll();
    const PairOps<T> ops(stage, kernels, parameters);
    PairRun run(stage, ops, inverse.num_qubits(), measure<T>, undo<T>);
    const auto sums = run(ket, bra, control, workers);
    control.throw_if_cancelled();
    ops.finish(sums.data(), derivatives);
  }
  control.throw_if_cancelled();
}

template void adjoint(const PairPlan&, float*, float*, std::span<const double>, std::span<double>,
                      Control&, int);
template void adjoint(const PairPlan&, double*, double*, std::span<const double>, std::span<double>,
                      Control&, int);

}  // namespace quasim

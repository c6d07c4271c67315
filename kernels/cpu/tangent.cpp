#include "quasim/tangent.hpp"

#include "cpu/blocks.hpp"
#include "cpu/denormals.hpp"
#include "cpu/pair_run.hpp"

namespace quasim {
namespace {

template <typename T>
void apply(const PairTask<T>& task) {
  if (task.op.function == nullptr) {
    sweep_each(task);
    return;
  }
  const std::uint64_t groups = task.op.op->groups;
  PairOps<T>::run(task.op, task.first, task.second, task.outside, task.share.begin(groups),
                  task.share.end(groups), nullptr);
}

template <typename T>
void push(const PairTask<T>& task) {
  if (!task.op.generator || task.op.rate == 0.0) return;
  const auto& generator = *task.op.generator;
  generator.push(task.first, task.second, task.op.rate, task.outside,
                 task.share.begin(generator.rows()), task.share.end(generator.rows()));
}

}  // namespace

template <typename T>
void tangent(const PairPlan& plan, T* state, T* derivative, std::span<const double> parameters,
             std::span<const double> direction, Control& control, int threads) {
  const FlushDenormals guard;
  const auto& kernels = reduction_kernels<T>();
  const int workers = choose_threads(std::uint64_t{1} << plan.num_qubits(), threads);
  for (const PairStage& stage : plan.stages()) {
    control.throw_if_cancelled();
    control.poll();
    const PairOps<T> ops(stage, kernels, parameters, direction);
    PairRun run(stage, ops, plan.num_qubits(), apply<T>, push<T>);
    run(state, derivative, control, workers);
  }
  control.throw_if_cancelled();
}

template void tangent(const PairPlan&, float*, float*, std::span<const double>,
                      std::span<const double>, Control&, int);
template void tangent(const PairPlan&, double*, double*, std::span<const double>,
                      std::span<const double>, Control&, int);

}  // namespace quasim

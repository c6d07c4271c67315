#include "quasim/batch.hpp"

#include "cpu/bind_memo.hpp"
#include "cpu/denormals.hpp"
#include "cpu/plan_runner.hpp"
#include "quasim/executor.hpp"
#include "quasim/thread_pool.hpp"

namespace quasim {
namespace {

// Wider members are worth several threads each; they run one after the other.
constexpr int kMemberQubits = 14;

// Calls `make()` in every thread, and its result with (member, context) for every member. `visits`:
// amplitudes visited by all of them, which decides whether more threads pay.
template <typename Make>
void for_each_member(std::uint64_t count, int num_qubits, std::uint64_t visits, RunContext context,
                     const Make& make) {
  context.control.throw_if_cancelled();
  if (num_qubits > kMemberQubits) {
    auto body = make();
    for (std::uint64_t m = 0; m < count; ++m) body(m, context);
    return;
  }
  const int threads = choose_threads(visits, context.threads);
  parallel_ranges(count, threads, context.control,
                  [&](std::uint64_t begin, std::uint64_t end, int worker) {
                    Control mine(&context.control);
                    auto body = make();
                    for (std::uint64_t m = begin; m < end; ++m) {
                      if (mine.stopped()) return;
                      if (worker == 0) context.control.poll();
                      try {
                        body(m, RunContext{mine, 1});
                      } catch (const Cancelled&) {
                        return;  // what stopped the call is thrown below, or by another worker
                      }
                    }
                  });
  context.control.throw_if_cancelled();
}

}  // namespace

template <typename T>
void run_batch(const NativePlan& plan, BatchView<T> states, std::span<const double> parameters,
               std::size_t width, RunContext context) {
  const FlushDenormals guard;
  const PlanRunner<T> run_one(plan, states.num_qubits > kMemberQubits ? context.threads : 1,
                              context.control);
  for_each_member(states.count, states.num_qubits,
                  states.size() * (1 + plan.plan().op_members.size()), context, [&] {
                    return [&, memo = BindMemo<T>()](std::uint64_t m, RunContext member) mutable {
                      run_one(states.member(m).amplitudes, parameters.subspan(m * width, width),
                              member.control, {}, &memo);
                      member.control.throw_if_cancelled();
                    };
                  });
}

template <typename T>
void pauli_expectations_batch(BatchView<const T> states, std::span<const std::uint64_t> x_masks,
                              std::span<const std::uint64_t> z_masks, std::span<double> result,
                              RunContext context) {
  const std::size_t terms = x_masks.size();
  const auto body = [&](std::uint64_t m, RunContext member) {
    pauli_expectations(states.member(m), x_masks, z_masks, result.subspan(m * terms, terms),
                       member);
  };
  for_each_member(states.count, states.num_qubits, states.size() * (1 + terms), context,
                  [&] { return body; });
}

template <typename T>
void sample_batch(BatchView<const T> states, std::span<const double> uniforms,
                  std::span<std::uint64_t> result, RunContext context) {
  if (states.count == 0) return;
  const std::size_t shots = uniforms.size() / states.count;
  const auto body = [&](std::uint64_t m, RunContext member) {
    const StateView<const T> state = states.member(m);
    std::vector<double> sums(state.size() >> sample_block_bits(state.num_qubits));
    block_norms(state, std::span<double>(sums), member);
    sample(state, std::span<const double>(sums), uniforms.subspan(m * shots, shots),
           result.subspan(m * shots, shots), member);
  };
  for_each_member(states.count, states.num_qubits, states.size() + 16 * uniforms.size(), context,
                  [&] { return body; });
}

template void run_batch(const NativePlan&, BatchView<float>, std::span<const double>, std::size_t,
                        RunContext);
template void run_batch(const NativePlan&, BatchView<double>, std::span<const double>, std::size_t,
                        RunContext);
template void pauli_expectations_batch(BatchView<const float>, std::span<const std::uint64_t>,
                                       std::span<const std::uint64_t>, std::span<double>,
                                       RunContext);
template void pauli_expectations_batch(BatchView<const double>, std::span<const std::uint64_t>,
                                       std::span<const std::uint64_t>, std::span<double>,
                                       RunContext);
template void sample_batch(BatchView<const float>, std::span<const double>,
                           std::span<std::uint64_t>, RunContext);
template void sample_batch(BatchView<const double>, std::span<const double>,
                           std::span<std::uint64_t>, RunContext);

}  // namespace quasim

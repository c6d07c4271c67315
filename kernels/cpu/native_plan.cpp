#include "quasim/native_plan.hpp"

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <type_traits>

#include "cpu/compiled.hpp"
#include "cpu/direct.hpp"
#include "quasim/check.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace quasim {
namespace {

// Guards the compiled forms of all plans, for as long as it takes to copy a pointer. One mutex for
// the process, which a fork takes before it forks: the child then never finds it held by a thread
// it does not have.
std::mutex forms;

#if defined(__unix__) || defined(__APPLE__)
[[maybe_unused]] const int registered =
    pthread_atfork([] { forms.lock(); }, [] { forms.unlock(); }, [] { forms.unlock(); });
#endif

template <typename Value>
std::vector<Value> copy(std::span<const Value> values) {
  return {values.begin(), values.end()};
}

}  // namespace

struct NativePlan::Storage {
  std::vector<std::uint8_t> kind;
  std::vector<std::int32_t> target_start, targets, term_start, term_parameter;
  std::vector<std::uint64_t> control_mask, control_value, x_mask, z_mask;
  std::vector<std::int64_t> data_start, table_start, table;
  std::vector<Complex> data;
  std::vector<double> angle_offset, term_weight;
};

NativePlan::NativePlan(const Program& program, Plan plan) : plan_(std::move(plan)) {
  check_program(program);
  check_plan(plan_, program);
  auto s = std::make_shared<Storage>();
  program_.num_qubits = program.num_qubits;
  const auto keep = [&](auto Storage::* slot, auto Program::* view) {
    (*s).*slot = copy(program.*view);
    program_.*view = (*s).*slot;
  };
  keep(&Storage::kind, &Program::kind);
  keep(&Storage::target_start, &Program::target_start);
  keep(&Storage::targets, &Program::targets);
  keep(&Storage::control_mask, &Program::control_mask);
  keep(&Storage::control_value, &Program::control_value);
  keep(&Storage::x_mask, &Program::x_mask);
  keep(&Storage::z_mask, &Program::z_mask);
  keep(&Storage::data_start, &Program::data_start);
  keep(&Storage::data, &Program::data);
  keep(&Storage::table_start, &Program::table_start);
  keep(&Storage::table, &Program::table);
  keep(&Storage::angle_offset, &Program::angle_offset);
  keep(&Storage::term_start, &Program::term_start);
  keep(&Storage::term_parameter, &Program::term_parameter);
  keep(&Storage::term_weight, &Program::term_weight);
  storage_ = std::move(s);
  for (const auto index : program_.term_parameter) {
    num_parameters_ = std::max(num_parameters_, static_cast<std::size_t>(index) + 1);
  }
}

const NativePlan* NativePlan::direct() const {
  {
    const std::lock_guard<std::mutex> lock(forms);
    if (direct_made_) return direct_.get();
  }
  // Made outside the mutex; a thread that was slower throws its own away. No std::call_once: a
  // child forked meanwhile would wait for ever.
  auto fresh = make_direct(*this);
  const std::lock_guard<std::mutex> lock(forms);
  if (!direct_made_) {
    direct_ = std::move(fresh);
    direct_made_ = true;
  }
  return direct_.get();
}

template <typename T>
std::shared_ptr<const CompiledPlan<T>> NativePlan::compiled(const KernelTable<T>& kernels,
                                                            Form form, Control* control) const {
  auto& slot = [&]() -> auto& {
    if constexpr (std::is_same_v<T, float>) {
      return single_[static_cast<std::size_t>(form)];
    } else {
      return double_[static_cast<std::size_t>(form)];
    }
  }();
  {
    const std::lock_guard<std::mutex> lock(forms);
    if (slot && slot->kernels == &kernels) return slot;
  }
  auto fresh = compile<T>(*this, kernels, form, control);
  auto old = fresh;  // let go of after the mutex
  const std::lock_guard<std::mutex> lock(forms);
  slot.swap(old);
  return fresh;
}

template std::shared_ptr<const CompiledPlan<float>> NativePlan::compiled(const KernelTable<float>&,
                                                                         Form, Control*) const;
template std::shared_ptr<const CompiledPlan<double>> NativePlan::compiled(
    const KernelTable<double>&, Form, Control*) const;

}  // namespace quasim

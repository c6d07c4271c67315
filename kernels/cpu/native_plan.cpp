#include "quasim/native_plan.hpp"

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <type_traits>

#include "cpu/compiled.hpp"
#include "cpu/direct.hpp"

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

void require(bool holds, const char* what) {
  if (!holds) throw std::invalid_argument(std::string("Malformed plan: ") + what + ".");
}

// A CSR start array: `count + 1` entries, from 0 up to `size`.
template <typename Start>
void check_starts(std::span<const Start> start, std::size_t count, std::size_t size,
                  const char* what) {
  require(start.size() == count + 1 && start.front() == 0 &&
              static_cast<std::size_t>(start.back()) == size && std::ranges::is_sorted(start),
          what);
}

void check_program(const Program& p) {
  const std::size_t m = p.size();
  check_starts(p.target_start, m, p.targets.size(), "target_start");
  check_starts(p.data_start, m, p.data.size(), "data_start");
  check_starts(p.table_start, m, p.table.size(), "table_start");
  check_starts(p.term_start, m, p.term_parameter.size(), "term_start");
  require(p.term_weight.size() == p.term_parameter.size(), "term_weight");
  require(p.control_mask.size() == m && p.control_value.size() == m && p.x_mask.size() == m &&
              p.z_mask.size() == m && p.angle_offset.size() == m,
          "an array has not one entry a primitive");
  for (std::size_t i = 0; i < m; ++i) {
    require(p.kind[i] <= static_cast<std::uint8_t>(PrimitiveKind::kPhase), "kind");
    require(std::ranges::all_of(p.targets_of(i), [&](auto q) { return q >= 0 && q < 64; }),
            "targets");
    require((p.qubits_of(i) >> p.num_qubits) == 0, "a qubit out of range");
    const std::size_t width = p.targets_of(i).size();
    switch (p.kind_of(i)) {
      case PrimitiveKind::kMatrix:
        require(width < 16 && p.data_of(i).size() == std::size_t{1} << (2 * width), "a matrix");
        break;
      case PrimitiveKind::kDiagonal:
        require(width < 32 && p.data_of(i).size() == std::size_t{1} << width, "a diagonal");
        break;
      case PrimitiveKind::kPermutation: {
        const auto table = p.table_of(i);
        require(width < 32 && table.size() == std::size_t{1} << width, "a permutation");
        std::vector<bool> hit(table.size(), false);
        for (const auto image : table) {
          require(image >= 0 && static_cast<std::size_t>(image) < table.size() &&
                      !hit[static_cast<std::size_t>(image)],
                  "a table is not a permutation");
          hit[static_cast<std::size_t>(image)] = true;
        }
        break;
      }
      case PrimitiveKind::kRotation:
      case PrimitiveKind::kPhase:
        break;
    }
  }
}

void check_plan(const Plan& plan, const Program& program) {
  const std::size_t ops = plan.op_kind.size();
  const auto view = [](const auto& v) { return std::span(v.data(), v.size()); };
  check_starts(view(plan.op_member_start), ops, plan.op_members.size(), "op_member_start");
  check_starts(view(plan.op_qubit_start), ops, plan.op_qubits.size(), "op_qubit_start");
  require(!plan.stage_start.empty(), "stage_start");
  const std::size_t stages = plan.stage_start.size() - 1;
  check_starts(view(plan.stage_start), stages, ops, "stage_start");
  check_starts(view(plan.stage_qubit_start), stages, plan.stage_qubits.size(), "stage_qubit_start");
  const auto is_qubit = [&](std::int32_t q) { return q >= 0 && q < program.num_qubits; };
  require(std::ranges::all_of(plan.op_qubits, is_qubit), "op_qubits");
  require(std::ranges::all_of(plan.stage_qubits, is_qubit), "stage_qubits");
  require(std::ranges::all_of(plan.op_members,
                              [&](std::int32_t i) {
                                return i >= 0 && static_cast<std::size_t>(i) < program.size();
                              }),
          "op_members");
}

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
    require(index >= 0, "term_parameter");
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

#include "cpu/direct.hpp"

#include <algorithm>

#include "cpu/bound.hpp"

namespace quasim {
namespace {

// Coefficients of a parametric primitive: at most three vectors (Recipe::kRotation).
constexpr std::size_t kMaxCoefs = 48;
constexpr std::size_t kOpsPerPoll = 64;

bool is_constant(const NativePlan& plan, std::size_t op) {
  const Plan& p = plan.plan();
  return std::none_of(p.op_members.begin() + p.op_member_start[op],
                      p.op_members.begin() + p.op_member_start[op + 1], [&](std::int32_t i) {
                        return plan.program().is_parametric(static_cast<std::size_t>(i));
                      });
}

}  // namespace

std::unique_ptr<const NativePlan> make_direct(const NativePlan& plan) {
  const Program& program = plan.program();
  const Plan& from = plan.plan();
  const auto whole = static_cast<std::size_t>(program.num_qubits);
  if (program.num_qubits > kDirectQubits || from.stage_start.size() != 2 ||
      from.stage_qubits.size() != whole) {
    return nullptr;
  }
  Plan to;
  const auto close_op = [&](OpKind kind, Mask qubits) {
    to.op_kind.push_back(static_cast<std::uint8_t>(kind));
    to.op_member_start.push_back(static_cast<std::int32_t>(to.op_members.size()));
    for_each_bit(qubits, [&](int q) { to.op_qubits.push_back(q); });
    to.op_qubit_start.push_back(static_cast<std::int32_t>(to.op_qubits.size()));
  };
  for (std::size_t op = 0; op < from.op_kind.size(); ++op) {
    const auto first = static_cast<std::size_t>(from.op_member_start[op]);
    const auto last = static_cast<std::size_t>(from.op_member_start[op + 1]);
    const bool fused = is_constant(plan, op);
    Mask qubits = 0;
    for (std::size_t k = first; k < last; ++k) {
      const std::int32_t member = from.op_members[k];
      const Mask touched = program.qubits_of(static_cast<std::size_t>(member));
      to.op_members.push_back(member);
      qubits |= touched;
      if (!fused) close_op(OpKind::kSingle, touched);
    }
    if (fused && first != last) close_op(static_cast<OpKind>(from.op_kind[op]), qubits);
  }
  to.stage_start.push_back(static_cast<std::int32_t>(to.op_kind.size()));
  to.stage_qubits = from.stage_qubits;
  to.stage_qubit_start = from.stage_qubit_start;
  to.stage_fma = from.stage_fma;
  return std::make_unique<const NativePlan>(program, std::move(to));
}

template <typename T>
bool runs_directly(const NativePlan& direct, const CompiledPlan<T>& compiled) {
  if (direct.program().num_qubits < compiled.kernels->lane_bits) return false;
  return std::ranges::all_of(compiled.stages.front().ops, [](const CompiledOp<T>& op) {
    return op.outer_select == 0 && (op.constant || op.coef_size <= kMaxCoefs);
  });
}

template <typename T>
void run_direct(const NativePlan& direct, const CompiledPlan<T>& compiled, T* amplitudes,
                std::span<const double> parameters, Control& control) {
  const AlignedArray<T> scratch(compiled.scratch_size);
  alignas(64) std::array<T, kMaxCoefs> bound;
  const int lane_bits = compiled.kernels->lane_bits;
  std::size_t number = 0;
  for (const CompiledOp<T>& op : compiled.stages.front().ops) {
    if (control.stopped()) return;
    if (number++ % kOpsPerPoll == 0) control.poll();
    const T* coefs = compiled.constants.data() + op.coef_start;
    if (!op.constant) {
      bind(direct.program(), op, parameters, lane_bits, bound.data());
      coefs = bound.data();
    }
    sweep<T>(op, op.function, coefs, amplitudes, 0, 0, op.groups, const_cast<T*>(scratch.data()));
  }
}

template bool runs_directly(const NativePlan&, const CompiledPlan<float>&);
template bool runs_directly(const NativePlan&, const CompiledPlan<double>&);
template void run_direct(const NativePlan&, const CompiledPlan<float>&, float*,
                         std::span<const double>, Control&);
template void run_direct(const NativePlan&, const CompiledPlan<double>&, double*,
                         std::span<const double>, Control&);

}  // namespace quasim

#include <algorithm>
#include <numeric>

#include "plan/fusion.hpp"
#include "plan/simplify.hpp"
#include "plan/stages.hpp"
#include "quasim/plan.hpp"

namespace quasim {
namespace {

void append_bits(Mask mask, std::vector<std::int32_t>& out) {
  for_each_bit(mask, [&](int q) { out.push_back(q); });
}

OpKind kind_of(const Program& program, const Group& group, const PlanOptions& options) {
  if (group.count > 1) {
    return group.footprint.mixing() == 0 ? OpKind::kDiagonal : OpKind::kDense;
  }
  const auto i = static_cast<std::size_t>(group.first);
  if (program.control_mask[i] != 0) return OpKind::kSingle;
  const auto width = static_cast<int>(program.targets_of(i).size());
  if (program.kind_of(i) == PrimitiveKind::kMatrix && width <= options.max_fused) {
    return OpKind::kDense;
  }
  if (program.kind_of(i) == PrimitiveKind::kDiagonal && width <= options.max_diagonal) {
    return OpKind::kDiagonal;
  }
  return OpKind::kSingle;
}

void append_operation(const Program& program, const Groups& groups, const Group& group,
                      const PlanOptions& options, Plan& plan) {
  plan.op_kind.push_back(static_cast<std::uint8_t>(kind_of(program, group, options)));
  groups.for_each_member(group, [&](std::int32_t i) { plan.op_members.push_back(i); });
  plan.op_member_start.push_back(static_cast<std::int32_t>(plan.op_members.size()));
  append_bits(group.footprint.all(), plan.op_qubits);
  plan.op_qubit_start.push_back(static_cast<std::int32_t>(plan.op_qubits.size()));
}

void append_stage(Mask local, double fma, Plan& plan) {
  plan.stage_start.push_back(static_cast<std::int32_t>(plan.op_kind.size()));
  append_bits(local, plan.stage_qubits);
  plan.stage_qubit_start.push_back(static_cast<std::int32_t>(plan.stage_qubits.size()));
  plan.stage_fma.push_back(fma);
}

}  // namespace

Plan make_plan(const Program& program, const PlanOptions& options) {
  Plan plan;
  const std::vector<std::int32_t> kept = simplify(program);
  const Groups groups = fuse(program, kept, options);
  const std::size_t count = groups.groups.size();
  std::vector<Footprint> footprints;
  footprints.reserve(count);
  for (const Group& group : groups.groups) footprints.push_back(group.footprint);
  const auto stages = cut_into_stages(footprints, program.num_qubits, options);
  plan.op_kind.reserve(count);
  plan.op_member_start.reserve(count + 1);
  plan.op_members.reserve(kept.size());
  plan.op_qubit_start.reserve(count + 1);
  plan.op_qubits.reserve(2 * count);
  for (const Stage& stage : stages) {
    double fma = 0.0;
    for (const auto g : stage.operations) {
      const Group& group = groups.groups[static_cast<std::size_t>(g)];
      append_operation(program, groups, group, options, plan);
      fma += group_fma(program, group, options);
    }
    append_stage(stage.local, fma, plan);
  }
  return plan;
}

}  // namespace quasim

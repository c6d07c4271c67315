#include "quasim/check.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

namespace quasim {
namespace {

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

}  // namespace

void check_program(const Program& p) {
  const std::size_t m = p.size();
  check_starts(p.target_start, m, p.targets.size(), "target_start");
  check_starts(p.data_start, m, p.data.size(), "data_start");
  check_starts(p.table_start, m, p.table.size(), "table_start");
  check_starts(p.term_start, m, p.term_parameter.size(), "term_start");
  require(p.term_weight.size() == p.term_parameter.size(), "term_weight");
  require(std::ranges::all_of(p.term_parameter, [](auto index) { return index >= 0; }),
          "term_parameter");
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

}  // namespace quasim

// Merges neighbouring primitives into dense and diagonal operations.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "quasim/footprint.hpp"
#include "quasim/plan.hpp"

namespace quasim {

// One operation to be: primitives that run together.
struct Group {
  Footprint footprint;
  double cost = 0.0;   // predicted FMA per amplitude, with its share of a sweep
  bool pairs = false;  // rotations by XX, YY, ZZ of the same two qubits
  // Primitives in the order they act, linked by Groups::next_member.
  std::int32_t first = 0;
  std::int32_t last = 0;
  std::int32_t count = 0;
};

struct Groups {
  static constexpr std::int32_t kNone = -1;

  std::vector<Group> groups;
  std::vector<std::int32_t> next_member;  // of each primitive, the next one of its group

  // Calls `visit(primitive)` for each member of a group, in the order they act.
  template <typename Visit>
  void for_each_member(const Group& group, Visit&& visit) const {
    std::int32_t member = group.first;
    for (std::int32_t k = 0; k < group.count; ++k) {
      visit(member);
      member = next_member[static_cast<std::size_t>(member)];
    }
  }
};

// Predicted real fused multiply-adds per amplitude of a group.
double group_fma(const Program& program, const Group& group, const PlanOptions& options);

// Cost in FMA equivalents of loading and storing every amplitude of a tile once.
inline constexpr double kSweepCost = 4.0;

// Groups the `kept` primitives. The result, run in order, equals the program.
Groups fuse(const Program& program, std::span<const std::int32_t> kept, const PlanOptions& options);

}  // namespace quasim

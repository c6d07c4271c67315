// Merges neighbouring primitives into dense and diagonal operations.
#pragma once

#include <cstdint>
#include <vector>

#include "quasim/footprint.hpp"
#include "quasim/plan.hpp"

namespace quasim {

// One operation to be: primitives that run together.
struct Group {
  Footprint footprint;
  double cost = 0.0;                  // predicted FMA per amplitude, with its share of a sweep
  bool pairs = false;                 // rotations by XX, YY, ZZ of the same two qubits
  std::vector<std::int32_t> members;  // primitives in the order they act
};

// Predicted real fused multiply-adds per amplitude of a group.
double group_fma(const Program& program, const Group& group, const PlanOptions& options);

// Cost in FMA equivalents of loading and storing every amplitude of a tile once.
inline constexpr double kSweepCost = 4.0;

// Groups the `kept` primitives. The result, run in order, equals the program.
std::vector<Group> fuse(const Program& program, const std::vector<std::int32_t>& kept,
                        const PlanOptions& options);

}  // namespace quasim

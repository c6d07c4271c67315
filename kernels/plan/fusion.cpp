#include "plan/fusion.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace quasim {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
// A merge may cost this much more than its parts for now: one more dense gate then pays for it.
// Merges that have not paid at the end of the pass are taken apart again.
constexpr double kAdvance = 12.0;

// Costs where kernels take operations apart, in the same unit: measured times of sweeps, shared by
// the operations that usually share one.
constexpr double kSplitQubit = 6.0;     // any gates on one qubit: a rotation and two phases
constexpr double kSplitRotation = 4.0;  // rotations about Y only
constexpr double kSplitPairs = 8.0;     // rotations by XX, YY and ZZ
constexpr double kSplitPhase = 1.0;     // any diagonal gate
constexpr double kSplitMove = 1.5;      // X, CX, SWAP

struct Limits {
  int dense;     // widest dense group of this pass
  int diagonal;  // widest diagonal group
  double advance;
  bool disjoint;  // may merge groups that share no qubit
  bool split;     // see PlanOptions
};

// A group under construction: parts of the previous pass that would be multiplied together.
struct Candidate {
  Footprint footprint;
  double separate = 0.0;  // cost of the parts run one by one
  double merged = 0.0;    // cost of the product
  bool pairs = false;
  std::vector<std::int32_t> parts;
  bool live = true;
};

double merged_cost(const Footprint& footprint, bool pairs, const Limits& limits) {
  const int width = std::popcount(footprint.all());
  if (limits.split) {
    // Phases gain nothing from being merged with each other, and lose freedom.
    if (footprint.mixing() == 0) return width <= 1 ? kSplitPhase : kNever;
    if (width == 1) return footprint.y != 0 ? kSplitRotation : kSplitQubit;
    if (pairs && limits.dense >= 2) return kSplitPairs;
  }
  if (footprint.mixing() == 0) return width <= limits.diagonal ? 4.0 + kSweepCost : kNever;
  return width <= limits.dense ? static_cast<double>(4 << width) + kSweepCost : kNever;
}

// Puts `later` behind `earlier` in one candidate, if the product is allowed and pays.
bool merge(const Candidate& earlier, Candidate& later, const Limits& limits) {
  if (!limits.disjoint && (earlier.footprint.all() & later.footprint.all()) == 0) return false;
  const Footprint both = unite(earlier.footprint, later.footprint);
  const bool pairs =
      earlier.pairs && later.pairs && earlier.footprint.all() == later.footprint.all();
  const double cost = merged_cost(both, pairs, limits);
  const double separate = earlier.separate + later.separate;
  if (cost > separate + limits.advance) return false;
  later.footprint = both;
  later.pairs = pairs;
  later.merged = cost;
  later.separate = separate;
  later.parts.insert(later.parts.begin(), earlier.parts.begin(), earlier.parts.end());
  return true;
}

// One pass: each group walks back over its predecessors. It joins one that it can reach by
// commuting backwards, and pulls in one that can commute forwards to it.
std::vector<Group> merge_pass(std::vector<Group> groups, int num_qubits, const Limits& limits) {
  const int window = std::min(2 * num_qubits + 8, 64);
  std::vector<Candidate> line;
  line.reserve(groups.size());
  for (std::size_t g = 0; g < groups.size(); ++g) {
    Candidate mine{groups[g].footprint,
                   groups[g].cost,
                   groups[g].cost,
                   groups[g].pairs,
                   {static_cast<std::int32_t>(g)},
                   true};
    std::size_t place = line.size();
    Footprint between;  // union of the live candidates between the walk and `place`
    int seen = 0;
    for (std::size_t j = line.size(); j-- > 0 && seen < window;) {
      Candidate& other = line[j];
      if (!other.live) continue;
      ++seen;
      const bool backwards = commute(mine.footprint, between);
      if ((backwards || commute(other.footprint, between)) && merge(other, mine, limits)) {
        other.live = false;
        if (backwards) {
          place = j;
          between = {};
        }
        continue;
      }
      between = unite(between, other.footprint);
      if ((mine.footprint.all() & ~between.general) == 0 && mine.footprint.all() != 0) break;
    }
    if (place == line.size()) {
      line.push_back(std::move(mine));
    } else {
      line[place] = std::move(mine);
    }
  }

  std::vector<Group> result;
  result.reserve(line.size());
  for (const Candidate& candidate : line) {
    if (!candidate.live) continue;
    if (candidate.parts.size() > 1 && candidate.merged <= candidate.separate) {
      Group product{candidate.footprint, candidate.merged, candidate.pairs, {}};
      for (const auto part : candidate.parts) {
        const auto& members = groups[static_cast<std::size_t>(part)].members;
        product.members.insert(product.members.end(), members.begin(), members.end());
      }
      result.push_back(std::move(product));
    } else {
      for (const auto part : candidate.parts) {
        result.push_back(std::move(groups[static_cast<std::size_t>(part)]));
      }
    }
  }
  return result;
}

// Of primitive `i` run on its own.
double primitive_fma(const Program& program, std::size_t i) {
  const int controls = std::popcount(program.control_mask[i]);
  const double share = 1.0 / static_cast<double>(Mask{1} << std::min(controls, 60));
  switch (program.kind_of(i)) {
    case PrimitiveKind::kMatrix:
      return share * 4.0 * static_cast<double>(Mask{1} << program.targets_of(i).size());
    case PrimitiveKind::kPermutation:
      return share;
    case PrimitiveKind::kDiagonal:
    case PrimitiveKind::kRotation:
    case PrimitiveKind::kPhase:
      return share * 4.0;
  }
  return 0.0;
}

}  // namespace

double group_fma(const Program& program, const Group& group, const PlanOptions& options) {
  const int width = std::popcount(group.footprint.all());
  const bool mixing = group.footprint.mixing() != 0;
  if (options.split) {
    if (!mixing) return 1.0;  // a few of them share the four of a layer
    if (width == 1 || group.pairs) return 4.0;
  }
  if (group.members.size() == 1) {
    return primitive_fma(program, static_cast<std::size_t>(group.members.front()));
  }
  return mixing ? static_cast<double>(4 << width) : 4.0;
}

namespace {

// Cost of primitive `i` on its own where kernels take operations apart.
double split_cost(const Program& program, std::size_t i, const Footprint& footprint, bool pairs) {
  const int width = std::popcount(footprint.all());
  if (footprint.mixing() == 0) return kSplitPhase;
  if (pairs) return kSplitPairs;
  if (program.kind_of(i) == PrimitiveKind::kPermutation && width <= 2) return kSplitMove;
  if (width == 1) return footprint.y != 0 ? kSplitRotation : kSplitQubit;
  return primitive_fma(program, i) + kSweepCost;
}

bool rotates_pairs(const Program& program, std::size_t i, const Footprint& footprint) {
  const Mask all = footprint.all();
  return program.kind_of(i) == PrimitiveKind::kRotation && program.control_mask[i] == 0 &&
         std::popcount(all) == 2 &&
         (footprint.x == all || footprint.y == all || footprint.z == all);
}

}  // namespace

std::vector<Group> fuse(const Program& program, const std::vector<std::int32_t>& kept,
                        const PlanOptions& options) {
  std::vector<Group> groups;
  groups.reserve(kept.size());
  for (const auto i : kept) {
    const auto index = static_cast<std::size_t>(i);
    const Footprint footprint = footprint_of(program, index);
    const bool pairs = options.split && rotates_pairs(program, index, footprint);
    const double cost = options.split ? split_cost(program, index, footprint, pairs)
                                      : primitive_fma(program, index) + kSweepCost;
    groups.push_back({footprint, cost, pairs, {i}});
  }
  const bool split = options.split;
  // Narrow before wide: runs on one qubit and diagonal runs always pay, so they are the parts out
  // of which wider products are tried.
  const int n = program.num_qubits;
  const int diagonal = std::min(options.max_diagonal, std::max(3, n - 2));
  groups = merge_pass(std::move(groups), n, {1, diagonal, 0.0, false, split});
  for (int width = 2; width <= options.max_fused; ++width) {
    groups = merge_pass(std::move(groups), n, {width, diagonal, kAdvance, false, split});
  }
  if (options.max_fused >= 2)
    groups = merge_pass(std::move(groups), n, {2, diagonal, 0.0, true, split});
  return groups;
}

}  // namespace quasim

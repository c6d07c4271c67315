#include "plan/fusion.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace quasim {
namespace {

constexpr std::int32_t kNone = Groups::kNone;
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
  bool live = true;
  std::int32_t first_part;  // linked by Line::next_part_
  std::int32_t last_part;
};

bool at_most(Mask mask, int count) {
  for (int k = 0; k < count; ++k) mask &= mask - (mask != 0);
  return mask == 0;
}

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

// Candidates in the order they act. Merging and moving one costs the same however long the line.
class Line {
 public:
  Line(std::vector<Group>& groups, int num_qubits, const Limits& limits)
      : groups_(groups),
        limits_(limits),
        window_(std::min(2 * num_qubits + 8, 64)),
        next_part_(groups.size(), kNone) {
    candidates_.reserve(groups.size());
    qubits_.reserve(groups.size());
    before_.reserve(groups.size());
  }

  // Appends group `g`. It walks back over its predecessors, joins one that it can reach by
  // commuting backwards, and pulls in one that can commute forwards to it.
  void append(std::int32_t g) {
    const Group& group = groups_[static_cast<std::size_t>(g)];
    Candidate mine{group.footprint, group.cost, group.cost, group.pairs, true, g, g};
    Mask all = mine.footprint.all();
    // Where it would go, and the live candidate after that: at the end, behind none.
    std::int32_t place = kNone;
    std::int32_t behind_place = kNone;
    // What lies between the walk and `place`: those that share a qubit with `mine`, which decide
    // whether it can go backwards, and all of them, made up to `made` when somebody asks.
    Barrier near;
    Barrier between;
    std::int32_t made = last_;
    std::int32_t behind = kNone;
    std::int32_t j = may_merge(mine.footprint) ? last_ : kNone;
    for (int seen = 0; j != kNone && seen < window_; ++seen) {
      const bool shares = (all & qubits_[index(j)]) != 0;
      if (!shares && !merges_disjoint(all, qubits_[index(j)])) {
        behind = j;
        j = before_[index(j)];
        continue;
      }
      Candidate& other = candidates_[index(j)];
      if (narrow_enough(other.footprint, mine.footprint)) {
        const bool backwards = near.lets_past(mine.footprint);
        for (; !backwards && made != j; made = before_[index(made)]) {
          between.add(candidates_[index(made)].footprint);
        }
        if ((backwards || between.lets_past(other.footprint)) && merge(other, mine)) {
          all = mine.footprint.all();
          other.live = false;
          made = before_[index(j)];
          before_of(behind) = made;
          if (backwards) {
            place = j;
            behind_place = behind;
            between = {};
          }
          near = between;
          j = made;
          continue;
        }
      }
      near.add(other.footprint);
      if ((all & ~near.closed()) == 0 && all != 0) break;
      behind = j;
      j = before_[index(j)];
    }
    if (place == kNone) {
      place = static_cast<std::int32_t>(candidates_.size());
      candidates_.push_back(mine);
      qubits_.push_back(all);
      before_.push_back(kNone);
    } else {
      candidates_[index(place)] = mine;
      qubits_[index(place)] = all;
    }
    before_[index(place)] = before_of(behind_place);
    before_of(behind_place) = place;
  }

  // The groups of the next pass. Links members that are to be multiplied by `next_member`.
  std::vector<Group> take(std::vector<std::int32_t>& next_member) const {
    std::vector<Group> result;
    result.reserve(groups_.size());
    for (const Candidate& candidate : candidates_) {
      if (!candidate.live) continue;
      const bool pays = candidate.merged <= candidate.separate;
      for (std::int32_t part = candidate.first_part; part != kNone; part = next_of(part)) {
        const Group& group = groups_[index(part)];
        if (part == candidate.first_part || !pays) {
          result.push_back(group);
          continue;
        }
        Group& product = result.back();
        next_member[index(product.last)] = group.first;
        product.last = group.last;
        product.count += group.count;
      }
      if (pays && candidate.first_part != candidate.last_part) {
        Group& product = result.back();
        product.footprint = candidate.footprint;
        product.cost = candidate.merged;
        product.pairs = candidate.pairs;
      }
    }
    return result;
  }

 private:
  static std::size_t index(std::int32_t i) { return static_cast<std::size_t>(i); }
  std::int32_t next_of(std::int32_t part) const { return next_part_[index(part)]; }
  // The link to the live candidate before `behind`, or to the last one.
  std::int32_t& before_of(std::int32_t behind) {
    return behind == kNone ? last_ : before_[index(behind)];
  }

  // These are cheap to ask, and false where `merge` is false for sure.
  bool may_merge(const Footprint& footprint) const {
    return (limits_.disjoint || footprint.all() != 0) && narrow_enough(footprint, {});
  }
  // Split operations cost too little for a product over disjoint qubits to pay, unless one of them
  // is a global factor.
  bool merges_disjoint(Mask a, Mask b) const {
    return limits_.disjoint && (!limits_.split || a == 0 || b == 0);
  }
  bool narrow_enough(const Footprint& a, const Footprint& b) const {
    const bool wide = !limits_.split && (a.mixing() | b.mixing()) == 0;
    return at_most(a.all() | b.all(),
                   wide ? std::max(limits_.diagonal, limits_.dense) : limits_.dense);
  }

  // Puts `later` behind `earlier` in one candidate, if the product is allowed and pays.
  bool merge(const Candidate& earlier, Candidate& later) {
    const Footprint both = unite(earlier.footprint, later.footprint);
    const bool pairs =
        earlier.pairs && later.pairs && earlier.footprint.all() == later.footprint.all();
    const double cost = merged_cost(both, pairs, limits_);
    const double separate = earlier.separate + later.separate;
    if (cost > separate + limits_.advance) return false;
    later.footprint = both;
    later.pairs = pairs;
    later.merged = cost;
    later.separate = separate;
    next_part_[index(earlier.last_part)] = later.first_part;
    later.first_part = earlier.first_part;
    return true;
  }

  std::vector<Group>& groups_;
  const Limits& limits_;
  int window_;
  std::vector<Candidate> candidates_;
  // What walks look at most of the time, by candidate: its qubits, and the live one before it.
  std::vector<Mask> qubits_;
  std::vector<std::int32_t> before_;
  std::int32_t last_ = kNone;            // live candidate
  std::vector<std::int32_t> next_part_;  // by group: the next part of its candidate
};

std::vector<Group> merge_pass(std::vector<Group> groups, std::vector<std::int32_t>& next_member,
                              int num_qubits, const Limits& limits) {
  Line line(groups, num_qubits, limits);
  for (std::size_t g = 0; g < groups.size(); ++g) line.append(static_cast<std::int32_t>(g));
  return line.take(next_member);
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
  if (group.count == 1) return primitive_fma(program, static_cast<std::size_t>(group.first));
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

Groups fuse(const Program& program, std::span<const std::int32_t> kept,
            const PlanOptions& options) {
  Groups result{{}, std::vector<std::int32_t>(program.size(), kNone)};
  std::vector<Group>& groups = result.groups;
  groups.reserve(kept.size());
  for (const auto i : kept) {
    const auto index = static_cast<std::size_t>(i);
    const Footprint footprint = footprint_of(program, index);
    const bool pairs = options.split && rotates_pairs(program, index, footprint);
    const double cost = options.split ? split_cost(program, index, footprint, pairs)
                                      : primitive_fma(program, index) + kSweepCost;
    groups.push_back({footprint, cost, pairs, i, i, 1});
  }
  const bool split = options.split;
  // Narrow before wide: runs on one qubit and diagonal runs always pay, so they are the parts out
  // of which wider products are tried.
  const int n = program.num_qubits;
  const int diagonal = std::min(options.max_diagonal, std::max(3, n - 2));
  const auto pass = [&](int dense, double advance, bool disjoint) {
    groups = merge_pass(std::move(groups), result.next_member, n,
                        {dense, diagonal, advance, disjoint, split});
  };
  pass(1, 0.0, false);
  for (int width = 2; width <= options.max_fused; ++width) pass(width, kAdvance, false);
  if (options.max_fused >= 2) pass(2, 0.0, true);
  return result;
}

}  // namespace quasim

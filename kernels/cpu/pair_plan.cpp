#include "quasim/pair_plan.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include "cpu/affine.hpp"
#include "cpu/tile_items.hpp"
#include "plan/stages.hpp"
#include "quasim/footprint.hpp"

namespace quasim {
namespace {

// A diagonal primitive looks this far back for one to join.
constexpr std::size_t kWindow = 96;
// Blocks of a tile must be made of whole vectors on every instruction set.
constexpr int kLargestLaneBits = 3;
// A phase with c controls is a sum of 2^c strings of Z's.
constexpr int kMaxControls = 4;
// Diagonals on more qubits stay operations.
constexpr int kMaxTableQubits = 6;
// Smaller states are done before setting layers and moves up has paid.
constexpr int kSharedFrom = 10;
// So many rotations of one qubit share a sweep.
constexpr std::size_t kFullBlock = 3;

struct Step {
  Footprint footprint;
  std::vector<std::int32_t> members;
  bool parametric = false;
  bool diagonal = false;  // may grow
  bool measure_only = false;
};

std::vector<Step> group(const Program& program, std::span<const std::int32_t> order,
                        int max_diagonal) {
  std::vector<Step> steps;
  for (const auto i : order) {
    const auto index = static_cast<std::size_t>(i);
    Step step{footprint_of(program, index), {i}, program.is_parametric(index)};
    step.diagonal = step.footprint.mixing() == 0 &&
                    program.kind_of(index) != PrimitiveKind::kMatrix &&
                    program.kind_of(index) != PrimitiveKind::kPermutation &&
                    std::popcount(step.footprint.all()) <= max_diagonal;
    bool joined = false;
    for (std::size_t s = steps.size(), seen = 0; step.diagonal && s-- > 0 && seen < kWindow;
         ++seen) {
      Step& other = steps[s];
      const Footprint both = unite(other.footprint, step.footprint);
      if (other.diagonal && std::popcount(both.all()) <= max_diagonal) {
        other.footprint = both;
        other.members.push_back(i);
        other.parametric |= step.parametric;
        joined = true;
        break;
      }
      if (!commute(step.footprint, other.footprint)) break;
    }
    if (!joined) steps.push_back(std::move(step));
  }
  return steps;
}

// A derivative does not see what commutes with every later operation that is measured or applied.
void prune(std::vector<Step>& steps) {
  Footprint needed;
  for (std::size_t s = steps.size(); s-- > 0;) {
    Step& step = steps[s];
    step.measure_only = commute(step.footprint, needed);
    if (!step.measure_only || step.parametric) needed = unite(needed, step.footprint);
  }
  std::erase_if(steps, [](const Step& step) { return step.measure_only && !step.parametric; });
}

std::vector<Footprint> footprints_of(std::span<const Step> steps) {
  std::vector<Footprint> result;
  for (const Step& step : steps) result.push_back(step.footprint);
  return result;
}

// Copies primitives with their qubits renumbered.
class Extract {
 public:
  Extract(const Program& source, const std::array<int, 64>& place)
      : source_(source), place_(place) {}

  std::int32_t add(std::size_t i) {
    const auto number = static_cast<std::int32_t>(kind_.size());
    kind_.push_back(source_.kind[i]);
    for (const auto q : source_.targets_of(i)) targets_.push_back(moved(q));
    target_start_.push_back(static_cast<std::int32_t>(targets_.size()));
    control_mask_.push_back(moved_mask(source_.control_mask[i]));
    control_value_.push_back(moved_mask(source_.control_value[i]));
    x_mask_.push_back(moved_mask(source_.x_mask[i]));
    z_mask_.push_back(moved_mask(source_.z_mask[i]));
    append(data_, source_.data_of(i));
    data_start_.push_back(static_cast<std::int64_t>(data_.size()));
    append(table_, source_.table_of(i));
    table_start_.push_back(static_cast<std::int64_t>(table_.size()));
    angle_offset_.push_back(source_.angle_offset[i]);
    for (auto t = static_cast<std::size_t>(source_.term_start[i]);
         t < static_cast<std::size_t>(source_.term_start[i + 1]); ++t) {
      term_parameter_.push_back(source_.term_parameter[t]);
      term_weight_.push_back(source_.term_weight[t]);
    }
    term_start_.push_back(static_cast<std::int32_t>(term_parameter_.size()));
    return number;
  }

  Program view() const {
    Program p;
    p.num_qubits = source_.num_qubits;
    p.kind = kind_;
    p.target_start = target_start_;
    p.targets = targets_;
    p.control_mask = control_mask_;
    p.control_value = control_value_;
    p.x_mask = x_mask_;
    p.z_mask = z_mask_;
    p.data_start = data_start_;
    p.data = data_;
    p.table_start = table_start_;
    p.table = table_;
    p.angle_offset = angle_offset_;
    p.term_start = term_start_;
    p.term_parameter = term_parameter_;
    p.term_weight = term_weight_;
    return p;
  }

 private:
  std::int32_t moved(int q) const { return place_[static_cast<std::size_t>(q)]; }
  Mask moved_mask(Mask mask) const {
    Mask result = 0;
    for_each_bit(mask, [&](int q) { result |= bit(moved(q)); });
    return result;
  }
  template <typename Value>
  static void append(std::vector<Value>& to, std::span<const Value> values) {
    to.insert(to.end(), values.begin(), values.end());
  }

  const Program& source_;
  const std::array<int, 64>& place_;
  std::vector<std::uint8_t> kind_;
  std::vector<std::int32_t> target_start_{0}, targets_, term_start_{0}, term_parameter_;
  std::vector<std::uint64_t> control_mask_, control_value_, x_mask_, z_mask_;
  std::vector<std::int64_t> data_start_{0}, table_start_{0}, table_;
  std::vector<Complex> data_;
  std::vector<double> angle_offset_, term_weight_;
};

Footprint renumbered(const Footprint& footprint, const std::array<int, 64>& place) {
  const auto move = [&](Mask mask) {
    Mask result = 0;
    for_each_bit(mask, [&](int q) { result |= bit(place[static_cast<std::size_t>(q)]); });
    return result;
  };
  return {move(footprint.z), move(footprint.x), move(footprint.y), move(footprint.general)};
}

// The qubits of a tile by position: contiguous ones stay low, then those that mix most often.
std::vector<int> order_of(std::span<const Step> steps, Mask local) {
  std::array<int, 64> uses{};
  for (const Step& step : steps) {
    for_each_bit(step.footprint.mixing(), [&](int q) { ++uses[static_cast<std::size_t>(q)]; });
  }
  std::vector<int> order;
  for_each_bit(local, [&](int q) { order.push_back(q); });
  std::stable_sort(order.begin() + std::countr_one(local), order.end(), [&](int a, int b) {
    return uses[static_cast<std::size_t>(a)] > uses[static_cast<std::size_t>(b)];
  });
  return order;
}

// What an operation can share a sweep with.
enum class Sharing : std::uint8_t { kTurn, kPhases, kConstant, kNone };
constexpr std::size_t kSharings = 4;

class StageMaker {
 public:
  StageMaker(const Program& program, std::span<const Step> steps, Mask local,
             const PairOptions& options)
      : program_(program), steps_(steps), options_(options) {
    const int n = program.num_qubits;
    stage_.whole = std::popcount(local) > std::min(options.tile_qubits, n);
    if (stage_.whole) local = low_mask(n);
    stage_.local = local;
    stage_.order = order_of(steps, local);
    stage_.writes = false;
    int next = 0;
    for (const int q : stage_.order) place_[static_cast<std::size_t>(q)] = next++;
    for_each_bit(low_mask(n) & ~local,
                 [&](int q) { place_[static_cast<std::size_t>(q)] = next++; });
    for (std::size_t s = 0; s < steps.size(); ++s) {
      moved_.push_back(renumbered(steps[s].footprint, place_));
      touched_ |= moved_.back().all();
      sharing_.push_back(sharing_of(steps[s], moved_[s]));
      waiting_.push_back(static_cast<std::int32_t>(s));
    }
  }

  PairStage run() {
    while (!waiting_.empty()) next();
    return std::move(stage_);
  }

 private:
  int tile() const { return static_cast<int>(stage_.order.size()); }
  std::size_t index(std::int32_t s) const { return static_cast<std::size_t>(s); }

  // --- which kind of phase -----------------------------------------------------------------

  Sharing sharing_of(const Step& step, const Footprint& footprint) const {
    const bool small = tile() <= kLargestLaneBits || program_.num_qubits < kSharedFrom;
    if (stage_.whole || small || step.measure_only) return Sharing::kNone;
    const auto all = [&](auto holds) { return std::ranges::all_of(step.members, holds); };
    if (footprint.mixing() == 0) {
      return all([&](auto i) { return in_layer(index(i)); }) ? Sharing::kPhases : Sharing::kNone;
    }
    const std::size_t i = index(step.members.front());
    if (step.parametric) {
      const bool one = program_.kind_of(i) == PrimitiveKind::kRotation &&
                       program_.control_mask[i] == 0 && std::has_single_bit(footprint.all());
      return one ? Sharing::kTurn : Sharing::kNone;
    }
    AffineMove ignored;
    const bool constant =
        as_affine(program_, i, ignored) || std::has_single_bit(footprint.all()) || turns_pair(i);
    return constant ? Sharing::kConstant : Sharing::kNone;
  }

  // A rotation by XX or YY.
  bool turns_pair(std::size_t i) const {
    const Mask z = program_.z_mask[i];
    return program_.kind_of(i) == PrimitiveKind::kRotation && program_.control_mask[i] == 0 &&
           std::popcount(program_.x_mask[i]) == 2 && (z == 0 || z == program_.x_mask[i]);
  }

  // Whether a layer can hold a diagonal primitive, and find its derivative.
  bool in_layer(std::size_t i) const {
    const PrimitiveKind kind = program_.kind_of(i);
    const bool table = kind == PrimitiveKind::kDiagonal || program_.control_mask[i] != 0;
    int inner = 0;
    int outer = 0;
    for_each_bit(program_.qubits_of(i),
                 [&](int q) { ++(place_[static_cast<std::size_t>(q)] < tile() ? inner : outer); });
    return kind != PrimitiveKind::kMatrix && kind != PrimitiveKind::kPermutation &&
           (outer == 0 || inner <= 1) &&
           (kind == PrimitiveKind::kPhase || !table || inner + outer <= kMaxTableQubits) &&
           (!program_.is_parametric(i) || std::popcount(program_.control_mask[i]) <= kMaxControls);
  }

  // --- in which order ----------------------------------------------------------------------

  // Those of a kind that can come next, in order.
  std::vector<std::int32_t> ready(Sharing sharing) const {
    std::vector<std::int32_t> result;
    Footprint passed;
    for (const auto s : waiting_) {
      if (sharing_[index(s)] == sharing && commute(moved_[index(s)], passed)) {
        result.push_back(s);
        continue;
      }
      passed = unite(passed, moved_[index(s)]);
      if ((touched_ & ~passed.general) == 0) break;
    }
    return result;
  }

  // Rotations go first if they fill a block: phases and moves that wait for them share one sweep.
  void next() {
    std::array<std::vector<std::int32_t>, kSharings> found;
    const auto of = [&](Sharing sharing) -> auto& {
      return found[static_cast<std::size_t>(sharing)];
    };
    const auto look = [&](Sharing sharing) { return (of(sharing) = ready(sharing)).size(); };
    if (look(Sharing::kTurn) >= kFullBlock) return take(Sharing::kTurn, of(Sharing::kTurn));
    if (look(Sharing::kNone) > 0) return take(Sharing::kNone, of(Sharing::kNone));
    const std::size_t phases = look(Sharing::kPhases);
    const std::size_t constants = look(Sharing::kConstant);
    if (phases + constants == 0) return take(Sharing::kTurn, of(Sharing::kTurn));
    const auto more = phases > constants ? Sharing::kPhases : Sharing::kConstant;
    take(more, of(more));
  }

  void take(Sharing sharing, const std::vector<std::int32_t>& taken) {
    std::size_t next = 0;
    std::erase_if(waiting_, [&](std::int32_t s) {
      if (next == taken.size() || taken[next] != s) return false;
      ++next;
      return true;
    });
    // A sweep for one primitive is what a kernel does anyway.
    const bool shared = taken.size() > 1 || steps_[index(taken.front())].members.size() > 1;
    const Stage all{taken, low_mask(tile())};
    if (shared && sharing == Sharing::kPhases && add({all}, PairKind::kLayer)) return;
    if (shared && sharing == Sharing::kConstant && add({all}, PairKind::kConstant)) return;
    const bool nested = sharing == Sharing::kNone && !stage_.whole &&
                        options_.inner_qubits < tile() && options_.inner_qubits >= kLargestLaneBits;
    add(levels(taken, nested ? options_.inner_qubits : tile()), PairKind::kOperations);
  }

  // Cuts operations into levels that run by turns on blocks of 2^inner amplitudes and on the tile.
  std::vector<Stage> levels(std::span<const std::int32_t> steps, int inner) const {
    const auto fits = [&](std::int32_t s) {
      return (moved_[index(s)].mixing() & ~low_mask(inner)) == 0;
    };
    std::vector<Stage> result;
    std::vector<std::int32_t> waiting(steps.begin(), steps.end());
    for (bool small = true; !waiting.empty(); small = !small) {
      Stage level;
      level.local = low_mask(small ? inner : tile());
      std::vector<std::int32_t> skipped;
      Footprint passed;  // union of the operations left for later levels
      for (const auto s : waiting) {
        if (fits(s) == small && commute(moved_[index(s)], passed)) {
          level.operations.push_back(s);
        } else {
          skipped.push_back(s);
          passed = unite(passed, moved_[index(s)]);
        }
      }
      waiting.swap(skipped);
      if (!level.operations.empty()) result.push_back(std::move(level));
    }
    return result;
  }

  // --- phases ------------------------------------------------------------------------------

  // Returns false, and adds nothing, if some operation is not of the kind.
  bool add(const std::vector<Stage>& levels, PairKind kind) {
    PairPhase phase;
    phase.kind = kind;
    Extract extract(program_, place_);
    Plan plan;
    bool writes = false;
    const auto append_bits = [](Mask mask, std::vector<std::int32_t>& out) {
      for_each_bit(mask, [&](int q) { out.push_back(q); });
    };
    for (const Stage& level : levels) {
      for (const auto s : level.operations) {
        const Step& step = steps_[index(s)];
        writes |= !step.measure_only;
        const auto close = [&] {
          plan.op_kind.push_back(
              static_cast<std::uint8_t>(step.diagonal ? OpKind::kDiagonal : OpKind::kSingle));
          plan.op_member_start.push_back(static_cast<std::int32_t>(plan.op_members.size()));
          append_bits(moved_[index(s)].all(), plan.op_qubits);
          plan.op_qubit_start.push_back(static_cast<std::int32_t>(plan.op_qubits.size()));
        };
        // Stages of one operation are not taken apart.
        const bool alone = kind == PairKind::kLayer && level.operations.size() == 1;
        for (const auto i : step.members) {
          plan.op_members.push_back(extract.add(index(i)));
          phase.primitives.push_back(i);
          phase.measure_only.push_back(step.measure_only);
          if (alone && i == step.members.front()) close();
        }
        close();
      }
      plan.stage_start.push_back(static_cast<std::int32_t>(plan.op_kind.size()));
      append_bits(level.local, plan.stage_qubits);
      plan.stage_qubit_start.push_back(static_cast<std::int32_t>(plan.stage_qubits.size()));
      plan.stage_fma.push_back(0.0);
    }
    phase.plan = std::make_unique<NativePlan>(extract.view(), std::move(plan));
    if (kind != PairKind::kOperations && !comes_apart(*phase.plan, kind)) return false;
    stage_.writes |= writes;
    stage_.phases.push_back(std::move(phase));
    return true;
  }

  bool comes_apart(const NativePlan& plan, PairKind kind) const {
    TileShape shape;
    shape.position.fill(kNoPosition);
    shape.qubits = tile();
    for (int p = 0; p < tile(); ++p) shape.position[static_cast<std::size_t>(p)] = p;
    const auto items =
        take_apart(plan.program(), plan.plan(), 0, plan.plan().op_kind.size(), shape).items;
    return std::ranges::all_of(items, [&](const Item& item) {
      return kind == PairKind::kLayer ? item.kind == ItemKind::kTerm
                                      : item.kind != ItemKind::kOther;
    });
  }

  const Program& program_;
  std::span<const Step> steps_;
  const PairOptions& options_;
  PairStage stage_;
  std::array<int, 64> place_{};
  std::vector<Footprint> moved_;
  std::vector<Sharing> sharing_;
  std::vector<std::int32_t> waiting_;
  Mask touched_ = 0;
};

}  // namespace

PairPlan::PairPlan(const Program& program, std::span<const std::int32_t> order,
                   const PairOptions& options)
    : num_qubits_(program.num_qubits), num_primitives_(program.size()) {
  for (const auto index : program.term_parameter) {
    num_parameters_ = std::max(num_parameters_, static_cast<std::size_t>(index) + 1);
  }
  auto steps = group(program, order, options.max_diagonal);
  if (options.prune) prune(steps);
  PlanOptions tiles;
  tiles.tile_qubits = options.tile_qubits;
  tiles.low_qubits = options.low_qubits;
  const auto cuts = cut_into_stages(footprints_of(steps), program.num_qubits, tiles);
  for (const Stage& cut : cuts) {
    std::vector<Step> mine;
    for (const auto s : cut.operations) mine.push_back(steps[static_cast<std::size_t>(s)]);
    stages_.push_back(StageMaker(program, mine, cut.local, options).run());
  }
}

}  // namespace quasim

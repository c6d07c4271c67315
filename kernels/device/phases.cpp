#include "device/phases.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <stdexcept>
#include <utility>

namespace quasim::device {
namespace {

using quasim_device::Factor;
using quasim_device::FactorKind;
using quasim_device::Form;
using quasim_device::Op;
using quasim_device::OpCode;
using quasim_device::Recipe;
using quasim_device::RecipeKind;
using quasim_device::Term;
using quasim_device::TurnPart;

constexpr int kQubitNumbers = quasim_device::kQubitNumbers;
constexpr int kPatterns = 1 << quasim_device::kRegisterBits;
// Predicted instructions a thread: a point on the unit circle, and a term of a phase.
constexpr double kUnitCost = 24.0;
constexpr double kNumberCost = 6.0;
constexpr double kTermCost = 8.0;
// Predicted instructions an amplitude to find out what an op is.
constexpr double kOpCost = 1.5;
// ... a number for every pattern, and what a matrix of a qubit is.
constexpr double kPatternsCost = 5.3;
constexpr double kQubitCost = 0.9;
// Each may be as large as the square root of two; float must hold their product.
constexpr int kMostFactors = 100;
constexpr double kLayerCost = kPatterns * (kUnitCost + 4.0) + 32.0;

std::size_t index(int i) { return static_cast<std::size_t>(i); }

// The patterns j with (j & mask) == value.
std::uint16_t patterns(std::uint8_t mask, std::uint8_t value) {
  std::uint16_t result = 0;
  for (int j = 0; j < kPatterns; ++j) {
    if ((j & mask) == value) result = static_cast<std::uint16_t>(result | 1u << j);
  }
  return result;
}

std::uint16_t odd_patterns(std::uint8_t mask) {
  std::uint16_t result = 0;
  for (int j = 0; j < kPatterns; ++j) {
    if (parity(static_cast<Mask>(j & mask))) result = static_cast<std::uint16_t>(result | 1u << j);
  }
  return result;
}

double share(std::uint16_t active) {
  return static_cast<double>(std::popcount(active)) / kPatterns;
}

}  // namespace

std::int32_t Records::room_for(std::int64_t reals) {
  const std::int32_t place = numbers;
  const std::int64_t end = place + (reals + 3) / 4 * 4;
  if (end > std::numeric_limits<std::int32_t>::max()) {
    throw std::length_error("The tables of this circuit have more than 2^31 numbers");
  }
  numbers = static_cast<std::int32_t>(end);
  return place;
}

PhaseWriter::PhaseWriter(const Program& program, Mode mode, const Layout& layout, Records& records,
                         Left& left)
    : program_(program), mode_(mode), layout_(layout), records_(records), left_(left) {
  for (const int q : layout.registers) registers_ |= bit(q);
  for (const Term& term : std::exchange(left.terms, {})) expand(term, pending_);
}

std::uint8_t PhaseWriter::pattern_of(Mask qubits) const {
  std::uint8_t pattern = 0;
  for (std::size_t r = 0; r < layout_.registers.size(); ++r) {
    if ((qubits >> layout_.registers[r]) & 1)
      pattern = static_cast<std::uint8_t>(pattern | 1u << r);
  }
  return pattern;
}

Op PhaseWriter::op_when(OpCode code, const Condition& when, double cost) {
  Op op{};
  op.code = code;
  op.mask = when.mask & ~registers_;
  op.value = when.value & ~registers_;
  op.odd = when.odd & ~registers_;
  op.active = patterns(pattern_of(when.mask), pattern_of(when.value));
  op.signs = odd_patterns(pattern_of(when.odd));
  cost_ += cost * share(op.active);
  return op;
}

void PhaseWriter::write(const Op& op) {
  records_.ops.push_back(op);
  cost_ += kOpCost;
}

void PhaseWriter::add(const Item& item) {
  const std::uint8_t touched = pattern_of(item.footprint.all());
  const bool follows = std::ranges::any_of(after_, [&](auto& t) { return (t.set & touched) != 0; });
  if (item.kind == ItemKind::kMatrix && item.when.mask == 0 && std::popcount(item.qubits) == 1) {
    const int r = std::countr_zero(touched);
    if (follows || waiting_[index(r)] != nullptr) write_qubits();
    waiting_[index(r)] = &item;
    return;
  }
  if (item.kind == ItemKind::kPhase) return phase(item);
  if (follows || (touched & waiting()) != 0) write_qubits();
  switch (item.kind) {
    case ItemKind::kMatrix:
      flush(pattern_of(item.qubits));
      return matrix(item);
    case ItemKind::kRotation:
      flush(pattern_of(item.x));
      return rotation(item);
    case ItemKind::kMove:
      flush(pattern_of(item.x));
      return move(item);
    case ItemKind::kTable:
      return table(item);
    case ItemKind::kPhase:
      return;
    case ItemKind::kWide:
      throw std::logic_error("A wide primitive in a tile.");
  }
}

Factor PhaseWriter::factor_of(std::int32_t primitive, Mask qubits, bool with_controls) const {
  const auto p = static_cast<std::size_t>(primitive);
  const auto local = [&](Mask mask) { return static_cast<std::int32_t>(extract(mask, qubits)); };
  Factor factor{};
  factor.kind = static_cast<FactorKind>(program_.kind[p]);
  if (with_controls) {
    factor.control_mask = local(program_.control_mask[p]);
    factor.control_value = local(program_.control_value[p]);
  }
  factor.x = local(program_.x_mask[p]);
  factor.z = local(program_.z_mask[p]);
  const auto targets = program_.targets_of(p);
  factor.width = static_cast<std::int32_t>(targets.size());
  for (std::size_t k = 0; k < targets.size(); ++k) {
    const std::int32_t moved = local(bit(targets[k]));
    factor.target_mask |= moved;
    factor.targets[k] = std::countr_zero(static_cast<std::uint32_t>(moved));
  }
  factor.angle = primitive;
  factor.data =
      factor.kind == FactorKind::kPermutation ? program_.table_start[p] : program_.data_start[p];
  return factor;
}

// How to make the numbers of a product; where they go is left open.
Recipe PhaseWriter::product_of(const Item& item) const {
  Recipe recipe{};
  recipe.kind = item.real ? RecipeKind::kReal : RecipeKind::kMatrix;
  const Mask all = item.qubits | item.diagonal;
  recipe.width = std::popcount(all);
  recipe.block_mask = static_cast<std::int32_t>(extract(item.diagonal, all));
  recipe.block_value = static_cast<std::int32_t>(extract(item.when.value & item.diagonal, all));
  recipe.first = static_cast<std::int32_t>(records_.factors.size());
  for (const auto i : item.members) {
    records_.factors.push_back(factor_of(i, all, item.members.size() > 1));
  }
  recipe.last = static_cast<std::int32_t>(records_.factors.size());
  return recipe;
}

void PhaseWriter::matrix(const Item& item) {
  const int width = std::popcount(item.qubits);
  const bool real = item.real;
  const OpCode code = width == 1   ? (real ? OpCode::kRealPair : OpCode::kPair)
                      : width == 2 ? OpCode::kDense2
                      : width == 3 ? OpCode::kDense3
                                   : OpCode::kDense4;
  Op op = op_when(code, item.when, real ? 4.0 : matrix_cost(width));
  op.x = pattern_of(item.qubits);
  Recipe recipe = product_of(item);
  op.number = recipe.number = records_.room_for((real ? 1 : 2) << (2 * width));
  records_.recipes.push_back(recipe);
  write(op);
}

std::int32_t PhaseWriter::rotated(const Item& item) {
  const auto [known, is_new] = records_.rotated.try_emplace(
      item.members.front(), static_cast<std::int32_t>(records_.recipes.size()));
  if (is_new) {
    Item alone = item;
    if (item.kind == ItemKind::kPhase) alone.rotated = quasim_device::kRotatedPart;
    Recipe recipe = product_of(alone);
    recipe.kind = RecipeKind::kRotated;
    recipe.block_value = alone.rotated;
    records_.recipes.push_back(recipe);
  }
  return known->second;
}

std::uint8_t PhaseWriter::waiting() const {
  std::uint8_t x = 0;
  for (int r = 0; r < quasim_device::kRegisterBits; ++r) {
    if (waiting_[index(r)] != nullptr) x = static_cast<std::uint8_t>(x | 1u << r);
  }
  return x;
}

void PhaseWriter::write_qubits() {
  const std::uint8_t x = waiting();
  if (x == 0) return;
  const Bounds bounds = bounds_for(sets_that_meet(x));
  Op op = op_when(OpCode::kQubits, {}, 0.0);
  op.x = x;
  op.signs = 0;
  op.first = bounds.first;
  op.last = bounds.second;
  op.number = records_.room_for(quasim_device::kRegisterBits * kQubitNumbers);
  for (int r = 0; r < quasim_device::kRegisterBits; ++r) {
    const Item* const item = std::exchange(waiting_[index(r)], nullptr);
    if (item == nullptr) continue;
    const std::int32_t number = op.number + r * kQubitNumbers;
    Form form = Form::kComplex;
    if (item->rotated >= 0) {
      form = Form::kRotated;
      records_.recipes[index(rotated(*item))].number = number;
      ++left_.factors;
    } else {
      Recipe recipe = product_of(*item);
      recipe.kind = RecipeKind::kMatrix;
      recipe.number = number;
      records_.recipes.push_back(recipe);
    }
    op.signs = static_cast<std::uint16_t>(op.signs | static_cast<unsigned>(form) << 2 * r);
    cost_ += cost_of(*item) + kQubitCost;
  }
  write(op);
  // Derivatives are measured on amplitudes that lack nothing.
  if (mode_ == Mode::kAdjoint || left_.factors > kMostFactors) write_scale();
  pending_.insert(pending_.end(), after_.begin(), after_.end());
  after_.clear();
}

void PhaseWriter::write_scale() {
  if (std::exchange(left_.factors, 0) == 0) return;
  write(op_when(OpCode::kScale, {}, 2.0));
}

// Writes the op that measures a derivative, or adds one, if the item has a parameter.
void PhaseWriter::differentiate(const Item& item, OpCode slope, OpCode push, Op op,
                                double slope_scale, double push_scale) {
  if (mode_ == Mode::kRun || item.members.empty() ||
      !program_.is_parametric(static_cast<std::size_t>(item.members.front()))) {
    return;
  }
  constexpr std::uint16_t kFirstState = (1u << (1 << quasim_device::kPairBits)) - 1;
  op.active &= kFirstState;
  if (mode_ == Mode::kAdjoint) {
    op.code = slope;
    op.slot = static_cast<std::int32_t>(records_.slots.size());
    records_.slots.push_back({item.members.front(), slope_scale});
    cost_ += 4.0;
  } else {
    op.code = push;
    Recipe recipe{};
    recipe.kind = RecipeKind::kRate;
    recipe.number = records_.room_for(1);
    recipe.angle = item.members.front();
    recipe.scale = push_scale;
    records_.recipes.push_back(recipe);
    op.number = recipe.number;
    cost_ += 2.0;
  }
  write(op);
}

// With P = i^ys X^x Z^z, exp(-i angle/2 P) mixes in -i i^ys sin, which is (-1)^(ys/2) times -i for
// even ys and times 1 for odd ys.
void PhaseWriter::rotation(const Item& item) {
  const bool real = item.ys % 2 == 1;
  const double sign = item.scale * ((item.ys & 2) != 0 ? -1.0 : 1.0);
  Condition when = item.when;
  when.odd |= item.qubits;
  Op op = op_when(real ? OpCode::kTurnReal : OpCode::kTurnImag, when, 4.0);
  op.x = pattern_of(item.x);
  Recipe recipe{};
  recipe.kind = RecipeKind::kRotation;
  recipe.number = records_.room_for(2);
  recipe.angle = item.members.front();
  recipe.scale = sign;
  // The derivative of 2 Re<bra|ket> is Im<bra|P|ket>.
  if (mode_ == Mode::kAdjoint) {
    differentiate(item, real ? OpCode::kSlopeReal : OpCode::kSlopeImag, {}, op, sign, 0.0);
  }
  records_.recipes.push_back(recipe);
  op.number = recipe.number;
  write(op);
  if (mode_ == Mode::kTangent) {
    differentiate(item, {}, real ? OpCode::kPushReal : OpCode::kPushImag, op, 0.0, sign / 2);
  }
}

void PhaseWriter::move(const Item& item) {
  Op op = op_when(OpCode::kMove, item.when, 2.0);
  op.x = pattern_of(item.x);
  if (item.differ) op.active &= odd_patterns(op.x);
  write(op);
}

void PhaseWriter::table(const Item& item) {
  const auto p = static_cast<std::size_t>(item.members.front());
  const auto targets = program_.targets_of(p);
  Op op = op_when(OpCode::kTable, {}, 0.0);
  op.mask = item.when.mask;
  op.value = item.when.value;
  op.width = static_cast<std::uint16_t>(targets.size());
  op.first = static_cast<std::int32_t>(records_.bounds.size());
  records_.bounds.insert(records_.bounds.end(), targets.begin(), targets.end());
  Recipe recipe{};
  recipe.kind = RecipeKind::kEntries;
  recipe.number = records_.room_for(std::int64_t{2} << targets.size());
  recipe.width = static_cast<std::int32_t>(std::size_t{1} << targets.size());
  recipe.first = program_.kind_of(p) == PrimitiveKind::kMatrix ? recipe.width + 1 : 1;
  recipe.data = program_.data_start[p];
  records_.recipes.push_back(recipe);
  op.number = recipe.number;
  cost_ += 4.0 + 4.0 * static_cast<double>(targets.size());
  write(op);
}

void PhaseWriter::phase(const Item& item) {
  const Op op = op_when(OpCode::kSlopePhase, item.when, 0.0);
  if (mode_ != Mode::kRun && (pattern_of(item.footprint.all()) & waiting()) != 0) write_qubits();
  // Of a phase -2 Im<bra|ket> where it acts, of a rotation Im<bra|Z..|ket>.
  const bool rotates =
      !item.members.empty() &&
      program_.kind_of(static_cast<std::size_t>(item.members.front())) == PrimitiveKind::kRotation;
  differentiate(item, OpCode::kSlopePhase, OpCode::kPushPhase, op, rotates ? 1.0 : -2.0,
                item.scale);

  const auto number = static_cast<std::int32_t>(records_.turns.size());
  const std::int32_t angle = item.part != TurnPart::kAngle ? rotated(item)
                             : item.members.empty()        ? -1
                                                           : item.members.front();
  records_.turns.push_back({angle, item.part, item.scale});
  const bool follows = (pattern_of(item.footprint.all()) & waiting()) != 0;
  expand({item.when.mask, item.when.value, item.when.odd, number, 1}, follows ? after_ : pending_);
}

// A bit that has to be 0 is 1 - b, a sign is 1 - 2 b.
void PhaseWriter::expand(const Term& term, std::vector<PendingTerm>& terms) const {
  std::array<std::int32_t, kPatterns> factors{};
  factors[0] = term.factor;
  for (int r = 0; r < static_cast<int>(layout_.registers.size()); ++r) {
    const Mask q = bit(layout_.registers[index(r)]);
    const bool is_one = (term.mask & term.value & q) != 0;
    const bool is_zero = (term.mask & ~term.value & q) != 0;
    const bool is_odd = (term.odd & q) != 0;
    for (int set = 0; set < 1 << r; ++set) {
      const std::int32_t own = factors[index(set)];
      if (is_one || is_zero) {
        // A sign where the bit has to be 1 is another sign.
        factors[index(set | 1 << r)] = is_zero ? -own : is_odd ? -own : own;
        if (is_one) factors[index(set)] = 0;
      } else if (is_odd) {
        factors[index(set | 1 << r)] = -2 * own;
      }
    }
  }
  for (int set = 0; set < kPatterns; ++set) {
    if (factors[index(set)] == 0) continue;
    terms.push_back({static_cast<std::uint8_t>(set),
                     {term.mask & ~registers_, term.value & ~registers_, term.odd & ~registers_,
                      term.number, factors[index(set)]}});
  }
}

std::uint16_t PhaseWriter::sets_that_meet(std::uint8_t x) const {
  std::uint16_t sets = 0;
  for (const PendingTerm& term : pending_) {
    if ((term.set & x) != 0) sets = static_cast<std::uint16_t>(sets | 1u << term.set);
  }
  return sets;
}

void PhaseWriter::flush(std::uint8_t x) { write_factors(bounds_for(sets_that_meet(x))); }

void PhaseWriter::write_factors(Bounds bounds) {
  if (bounds.first == bounds.second) return;
  Op op = op_when(OpCode::kFactors, {}, 0.0);
  op.first = bounds.first;
  op.last = bounds.second;
  write(op);
}

void PhaseWriter::add_patterns(std::vector<std::int32_t>& bounds) {
  Recipe recipe{};
  recipe.kind = RecipeKind::kPhase;
  recipe.width = kPatterns;
  recipe.number = records_.room_for(2 * kPatterns);
  recipe.first = static_cast<std::int32_t>(records_.terms.size());
  for (const PendingTerm& term : pending_) {
    if (!term.same()) continue;
    Term of_pattern = term.term;
    of_pattern.mask = of_pattern.value = term.set;
    records_.terms.push_back(of_pattern);
  }
  recipe.last = static_cast<std::int32_t>(records_.terms.size());
  std::erase_if(pending_, [](const PendingTerm& term) { return term.same(); });
  records_.recipes.push_back(recipe);
  bounds.insert(bounds.end(), {quasim_device::kOnePerPattern, 0, recipe.number});
  cost_ += kPatternsCost;
}

PhaseWriter::Bounds PhaseWriter::bounds_for(std::uint16_t sets) {
  if (sets == 0) return {};
  std::uint16_t varying = 0;  // sets of terms that differ between threads
  for (const PendingTerm& term : pending_) {
    if (!term.same()) varying = static_cast<std::uint16_t>(varying | 1u << term.set);
  }
  double apart = 0.0;    // the varying ones, one after the other
  double numbers = 0.0;  // the others
  for (int set = 0; set < kPatterns; ++set) {
    if (((sets >> set) & 1) == 0) continue;
    const double product = 4.0 / static_cast<double>(1 << std::popcount(index(set)));
    if (((varying >> set) & 1) != 0) {
      apart += kUnitCost / kPatterns + product;
    } else {
      numbers += kNumberCost / kPatterns + product;
    }
  }
  if (apart + std::min(numbers, kPatternsCost) > kLayerCost / kPatterns) {
    write_layer();
    return {};
  }
  std::vector<std::int32_t> bounds;
  if (numbers > kPatternsCost) add_patterns(bounds);
  for (int set = 0; set < kPatterns; ++set) {
    if (((sets >> set) & 1) == 0) continue;
    const auto first = static_cast<std::int32_t>(records_.terms.size());
    bool same = true;  // for all threads
    for (const PendingTerm& term : pending_) {
      if (term.set != set) continue;
      records_.terms.push_back(term.term);
      same &= term.same();
    }
    const auto last = static_cast<std::int32_t>(records_.terms.size());
    if (first == last) continue;
    cost_ += 4.0 / static_cast<double>(1 << std::popcount(index(set)));
    if (same) {
      Recipe recipe{};
      recipe.kind = RecipeKind::kPhase;
      recipe.width = 1;
      recipe.number = records_.room_for(2);
      recipe.first = first;
      recipe.last = last;
      records_.recipes.push_back(recipe);
      bounds.insert(bounds.end(), {set, quasim_device::kNumber, recipe.number});
      cost_ += kNumberCost / kPatterns;
    } else {
      bounds.insert(bounds.end(), {set, first, last});
      cost_ += (kUnitCost + kTermCost * (last - first)) / kPatterns;
    }
  }
  std::erase_if(pending_, [&](const PendingTerm& term) { return (sets >> term.set) & 1; });
  const auto first = static_cast<std::int32_t>(records_.bounds.size());
  records_.bounds.insert(records_.bounds.end(), bounds.begin(), bounds.end());
  return {first, static_cast<std::int32_t>(records_.bounds.size())};
}

void PhaseWriter::write_layer() {
  Op op = op_when(OpCode::kLayer, {}, 0.0);
  op.first = static_cast<std::int32_t>(records_.bounds.size());
  cost_ += (kLayerCost + kTermCost * static_cast<double>(pending_.size())) / kPatterns;
  for (int set = 0; set < kPatterns; ++set) {
    records_.bounds.push_back(static_cast<std::int32_t>(records_.terms.size()));
    for (const PendingTerm& term : pending_) {
      if (term.set == set) records_.terms.push_back(term.term);
    }
  }
  records_.bounds.push_back(static_cast<std::int32_t>(records_.terms.size()));
  pending_.clear();
  write(op);
}

double PhaseWriter::finish(bool last) {
  write_qubits();
  if (last) {
    std::uint16_t sets = 0;
    for (const PendingTerm& term : pending_) {
      sets = static_cast<std::uint16_t>(sets | 1u << term.set);
    }
    write_factors(bounds_for(sets));
    write_scale();
  }
  for (const PendingTerm& pending : pending_) {
    Term term = pending.term;
    for (std::size_t r = 0; r < layout_.registers.size(); ++r) {
      if (((pending.set >> r) & 1) == 0) continue;
      term.mask |= bit(layout_.registers[r]);
      term.value |= bit(layout_.registers[r]);
    }
    left_.terms.push_back(term);
  }
  return cost_;
}

}  // namespace quasim::device

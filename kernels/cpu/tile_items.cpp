#include "cpu/tile_items.hpp"

#include <algorithm>
#include <cmath>

#include "cpu/affine.hpp"

namespace quasim {
namespace {

// A matrix further from unitary than rounding of its entries is left as it is.
constexpr double kUnitary = 1e-14;
// Diagonals on more qubits stay operations.
constexpr int kMaxTableQubits = 6;

bool is_unitary(std::span<const Complex> m) {
  const double first = std::norm(m[0]) + std::norm(m[2]);
  const double second = std::norm(m[1]) + std::norm(m[3]);
  const Complex mixed = std::conj(m[0]) * m[1] + std::conj(m[2]) * m[3];
  return std::abs(first - 1.0) < kUnitary && std::abs(second - 1.0) < kUnitary &&
         std::abs(mixed) < kUnitary;
}

class Splitter {
 public:
  Splitter(const Program& program, const TileShape& shape) : program_(program), shape_(shape) {}

  void operation(std::span<const std::int32_t> members, int number) {
    const Footprint footprint = footprint_of_all(members);
    if (footprint.mixing() == 0) {
      if (!diagonal(members)) other(footprint, members, number);
    } else if (std::popcount(footprint.all()) == 1 && single_qubit(members)) {
      return;
    } else if (!move(members) && !hop(members, footprint) && !paulis(members, footprint)) {
      other(footprint, members, number);
    }
  }

  StageItems take() {
    common();
    return std::move(result_);
  }

 private:
  static std::size_t index(std::int32_t i) { return static_cast<std::size_t>(i); }

  Footprint footprint_of_all(std::span<const std::int32_t> members) const {
    Footprint footprint;
    for (const auto i : members) footprint = unite(footprint, footprint_of(program_, index(i)));
    return footprint;
  }

  bool all_constant(std::span<const std::int32_t> members) const {
    return std::ranges::none_of(members, [&](auto i) { return program_.is_parametric(index(i)); });
  }

  void other(const Footprint& footprint, std::span<const std::int32_t> members, int number) {
    Item item{ItemKind::kOther, footprint};
    item.constant = all_constant(members);
    item.operation = number;
    result_.items.push_back(item);
  }

  // --- phases ------------------------------------------------------------------------------

  bool term(std::int32_t i, Item& item) const {
    const std::size_t p = index(i);
    item = {ItemKind::kTerm, footprint_of(program_, p)};
    item.constant = !program_.is_parametric(p);
    item.primitive = i;
    switch (program_.kind_of(p)) {
      case PrimitiveKind::kPhase:
        item.form = TermForm::kPhase;
        return true;
      case PrimitiveKind::kRotation:
        if (program_.control_mask[p] == 0) {
          item.form = TermForm::kParity;
          return true;
        }
        break;
      case PrimitiveKind::kPermutation:
        return false;
      case PrimitiveKind::kMatrix:
      case PrimitiveKind::kDiagonal:
        break;
    }
    item.form = TermForm::kTable;
    return std::popcount(item.footprint.z) <= kMaxTableQubits;
  }

  // A tile has one row of phases for each of its qubits that the qubits outside can change; what
  // they change for several at once is left to a kernel.
  bool fits_layer(const Item& item) const {
    int inner = 0;
    int outer = 0;
    for_each_bit(item.footprint.all(),
                 [&](int q) { ++(shape_.position_of(q) == kNoPosition ? outer : inner); });
    return outer == 0 || inner <= 1;
  }

  bool diagonal(std::span<const std::int32_t> members) {
    std::vector<Item> terms(members.size(), Item{ItemKind::kTerm, {}});
    for (std::size_t k = 0; k < members.size(); ++k) {
      if (!term(members[k], terms[k]) || !fits_layer(terms[k])) return false;
    }
    result_.items.insert(result_.items.end(), terms.begin(), terms.end());
    return true;
  }

  // --- one qubit ---------------------------------------------------------------------------

  bool splittable(std::size_t i) const {
    if (program_.control_mask[i] != 0) return false;
    switch (program_.kind_of(i)) {
      case PrimitiveKind::kMatrix:
        return is_unitary(program_.data_of(i));
      case PrimitiveKind::kDiagonal:
        return std::ranges::all_of(program_.data_of(i), [](Complex entry) {
          return std::abs(std::norm(entry) - 1.0) < kUnitary;
        });
      case PrimitiveKind::kRotation:
      case PrimitiveKind::kPhase:
      case PrimitiveKind::kPermutation:
        return true;
    }
    return false;
  }

  bool single_qubit(std::span<const std::int32_t> members) {
    if (members.size() == 1 && program_.kind_of(index(members[0])) == PrimitiveKind::kPermutation) {
      return false;  // X is a move
    }
    if (!std::ranges::all_of(members, [&](auto i) { return splittable(index(i)); })) return false;
    const Footprint footprint = footprint_of_all(members);
    const int qubit = std::countr_zero(footprint.all());
    QubitGroup group;
    group.constant = all_constant(members);
    group.real = footprint.y != 0 && std::ranges::all_of(members, [&](auto i) {
                   return program_.kind_of(index(i)) == PrimitiveKind::kRotation &&
                          program_.x_mask[index(i)] != 0;  // not a phase
                 });
    const std::array<int, 64> position{};
    for (const auto i : members) group.members.push_back(localize(program_, index(i), position));
    if (group.constant) group.parts = decompose(program_, group, {});
    const QubitParts& parts = group.parts;
    const int number = static_cast<int>(result_.groups.size());
    const auto add = [&](ItemKind kind, Footprint where, TermForm form) {
      Item item{kind, where};
      item.constant = group.constant;
      item.group = number;
      item.qubit = qubit;
      item.form = form;
      result_.items.push_back(item);
    };
    const Footprint z{bit(qubit), 0, 0, 0};
    const bool phases = !group.real;
    if (phases && !(group.constant && parts.before == 1.0)) {
      add(ItemKind::kTerm, z, TermForm::kBefore);
    }
    add(ItemKind::kRotation, {0, 0, bit(qubit), 0}, {});
    if (phases && !(group.constant && parts.after[0] == 1.0 && parts.after[1] == 1.0)) {
      add(ItemKind::kTerm, z, TermForm::kAfter);
    }
    result_.groups.push_back(std::move(group));
    return true;
  }

  // --- moves -------------------------------------------------------------------------------

  bool move(std::span<const std::int32_t> members) {
    AffineMove ignored;
    for (const auto i : members) {
      if (!as_affine(program_, index(i), ignored)) return false;
    }
    for (const auto i : members) {
      Item item{ItemKind::kMove, footprint_of(program_, index(i))};
      item.primitive = i;
      result_.items.push_back(item);
    }
    return true;
  }

  // --- rotations of pairs ------------------------------------------------------------------

  // Rotations by XX, YY and ZZ of two qubits, in any number: they commute, so phases can go first.
  bool paulis(std::span<const std::int32_t> members, const Footprint& footprint) {
    const Mask both = footprint.all();
    if (std::popcount(both) != 2) return false;
    PairGroup group;
    group.constant = all_constant(members);
    group.qubits = {std::countr_zero(both), 63 - std::countl_zero(both)};
    std::vector<std::int32_t> phases;
    for (const auto i : members) {
      const std::size_t p = index(i);
      if (program_.kind_of(p) != PrimitiveKind::kRotation || program_.control_mask[p] != 0) {
        return false;
      }
      const Mask x = program_.x_mask[p];
      const Mask z = program_.z_mask[p];
      if (x == both && z == 0) {
        group.xx.push_back(i);
      } else if (x == both && z == both) {
        group.yy.push_back(i);
      } else if (x == 0 && z == both) {
        phases.push_back(i);
      } else {
        return false;
      }
    }
    diagonal(phases);
    turn(group.qubits[0], false);
    Item item{ItemKind::kPairs, {0, 0, 0, both}};
    item.constant = group.constant;
    item.group = static_cast<int>(result_.pairs.size());
    result_.items.push_back(item);
    turn(group.qubits[0], true);
    result_.pairs.push_back(std::move(group));
    return true;
  }

  // --- what keeps the number of ones -------------------------------------------------------

  bool hop(std::span<const std::int32_t> members, const Footprint& footprint) {
    const Mask both = footprint.all();
    HopGroup group;
    if (!as_hop(program_, members, both, group)) return false;
    Item item{ItemKind::kHop, {0, 0, 0, both}};
    item.constant = group.constant;
    item.group = static_cast<int>(result_.hops.size());
    result_.items.push_back(item);
    if (group.constant && group.parts.both != 1.0) {
      item.kind = ItemKind::kTerm;
      item.footprint = {both, 0, 0, 0};
      item.form = TermForm::kBoth;
      result_.items.push_back(item);
    }
    result_.hops.push_back(std::move(group));
    return true;
  }

  void common() {
    Item item{ItemKind::kTerm, {}};
    item.form = TermForm::kCommon;
    bool any = false;
    for (const HopGroup& group : result_.hops) {
      item.constant &= group.constant;
      any |= !group.constant || group.parts.common != 1.0;
    }
    if (any) result_.items.push_back(item);
  }

  void turn(int qubit, bool back) {
    Item item{ItemKind::kTerm, {bit(qubit), 0, 0, 0}};
    item.qubit = qubit;
    item.form = TermForm::kTurn;
    item.back = back;
    result_.items.push_back(item);
  }

  const Program& program_;
  const TileShape& shape_;
  StageItems result_;
};

Complex unit_or_one(Complex value) {
  const double size = std::abs(value);
  return size == 0.0 ? Complex(1.0) : value / size;
}

}  // namespace

QubitParts decompose(const Program& program, const QubitGroup& group,
                     std::span<const double> parameters) {
  QubitParts parts;
  if (group.real) {
    double angle = 0.0;
    for (const Member& member : group.members) {
      angle += program.angle(static_cast<std::size_t>(member.primitive), parameters);
    }
    parts.cosine = std::cos(angle / 2);
    parts.sine = std::sin(angle / 2);
    return parts;
  }
  std::array<Complex, 4> u;
  multiply_members(program, group.members, parameters, 1, u.data());
  parts.cosine = std::hypot(std::abs(u[0]), std::abs(u[3])) / std::sqrt(2.0);
  parts.sine = std::hypot(std::abs(u[1]), std::abs(u[2])) / std::sqrt(2.0);
  parts.after[0] = unit_or_one(u[0]);
  parts.after[1] = unit_or_one(u[2]);
  // From the larger of the two entries that hold it.
  parts.before = parts.cosine >= parts.sine ? unit_or_one(times(u[3], std::conj(parts.after[1])))
                                            : unit_or_one(times(-u[1], std::conj(parts.after[0])));
  return parts;
}

StageItems take_apart(const Program& program, const Plan& plan, std::size_t first, std::size_t last,
                      const TileShape& shape) {
  Splitter splitter(program, shape);
  for (std::size_t op = first; op < last; ++op) {
    const auto begin = static_cast<std::size_t>(plan.op_member_start[op]);
    const auto end = static_cast<std::size_t>(plan.op_member_start[op + 1]);
    if (begin == end) continue;
    splitter.operation({plan.op_members.data() + begin, end - begin}, static_cast<int>(op - first));
  }
  return splitter.take();
}

}  // namespace quasim

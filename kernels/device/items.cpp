#include "device/items.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <utility>

namespace quasim::device {
namespace {

using quasim_device::TurnPart;

constexpr int kMaxFused = 3;        // qubits of a product of several primitives
constexpr int kMaxPolynomial = 4;   // qubits of a diagonal that becomes phases
constexpr double kUnitary = 1e-12;  // further from the unit circle it is no phase
constexpr double kNoPhase = 1e-17;  // turns

std::size_t index(std::int32_t i) { return static_cast<std::size_t>(i); }

class Splitter {
 public:
  // With `turns`, rotations of one qubit stay rotations, as what measures derivatives needs.
  Splitter(const Program& program, int registers, bool turns)
      : program_(program), registers_(registers), turns_(turns) {}

  void operation(std::span<const std::int32_t> members) {
    Footprint all;
    const std::size_t begin = items_.size();
    for (const auto i : members) {
      all = unite(all, footprint_of(program_, index(i)));
      primitive(i);
    }
    if (members.size() < 2 || all.mixing() == 0) return;
    if (std::popcount(all.all()) > kMaxFused) return;
    double separate = 0.0;
    for (std::size_t k = begin; k < items_.size(); ++k) separate += cost_of(items_[k]);
    const std::size_t end = items_.size();
    product(members, all, all.all(), {});
    double together = 0.0;
    for (std::size_t k = end; k < items_.size(); ++k) together += cost_of(items_[k]);
    // Whichever is cheaper stays.
    const auto from = [&](std::size_t k) {
      return items_.begin() + static_cast<std::ptrdiff_t>(k);
    };
    if (together <= separate) {
      items_.erase(from(begin), from(end));
    } else {
      items_.resize(end);
    }
  }

  void primitive(std::int32_t i) {
    switch (program_.kind_of(index(i))) {
      case PrimitiveKind::kMatrix:
        return matrix(i);
      case PrimitiveKind::kDiagonal:
        return diagonal(i, program_.data_of(index(i)));
      case PrimitiveKind::kPermutation:
        return permutation(i);
      case PrimitiveKind::kRotation:
        return rotation(i);
      case PrimitiveKind::kPhase:
        return add_phase(i, controls(i), 1.0);
    }
  }

  std::vector<Item> take() { return std::move(items_); }

 private:
  Condition controls(std::int32_t i) const {
    return {program_.control_mask[index(i)], program_.control_value[index(i)], 0};
  }

  Item plain(ItemKind kind, std::int32_t i) const {
    Item item{kind, footprint_of(program_, index(i)), {i}};
    item.when = controls(i);
    return item;
  }

  bool is_real(std::int32_t i) const {
    const std::size_t p = index(i);
    switch (program_.kind_of(p)) {
      case PrimitiveKind::kMatrix:
      case PrimitiveKind::kDiagonal:
        return std::ranges::all_of(program_.data_of(p), [](Complex e) { return e.imag() == 0.0; });
      case PrimitiveKind::kPermutation:
        return true;
      case PrimitiveKind::kRotation:
        return std::popcount(program_.x_mask[p] & program_.z_mask[p]) % 2 == 1;
      case PrimitiveKind::kPhase:
        return false;
    }
    return false;
  }

  // Rotations about X.
  bool is_imaginary(std::int32_t i) const {
    const std::size_t p = index(i);
    return program_.kind_of(p) == PrimitiveKind::kRotation && program_.x_mask[p] != 0 &&
           program_.z_mask[p] == 0;
  }

  // Whether it is far from unitary nowhere; of primitives on one qubit.
  bool is_unitary(std::int32_t i) const {
    const std::size_t p = index(i);
    const auto data = program_.data_of(p);
    const auto near = [](Complex a, double b) { return std::abs(a - b) < kUnitary; };
    if (program_.kind_of(p) == PrimitiveKind::kDiagonal) {
      return std::ranges::all_of(data, [&](Complex e) { return near(std::norm(e), 1.0); });
    }
    if (program_.kind_of(p) != PrimitiveKind::kMatrix) return true;
    return near(std::norm(data[0]) + std::norm(data[2]), 1.0) &&
           near(std::norm(data[1]) + std::norm(data[3]), 1.0) &&
           near(std::conj(data[0]) * data[1] + std::conj(data[2]) * data[3], 0.0);
  }

  // A product on one qubit without condition. A unitary one is two diagonals, which join other
  // phases, and a real rotation between.
  void product_on_qubit(Item item) {
    const auto all = [&](auto test) { return std::ranges::all_of(item.members, test); };
    const bool unitary = all([&](auto i) { return is_unitary(i); });
    if (all([&](auto i) { return is_imaginary(i); })) {
      item.rotated = quasim_device::kRotatedX;
    } else if (unitary && item.real) {
      item.rotated = quasim_device::kOrthogonal;
    } else if (unitary) {
      item.rotated = quasim_device::kRotatedPart;
      const auto add_part = [&](TurnPart part, Mask qubits) {
        add_phase(-1, {qubits, qubits, 0}, 1.0);
        items_.back().members = item.members;
        items_.back().qubits = item.qubits;
        items_.back().part = part;
      };
      add_part(TurnPart::kBoth, 0);
      add_part(TurnPart::kRight, item.qubits);
      items_.push_back(item);
      add_part(TurnPart::kLeft, item.qubits);
      return;
    }
    items_.push_back(std::move(item));
  }

  // The product of primitives on `qubits`: one matrix, or one for each value of the qubits on which
  // it is diagonal.
  void product(std::span<const std::int32_t> members, const Footprint& footprint, Mask qubits,
               const Condition& when) {
    Item item{ItemKind::kMatrix, footprint, {members.begin(), members.end()}};
    item.qubits = footprint.mixing();
    item.diagonal = qubits & ~item.qubits;
    if (std::popcount(qubits) == 1) {
      item.real = std::ranges::all_of(members, [&](auto i) { return is_real(i); });
      if (when.mask == 0) return product_on_qubit(std::move(item));
    }
    const std::size_t values = std::size_t{1} << std::popcount(item.diagonal);
    for (std::size_t v = 0; v < values; ++v) {
      item.when = when;
      item.when.mask |= item.diagonal;
      item.when.value |= deposit(v, item.diagonal);
      items_.push_back(item);
    }
  }

  void matrix(std::int32_t i) {
    Mask targets = 0;
    for (const auto q : program_.targets_of(index(i))) targets |= bit(q);
    const Footprint footprint = footprint_of(program_, index(i));
    if (footprint.mixing() == 0) {
      std::vector<Complex> entries;
      const auto data = program_.data_of(index(i));
      const std::size_t dim = std::size_t{1} << program_.targets_of(index(i)).size();
      for (std::size_t j = 0; j < dim; ++j) entries.push_back(data[j * dim + j]);
      diagonal(i, entries);
    } else if (std::popcount(targets) > registers_) {
      items_.push_back(plain(ItemKind::kWide, i));
    } else {
      product({&i, 1}, footprint, targets, controls(i));
    }
  }

  // The phases of a diagonal as a polynomial in its bits (a Moebius transform).
  void diagonal(std::int32_t i, std::span<const Complex> entries) {
    const auto targets = program_.targets_of(index(i));
    const bool phases = std::ranges::all_of(
        entries, [](Complex e) { return std::abs(std::norm(e) - 1.0) < kUnitary; });
    if (!phases || targets.size() > kMaxPolynomial) {
      items_.push_back(plain(ItemKind::kTable, i));
      return;
    }
    constexpr double kTurn = 6.283185307179586;
    std::vector<double> turns;
    for (const Complex e : entries) turns.push_back(std::arg(e) / kTurn);
    for (std::size_t b = 1; b < turns.size(); b *= 2) {
      for (std::size_t j = 0; j < turns.size(); ++j) {
        if ((j & b) != 0) turns[j] -= turns[j ^ b];
      }
    }
    for (std::size_t j = 0; j < turns.size(); ++j) {
      if (std::abs(turns[j]) < kNoPhase) continue;
      Condition when = controls(i);
      for (std::size_t k = 0; k < targets.size(); ++k) {
        if (((j >> k) & 1) == 0) continue;
        when.mask |= bit(targets[k]);
        when.value |= bit(targets[k]);
      }
      add_phase(-1, when, turns[j] * kTurn);
    }
  }

  void add_phase(std::int32_t i, const Condition& when, double scale) {
    Item item{ItemKind::kPhase, {when.mask | when.odd, 0, 0, 0}, {}};
    if (i >= 0) item.members.push_back(i);
    item.when = when;
    item.scale = scale;
    items_.push_back(std::move(item));
  }

  // --- permutations --------------------------------------------------------------------------

  // Fills in x, differ and the condition if the table exchanges index pairs j, j ^ x.
  bool as_move(std::int32_t i, Item& item) const {
    const auto table = program_.table_of(index(i));
    const auto targets = program_.targets_of(index(i));
    std::size_t change = 0;
    std::size_t always = table.size() - 1;  // bits that are 1 wherever something moves
    std::size_t never = table.size() - 1;   // ... that are 0
    std::size_t moved = 0;
    for (std::size_t j = 0; j < table.size(); ++j) {
      const std::size_t step = j ^ static_cast<std::size_t>(table[j]);
      if (step == 0) continue;
      if (change != 0 && step != change) return false;
      change = step;
      always &= j;
      never &= ~j;
      ++moved;
    }
    if (change == 0 || std::popcount(change) > registers_) return false;
    const std::size_t fixed = (always | never) & ~change;
    std::size_t possible = table.size() >> std::popcount(fixed);
    if (moved != possible) {
      if (std::popcount(change) != 2 || 2 * moved != possible) return false;
      for (std::size_t j = 0; j < table.size(); ++j) {
        const bool moves = static_cast<std::size_t>(table[j]) != j;
        const bool differ = std::popcount(j & change) == 1;
        if (moves != (differ && (j & fixed) == (always & fixed))) return false;
      }
      item.differ = true;
    }
    for (std::size_t k = 0; k < targets.size(); ++k) {
      const Mask q = bit(targets[k]);
      if ((change >> k) & 1) item.x |= q;
      if ((fixed >> k) & 1) item.when.mask |= q;
      if ((fixed & always) >> k & 1) item.when.value |= q;
    }
    return true;
  }

  void permutation(std::int32_t i) {
    const auto targets = program_.targets_of(index(i));
    if (std::ranges::is_sorted(program_.table_of(index(i)))) return;  // the identity
    Item item = plain(ItemKind::kMove, i);
    if (as_move(i, item)) {
      items_.push_back(std::move(item));
    } else if (std::ssize(targets) <= registers_) {
      Mask qubits = 0;
      for (const auto q : targets) qubits |= bit(q);
      product({&i, 1}, footprint_of(program_, index(i)), qubits, controls(i));
    } else {
      items_.push_back(plain(ItemKind::kWide, i));
    }
  }

  // --- rotations -----------------------------------------------------------------------------

  void rotation(std::int32_t i) {
    const std::size_t p = index(i);
    Mask x = program_.x_mask[p];
    Mask z = program_.z_mask[p];
    const Condition when = controls(i);
    if (x == 0) {
      Condition signed_when = when;
      signed_when.odd = z;
      add_phase(i, signed_when, -0.5);
      return;
    }
    if (!turns_ && std::popcount(x) == 1 && (z & ~x) == 0 && when.mask == 0) {
      product({&i, 1}, footprint_of(program_, p), x, when);
      return;
    }
    // Exchanges between `c` and `t` on both sides take t out of the X's of the string.
    const int c = std::countr_zero(x);
    std::vector<int> taken;
    const int ys = std::popcount(x & z);
    for (int t = c + 1; std::popcount(x) > registers_; ++t) {
      if ((x >> t & 1) == 0) continue;
      taken.push_back(t);
      x &= ~bit(t);
      if (z >> t & 1) z ^= bit(c);
    }
    for (const int t : taken) controlled_not(c, t);
    Item item{ItemKind::kRotation, {}, {i}};
    item.footprint = {(z & ~x) | when.mask, x & ~z, x & z, 0};
    item.when = when;
    item.when.odd = z & ~x;
    item.x = x;
    item.ys = std::popcount(x & z);
    // The string was i^ys X^x Z^z, and is to be i^item.ys X^x Z^z.
    if (((ys - item.ys) & 3) == 2) item.scale = -1.0;
    // Y's of the register bits: their signs.
    item.qubits = x & z;
    items_.push_back(std::move(item));
    for (const int t : taken) controlled_not(c, t);
  }

  void controlled_not(int control, int target) {
    Item item{ItemKind::kMove, {bit(control), bit(target), 0, 0}, {}};
    item.when = {bit(control), bit(control), 0};
    item.x = bit(target);
    items_.push_back(std::move(item));
  }

  const Program& program_;
  int registers_;
  bool turns_;
  std::vector<Item> items_;
};

}  // namespace

std::vector<Item> items_of(const Program& program, const Plan& plan, std::size_t first,
                           std::size_t last, int registers) {
  Splitter splitter(program, registers, false);
  for (std::size_t op = first; op < last; ++op) {
    const auto begin = static_cast<std::size_t>(plan.op_member_start[op]);
    const auto end = static_cast<std::size_t>(plan.op_member_start[op + 1]);
    splitter.operation({plan.op_members.data() + begin, end - begin});
  }
  return splitter.take();
}

std::vector<Item> items_of(const Program& program, std::span<const std::int32_t> primitives,
                           int registers) {
  Splitter splitter(program, registers, true);
  for (const auto i : primitives) splitter.primitive(i);
  return splitter.take();
}

double matrix_cost(int qubits) {
  // Rows of the larger ones go through shared memory, and their entries are read again for each.
  const double reads = qubits > 2 ? 1.4 : 1.07;
  return reads * 4.0 * static_cast<double>(1 << qubits);
}

double cost_of(const Item& item) {
  switch (item.kind) {
    case ItemKind::kMatrix: {
      const double share = 1.0 / static_cast<double>(1 << std::popcount(item.diagonal));
      if (item.rotated >= 0) return 3.0;  // with a move for every two multiply-adds
      return share * (item.real ? 4.0 : matrix_cost(std::popcount(item.qubits)));
    }
    case ItemKind::kRotation:
      return 4.0;
    case ItemKind::kMove:
      return 2.0;
    case ItemKind::kPhase:
      return 2.0;
    case ItemKind::kTable:
      return 40.0;
    case ItemKind::kWide:
      return 4.0 * static_cast<double>(item.footprint.all() != 0);
  }
  return 0.0;
}

}  // namespace quasim::device

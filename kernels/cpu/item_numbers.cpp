#include "cpu/item_numbers.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace quasim {
namespace {

Complex unit(double angle) { return {std::cos(angle), std::sin(angle)}; }

}  // namespace

Complex PhaseTerm::at(Mask inside, Mask outside) const {
  switch (kind) {
    case Kind::kMatch:
      return (inside & inner) == inner_value && (outside & outer) == outer_value ? hit : miss;
    case Kind::kParity:
      return parity(inside & inner) ^ parity(outside & outer) ? hit : miss;
    case Kind::kTable: {
      std::size_t index = 0;
      for (std::size_t k = 0; k < bits.size(); ++k) {
        const Mask value = bits[k] >= 0 ? inside >> bits[k] : outside >> (-1 - bits[k]);
        index |= static_cast<std::size_t>(value & 1) << k;
      }
      return table[index];
    }
  }
  return 1.0;
}

const QubitParts& ItemNumbers::parts(int group) {
  const auto g = static_cast<std::size_t>(group);
  const QubitGroup& gates = tile_.stage.groups[g];
  if (gates.constant) return gates.parts;
  if (known_.empty()) {
    parts_.resize(tile_.stage.groups.size());
    known_.resize(tile_.stage.groups.size(), false);
  }
  if (!known_[g]) {
    parts_[g] = decompose(program_, gates, parameters_);
    known_[g] = true;
  }
  return parts_[g];
}

HopParts ItemNumbers::hop(int group) const {
  const HopGroup& members = tile_.stage.hops[static_cast<std::size_t>(group)];
  return members.constant ? members.parts : decompose(program_, members, parameters_);
}

void ItemNumbers::place(PhaseTerm& term, Mask mask, Mask value) const {
  for_each_bit(mask, [&](int q) {
    const int p = tile_.shape.position_of(q);
    const Mask set = (value >> q) & 1;
    if (p == kNoPosition) {
      term.outer |= bit(q);
      term.outer_value |= set << q;
    } else {
      term.inner |= bit(p);
      term.inner_value |= set << p;
    }
  });
}

PhaseTerm ItemNumbers::term(const Item& item) {
  PhaseTerm term;
  const auto i = static_cast<std::size_t>(std::max(item.primitive, 0));
  switch (item.form) {
    case TermForm::kBefore:
      place(term, bit(item.qubit), bit(item.qubit));
      term.hit = parts(item.group).before;
      break;
    case TermForm::kAfter:
      place(term, bit(item.qubit), bit(item.qubit));
      term.miss = parts(item.group).after[0];
      term.hit = parts(item.group).after[1];
      break;
    case TermForm::kTurn:
      place(term, bit(item.qubit), bit(item.qubit));
      term.hit = {0.0, item.back ? -1.0 : 1.0};
      break;
    case TermForm::kBoth: {
      const auto& [lower, upper] = tile_.stage.hops[static_cast<std::size_t>(item.group)].qubits;
      place(term, bit(lower) | bit(upper), bit(lower) | bit(upper));
      term.hit = hop(item.group).both;
      break;
    }
    case TermForm::kCommon:
      for (std::size_t group = 0; group < tile_.stage.hops.size(); ++group) {
        term.hit = times(term.hit, hop(static_cast<int>(group)).common);
      }
      break;
    case TermForm::kPhase:
      place(term, program_.control_mask[i], program_.control_value[i]);
      term.hit = unit(program_.angle(i, parameters_));
      break;
    case TermForm::kParity:
      term.kind = PhaseTerm::Kind::kParity;
      place(term, program_.z_mask[i], 0);
      term.hit = unit(program_.angle(i, parameters_) / 2);
      term.miss = std::conj(term.hit);
      break;
    case TermForm::kTable:
      table(term, i);
      break;
  }
  return term;
}

void ItemNumbers::table(PhaseTerm& term, std::size_t i) const {
  term.kind = PhaseTerm::Kind::kTable;
  std::array<int, 64> index{};
  int next = 0;
  for_each_bit(program_.qubits_of(i), [&](int q) {
    const int p = tile_.shape.position_of(q);
    term.bits.push_back(p == kNoPosition ? -1 - q : p);
    index[static_cast<std::size_t>(q)] = next++;
  });
  place(term, program_.qubits_of(i), 0);
  const Member member = localize(program_, i, index);
  term.table.resize(std::size_t{1} << next);
  multiply_diagonals(program_, {&member, 1}, parameters_, next, term.table.data());
}

}  // namespace quasim

#include "cpu/tile_bind.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "cpu/affine.hpp"

namespace quasim {

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

namespace {

Complex unit(double angle) { return {std::cos(angle), std::sin(angle)}; }

// Turns the items of one operation into numbers.
template <typename T>
class Binder {
 public:
  Binder(const Program& program, const TileProgram& tile, const TileOp& op,
         std::span<const double> parameters)
      : program_(program), tile_(tile), op_(op), parameters_(parameters) {}

  TileValues<T> block() {
    if (only_rotations()) return rotations();
    std::vector<const Item*> phases;
    double scale = 1.0;
    for (const int i : op_.items) {
      const Item& item = tile_.stage.items[static_cast<std::size_t>(i)];
      if (item.kind == ItemKind::kTerm) {
        phases.push_back(&item);
        continue;
      }
      flush(phases);
      switch (item.kind) {
        case ItemKind::kPairs:
          pairs(tile_.stage.pairs[static_cast<std::size_t>(item.group)]);
          break;
        case ItemKind::kMove:
          move(static_cast<std::size_t>(item.primitive));
          break;
        default:
          rotation(item, scale);
      }
    }
    flush(phases);
    if (op_.defers_scale) {
      values_.scale = scale;
    } else if (scale != 1.0) {
      step(kStepScale);
      repeat(scale);
    }
    values_.steps.push_back({kStepEnd, 0});
    keep(values_.coefs, coefs_);
    return std::move(values_);
  }

  TileValues<T> layer(double scale) {
    const TileShape& shape = tile_.shape;
    const int row_bits = shape.row_bits();
    const std::size_t row = std::size_t{1} << row_bits;
    const std::size_t rows = std::size_t{1} << (shape.qubits - row_bits);
    const Mask low = low_mask(row_bits);
    const int choices = std::popcount(op_.select);
    std::vector<Complex> base(row, scale);
    std::vector<Complex> high(rows, 1.0);
    bool any_high = op_.outer;
    // For each bit that chooses a table row: factors of a row where it is 0, and where it is 1.
    std::vector<Complex> patterns(2 * row * static_cast<std::size_t>(choices), 1.0);
    std::vector<PhaseTerm> several;
    for (const int i : op_.items) {
      PhaseTerm term = term_of(tile_.stage.items[static_cast<std::size_t>(i)]);
      const Mask above = term.inner >> row_bits;
      if (term.outer != 0) {
        values_.outer.push_back(std::move(term));
      } else if (above == 0) {
        for (std::size_t j = 0; j < row; ++j) base[j] = times(base[j], term.at(j, 0));
      } else if ((term.inner & low) == 0) {
        any_high = true;
        for (std::size_t r = 0; r < rows; ++r) {
          high[r] = times(high[r], term.at(r << row_bits, 0));
        }
      } else if (std::popcount(above) == 1) {
        const int place = std::popcount(op_.select & (above - 1));
        Complex* const pattern = patterns.data() + 2 * row * static_cast<std::size_t>(place);
        for (std::size_t j = 0; j < row; ++j) {
          pattern[j] = times(pattern[j], term.at(j, 0));
          pattern[row + j] = times(pattern[row + j], term.at((above << row_bits) | j, 0));
        }
      } else {
        several.push_back(std::move(term));
      }
    }
    std::vector<Complex> table(row << choices);
    std::ranges::copy(base, table.begin());
    for (int k = 0; k < choices; ++k) {
      const Complex* const zero = patterns.data() + 2 * row * static_cast<std::size_t>(k);
      const Complex* const one = zero + row;
      const std::size_t filled = row << k;
      for (std::size_t j = 0; j < filled; ++j) {
        table[filled + j] = times(table[j], one[j & (row - 1)]);
        table[j] = times(table[j], zero[j & (row - 1)]);
      }
    }
    for (const PhaseTerm& term : several) {
      for (std::size_t j = 0; j < table.size(); ++j) {
        const Mask place = deposit(j >> row_bits, op_.select) << row_bits | (j & (row - 1));
        table[j] = times(table[j], term.at(place, 0));
      }
    }
    for (const Complex value : table) push(value);
    keep(values_.coefs, coefs_);
    if (op_.outer) {
      values_.rows = std::move(high);
    } else if (any_high) {
      coefs_.clear();
      for (const Complex value : high) push(value);
      keep(values_.high, coefs_);
    }
    return std::move(values_);
  }

 private:
  // Whether the block is what KernelTable::rotations does: three qubits, at most one rotation each,
  // and no scale left to apply.
  bool only_rotations() const {
    if (op_.qubits.size() != 3 || !op_.defers_scale) return false;
    Mask seen = 0;
    for (const int i : op_.items) {
      const Item& item = tile_.stage.items[static_cast<std::size_t>(i)];
      if (item.kind != ItemKind::kRotation || ((seen >> item.qubit) & 1)) return false;
      seen |= bit(item.qubit);
    }
    return true;
  }

  TileValues<T> rotations() {
    constexpr int kPower[3] = {1, 3, 9};
    std::array<double, 3> t{};
    std::vector<double> lane_cosines(lanes(), 1.0);
    std::vector<double> lane_sines(lanes(), 0.0);
    values_.forms = 0;
    for (const int i : op_.items) {
      const Item& item = tile_.stage.items[static_cast<std::size_t>(i)];
      const QubitParts& p = parts(item.group);
      const int position = tile_.shape.position_of(item.qubit);
      if (position < tile_.shape.lane_bits) {
        values_.lanes = true;
        lane_cosines[static_cast<std::size_t>(position)] = p.cosine;
        lane_sines[static_cast<std::size_t>(position)] = p.sine;
        continue;
      }
      const auto place = static_cast<std::size_t>(place_in_block(position));
      const bool near = std::abs(p.cosine) >= std::abs(p.sine);
      values_.forms += (near ? 1 : 2) * kPower[place];
      t[place] = near ? p.sine / p.cosine : p.cosine / p.sine;
      values_.scale *= near ? p.cosine : p.sine;
    }
    for (const double value : t) repeat(value);
    for (int position = 0; values_.lanes && position < tile_.shape.lane_bits; ++position) {
      lane_coefs(position, lane_cosines[static_cast<std::size_t>(position)],
                 lane_sines[static_cast<std::size_t>(position)]);
    }
    keep(values_.coefs, coefs_);
    return std::move(values_);
  }

  void lane_coefs(int position, double cosine, double sine) {
    repeat(cosine);
    for (std::size_t lane = 0; lane < lanes(); ++lane) {
      coefs_.insert(coefs_.end(), 2, static_cast<T>((lane >> position) & 1 ? sine : -sine));
    }
  }

  std::size_t lanes() const { return std::size_t{1} << tile_.shape.lane_bits; }

  void step(std::uint32_t code) {
    values_.steps.push_back({code, static_cast<std::uint32_t>(coefs_.size())});
  }
  void push(Complex value) {
    coefs_.push_back(static_cast<T>(value.real()));
    coefs_.push_back(static_cast<T>(value.imag()));
  }
  void repeat(double value) { coefs_.insert(coefs_.end(), 2 * lanes(), static_cast<T>(value)); }

  static void keep(AlignedArray<T>& to, const std::vector<T>& from) {
    to = AlignedArray<T>(from.size());
    std::ranges::copy(from, to.data());
  }

  int place_in_block(int position) const {
    const auto found = std::ranges::find(op_.qubits, position);
    return static_cast<int>(found - op_.qubits.begin());
  }

  const QubitParts& parts(int group) {
    const auto g = static_cast<std::size_t>(group);
    if (known_.size() <= g) known_.resize(tile_.stage.groups.size());
    if (!known_[g].second) {
      known_[g] = {decompose(program_, tile_.stage.groups[g], parameters_), true};
    }
    return known_[g].first;
  }

  void rotation(const Item& item, double& scale) {
    const QubitParts& p = parts(item.group);
    const int position = tile_.shape.position_of(item.qubit);
    if (position < tile_.shape.lane_bits) {
      step(kStepLanes + static_cast<std::uint32_t>(position));
      lane_coefs(position, p.cosine, p.sine);
      return;
    }
    const auto place = static_cast<std::uint32_t>(place_in_block(position));
    const bool near = std::abs(p.cosine) >= std::abs(p.sine);
    step((near ? kStepRotate : kStepRotateFar) + place);
    repeat(near ? p.sine / p.cosine : p.cosine / p.sine);
    scale *= near ? p.cosine : p.sine;
  }

  double angle_sum(const std::vector<std::int32_t>& members) const {
    double sum = 0.0;
    for (const auto i : members) sum += program_.angle(static_cast<std::size_t>(i), parameters_);
    return sum;
  }

  void pairs(const PairGroup& group) {
    const double xx = angle_sum(group.xx);
    const double yy = angle_sum(group.yy);
    // Of each qubit, its bit in (lane, row), rows above lanes.
    const Mask lower = place_of(group.qubits[0]);
    const Mask upper = place_of(group.qubits[1]);
    const Mask flip = lower | upper;
    step(kStepPairs + static_cast<std::uint32_t>(flip >> tile_.shape.lane_bits) +
         8 * static_cast<std::uint32_t>(flip & (lanes() - 1)));
    for (Mask row = 0; row < Mask{1} << op_.qubits.size(); ++row) {
      std::vector<T> sines;
      for (Mask lane = 0; lane < lanes(); ++lane) {
        const Mask place = row << tile_.shape.lane_bits | lane;
        const bool equal = ((place & lower) != 0) == ((place & upper) != 0);
        const double angle = (equal ? xx - yy : xx + yy) / 2;
        coefs_.insert(coefs_.end(), 2, static_cast<T>(std::cos(angle)));
        sines.insert(sines.end(), 2,
                     static_cast<T>(place & lower ? std::sin(angle) : -std::sin(angle)));
      }
      coefs_.insert(coefs_.end(), sines.begin(), sines.end());
    }
  }

  // A qubit's bit in the index of an amplitude within a block's group: lanes, then rows.
  Mask place_of(int qubit) const {
    const int position = tile_.shape.position_of(qubit);
    return position < tile_.shape.lane_bits ? bit(position)
                                            : bit(tile_.shape.lane_bits + place_in_block(position));
  }

  void move(std::size_t primitive) {
    AffineMove affine;
    Exchanges exchanges;
    as_affine(program_, primitive, affine);
    as_exchanges(affine, exchanges);
    for (const Exchange& exchange : exchanges) {
      const Mask control = exchange.control == kNoControl ? 0 : place_of(exchange.control);
      const Mask target = place_of(exchange.target);
      const auto row = [&](Mask place) {
        return static_cast<std::uint32_t>(std::countr_zero(place) - tile_.shape.lane_bits);
      };
      if (target < lanes()) {
        step(kStepWords);
        move_lanes(control, target);
      } else if (control == 0) {
        step(kStepFlip + row(target));
      } else if (control >= lanes()) {
        step(kStepExchange + 3 * row(control) + row(target));
      } else {
        step(kStepLaneExchange + row(target));
        std::vector<std::int32_t> words;
        for (Mask lane = 0; lane < lanes(); ++lane) {
          words.insert(words.end(), words_a_lane(), lane & control ? -1 : 0);
        }
        push_words(words);
      }
    }
  }

  void move_lanes(Mask control, Mask target) {
    for (Mask row = 0; row < Mask{1} << op_.qubits.size(); ++row) {
      std::vector<std::int32_t> words;
      for (Mask lane = 0; lane < lanes(); ++lane) {
        const Mask place = row << tile_.shape.lane_bits | lane;
        const Mask from = (place & control) == control ? lane ^ target : lane;
        for (std::size_t w = 0; w < words_a_lane(); ++w) {
          words.push_back(static_cast<std::int32_t>(from * words_a_lane() + w));
        }
      }
      push_words(words);
    }
  }

  std::size_t words_a_lane() const { return static_cast<std::size_t>(tile_.shape.words_a_lane); }

  // Appends one vector of 32-bit words, bit for bit.
  void push_words(const std::vector<std::int32_t>& words) {
    const std::size_t first = coefs_.size();
    coefs_.resize(first + 2 * lanes());
    std::memcpy(coefs_.data() + first, words.data(), words.size() * sizeof(std::int32_t));
  }

  // Phases inside a block: a factor for each row and lane.
  void flush(std::vector<const Item*>& items) {
    if (items.empty()) return;
    std::vector<PhaseTerm> terms;
    for (const Item* item : items) terms.push_back(term_of(*item));
    items.clear();
    step(kStepPhases);
    for (std::size_t row = 0; row < std::size_t{1} << op_.qubits.size(); ++row) {
      Mask place = 0;
      for (std::size_t k = 0; k < op_.qubits.size(); ++k) {
        if ((row >> k) & 1) place |= bit(op_.qubits[k]);
      }
      std::vector<T> imaginary;
      for (std::size_t lane = 0; lane < lanes(); ++lane) {
        Complex factor = 1.0;
        for (const PhaseTerm& term : terms) factor = times(factor, term.at(place | lane, 0));
        coefs_.insert(coefs_.end(), 2, static_cast<T>(factor.real()));
        imaginary.push_back(static_cast<T>(-factor.imag()));
        imaginary.push_back(static_cast<T>(factor.imag()));
      }
      coefs_.insert(coefs_.end(), imaginary.begin(), imaginary.end());
    }
  }

  // --- phases ------------------------------------------------------------------------------

  void place(PhaseTerm& term, Mask mask, Mask value) const {
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

  PhaseTerm term_of(const Item& item) {
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

  void table(PhaseTerm& term, std::size_t i) const {
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

  const Program& program_;
  const TileProgram& tile_;
  const TileOp& op_;
  std::span<const double> parameters_;
  TileValues<T> values_;
  std::vector<T> coefs_;
  std::vector<std::pair<QubitParts, bool>> known_;
};

}  // namespace

template <typename T>
TileValues<T> bind_tile_op(const Program& program, const TileProgram& tile, const TileOp& op,
                           std::span<const double> parameters, double scale) {
  Binder<T> binder(program, tile, op, parameters);
  return op.kind == TileOpKind::kBlock ? binder.block() : binder.layer(scale);
}

template TileValues<float> bind_tile_op(const Program&, const TileProgram&, const TileOp&,
                                        std::span<const double>, double);
template TileValues<double> bind_tile_op(const Program&, const TileProgram&, const TileOp&,
                                         std::span<const double>, double);

}  // namespace quasim

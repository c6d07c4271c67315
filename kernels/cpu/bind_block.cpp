#include <algorithm>
#include <cmath>
#include <cstring>

#include "cpu/affine.hpp"
#include "cpu/tile_bind.hpp"

namespace quasim {

namespace {

// Turns the items of one block into steps and their numbers.
template <typename T>
class Binder {
 public:
  Binder(ItemNumbers& numbers, const TileOp& op)
      : numbers_(numbers), tile_(numbers.tile()), op_(op) {}

  TileValues<T> block() {
    if (only_rotations()) return rotations();
    std::vector<const Item*> phases;
    double scale = 1.0;
    for (const int i : op_.items) {
      const Item& item = numbers_.item(i);
      if (item.kind == ItemKind::kTerm) {
        phases.push_back(&item);
        continue;
      }
      flush(phases);
      switch (item.kind) {
        case ItemKind::kPairs:
          pairs(tile_.stage.pairs[static_cast<std::size_t>(item.group)]);
          break;
        case ItemKind::kHop:
          hop(item.group);
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

 private:
  // Whether the block is what KernelTable::rotations does: three qubits, at most one rotation each,
  // and no scale left to apply.
  bool only_rotations() const {
    if (op_.qubits.size() != 3 || !op_.defers_scale) return false;
    Mask seen = 0;
    for (const int i : op_.items) {
      const Item& item = numbers_.item(i);
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
      const Item& item = numbers_.item(i);
      const QubitParts& p = numbers_.parts(item.group);
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
  // Room for more numbers, to be written at once.
  T* extend(std::size_t count) {
    coefs_.resize(coefs_.size() + count);
    return coefs_.data() + coefs_.size() - count;
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

  void rotation(const Item& item, double& scale) {
    const QubitParts& p = numbers_.parts(item.group);
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
    for (const auto i : members) {
      sum += numbers_.program().angle(static_cast<std::size_t>(i), numbers_.parameters());
    }
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
    // Where the two bits differ, and where they are equal.
    const double angles[2] = {(xx + yy) / 2, (xx - yy) / 2};
    const double cosines[2] = {std::cos(angles[0]), std::cos(angles[1])};
    const double sines[2] = {std::sin(angles[0]), std::sin(angles[1])};
    for (Mask row = 0; row < Mask{1} << op_.qubits.size(); ++row) {
      T* const out = extend(4 * lanes());
      for (Mask lane = 0; lane < lanes(); ++lane) {
        const Mask place = row << tile_.shape.lane_bits | lane;
        const bool equal = ((place & lower) != 0) == ((place & upper) != 0);
        const double sine = (place & lower) != 0 ? sines[equal] : -sines[equal];
        std::fill_n(out + 2 * lane, 2, static_cast<T>(cosines[equal]));
        std::fill_n(out + 2 * (lanes() + lane), 2, static_cast<T>(sine));
      }
    }
  }

  void hop(int number) {
    const HopGroup& group = tile_.stage.hops[static_cast<std::size_t>(number)];
    const HopParts parts = numbers_.hop(number);
    const Mask lower = place_of(group.qubits[0]);
    const Mask upper = place_of(group.qubits[1]);
    const Mask flip = lower | upper;
    const auto rows = static_cast<std::uint32_t>(flip >> tile_.shape.lane_bits);
    // Lower positions are those of lower qubits.
    if ((flip & (lanes() - 1)) == 0) {
      step(kStepHop + rows);
      for (const Complex entry : parts.middle) factors([&](Mask) { return entry; });
      return;
    }
    step(kStepHopLanes + rows + 8 * static_cast<std::uint32_t>(flip & (lanes() - 1)));
    for (Mask row = 0; row < Mask{1} << op_.qubits.size(); ++row) {
      for (const bool own : {true, false}) {
        factors([&](Mask lane) -> Complex {
          const Mask place = row << tile_.shape.lane_bits | lane;
          const bool first = (place & lower) != 0;
          if (first == ((place & upper) != 0)) return own ? 1.0 : 0.0;
          return parts.middle[first ? (own ? 0 : 1) : (own ? 3 : 2)];
        });
      }
    }
  }

  // Two vectors, of real parts and of imaginary parts with the signs of i, of a factor a lane.
  template <typename Factor>
  void factors(Factor&& factor) {
    T* const out = extend(4 * lanes());
    for (Mask lane = 0; lane < lanes(); ++lane) {
      const Complex value = factor(lane);
      T* const imaginary = out + 2 * (lanes() + lane);
      std::fill_n(out + 2 * lane, 2, static_cast<T>(value.real()));
      imaginary[0] = static_cast<T>(-value.imag());
      imaginary[1] = static_cast<T>(value.imag());
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
    as_affine(numbers_.program(), primitive, affine);
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
    terms.reserve(items.size());
    for (const Item* item : items) terms.push_back(numbers_.term(*item));
    items.clear();
    step(kStepPhases);
    for (std::size_t row = 0; row < std::size_t{1} << op_.qubits.size(); ++row) {
      Mask place = 0;
      for (std::size_t k = 0; k < op_.qubits.size(); ++k) {
        if ((row >> k) & 1) place |= bit(op_.qubits[k]);
      }
      factors([&](Mask lane) {
        Complex factor = 1.0;
        for (const PhaseTerm& term : terms) factor = times(factor, term.at(place | lane, 0));
        return factor;
      });
    }
  }

  ItemNumbers& numbers_;
  const TileProgram& tile_;
  const TileOp& op_;
  TileValues<T> values_;
  std::vector<T> coefs_;
};

}  // namespace

template <typename T>
TileValues<T> bind_block(ItemNumbers& numbers, const TileOp& op) {
  return Binder<T>(numbers, op).block();
}

template TileValues<float> bind_block(ItemNumbers&, const TileOp&);
template TileValues<double> bind_block(ItemNumbers&, const TileOp&);

}  // namespace quasim

#include "cpu/pair_layer.hpp"

#include <algorithm>
#include <map>

namespace quasim {
namespace {

// Shorter arrays are transformed in double precision.
constexpr int kLeafBits = 6;

void transform(std::span<double> values) {
  for (std::size_t h = 1; h < values.size(); h *= 2) {
    for (std::size_t i = 0; i < values.size(); i += 2 * h) {
      for (std::size_t j = i; j < i + h; ++j) {
        const double a = values[j];
        const double b = values[j + h];
        values[j] = a + b;
        values[j + h] = a - b;
      }
    }
  }
}

}  // namespace

template <typename T>
PairLayer<T>::PairLayer(const PairPhase& phase, const CompiledStage<T>& stage,
                        const KernelTable<T>& kernels,
                        const std::vector<const TileValues<T>*>& values)
    : stage_(stage), kernels_(kernels), values_(values) {
  const Program& program = phase.plan->program();
  const Mask tile = low_mask(stage.tile.shape.qubits);
  std::map<Mask, std::size_t> sum_of;
  std::map<Mask, int> value_of;
  const auto sum = [&](Mask z) {
    const auto [found, fresh] = sum_of.try_emplace(z, sums_.size());
    if (fresh) {
      const auto value = value_of.try_emplace(z & tile, static_cast<int>(value_of.size())).first;
      sums_.push_back({value->second, z & ~tile});
    }
    return found->second;
  };
  for (std::size_t i = 0; i < program.size(); ++i) {
    if (!program.is_parametric(i)) continue;
    const bool is_phase = program.kind_of(i) == PrimitiveKind::kPhase;
    Term term{static_cast<std::size_t>(phase.primitives[i]), is_phase ? -2.0 : 1.0, {}};
    // Controls: a product of (1 + Z) / 2 where they are to be 0, (1 - Z) / 2 where 1.
    const Mask controls = program.control_mask[i];
    const std::size_t choices = std::size_t{1} << std::popcount(controls);
    for (std::size_t choice = 0; choice < choices; ++choice) {
      const Mask chosen = deposit(choice, controls);
      const double size = 1.0 / static_cast<double>(choices);
      term.sums.emplace_back(sum(program.z_mask[i] ^ chosen),
                             parity(chosen & program.control_value[i]) ? -size : size);
    }
    terms_.push_back(std::move(term));
  }
  num_values_ = value_of.size();
  Wanted wanted;
  for (const auto& [z, value] : value_of) wanted.emplace_back(z, value);
  if (!terms_.empty()) plan_sums(wanted);
  for (const TileOp& op : stage.tile.ops) rows_only_.push_back(same_within_rows(op));
}

// Whether the factors of rows hold all of a layer: no term has bits within a row, or none at all,
// which binding multiplies into the table.
template <typename T>
bool PairLayer<T>::same_within_rows(const TileOp& op) const {
  return std::ranges::none_of(op.items, [&](int i) {
    const Item& item = stage_.tile.stage.items[static_cast<std::size_t>(i)];
    const Mask qubits = item.footprint.all();
    return qubits == 0 || (qubits & low_mask(row_bits())) != 0;
  });
}

template <typename T>
void PairLayer<T>::plan_sums(const Wanted& wanted) {
  const int lane_bits = stage_.tile.shape.lane_bits;
  const int high_bits = stage_.tile.shape.qubits - row_bits();
  const Mask columns = low_mask(row_bits()) & ~low_mask(lane_bits);
  const bool mixed = std::ranges::any_of(wanted, [&](const auto& one) {
    return (one.first & columns) != 0 && (one.first >> row_bits()) != 0;
  });
  // Bit 0 of a real's place: the difference of the two parts of a product counts.
  const auto place = [](Mask z) { return z << 1 | 1; };
  if (mixed) {
    Wanted all;
    for (const auto& [z, value] : wanted) all.emplace_back(place(z), value);
    form_ = kProducts;
    rows_suffice_ = false;
    sums_size_ = std::size_t{2} << stage_.tile.shape.qubits;
    plan_folds(0, stage_.tile.shape.qubits + 1, all);
    return;
  }
  Wanted within;  // a row
  Wanted above;
  for (const auto& [z, value] : wanted) {
    if ((z & columns) != 0) {
      within.emplace_back(place(z), value);
    } else {
      above.emplace_back(place(z >> row_bits() << lane_bits | (z & low_mask(lane_bits))), value);
    }
  }
  const std::size_t row = std::size_t{2} << row_bits();
  form_ = kRowsAndColumns;
  sums_size_ = row + (std::size_t{2} << (high_bits + lane_bits));
  rows_suffice_ = within.empty();
  if (!within.empty()) plan_folds(0, row_bits() + 1, within);
  if (!above.empty()) plan_folds(row, high_bits + lane_bits + 1, above);
}

template <typename T>
void PairLayer<T>::plan_folds(std::size_t at, int bits, const Wanted& wanted) {
  if (bits <= kLeafBits) {
    leaves_.push_back({at, bits, wanted});
    return;
  }
  const Mask top = bit(bits - 1);
  Wanted same;
  Wanted differing;
  for (const auto& [mask, value] : wanted) {
    if ((mask & top) != 0) {
      differing.emplace_back(mask & ~top, value);
    } else {
      same.emplace_back(mask, value);
    }
  }
  const bool only_total = differing.size() == 1 && differing.front().first == 1;
  const bool keep = !differing.empty() && !only_total;
  folds_.push_back({at, bits, only_total ? differing.front().second : -1, keep});
  // Folds of both halves come after this one.
  if (!same.empty()) plan_folds(at, bits - 1, same);
  if (keep) plan_folds(at + (std::size_t{1} << (bits - 1)), bits - 1, differing);
}

template <typename T>
typename PairLayer<T>::Space PairLayer<T>::space() const {
  Space space;
  space.phases = OutsidePhases<T>(stage_.tile.shape);
  space.values.resize(num_values_);
  return space;
}

template <typename T>
void PairLayer<T>::run(PairPlace<T> place, Mask outside, Space& space, double* sums) const {
  const auto& ops = stage_.tile.ops;
  for (std::size_t i = 0; i < ops.size(); ++i) {
    const TileOp& op = ops[i];
    const TileValues<T>& values = *values_[i];
    PairLayerSweep<T> sweep;
    sweep.layer.amplitudes = place.first;
    sweep.layer.table = values.coefs.data();
    sweep.layer.select = op.select;
    sweep.layer.row_vectors = std::uint64_t{1} << (row_bits() - stage_.tile.shape.lane_bits);
    sweep.layer.end = std::uint64_t{1} << (stage_.tile.shape.qubits - row_bits());
    if (values.high.size() != 0) sweep.layer.high = values.high.data();
    if (op.outer) {
      space.phases.find(values, outside);
      sweep.layer.high = space.phases.high();
      if (op.outer_low) sweep.layer.low = space.phases.low();
    }
    sweep.partner = place.second;
    sweep.sums = place.sums;
    const LayerSums form = i == 0 ? form_ : kNoSums;
    const bool rows_only = rows_only_[i] && (i > 0 || rows_suffice_);
    if (form == kRowsAndColumns && !rows_only) {
      std::fill_n(place.sums, std::size_t{2} << row_bits(), T{0});
    }
    LayerMove moves = kInPlace;
    if (const TileOp* const move = place.move; move != nullptr) {
      moves = move->whole_vectors ? kWholeVectors : kTwoParts;
      sweep.to = place.moved_first;
      sweep.partner_to = place.moved_second;
      sweep.move.source = move->source.data();
      sweep.move.shift = shift_of(*move, outside);
      sweep.move.part_offset = move->part_offset.data();
      sweep.move.part_mask = move->part_mask.data();
      sweep.move.part_lanes = move->part_lanes.data();
      place = {place.moved_first, place.moved_second, place.sums};
    }
    if (rows_only) {
      kernels_.rows_pair[form == kNoSums ? 0 : 1][moves](sweep);
      continue;
    }
    kernels_.layer_pair[sweep.layer.low != nullptr][sweep.layer.high != nullptr][form][moves](
        sweep);
  }
  if (form_ == kNoSums) return;
  fold(place.sums, space);
  for (std::size_t k = 0; k < sums_.size(); ++k) {
    const double value = space.values[static_cast<std::size_t>(sums_[k].value)];
    sums[k] += parity(outside & sums_[k].outer) ? -value : value;
  }
}

template <typename T>
void PairLayer<T>::fold(T* tile_sums, Space& space) const {
  for (const Fold& fold : folds_) {
    const double total =
        kernels_.butterfly(tile_sums + fold.at, std::uint64_t{1} << (fold.bits - 1), fold.keep);
    if (fold.value >= 0) space.values[static_cast<std::size_t>(fold.value)] = total;
  }
  std::array<double, std::size_t{1} << kLeafBits> left;
  for (const Leaf& leaf : leaves_) {
    const std::size_t size = std::size_t{1} << leaf.bits;
    for (std::size_t j = 0; j < size; ++j) left[j] = static_cast<double>(tile_sums[leaf.at + j]);
    transform(std::span(left).first(size));
    for (const auto& [mask, value] : leaf.values) {
      space.values[static_cast<std::size_t>(value)] = left[mask];
    }
  }
}

// What the qubits outside make of a layer on this tile: one phase for each of its qubits.
template <typename T>
void PairLayer<T>::finish(const double* sums, double weight, std::span<double> derivatives) const {
  for (const Term& term : terms_) {
    double total = 0.0;
    for (const auto& [sum, coefficient] : term.sums) total += coefficient * sums[sum];
    derivatives[term.primitive] = term.factor * weight * total;
  }
}

template class PairLayer<float>;
template class PairLayer<double>;

}  // namespace quasim

// Orders the items of a stage into sweeps.
//
// Each step takes the sweep that gets most done for its cost. Blocks that are full of rotations go
// first: phases and moves that wait for them then share one layer or one move. What only serves a
// few qubits, such as the phases of a Fourier transform, is done inside the blocks.
#include <algorithm>
#include <limits>
#include <map>

#include "cpu/tile_program.hpp"

namespace quasim {
namespace {

constexpr int kMaxBlock = 3;
// Items looked at for a block, first items tried, and items tried as company for the first.
constexpr std::size_t kWindow = 64;
constexpr int kSeeds = 2;
constexpr int kCompany = 5;
// Policies tried: a block without phases and moves that has so many rotations is taken at once.
// Regular circuits want their last few rotations done before the next layer, ragged ones do not.
constexpr int kFull[] = {3, 1};
// Items ordered together.
constexpr int kPart = 512;
// Smaller states are done before a second policy has paid.
constexpr int kTryAllFrom = 18;

// Measured times of sweeps over a tile in L2, relative to loading and storing it. `worth` is what
// an item costs where it is done in the best company.
constexpr double kSweep = 1.0;
constexpr double kRotationCost = 0.25;
constexpr double kLaneCost = 0.45;
constexpr double kPairsCost = 0.6;
constexpr double kPhasesCost = 0.7;
constexpr double kMoveCost = 0.25;
constexpr double kLaneMoveCost = 0.5;
constexpr double kLayerSweep = 1.3;
constexpr double kOuterLayerSweep = 1.8;
constexpr double kMoveSweep = 1.5;
constexpr double kLaneMoveSweep = 3.0;
constexpr double kRotationWorth = 0.6;
constexpr double kPairsWorth = 1.1;
constexpr double kTermWorth = 0.1;
constexpr double kMoveWorth = 0.2;
// Rotations between two layers that leave their scale to the second. Each grows amplitudes by up to
// sqrt(2), so these by 2^64: far from overflow in either precision.
constexpr std::ptrdiff_t kMaxDeferred = 128;

class Scheduler {
 public:
  // Orders items [first, last).
  Scheduler(const Program& program, TileProgram& out, int full, int first, int last)
      : program_(program), out_(out), full_(full), first_(first) {
    AffineMove affine;
    std::vector<Exchange> exchanges;
    for (int i = first; i < last; ++i) {
      const Item& one = item(i);
      todo_.push_back(i);
      touched_ |= one.footprint.all();
      Reach reach = reach_of(one);
      if (one.kind == ItemKind::kMove) {
        as_affine(program_, static_cast<std::size_t>(one.primitive), affine);
        reach.in_block = !reach.outside && as_exchanges(affine, exchanges);
      } else if (one.kind == ItemKind::kOther) {
        reach.in_block = false;
      } else {
        reach.in_block = !reach.outside;
      }
      reach_.push_back(reach);
    }
  }

  // Returns the predicted cost.
  double run() {
    double cost = 0.0;
    while (!todo_.empty()) {
      if (kernel()) continue;
      Choice best = block();
      if (!best.full) {
        consider(best, gather(ItemKind::kTerm, true));
        Choice moves = gather(ItemKind::kMove, false);
        consider(best, moves.taken.empty() ? gather(ItemKind::kMove, true) : std::move(moves));
      }
      cost += best.cost;
      take(std::move(best));
    }
    return cost;
  }

 private:
  const std::vector<Item>& items() const { return out_.stage.items; }
  const Item& item(int i) const { return items()[static_cast<std::size_t>(i)]; }
  int position(int qubit) const { return out_.shape.position_of(qubit); }
  bool rotates(const Item& i) const {
    return i.kind == ItemKind::kRotation || i.kind == ItemKind::kPairs;
  }

  void remove(const std::vector<int>& taken) {
    std::size_t next = 0;
    std::erase_if(todo_, [&](int i) {
      if (next == taken.size() || taken[next] != i) return false;
      ++next;
      return true;
    });
  }

  TileOp& append(TileOpKind kind, std::vector<int> taken) {
    remove(taken);
    TileOp op{};
    op.kind = kind;
    for (const int i : taken) op.constant &= item(i).constant;
    op.items = std::move(taken);
    out_.ops.push_back(std::move(op));
    return out_.ops.back();
  }

  // A sweep that could come next.
  struct Choice {
    TileOpKind kind = TileOpKind::kKernel;
    std::vector<int> taken;
    double worth = 0.0;
    double cost = kSweep;
    bool full = false;
    Mask qubits = 0;  // positions of a block

    double rate() const { return worth / cost; }
  };

  static void consider(Choice& best, Choice other) {
    if (other.taken.empty()) return;
    if (best.taken.empty() || other.rate() > best.rate()) best = std::move(other);
  }

  void take(Choice choice) {
    TileOp& op = append(choice.kind, std::move(choice.taken));
    switch (choice.kind) {
      case TileOpKind::kBlock:
        block_details(op, choice.qubits);
        break;
      case TileOpKind::kLayer:
        layer(op);
        break;
      case TileOpKind::kMove:
        move(op);
        break;
      case TileOpKind::kKernel:
        break;
    }
  }

  // --- blocks ------------------------------------------------------------------------------

  struct Reach {
    Mask positions = 0;  // outside a vector
    bool lanes = false;  // inside a vector
    bool outside = false;
    bool in_block = false;  // can be a step of a block
  };

  Reach reach_of(const Item& i) const {
    Reach result;
    for_each_bit(i.footprint.all(), [&](int q) {
      const int p = position(q);
      if (p == kNoPosition) {
        result.outside = true;
      } else if (p < out_.shape.lane_bits) {
        result.lanes = true;
      } else {
        result.positions |= bit(p);
      }
    });
    return result;
  }
  const Reach& reach(int i) const { return reach_[static_cast<std::size_t>(i - first_)]; }

  // What a block on `qubits` could do now: rotations only, or all kinds of steps.
  Choice fitting(Mask qubits, bool all) const {
    Choice choice;
    choice.kind = TileOpKind::kBlock;
    choice.qubits = qubits;
    // As of the last item that no layer could do as well.
    std::size_t kept = 0;
    double worth = 0.0;
    double cost = kSweep;
    int rotations = 0;
    bool in_phases = false;
    bool moved = false;
    Footprint passed;
    const std::size_t window = std::min(todo_.size(), kWindow);
    for (std::size_t w = 0; w < window; ++w) {
      const int i = todo_[w];
      const Item& candidate = item(i);
      const Reach& r = reach(i);
      const bool possible = r.in_block && (all || rotates(candidate)) &&
                            (r.positions & ~qubits) == 0 && commute(candidate.footprint, passed);
      if (!possible) {
        passed = unite(passed, candidate.footprint);
        if ((touched_ & ~passed.general) == 0) break;
        continue;
      }
      choice.taken.push_back(i);
      switch (candidate.kind) {
        case ItemKind::kRotation:
          worth += kRotationWorth;
          cost += r.lanes ? kLaneCost : kRotationCost;
          ++rotations;
          break;
        case ItemKind::kPairs:
          worth += kPairsWorth;
          cost += kPairsCost;
          rotations += 2;
          break;
        case ItemKind::kMove:
          worth += kMoveWorth;
          cost += r.lanes ? kLaneMoveCost : kMoveCost;
          moved = true;
          break;
        default:
          worth += kTermWorth;
          if (!in_phases) cost += kPhasesCost;
          in_phases = true;
          continue;
      }
      in_phases = false;
      if (candidate.kind == ItemKind::kMove && rotations > 0 && kept < choice.taken.size() - 1) {
        continue;  // a move alone is no reason to do phases here
      }
      kept = choice.taken.size();
      choice.worth = worth;
      choice.cost = cost;
    }
    choice.taken.resize(kept);
    choice.full = !moved && rotations >= full_;
    return choice;
  }

  // The best block found by growing the qubits of one of the first items that are ready.
  Choice block() const {
    std::vector<int> ready;
    std::vector<int> next;  // not ready yet
    Footprint passed;
    const std::size_t window = std::min(todo_.size(), kWindow);
    for (std::size_t w = 0; w < window; ++w) {
      const int i = todo_[w];
      const Item& candidate = item(i);
      const bool leads = reach(i).in_block && candidate.kind != ItemKind::kTerm;
      if (leads && commute(candidate.footprint, passed)) {
        ready.push_back(i);
        if (rotates(candidate)) continue;
      } else if (leads) {
        next.push_back(i);
      }
      passed = unite(passed, candidate.footprint);
    }
    Choice best;
    std::vector<int> rotations;
    for (const int i : ready) {
      if (rotates(item(i))) rotations.push_back(i);
    }
    if (!rotations.empty()) {
      Choice wave = grown(rotations.front(), rotations, false);
      if (wave.full) return wave;
      consider(best, std::move(wave));
    }
    std::vector<int> company = ready;
    company.insert(company.end(), next.begin(), next.end());
    for (std::size_t s = 0; s < ready.size() && s < kSeeds; ++s) {
      consider(best, grown(ready[s], company, true));
    }
    best.full = false;
    return best;
  }

  Choice grown(int seed, const std::vector<int>& company, bool all) const {
    Choice best = fitting(reach(seed).positions, all);
    while (std::popcount(best.qubits) < kMaxBlock) {
      Choice improved;
      int tried = 0;
      for (const int i : company) {
        const Mask more = best.qubits | reach(i).positions;
        if (more == best.qubits || std::popcount(more) > kMaxBlock) continue;
        if (++tried > kCompany) break;
        Choice candidate = fitting(more, all);
        if (candidate.rate() > best.rate() &&
            (improved.taken.empty() || candidate.rate() > improved.rate())) {
          improved = std::move(candidate);
          if (!all) break;  // one more rotation is as good as another
        }
      }
      if (improved.taken.empty()) break;
      best = std::move(improved);
    }
    return best;
  }

  void block_details(TileOp& op, Mask qubits) const {
    // Qubits that come along fill the registers: fewer, longer groups.
    const int lane_bits = out_.shape.lane_bits;
    for (int p = lane_bits; p < out_.shape.qubits; ++p) {
      if (std::popcount(qubits) == kMaxBlock) break;
      qubits |= bit(p);
    }
    for_each_bit(qubits, [&](int p) {
      op.qubits.push_back(p);
      op.fixed |= bit(p - lane_bits);
    });
    op.offsets.assign(std::size_t{1} << op.qubits.size(), 0);
    for (std::size_t row = 0; row < op.offsets.size(); ++row) {
      for (std::size_t k = 0; k < op.qubits.size(); ++k) {
        if ((row >> k) & 1) op.offsets[row] |= bit(op.qubits[k] - lane_bits);
      }
    }
    op.groups =
        std::uint64_t{1} << (out_.shape.qubits - lane_bits - static_cast<int>(op.qubits.size()));
  }

  // --- layers and moves --------------------------------------------------------------------

  // All items of a kind that commute with what they would overtake; of moves those that leave
  // lanes alone, or all.
  Choice gather(ItemKind kind, bool lanes) const {
    Choice choice;
    choice.kind = kind == ItemKind::kTerm ? TileOpKind::kLayer : TileOpKind::kMove;
    bool outside = false;
    bool in_lanes = false;
    Footprint passed;
    for (const int i : todo_) {
      const Item& candidate = item(i);
      const bool fits = candidate.kind == kind && (lanes || !reach(i).lanes);
      if (fits && commute(candidate.footprint, passed)) {
        choice.taken.push_back(i);
        outside |= reach(i).outside;
        in_lanes |= reach(i).lanes;
      } else {
        passed = unite(passed, candidate.footprint);
      }
    }
    const double count = static_cast<double>(choice.taken.size());
    if (kind == ItemKind::kTerm) {
      choice.worth = kTermWorth * count;
      choice.cost = outside ? kOuterLayerSweep : kLayerSweep;
    } else {
      choice.worth = kMoveWorth * count;
      choice.cost = in_lanes ? kLaneMoveSweep : kMoveSweep;
    }
    return choice;
  }

  void layer(TileOp& op) {
    const int row_bits = out_.shape.row_bits();
    for (const int i : op.items) {
      Mask inner = 0;
      bool outer = false;
      for_each_bit(item(i).footprint.all(), [&](int q) {
        const int p = position(q);
        if (p == kNoPosition) {
          outer = true;
        } else {
          inner |= bit(p);
        }
      });
      const Mask low = inner & low_mask(row_bits);
      if (outer) {
        op.outer = true;
        op.outer_low |= low != 0;
      } else if (low != 0) {
        op.select |= inner >> row_bits;
      }
    }
  }

  // Kernels share nothing, so none is worth waiting with: it only makes others wait.
  bool kernel() {
    Footprint passed;
    for (auto i = todo_.begin(); i != todo_.end(); ++i) {
      const Item& candidate = item(*i);
      if (candidate.kind == ItemKind::kOther && commute(candidate.footprint, passed)) {
        TileOp op{};
        op.kind = TileOpKind::kKernel;
        op.constant = candidate.constant;
        op.operation = candidate.operation;
        out_.ops.push_back(std::move(op));
        todo_.erase(i);
        return true;
      }
      passed = unite(passed, candidate.footprint);
      if ((touched_ & ~passed.general) == 0) break;
    }
    return false;
  }

  // x -> linear(x) ^ constant ^ outer over the tile's index bits.
  void move(TileOp& op) {
    const TileShape& shape = out_.shape;
    const int k = shape.qubits;
    std::vector<std::uint32_t> columns(static_cast<std::size_t>(k));
    for (int p = 0; p < k; ++p) columns[static_cast<std::size_t>(p)] = std::uint32_t{1} << p;
    std::uint32_t constant = 0;
    std::map<int, std::uint32_t> outer;
    AffineMove one;
    for (const int i : op.items) {
      as_affine(program_, static_cast<std::size_t>(item(i).primitive), one);
      const auto place = [&](std::uint32_t bits) {
        std::uint32_t result = 0;
        for (std::size_t b = 0; b < one.qubits.size(); ++b) {
          const int p = position(one.qubits[b]);
          if (p != kNoPosition && ((bits >> b) & 1)) result |= std::uint32_t{1} << p;
        }
        return result;
      };
      const auto apply = [&](std::uint32_t index) {
        std::uint32_t result = index;
        for (std::size_t b = 0; b < one.qubits.size(); ++b) {
          const int p = position(one.qubits[b]);
          if (p != kNoPosition) result &= ~(std::uint32_t{1} << p);
        }
        for (std::size_t b = 0; b < one.qubits.size(); ++b) {
          const int p = position(one.qubits[b]);
          if (p != kNoPosition && ((index >> p) & 1)) result ^= place(one.columns[b]);
        }
        return result;
      };
      for (auto& column : columns) column = apply(column);
      constant = apply(constant) ^ place(one.constant);
      for (auto& [qubit, shift] : outer) shift = apply(shift);
      for (std::size_t b = 0; b < one.qubits.size(); ++b) {
        if (position(one.qubits[b]) == kNoPosition) outer[one.qubits[b]] ^= place(one.columns[b]);
      }
    }
    tables(op, inverse(columns), constant, outer);
    out_.moves = true;
  }

  static std::vector<std::uint32_t> inverse(std::vector<std::uint32_t> columns) {
    const std::size_t k = columns.size();
    std::vector<std::uint32_t> result(k);
    for (std::size_t j = 0; j < k; ++j) result[j] = std::uint32_t{1} << j;
    // Column operations turn the map into the identity.
    for (std::size_t row = 0; row < k; ++row) {
      std::size_t pivot = row;
      while (((columns[pivot] >> row) & 1) == 0) ++pivot;
      std::swap(columns[row], columns[pivot]);
      std::swap(result[row], result[pivot]);
      for (std::size_t j = 0; j < k; ++j) {
        if (j == row || ((columns[j] >> row) & 1) == 0) continue;
        columns[j] ^= columns[row];
        result[j] ^= result[row];
      }
    }
    return result;
  }

  void tables(TileOp& op, const std::vector<std::uint32_t>& columns, std::uint32_t constant,
              const std::map<int, std::uint32_t>& outer) const {
    const TileShape& shape = out_.shape;
    const auto apply = [&](std::uint32_t index) {
      std::uint32_t result = 0;
      for (std::size_t b = 0; b < columns.size(); ++b) {
        if ((index >> b) & 1) result ^= columns[b];
      }
      return result;
    };
    const std::uint32_t lanes = std::uint32_t{1} << shape.lane_bits;
    op.source.resize(std::size_t{1} << (shape.qubits - shape.lane_bits));
    for (std::size_t v = 0; v < op.source.size(); ++v) {
      op.source[v] = apply(static_cast<std::uint32_t>(v) << shape.lane_bits);
    }
    op.shift = apply(constant);
    for (const auto& [qubit, shift] : outer) {
      if (shift != 0) op.outer_shift.emplace_back(qubit, apply(shift));
    }
    op.whole_vectors = op.shift % lanes == 0;
    for (std::uint32_t lane = 0; lane < lanes; ++lane) op.whole_vectors &= apply(lane) == lane;
    for (const std::uint32_t source : op.source) op.whole_vectors &= source % lanes == 0;
    for (const auto& [qubit, shift] : op.outer_shift) op.whole_vectors &= shift % lanes == 0;
    const auto words = static_cast<std::uint32_t>(shape.words_a_lane);
    for (std::uint32_t lane = 0; lane < lanes; ++lane) {
      const std::uint32_t offset = apply(lane) >> shape.lane_bits;
      if (std::ranges::find(op.part_offset, offset) == op.part_offset.end()) {
        op.part_offset.push_back(offset);
      }
    }
    for (const std::uint32_t offset : op.part_offset) {
      for (std::uint32_t lane = 0; lane < lanes; ++lane) {
        const bool here = apply(lane) >> shape.lane_bits == offset;
        op.part_mask.insert(op.part_mask.end(), words, here ? -1 : 0);
      }
      for (std::uint32_t source = 0; source < lanes; ++source) {
        for (std::uint32_t lane = 0; lane < lanes; ++lane) {
          const std::uint32_t from = source ^ (apply(lane) & (lanes - 1));
          for (std::uint32_t w = 0; w < words; ++w) {
            op.part_lanes.push_back(static_cast<std::int32_t>(from * words + w));
          }
        }
      }
    }
  }

  const Program& program_;
  TileProgram& out_;
  int full_;
  int first_;
  std::vector<int> todo_;  // what is left, in the order it came
  std::vector<Reach> reach_;
  Mask touched_ = 0;
};

// Rotations are done up to a factor; the next layer takes it over for nothing.
void defer_scales(TileProgram& tile) {
  std::vector<int> blocks;
  std::ptrdiff_t rotations = 0;
  for (std::size_t i = 0; i < tile.ops.size(); ++i) {
    TileOp& op = tile.ops[i];
    if (op.kind == TileOpKind::kBlock) {
      rotations += std::ssize(op.items);
      if (rotations > kMaxDeferred) {  // those so far keep their scales
        blocks.clear();
        rotations = std::ssize(op.items);
      }
      if (rotations <= kMaxDeferred) blocks.push_back(static_cast<int>(i));
    }
    if (op.kind != TileOpKind::kLayer) continue;
    rotations = 0;
    for (const int b : blocks) {
      TileOp& block = tile.ops[static_cast<std::size_t>(b)];
      block.defers_scale = true;
      op.constant &= block.constant;
    }
    op.deferred = std::move(blocks);
    blocks.clear();
  }
}

}  // namespace

std::string describe(const TileProgram& tile, const TileOp& op) {
  const auto count = [&](auto... kinds) {
    return std::ranges::count_if(op.items, [&](int i) {
      const ItemKind kind = tile.stage.items[static_cast<std::size_t>(i)].kind;
      return ((kind == kinds) || ...);
    });
  };
  const std::string items = std::to_string(op.items.size());
  switch (op.kind) {
    case TileOpKind::kBlock: {
      std::string positions;
      for (const int p : op.qubits)
        positions += (positions.empty() ? "" : ", ") + std::to_string(p);
      return "block on positions [" + positions +
             "] and lanes: " + std::to_string(count(ItemKind::kRotation, ItemKind::kPairs)) +
             " rotations, " + std::to_string(count(ItemKind::kTerm)) + " phases";
    }
    case TileOpKind::kLayer:
      return "layer of " + items + " phases, table of 2^" +
             std::to_string(std::popcount(op.select) + tile.shape.row_bits()) +
             (op.outer ? ", changed by qubits outside" : "");
    case TileOpKind::kMove:
      return "move by " + items + " permutations";
    case TileOpKind::kKernel:
      return "kernel";
  }
  return {};
}

TileProgram schedule(const Program& program, StageItems stage, const TileShape& shape,
                     Control* control) {
  TileProgram best;
  double least = std::numeric_limits<double>::infinity();
  for (const int full : kFull) {
    TileProgram candidate;
    candidate.stage = stage;
    candidate.shape = shape;
    double cost = 0.0;
    // In parts: the work grows with the square of a part.
    const int count = static_cast<int>(stage.items.size());
    for (int first = 0; first < count; first += kPart) {
      if (control != nullptr) {
        control->poll();
        control->throw_if_cancelled();
      }
      cost += Scheduler(program, candidate, full, first, std::min(first + kPart, count)).run();
    }
    defer_scales(candidate);
    if (cost < least) {
      least = cost;
      best = std::move(candidate);
    }
    if (program.num_qubits < kTryAllFrom) break;
  }
  return best;
}

}  // namespace quasim

// Orders the items of a stage into sweeps.
//
// Each step takes the sweep that gets most done for its cost. Blocks that are full of rotations go
// first: phases and moves that wait for them then share one layer or one move. What only serves a
// few qubits, such as the phases of a Fourier transform, is done inside the blocks.
#include "cpu/tile_schedule.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <span>

#include "cpu/affine.hpp"

namespace quasim {
namespace {

constexpr int kMaxBlock = 3;
// Items looked at for a block, first items tried, and items tried as company for the first.
constexpr std::size_t kWindow = 64;  // bits of a Mask
constexpr int kSeeds = 2;
constexpr int kCompany = 5;
// Policies tried: a block without phases and moves that has so many rotations is taken at once.
// Regular circuits want their last few rotations done before the next layer, ragged ones do not.
constexpr int kFull[] = {3, 1};
// Items ordered together.
constexpr std::size_t kPart = 512;
// Smaller states are done before a second policy has paid.
constexpr int kTryAllFrom = 18;

// Measured times of sweeps over a tile in L2, relative to loading and storing it. `worth` is what
// an item costs where it is done in the best company.
constexpr double kSweep = 1.0;
constexpr double kRotationCost = 0.25;
constexpr double kLaneCost = 0.45;
constexpr double kPairsCost = 0.6;
constexpr double kHopCost = 0.6;
constexpr double kLaneHopCost = 1.2;
constexpr double kPhasesCost = 0.7;
constexpr double kMoveCost = 0.25;
constexpr double kLaneMoveCost = 0.5;
constexpr double kLayerSweep = 1.3;
constexpr double kOuterLayerSweep = 1.8;
constexpr double kMoveSweep = 1.5;
constexpr double kLaneMoveSweep = 3.0;
constexpr double kRotationWorth = 0.6;
constexpr double kPairsWorth = 1.1;
constexpr double kHopWorth = 1.1;
constexpr double kTermWorth = 0.1;
constexpr double kMoveWorth = 0.2;

constexpr double kNever = std::numeric_limits<double>::infinity();

// What the scheduler looks at of an item.
struct Entry {
  Footprint footprint;
  Mask positions = 0;  // outside a vector
  int item = 0;
  ItemKind kind{};
  bool lanes = false;     // acts inside a vector
  bool outside = false;   // acts outside the tile
  bool in_block = false;  // can be a step of a block

  bool rotates() const {
    return kind == ItemKind::kRotation || kind == ItemKind::kPairs || kind == ItemKind::kHop;
  }
};

std::vector<Entry> entries_of(const Program& program, std::span<const Item> items,
                              const TileShape& shape) {
  AffineMove affine;
  Exchanges exchanges;
  std::vector<Entry> entries;
  entries.reserve(items.size());
  for (const Item& item : items) {
    Entry& entry = entries.emplace_back();
    entry.footprint = item.footprint;
    entry.item = static_cast<int>(entries.size() - 1);
    entry.kind = item.kind;
    for_each_bit(item.footprint.all(), [&](int q) {
      const int p = shape.position_of(q);
      if (p == kNoPosition) {
        entry.outside = true;
      } else if (p < shape.lane_bits) {
        entry.lanes = true;
      } else {
        entry.positions |= bit(p);
      }
    });
    entry.in_block = !entry.outside && item.kind != ItemKind::kOther;
    if (entry.in_block && item.kind == ItemKind::kMove) {
      entry.in_block = as_affine(program, static_cast<std::size_t>(item.primitive), affine) &&
                       as_exchanges(affine, exchanges);
    }
  }
  return entries;
}

class Scheduler {
 public:
  Scheduler(std::span<const Entry> entries, const TileShape& shape, int full)
      : todo_(entries.begin(), entries.end()), full_(full) {
    for (const Entry& entry : entries) {
      touched_ |= entry.footprint.all();
      others_ += entry.kind == ItemKind::kOther;
    }
    for (int q = 0; q < 64; ++q) {
      const int p = shape.position_of(q);
      if (p == kNoPosition) continue;
      (p < shape.lane_bits ? lanes_ : qubit_at_[static_cast<std::size_t>(p)]) |= bit(q);
    }
  }

  // Appends sweeps until all is done; returns the predicted cost. Gives up, and returns infinity,
  // where that reaches `limit`.
  double run(double limit, std::vector<TileSweep>& sweeps) {
    double cost = 0.0;
    while (first_ < todo_.size() && cost < limit) {
      if (others_ > 0 && kernel(sweeps)) continue;
      Choice best = block();
      if (!best.full) {
        consider(best, gather(ItemKind::kTerm, true, terms_));
        const Choice moves = gather(ItemKind::kMove, false, moves_);
        consider(best, moves.empty() ? gather(ItemKind::kMove, true, moves_) : moves);
      }
      cost += best.cost;
      sweeps.push_back(take(best));
    }
    return first_ < todo_.size() ? kNever : cost;
  }

 private:
  // A sweep that could come next.
  struct Choice {
    TileOpKind kind = TileOpKind::kKernel;
    Mask taken = 0;                                 // of the window
    const std::vector<std::size_t>* far = nullptr;  // instead of `taken`: of all that is left
    double worth = 0.0;
    double cost = kSweep;
    bool full = false;
    Mask positions = 0;  // of a block

    bool empty() const { return far == nullptr ? taken == 0 : far->empty(); }
    double rate() const { return worth / cost; }
  };

  static void consider(Choice& best, const Choice& other) {
    if (other.empty()) return;
    if (best.empty() || other.rate() > best.rate()) best = other;
  }

  std::span<const Entry> todo() const { return std::span<const Entry>(todo_).subspan(first_); }
  std::span<const Entry> window() const { return todo().first(std::min(todo().size(), kWindow)); }

  TileSweep take(const Choice& choice) {
    TileSweep sweep{choice.kind, {}, choice.positions};
    if (choice.far != nullptr) {
      for (const std::size_t w : *choice.far) sweep.items.push_back(todo()[w].item);
      auto next = choice.far->rbegin();
      remove(choice.far->back() + 1, [&](std::size_t w) {
        const bool taken = next != choice.far->rend() && *next == w;
        next += taken;
        return taken;
      });
    } else {
      sweep.items.reserve(static_cast<std::size_t>(std::popcount(choice.taken)));
      for_each_bit(choice.taken,
                   [&](int w) { sweep.items.push_back(todo()[static_cast<std::size_t>(w)].item); });
      remove(static_cast<std::size_t>(std::bit_width(choice.taken)),
             [&](std::size_t w) { return (choice.taken >> w) & 1; });
    }
    return sweep;
  }

  // Removes what `taken` says, asked once for each of the next `count` entries, the last one first.
  template <typename Taken>
  void remove(std::size_t count, Taken&& taken) {
    std::size_t to = first_ + count;
    for (std::size_t w = count; w-- > 0;) {
      if (!taken(w)) todo_[--to] = todo_[first_ + w];
    }
    first_ = to;
  }

  // --- blocks ------------------------------------------------------------------------------

  // What a block on `positions` could do now: rotations only, or all kinds of steps.
  Choice fitting(Mask positions, bool all) const {
    Choice choice;
    choice.kind = TileOpKind::kBlock;
    choice.positions = positions;
    Mask qubits = lanes_;
    for_each_bit(positions, [&](int p) { qubits |= qubit_at_[static_cast<std::size_t>(p)]; });
    Mask taken = 0;
    double worth = 0.0;
    double cost = kSweep;
    int rotations = 0;
    bool in_phases = false;
    bool moved = false;
    Barrier passed;
    const auto entries = window();
    for (std::size_t w = 0; w < entries.size(); ++w) {
      const Entry& entry = entries[w];
      const bool possible = entry.in_block && (all || entry.rotates()) &&
                            (entry.positions & ~positions) == 0 &&
                            passed.lets_past(entry.footprint);
      if (!possible) {
        passed.add(entry.footprint);
        if ((qubits & ~passed.closed_to_mixing()) == 0) break;
        continue;
      }
      const Mask before = taken;
      taken |= bit(static_cast<int>(w));
      switch (entry.kind) {
        case ItemKind::kRotation:
          worth += kRotationWorth;
          cost += entry.lanes ? kLaneCost : kRotationCost;
          ++rotations;
          break;
        case ItemKind::kPairs:
          worth += kPairsWorth;
          cost += kPairsCost;
          rotations += 2;
          break;
        case ItemKind::kHop:
          worth += kHopWorth;
          cost += entry.lanes ? kLaneHopCost : kHopCost;
          rotations += 2;
          break;
        case ItemKind::kMove:
          worth += kMoveWorth;
          cost += entry.lanes ? kLaneMoveCost : kMoveCost;
          moved = true;
          break;
        default:
          worth += kTermWorth;
          if (!in_phases) cost += kPhasesCost;
          in_phases = true;
          continue;
      }
      in_phases = false;
      if (entry.kind == ItemKind::kMove && rotations > 0 && choice.taken != before) {
        continue;  // a move alone is no reason to do phases here
      }
      // As of the last item that no layer could do as well.
      choice.taken = taken;
      choice.worth = worth;
      choice.cost = cost;
    }
    choice.full = !moved && rotations >= full_;
    return choice;
  }

  // Some entries of the window, in their order.
  struct Few {
    std::array<std::uint8_t, kWindow> list;
    std::size_t size = 0;

    void add(std::size_t w) { list[size++] = static_cast<std::uint8_t>(w); }
    std::span<const std::uint8_t> view() const { return {list.data(), size}; }
  };

  // The best block found by growing the positions of one of the first entries that are ready.
  Choice block() const {
    Few rotations;
    Few company;  // those that are ready, then those that are not ready yet
    Few next;
    Barrier passed;
    const auto entries = window();
    for (std::size_t w = 0; w < entries.size(); ++w) {
      const Entry& entry = entries[w];
      const bool leads = entry.in_block && entry.kind != ItemKind::kTerm;
      if (leads && passed.lets_past(entry.footprint)) {
        company.add(w);
        if (entry.rotates()) {
          rotations.add(w);
          continue;
        }
      } else if (leads) {
        next.add(w);
      }
      passed.add(entry.footprint);
    }
    Choice best;
    if (rotations.size > 0) {
      Choice wave = grown(rotations.list[0], rotations, false);
      if (wave.full) return wave;
      consider(best, wave);
    }
    const std::size_t ready = company.size;
    for (const std::uint8_t w : next.view()) company.add(w);
    for (std::size_t s = 0; s < ready && s < kSeeds; ++s) {
      consider(best, grown(company.list[s], company, true));
    }
    best.full = false;
    return best;
  }

  Choice grown(std::size_t seed, const Few& company, bool all) const {
    const auto entries = window();
    Choice best = fitting(entries[seed].positions, all);
    while (std::popcount(best.positions) < kMaxBlock) {
      Choice improved;
      int tried = 0;
      for (const std::uint8_t w : company.view()) {
        const Mask more = best.positions | entries[w].positions;
        if (more == best.positions || std::popcount(more) > kMaxBlock) continue;
        if (++tried > kCompany) break;
        const Choice candidate = fitting(more, all);
        if (candidate.rate() > best.rate() &&
            (improved.empty() || candidate.rate() > improved.rate())) {
          improved = candidate;
          if (!all) break;  // one more rotation is as good as another
        }
      }
      if (improved.empty()) break;
      best = improved;
    }
    return best;
  }

  // --- layers, moves and kernels -----------------------------------------------------------

  // All entries of a kind that commute with what they would overtake, into `taken`; of moves those
  // that leave lanes alone, or all.
  Choice gather(ItemKind kind, bool lanes, std::vector<std::size_t>& taken) const {
    taken.clear();
    bool outside = false;
    bool in_lanes = false;
    Barrier passed;
    const auto entries = todo();
    for (std::size_t w = 0; w < entries.size(); ++w) {
      const Entry& entry = entries[w];
      const bool fits = entry.kind == kind && (lanes || !entry.lanes);
      if (fits && passed.lets_past(entry.footprint)) {
        taken.push_back(w);
        outside |= entry.outside;
        in_lanes |= entry.lanes;
      } else {
        passed.add(entry.footprint);
        if (kind == ItemKind::kMove && (touched_ & ~passed.closed_to_mixing()) == 0) break;
      }
    }
    Choice choice;
    choice.far = &taken;
    const double count = static_cast<double>(taken.size());
    if (kind == ItemKind::kTerm) {
      choice.kind = TileOpKind::kLayer;
      choice.worth = kTermWorth * count;
      choice.cost = outside ? kOuterLayerSweep : kLayerSweep;
    } else {
      choice.kind = TileOpKind::kMove;
      choice.worth = kMoveWorth * count;
      choice.cost = in_lanes ? kLaneMoveSweep : kMoveSweep;
    }
    return choice;
  }

  // Kernels share nothing, so none is worth waiting with: it only makes others wait.
  bool kernel(std::vector<TileSweep>& sweeps) {
    Barrier passed;
    const auto entries = todo();
    for (std::size_t w = 0; w < entries.size(); ++w) {
      const Entry& entry = entries[w];
      if (entry.kind == ItemKind::kOther && passed.lets_past(entry.footprint)) {
        sweeps.push_back({TileOpKind::kKernel, {entry.item}});
        remove(w + 1, [&](std::size_t other) { return other == w; });
        --others_;
        return true;
      }
      passed.add(entry.footprint);
      if ((touched_ & ~passed.closed()) == 0) break;
    }
    return false;
  }

  std::vector<Entry> todo_;  // from `first_` on what is left, in the order it came
  std::size_t first_ = 0;
  int full_;
  int others_ = 0;
  Mask touched_ = 0;
  Mask lanes_ = 0;                   // qubits inside a vector
  std::array<Mask, 64> qubit_at_{};  // of each position outside
  std::vector<std::size_t> terms_;
  std::vector<std::size_t> moves_;
};

}  // namespace

std::vector<TileSweep> order_items(const Program& program, const std::vector<Item>& items,
                                   const TileShape& shape, Control* control) {
  const std::vector<Entry> entries = entries_of(program, items, shape);
  const std::span<const Entry> all(entries);
  std::vector<TileSweep> best;
  double least = kNever;
  for (const int full : kFull) {
    std::vector<TileSweep> sweeps;
    double cost = 0.0;
    // In parts: the work grows with the square of a part.
    for (std::size_t first = 0; first < all.size() && cost < least; first += kPart) {
      if (control != nullptr) {
        control->poll();
        control->throw_if_cancelled();
      }
      const auto part = all.subspan(first, std::min(kPart, all.size() - first));
      cost += Scheduler(part, shape, full).run(least - cost, sweeps);
    }
    if (cost < least) {
      least = cost;
      best = std::move(sweeps);
    }
    if (program.num_qubits < kTryAllFrom) break;
  }
  return best;
}

}  // namespace quasim

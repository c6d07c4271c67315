// Orders the items of a stage into sweeps.
//
// Rotations go first, three qubits a block: any that commutes with what was left behind may run.
// When none is ready, all ready phases make one layer, or all ready moves one move. A rotation that
// waits for a single phase (as in a Fourier transform) has it done inside the block.
#include <algorithm>
#include <map>

#include "cpu/tile_program.hpp"

namespace quasim {
namespace {

constexpr std::size_t kMaxBlock = 3;
// Rotations tried as company for the first of a block.
constexpr int kCandidates = 12;
// Blocks between two layers that leave their scale to the second.
constexpr std::size_t kMaxDeferred = 16;

class Scheduler {
 public:
  Scheduler(const Program& program, TileProgram& out) : program_(program), out_(out) {
    for (int i = 0; i < static_cast<int>(items().size()); ++i) {
      todo_.push_back(i);
      touched_ |= item(i).footprint.all();
    }
  }

  void run() {
    while (!todo_.empty()) {
      if (block() || gather(ItemKind::kTerm) || gather(ItemKind::kMove)) continue;
      kernel();
    }
    defer_scales();
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

  // --- blocks ------------------------------------------------------------------------------

  // Tile positions outside a vector that an item acts on, and whether it acts anywhere else than
  // there and inside a vector.
  struct Reach {
    Mask positions = 0;
    bool outside = false;
  };

  Reach reach(const Item& i) const {
    Reach result;
    for_each_bit(i.footprint.all(), [&](int q) {
      const int p = position(q);
      if (p == kNoPosition) {
        result.outside = true;
      } else if (p >= out_.shape.lane_bits) {
        result.positions |= bit(p);
      }
    });
    return result;
  }

  // Items a block on `qubits` could do now, with or without phases.
  std::vector<int> fitting(Mask qubits, bool phases, int& rotations) const {
    std::vector<int> taken;
    std::size_t last = 0;  // one past the last rotation taken
    rotations = 0;
    Footprint passed;
    for (const int i : todo_) {
      const Item& candidate = item(i);
      const bool kind = rotates(candidate) || (phases && candidate.kind == ItemKind::kTerm);
      if (kind && commute(candidate.footprint, passed)) {
        const Reach r = reach(candidate);
        if (!r.outside && (r.positions & ~qubits) == 0) {
          taken.push_back(i);
          if (rotates(candidate)) {
            ++rotations;
            last = taken.size();
          }
          continue;
        }
      }
      passed = unite(passed, candidate.footprint);
      if ((touched_ & ~passed.general) == 0) break;
    }
    taken.resize(last);  // phases that no rotation waits for belong in a layer
    return taken;
  }

  bool block() {
    // The rotations that are ready, and the next ones whether ready or not.
    std::vector<int> ready;
    std::vector<int> next;
    Footprint passed;
    for (const int i : todo_) {
      const Item& candidate = item(i);
      if (rotates(candidate)) {
        if (commute(candidate.footprint, passed)) {
          ready.push_back(i);
          continue;
        }
        if (next.size() < kCandidates) next.push_back(i);
      }
      passed = unite(passed, candidate.footprint);
    }
    if (ready.empty()) return false;
    const bool alone = ready.size() == 1;
    Mask qubits = reach(item(ready.front())).positions;
    int rotations = 0;
    std::vector<int> taken = fitting(qubits, alone, rotations);
    const auto& company = alone ? next : ready;
    while (std::popcount(qubits) < static_cast<int>(kMaxBlock)) {
      Mask best = qubits;
      int tried = 0;
      for (const int i : company) {
        const Mask grown = qubits | reach(item(i)).positions;
        if (grown == qubits || std::popcount(grown) > static_cast<int>(kMaxBlock)) continue;
        if (++tried > kCandidates) break;
        int count = 0;
        auto more = fitting(grown, alone, count);
        if (count > rotations) {
          rotations = count;
          best = grown;
          taken = std::move(more);
          if (!alone) break;  // one more rotation is as good as another
        }
      }
      if (best == qubits) break;
      qubits = best;
    }
    // Qubits that come along fill the registers: fewer, longer groups.
    const int lane_bits = out_.shape.lane_bits;
    for (int p = lane_bits; p < out_.shape.qubits; ++p) {
      if (std::popcount(qubits) == static_cast<int>(kMaxBlock)) break;
      qubits |= bit(p);
    }
    TileOp& op = append(TileOpKind::kBlock, std::move(taken));
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
    op.groups = std::uint64_t{1} << (out_.shape.qubits - lane_bits -
                                     static_cast<int>(op.qubits.size()));
    return true;
  }

  // --- layers and moves --------------------------------------------------------------------

  // All items of a kind that commute with what they would overtake.
  bool gather(ItemKind kind) {
    std::vector<int> taken;
    Footprint passed;
    for (const int i : todo_) {
      const Item& candidate = item(i);
      if (candidate.kind == kind && commute(candidate.footprint, passed)) {
        taken.push_back(i);
      } else {
        passed = unite(passed, candidate.footprint);
      }
    }
    if (taken.empty()) return false;
    if (kind == ItemKind::kTerm) {
      layer(append(TileOpKind::kLayer, std::move(taken)));
    } else {
      move(append(TileOpKind::kMove, std::move(taken)));
    }
    return true;
  }

  // Rotations are done up to a factor; the next layer takes it over for nothing.
  void defer_scales() {
    std::vector<int> blocks;
    for (std::size_t i = 0; i < out_.ops.size(); ++i) {
      TileOp& op = out_.ops[i];
      if (op.kind == TileOpKind::kBlock) blocks.push_back(static_cast<int>(i));
      // Each rotation grows amplitudes by up to sqrt(2): 100 of them stay far from overflow.
      if (op.kind != TileOpKind::kLayer || blocks.size() > kMaxDeferred) continue;
      for (const int b : blocks) {
        TileOp& block = out_.ops[static_cast<std::size_t>(b)];
        block.defers_scale = true;
        op.constant &= block.constant;
      }
      op.deferred = std::move(blocks);
      blocks.clear();
    }
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

  void kernel() {
    // A kernel that waits for nothing: the first item is always one.
    const int first = todo_.front();
    TileOp op{};
    op.kind = TileOpKind::kKernel;
    op.constant = item(first).constant;
    op.operation = item(first).operation;
    todo_.erase(todo_.begin());
    out_.ops.push_back(std::move(op));
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
  std::vector<int> todo_;  // what is left, in the order it came
  Mask touched_ = 0;
};

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
      for (const int p : op.qubits) positions += (positions.empty() ? "" : ", ") + std::to_string(p);
      return "block on positions [" + positions + "] and lanes: " +
             std::to_string(count(ItemKind::kRotation, ItemKind::kPairs)) + " rotations, " +
             std::to_string(count(ItemKind::kTerm)) + " phases";
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

TileProgram schedule(const Program& program, StageItems stage, const TileShape& shape) {
  TileProgram result;
  result.stage = std::move(stage);
  result.shape = shape;
  Scheduler(program, result).run();
  return result;
}

}  // namespace quasim

// Turns the sweeps of a stage into what kernels need to know of them.
#include "cpu/tile_program.hpp"

#include <algorithm>
#include <utility>

#include "cpu/tile_moves.hpp"
#include "cpu/tile_schedule.hpp"

namespace quasim {
namespace {

constexpr int kBlockQubits = 3;
// Rotations between two layers that leave their scale to the second. Each grows amplitudes by up to
// sqrt(2), so these by 2^64: far from overflow in either precision.
constexpr std::ptrdiff_t kMaxDeferred = 128;

void block_details(const TileShape& shape, Mask positions, TileOp& op) {
  // Qubits that come along fill the registers: fewer, longer groups.
  const int lane_bits = shape.lane_bits;
  for (int p = lane_bits; p < shape.qubits; ++p) {
    if (std::popcount(positions) == kBlockQubits) break;
    positions |= bit(p);
  }
  for_each_bit(positions, [&](int p) {
    op.qubits.push_back(p);
    op.fixed |= bit(p - lane_bits);
  });
  op.offsets.assign(std::size_t{1} << op.qubits.size(), 0);
  for (std::size_t row = 0; row < op.offsets.size(); ++row) {
    op.offsets[row] = deposit(row, op.fixed);
  }
  op.groups = std::uint64_t{1} << (shape.qubits - lane_bits - static_cast<int>(op.qubits.size()));
}

void layer_details(const TileProgram& tile, TileOp& op) {
  const int row_bits = tile.shape.row_bits();
  for (const int i : op.items) {
    Mask inner = 0;
    bool outer = false;
    for_each_bit(tile.stage.items[static_cast<std::size_t>(i)].footprint.all(), [&](int q) {
      const int p = tile.shape.position_of(q);
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

void move_details(const Program& program, const TileProgram& tile, TileOp& op) {
  TileMap map = identity_map(tile.shape);
  AffineMove move;
  for (const int i : op.items) {
    const Item& item = tile.stage.items[static_cast<std::size_t>(i)];
    as_affine(program, static_cast<std::size_t>(item.primitive), move);
    compose(move, tile.shape, map);
  }
  move_tables(map, tile.shape, op);
}

// The primitives that an item's numbers come from.
std::vector<std::int32_t> sources(const StageItems& stage, const Item& item) {
  std::vector<std::int32_t> found;
  const auto add = [&](const std::vector<Member>& members) {
    for (const Member& member : members) found.push_back(member.primitive);
  };
  const auto group = static_cast<std::size_t>(item.group);
  if (item.kind == ItemKind::kPairs) {
    found = stage.pairs[group].xx;
    found.insert(found.end(), stage.pairs[group].yy.begin(), stage.pairs[group].yy.end());
  } else if (item.form == TermForm::kCommon && item.kind == ItemKind::kTerm) {
    for (const HopGroup& hop : stage.hops) add(hop.members);
  } else if (item.kind == ItemKind::kHop || item.form == TermForm::kBoth) {
    add(stage.hops[group].members);
  } else if (item.group >= 0) {
    add(stage.groups[group].members);
  } else if (item.primitive >= 0) {
    found.push_back(item.primitive);
  }
  return found;
}

std::vector<std::int32_t> parameters_of(const Program& program, const StageItems& stage,
                                        const std::vector<int>& items) {
  std::vector<std::int32_t> found;
  for (const int i : items) {
    for (const auto primitive : sources(stage, stage.items[static_cast<std::size_t>(i)])) {
      const auto p = static_cast<std::size_t>(primitive);
      const auto first = program.term_parameter.begin();
      found.insert(found.end(), first + program.term_start[p], first + program.term_start[p + 1]);
    }
  }
  std::ranges::sort(found);
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

TileOp operation(const Program& program, const TileProgram& tile, TileSweep sweep) {
  TileOp op{};
  op.kind = sweep.kind;
  for (const int i : sweep.items) {
    op.constant &= tile.stage.items[static_cast<std::size_t>(i)].constant;
  }
  if (op.kind == TileOpKind::kKernel) {
    op.operation = tile.stage.items[static_cast<std::size_t>(sweep.items.front())].operation;
    return op;
  }
  op.items = std::move(sweep.items);
  op.parameters = parameters_of(program, tile.stage, op.items);
  switch (op.kind) {
    case TileOpKind::kBlock:
      block_details(tile.shape, sweep.positions, op);
      break;
    case TileOpKind::kLayer:
      layer_details(tile, op);
      break;
    case TileOpKind::kMove:
      move_details(program, tile, op);
      break;
    case TileOpKind::kKernel:
      break;
  }
  return op;
}

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
      return "block on positions [" + positions + "] and lanes: " +
             std::to_string(count(ItemKind::kRotation, ItemKind::kPairs, ItemKind::kHop)) +
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
  TileProgram tile;
  tile.stage = std::move(stage);
  tile.shape = shape;
  auto sweeps = order_items(program, tile.stage.items, shape, control);
  tile.ops.reserve(sweeps.size());
  for (TileSweep& sweep : sweeps) {
    tile.ops.push_back(operation(program, tile, std::move(sweep)));
    tile.moves |= tile.ops.back().kind == TileOpKind::kMove;
  }
  defer_scales(tile);
  return tile;
}

}  // namespace quasim

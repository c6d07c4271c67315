// What a stage does to each tile, as sweeps over it: blocks of rotations, layers of phases, moves.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cpu/tile_items.hpp"
#include "quasim/bits.hpp"
#include "quasim/control.hpp"

namespace quasim {

enum class TileOpKind : std::uint8_t { kBlock, kLayer, kMove, kKernel };

struct TileOp {
  TileOpKind kind;
  bool constant = true;
  std::vector<int> items;                // of the stage, in the order they act; empty for kKernel
  std::vector<std::int32_t> parameters;  // those its items depend on, ascending
  int operation = -1;                    // kKernel: of the stage

  // kBlock: positions of its qubits, ascending, all outside a vector; and what kernels need.
  std::vector<int> qubits;
  std::vector<std::uint64_t> offsets;
  std::uint64_t fixed = 0;
  std::uint64_t groups = 0;

  bool defers_scale = false;  // a later layer of the stage multiplies by the block's scale

  // kLayer: bits of the row number that choose a row of the table.
  Mask select = 0;
  bool outer = false;      // depends on qubits outside the tile
  bool outer_low = false;  // ... and on their pairs with a position inside a row

  std::vector<int> deferred;  // blocks whose scale it takes over

  // kMove: sources at shift 0, and the shift each outer qubit adds.
  std::vector<std::uint32_t> source;
  std::uint32_t shift = 0;
  std::vector<std::pair<int, std::uint32_t>> outer_shift;
  bool whole_vectors = false;  // lanes stay as they are
  std::vector<std::uint32_t> part_offset;
  std::vector<std::int32_t> part_mask;
  std::vector<std::int32_t> part_lanes;
};

struct TileProgram {
  StageItems stage;
  TileShape shape;
  std::vector<TileOp> ops;
  bool moves = false;
};

// Orders the items of a stage into as few sweeps as a greedy choice finds.
// Looks at `control`, if given, now and then. Throws Cancelled.
TileProgram schedule(const Program& program, StageItems stage, const TileShape& shape,
                     Control* control);

// What an operation does, for people.
std::string describe(const TileProgram& tile, const TileOp& op);

}  // namespace quasim

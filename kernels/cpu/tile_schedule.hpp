// The order in which a tile goes through the items of its stage.
#pragma once

#include <vector>

#include "cpu/tile_program.hpp"

namespace quasim {

// A sweep to be: what a TileOp does, before its numbers are known.
struct TileSweep {
  TileOpKind kind;
  std::vector<int> items;  // of the stage, in the order they act
  Mask positions = 0;      // kBlock: what it mixes, outside a vector
};

// Orders the items of a stage into as few sweeps as a greedy choice finds.
// Looks at `control`, if given, now and then. Throws Cancelled.
std::vector<TileSweep> order_items(const Program& program, const std::vector<Item>& items,
                                   const TileShape& shape, Control* control);

}  // namespace quasim

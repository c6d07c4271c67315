// The numbers of a tile program at given parameters.
#pragma once

#include <vector>

#include "cpu/item_numbers.hpp"
#include "cpu/kernel_table.hpp"
#include "cpu/tile_program.hpp"
#include "quasim/memory.hpp"

namespace quasim {

template <typename T>
struct TileValues {
  AlignedArray<T> coefs;         // of a block's steps; a layer's table
  std::vector<BlockStep> steps;  // of a block
  int forms = -1;                // of a block of rotations only: index into KernelTable::rotations
  bool lanes = false;            // ... whether lanes rotate
  double scale = 1.0;            // of a block that defers it
  AlignedArray<T> high;          // a layer's factor of each row, where it does not depend on a tile
  // A layer that depends on qubits outside: factor of each row before those, and their terms.
  std::vector<Complex> rows;
  std::vector<PhaseTerm> outer;
};

template <typename T>
TileValues<T> bind_block(ItemNumbers& numbers, const TileOp& op);

// `scale` is the product of the scales that the operation's `deferred` blocks left to it.
template <typename T>
TileValues<T> bind_layer(ItemNumbers& numbers, const TileOp& op, double scale);

template <typename T>
double deferred_scale(const std::vector<TileValues<T>>& values, const TileOp& op) {
  double scale = 1.0;
  for (const int b : op.deferred) scale *= values[static_cast<std::size_t>(b)].scale;
  return scale;
}

// Of a block or a layer.
template <typename T>
TileValues<T> bind_tile_op(ItemNumbers& numbers, const TileOp& op, double scale) {
  return op.kind == TileOpKind::kBlock ? bind_block<T>(numbers, op)
                                       : bind_layer<T>(numbers, op, scale);
}

}  // namespace quasim

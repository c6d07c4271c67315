// Permutations of a tile's amplitudes that are affine over the bits of the index, as one move.
#pragma once

#include <cstdint>
#include <span>

#include "cpu/tile_program.hpp"

namespace quasim {

// The move that does the primitives in their order, all of which as_affine() takes; qubits outside
// the tile only control. Fills in what TileOp says of kMove. Costs a step a vector of the tile.
TileOp affine_move(const Program& program, std::span<const std::int32_t> primitives,
                   const TileShape& shape);

}  // namespace quasim

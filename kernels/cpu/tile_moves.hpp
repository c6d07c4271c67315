// The tables by which a sweep of moves rearranges a tile.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "cpu/affine.hpp"
#include "cpu/tile_program.hpp"

namespace quasim {

// x -> linear(x) ^ constant ^ shifts over the index of a tile's amplitudes.
struct TileMap {
  std::vector<std::uint32_t> columns;  // linear part: image of each position
  std::uint32_t constant = 0;
  Mask outer = 0;                          // qubits outside the tile that shift amplitudes
  std::array<std::uint32_t, 64> shifts{};  // of each of these, where it is 1
};

// The identity on a tile.
TileMap identity_map(const TileShape& shape);

// Lets `move` act after `map`.
void compose(const AffineMove& move, const TileShape& shape, TileMap& map);

// Writes the tables of `map` to an operation of kind kMove.
void move_tables(const TileMap& map, const TileShape& shape, TileOp& op);

// The move that does primitives in their order, all of which as_affine() takes; qubits outside the
// tile only control.
TileOp move_of(const Program& program, std::span<const std::int32_t> primitives,
               const TileShape& shape);

}  // namespace quasim

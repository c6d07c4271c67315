// The numbers of a tile program at given parameters.
#pragma once

#include <span>
#include <vector>

#include "cpu/kernel_table.hpp"
#include "cpu/tile_program.hpp"
#include "quasim/memory.hpp"

namespace quasim {

// A diagonal factor: `hit` where the chosen bits match (or have odd parity), else `miss`; or a
// table of the bits.
struct PhaseTerm {
  enum class Kind : std::uint8_t { kMatch, kParity, kTable };
  Kind kind = Kind::kMatch;
  Mask inner = 0;  // positions in the tile
  Mask inner_value = 0;
  Mask outer = 0;  // qubits outside
  Mask outer_value = 0;
  Complex hit = 1.0;
  Complex miss = 1.0;
  std::vector<int> bits;  // kTable: position of each index bit, or -1 - qubit outside
  std::vector<Complex> table;

  Complex at(Mask inside, Mask outside) const;
};

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

// `scale` is the product of the scales that the operation's `deferred` blocks left to it.
template <typename T>
TileValues<T> bind_tile_op(const Program& program, const TileProgram& tile, const TileOp& op,
                           std::span<const double> parameters, double scale);

template <typename T>
double deferred_scale(const std::vector<TileValues<T>>& values, const TileOp& op) {
  double scale = 1.0;
  for (const int b : op.deferred) scale *= values[static_cast<std::size_t>(b)].scale;
  return scale;
}

}  // namespace quasim

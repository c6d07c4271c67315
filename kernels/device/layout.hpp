// Where the amplitudes of a tile are: in which registers of which threads, and in shared memory.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "quasim/bits.hpp"

namespace quasim::device {

// Qubits of a tile by their place, ascending. Bits beyond the circuit's qubits fill small tiles.
struct Layout {
  std::vector<int> registers;
  std::vector<int> threads;
};

// The register qubits `wanted`, filled up to `count` from the top of the tile; the others are the
// bits of the thread number.
Layout layout_of(Mask tile, Mask wanted, int count);

// How amplitudes come from one layout to the next: the place in shared memory of each qubit's bit.
// Of the accesses of a warp, 2^bank_bits at a time use different banks, when writing and when
// reading.
using Images = std::array<std::uint32_t, 64>;
Images images(const Layout& from, const Layout& to, int bank_bits);

}  // namespace quasim::device

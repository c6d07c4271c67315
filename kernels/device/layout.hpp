// Where the amplitudes of a tile are: in which registers of which threads, and in shared memory.
#pragma once

#include <vector>

#include "cuda/program.cuh"
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

// Fills in how amplitudes come from the layout `from` to `to`. Of the accesses of a warp,
// 2^bank_bits at a time use different banks, when writing and when reading.
void connect(const Layout& from, const Layout& to, int bank_bits, quasim_device::Phase& phase);

}  // namespace quasim::device

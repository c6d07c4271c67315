// The sweeps of a tile program over one tile, `outside` being the bits of the qubits outside it.
#pragma once

#include <algorithm>

#include "cpu/outside_phases.hpp"

namespace quasim {

template <typename T>
void block_sweep(const KernelTable<T>& kernels, const TileOp& op, const TileValues<T>& values,
                 T* amplitudes) {
  BlockSweep<T> sweep;
  sweep.amplitudes = amplitudes;
  sweep.coefs = values.coefs.data();
  sweep.steps = values.steps.data();
  sweep.offsets = op.offsets.data();
  sweep.fixed = op.fixed;
  sweep.end = op.groups;
  if (values.forms >= 0) {
    kernels.rotations[values.lanes][values.forms](sweep);
  } else {
    kernels.block[op.qubits.size()](sweep);
  }
}

// The layer without what the qubits outside make of it.
template <typename T>
LayerSweep<T> inside_of(const TileShape& shape, const TileOp& op, const TileValues<T>& values,
                        T* amplitudes) {
  LayerSweep<T> sweep;
  sweep.amplitudes = amplitudes;
  sweep.table = values.coefs.data();
  sweep.select = op.select;
  sweep.row_vectors = std::uint64_t{1} << (shape.row_bits() - shape.lane_bits);
  sweep.end = std::uint64_t{1} << (shape.qubits - shape.row_bits());
  if (values.high.size() != 0) sweep.high = values.high.data();
  return sweep;
}

template <typename T>
void run_layer(const KernelTable<T>& kernels, const LayerSweep<T>& sweep) {
  kernels.layer[sweep.low != nullptr][sweep.high != nullptr](sweep);
}

template <typename T>
void layer_sweep(const KernelTable<T>& kernels, const TileShape& shape, const TileOp& op,
                 const TileValues<T>& values, T* amplitudes, Mask outside,
                 OutsidePhases<T>& phases) {
  LayerSweep<T> sweep = inside_of(shape, op, values, amplitudes);
  if (op.outer) {
    phases.find(values, outside);
    sweep.high = phases.high();
    if (op.outer_low) sweep.low = phases.low();
  }
  run_layer(kernels, sweep);
}

// What the qubits outside add to the sources of a move.
inline std::uint32_t shift_of(const TileOp& move, Mask outside) {
  std::uint32_t shift = move.shift;
  for (const auto& [qubit, more] : move.outer_shift) {
    if ((outside >> qubit) & 1) shift ^= more;
  }
  return shift;
}

template <typename T>
void move_sweep(const KernelTable<T>& kernels, const TileOp& op, Mask outside, const T* from,
                T* to) {
  ShuffleSweep<T> sweep;
  sweep.from = from;
  sweep.to = to;
  sweep.source = op.source.data();
  sweep.shift = shift_of(op, outside);
  sweep.parts = static_cast<std::uint32_t>(op.part_offset.size());
  sweep.part_offset = op.part_offset.data();
  sweep.part_mask = op.part_mask.data();
  sweep.part_lanes = op.part_lanes.data();
  sweep.end = op.source.size();
  kernels.shuffle[op.whole_vectors ? 0 : std::min(sweep.parts, 3u)](sweep);
}

}  // namespace quasim

// Runs a stage's tile program on one tile after the other: one pass over memory.
#pragma once

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "cpu/bound.hpp"
#include "cpu/outside_phases.hpp"
#include "cpu/tile_collapse.hpp"
#include "cpu/tile_tally.hpp"

namespace quasim {

// What a pass takes along: before the stage, and after it.
template <typename T>
struct TileExtras {
  const TileCollapse<T>* collapse = nullptr;
  TileTally<T>* tally = nullptr;
};

// Belongs to one thread.
template <typename T>
class TileRunner {
 public:
  TileRunner(const CompiledStage<T>& stage, const Bound<T>& bound, std::size_t number,
             T* amplitudes, Mask outer, TileExtras<T> extras)
      : stage_(stage),
        bound_(bound),
        values_(bound.values[number]),
        first_op_(bound.first_op[number]),
        amplitudes_(amplitudes),
        outer_(outer),
        extras_(extras),
        buffer_(stage),
        other_(stage.tile.moves ? std::size_t{2} << stage.padded_qubits : 0),
        phases_(any_outer() ? OutsidePhases<T>(stage.tile.shape) : OutsidePhases<T>()),
        scratch_(bound.plan.scratch_size) {}

  // Runs tile `tile`; the next will be `tile` + 1 if that is below `tiles`. `polls`: in the calling
  // thread. The tally, if there is one, counts it to `chunk`.
  void operator()(std::uint64_t tile, std::uint64_t tiles, std::uint64_t chunk, Control& control,
                  bool polls) {
    const Mask outside = deposit(tile, outer_);
    T* const home = amplitudes_ + 2 * outside;
    if (extras_.collapse != nullptr && !extras_.collapse->leaves(outside)) {
      buffer_.clear(home);
      return;
    }
    if (extras_.collapse == nullptr && extras_.tally == nullptr && stage_.only_kernels &&
        std::ranges::none_of(stage_.ops,
                             [&](const CompiledOp<T>& op) { return acts_on(op, outside); })) {
      return;
    }
    work_ = buffer_.gather(home);
    if (extras_.collapse != nullptr) (*extras_.collapse)(work_);
    spare_ = other_.data();
    const auto& ops = stage_.tile.ops;
    for (std::size_t i = 0; i < ops.size(); ++i) {
      if (control.stopped()) return;
      if (polls && i % 16 == 0) control.poll();
      switch (ops[i].kind) {
        case TileOpKind::kBlock:
          block(ops[i], *values_[i]);
          break;
        case TileOpKind::kLayer:
          layer(ops[i], *values_[i], outside);
          break;
        case TileOpKind::kMove:
          move(ops[i], outside);
          break;
        case TileOpKind::kKernel:
          kernel(ops[i], outside);
          break;
      }
    }
    if (extras_.tally != nullptr) extras_.tally->add(chunk, work_, outside);
    const T* const next = tile + 1 < tiles ? amplitudes_ + 2 * deposit(tile + 1, outer_) : nullptr;
    buffer_.scatter(work_, home, next);
  }

 private:
  int row_bits() const { return stage_.tile.shape.row_bits(); }
  const KernelTable<T>& kernels() const { return *bound_.plan.kernels; }

  bool any_outer() const {
    return std::ranges::any_of(stage_.tile.ops, [](const TileOp& op) { return op.outer; });
  }

  void block(const TileOp& op, const TileValues<T>& values) {
    BlockSweep<T> sweep;
    sweep.amplitudes = work_;
    sweep.coefs = values.coefs.data();
    sweep.steps = values.steps.data();
    sweep.offsets = op.offsets.data();
    sweep.fixed = op.fixed;
    sweep.end = op.groups;
    if (values.forms >= 0) {
      kernels().rotations[values.lanes][values.forms](sweep);
    } else {
      kernels().block[op.qubits.size()](sweep);
    }
  }

  void layer(const TileOp& op, const TileValues<T>& values, Mask outside) {
    LayerSweep<T> sweep;
    sweep.amplitudes = work_;
    sweep.table = values.coefs.data();
    sweep.select = op.select;
    sweep.row_vectors = std::uint64_t{1} << (row_bits() - stage_.tile.shape.lane_bits);
    sweep.end = std::uint64_t{1} << (stage_.tile.shape.qubits - row_bits());
    if (values.high.size() != 0) sweep.high = values.high.data();
    if (op.outer) {
      phases_.find(values, outside);
      sweep.high = phases_.high();
      if (op.outer_low) sweep.low = phases_.low();
    }
    kernels().layer[sweep.low != nullptr][sweep.high != nullptr](sweep);
  }

  void move(const TileOp& op, Mask outside) {
    ShuffleSweep<T> sweep;
    sweep.from = work_;
    sweep.to = spare_;
    sweep.source = op.source.data();
    sweep.shift = op.shift;
    for (const auto& [qubit, shift] : op.outer_shift) {
      if ((outside >> qubit) & 1) sweep.shift ^= shift;
    }
    sweep.parts = static_cast<std::uint32_t>(op.part_offset.size());
    sweep.part_offset = op.part_offset.data();
    sweep.part_mask = op.part_mask.data();
    sweep.part_lanes = op.part_lanes.data();
    sweep.end = op.source.size();
    kernels().shuffle[op.whole_vectors ? 0 : std::min(sweep.parts, 3u)](sweep);
    std::swap(work_, spare_);
  }

  void kernel(const TileOp& op, Mask outside) {
    const auto o = static_cast<std::size_t>(op.operation);
    const auto& compiled = stage_.ops[o];
    if (!acts_on(compiled, outside)) return;
    sweep<T>(compiled, bound_.functions[first_op_ + o], bound_.coefs_of(compiled), work_, outside,
             0, compiled.groups, scratch_.data());
  }

  const CompiledStage<T>& stage_;
  const Bound<T>& bound_;
  const std::vector<const TileValues<T>*>& values_;
  std::size_t first_op_;
  T* amplitudes_;
  Mask outer_;  // qubits that number the tiles
  TileExtras<T> extras_;
  TileBuffer<T> buffer_;
  AlignedArray<T> other_;
  T* work_ = nullptr;
  T* spare_ = nullptr;
  OutsidePhases<T> phases_;
  AlignedArray<T> scratch_;
};

}  // namespace quasim

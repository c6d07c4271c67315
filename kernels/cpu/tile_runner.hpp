// Runs a stage's tile program on one tile after the other: one pass over memory.
#pragma once

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "cpu/bound.hpp"
#include "cpu/tile_collapse.hpp"
#include "cpu/tile_sweeps.hpp"
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
          block_sweep(kernels(), ops[i], *values_[i], work_);
          break;
        case TileOpKind::kLayer:
          layer_sweep(kernels(), stage_.tile.shape, ops[i], *values_[i], work_, outside, phases_);
          break;
        case TileOpKind::kMove:
          move_sweep(kernels(), ops[i], outside, work_, spare_);
          std::swap(work_, spare_);
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
  const KernelTable<T>& kernels() const { return *bound_.plan.kernels; }

  bool any_outer() const {
    return std::ranges::any_of(stage_.tile.ops, [](const TileOp& op) { return op.outer; });
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

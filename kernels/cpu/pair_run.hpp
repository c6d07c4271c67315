// Runs a stage over two states: tiles shared by the threads, blocks of them in the first cache.
#pragma once

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "cpu/pair_ops.hpp"
#include "cpu/tile_sweeps.hpp"
#include "quasim/control.hpp"
#include "quasim/thread_pool.hpp"

namespace quasim {

// Sums are kept for a number of parts and added in order, so that they do not depend on which
// thread took which part. More parts serve more threads, but each costs its sums.
inline constexpr std::uint64_t kMostPairParts = 64;
inline constexpr std::uint64_t kFewPairParts = 16;

// A share of an operation's work on one tile.
struct Share {
  std::uint64_t part = 0;
  std::uint64_t parts = 1;

  std::uint64_t begin(std::uint64_t count) const { return at(count, part); }
  std::uint64_t end(std::uint64_t count) const { return at(count, part + 1); }

 private:
  std::uint64_t at(std::uint64_t count, std::uint64_t p) const {
    return count / parts * p + count % parts * p / parts;
  }
};

// One operation on one tile of both states.
template <typename T>
struct PairTask {
  const PairOp<T>& op;
  T* first;
  T* second;
  Mask outside;  // the tile, in the numbering of the stage
  Share share;
  T* scratch;
  double* sums;  // of this part
};

// Sweeps over both states with the kernel for a single one.
template <typename T>
void sweep_each(const PairTask<T>& task) {
  const CompiledOp<T>& op = *task.op.op;
  for (T* const state : {task.first, task.second}) {
    sweep<T>(op, task.op.single, task.op.coefs, state, task.outside, task.share.begin(op.groups),
             task.share.end(op.groups), task.scratch);
  }
}

// Where the tiles of a stage lie in a state, for TileBuffer.
template <typename T>
CompiledStage<T> tiles_of(const PairStage& stage, int lane_bits) {
  CompiledStage<T> tiles;
  tiles.tile_qubits = static_cast<int>(stage.order.size());
  tiles.padded_qubits = std::max(tiles.tile_qubits, lane_bits);
  tiles.run_qubits = std::countr_one(stage.local);
  tiles.in_place =
      tiles.run_qubits >= tiles.tile_qubits && tiles.padded_qubits == tiles.tile_qubits;
  tiles.run_offsets.assign(std::size_t{1} << (tiles.tile_qubits - tiles.run_qubits), 0);
  for (std::size_t r = 0; r < tiles.run_offsets.size(); ++r) {
    for_each_bit(r, [&](int k) {
      tiles.run_offsets[r] |= bit(stage.order[static_cast<std::size_t>(tiles.run_qubits + k)]);
    });
  }
  return tiles;
}

// Both states, and how to run operations on them. `Before` and `After` take a PairTask; the second
// starts when the first is done on the whole tile.
template <typename T, typename Before, typename After>
class PairRun {
 public:
  PairRun(const PairStage& stage, const PairOps<T>& ops, int num_qubits, Before before, After after)
      : stage_(stage),
        ops_(ops),
        before_(before),
        after_(after),
        outer_(low_mask(num_qubits) & ~stage.local),
        tiles_(std::uint64_t{1} << std::popcount(outer_)),
        sums_(parts() * ops.num_sums(), 0.0) {}

  // The sums of the stage, empty if it was stopped.
  std::vector<double> operator()(T* first, T* second, Control& control, int threads) {
    if (stage_.whole) {
      run_whole(first, second, control, threads);
    } else {
      run_tiles(first, second, control, threads);
    }
    if (control.stopped()) return {};
    const std::size_t size = ops_.num_sums();
    for (std::uint64_t part = 1; part < parts(); ++part) {
      for (std::size_t k = 0; k < size; ++k) sums_[k] += sums_[part * size + k];
    }
    return std::move(sums_);
  }

 private:
  std::uint64_t parts() const {
    if (stage_.whole) return kMostPairParts;
    return std::min(tiles_, std::clamp(tiles_ / 16, kFewPairParts, kMostPairParts));
  }

  // What one thread holds of both states.
  struct Tile {
    TileBuffer<T> first_buffer;
    TileBuffer<T> second_buffer;
    std::array<AlignedArray<T>, 2> other;  // room to move to
    AlignedArray<T> sums;                  // of a layer
    AlignedArray<T> scratch;
    std::vector<typename PairLayer<T>::Space> spaces;  // of each phase that is a layer

    T* first = nullptr;
    T* second = nullptr;
    std::array<T*, 2> spare{};

    Tile(const CompiledStage<T>& tiles, const PairOps<T>& ops)
        : first_buffer(tiles),
          second_buffer(tiles),
          other{AlignedArray<T>(size(tiles, ops.moves())),
                AlignedArray<T>(size(tiles, ops.moves()))},
          sums(ops.layer_size()),
          scratch(ops.scratch_size()) {
      for (const auto& phase : ops.phases()) {
        if (phase.layer) spaces.push_back(phase.layer->space());
      }
    }
    static std::size_t size(const CompiledStage<T>& tiles, bool needed) {
      return needed ? std::size_t{2} << tiles.padded_qubits : 0;
    }
  };

  void run_tiles(T* first, T* second, Control& control, int threads) {
    const CompiledStage<T> tiles = tiles_of<T>(stage_, ops_.kernels().lane_bits);
    const std::uint64_t tiles_a_part = tiles_ / parts();
    const auto body = [&](std::uint64_t begin, std::uint64_t end, int worker) {
      Tile tile(tiles, ops_);
      const std::uint64_t last = end * tiles_a_part;
      for (std::uint64_t t = begin * tiles_a_part; t < last; ++t) {
        const Mask home = 2 * deposit(t, outer_);
        tile.first = tile.first_buffer.gather(first + home);
        tile.second = tile.second_buffer.gather(second + home);
        tile.spare = {tile.other[0].data(), tile.other[1].data()};
        double* const sums = sums_.data() + t / tiles_a_part * ops_.num_sums();
        if (!run_phases(tile, t << tiles.tile_qubits, sums, control, worker == 0)) return;
        if (!stage_.writes) continue;
        const Mask next = 2 * deposit(t + 1, outer_);
        const bool more = t + 1 < last;
        tile.first_buffer.scatter(tile.first, first + home, more ? first + next : nullptr);
        tile.second_buffer.scatter(tile.second, second + home, more ? second + next : nullptr);
      }
    };
    if (threads == 1) {
      body(0, parts(), 0);
    } else {
      parallel_ranges(parts(), threads, control, body);
    }
  }

  // All of a stage on one tile. Returns false if it was stopped.
  bool run_phases(Tile& tile, Mask outside, double* sums, Control& control, bool polls) {
    std::size_t layer = 0;
    const TileOp* move = nullptr;  // left to the next phase
    const auto& phases = ops_.phases();
    for (std::size_t p = 0; p < phases.size(); ++p) {
      const PairPhaseOps<T>& phase = phases[p];
      if (control.stopped()) return false;
      if (polls) control.poll();
      switch (phase.kind) {
        case PairKind::kOperations:
          run_levels(phase, outside, tile, sums);
          break;
        case PairKind::kLayer:
          phase.layer->run(
              {tile.first, tile.second, tile.sums.data(), move, tile.spare[0], tile.spare[1]},
              outside, tile.spaces[layer++], sums + phase.sum_start);
          if (move != nullptr) {
            std::swap(tile.first, tile.spare[0]);
            std::swap(tile.second, tile.spare[1]);
            move = nullptr;
          }
          break;
        case PairKind::kConstant: {
          std::span<const TileOp> ops;
          if (phase.move) {
            ops = {phase.move.get(), 1};
          } else {
            ops = phase.tiles().tile.ops;
          }
          const bool layer_next = p + 1 < phases.size() && phases[p + 1].kind == PairKind::kLayer;
          if (layer_next && ops.back().kind == TileOpKind::kMove && is_simple(ops.back())) {
            move = &ops.back();
            ops = ops.first(ops.size() - 1);
          }
          run_constant(phase, ops, outside, tile.first, tile.spare[0], tile.scratch.data());
          run_constant(phase, ops, outside, tile.second, tile.spare[1], tile.scratch.data());
          break;
        }
      }
    }
    return true;
  }

  // Sweeps of what has no parameter, on a tile of one state.
  void run_constant(const PairPhaseOps<T>& phase, std::span<const TileOp> ops, Mask outside,
                    T*& work, T*& spare, T* scratch) {
    for (std::size_t i = 0; i < ops.size(); ++i) {
      const TileOp& op = ops[i];
      switch (op.kind) {
        case TileOpKind::kBlock:
          block_sweep(ops_.kernels(), op, *phase.bound->values.front()[i], work);
          break;
        case TileOpKind::kLayer:
          // No constant depends on qubits outside other than by where a move takes from.
          run_layer(ops_.kernels(),
                    inside_of(phase.tiles().tile.shape, op, *phase.bound->values.front()[i], work));
          break;
        case TileOpKind::kMove:
          move_sweep(ops_.kernels(), op, outside, work, spare);
          std::swap(work, spare);
          break;
        case TileOpKind::kKernel: {
          const auto o = static_cast<std::size_t>(op.operation);
          const CompiledOp<T>& compiled = phase.tiles().ops[o];
          if (!acts_on(compiled, outside)) break;
          sweep<T>(compiled, phase.bound->functions[o], phase.bound->coefs_of(compiled), work,
                   outside, 0, compiled.groups, scratch);
          break;
        }
      }
    }
  }

  // Operations on one tile, level by level.
  void run_levels(const PairPhaseOps<T>& phase, Mask outside, Tile& tile, double* sums) {
    std::size_t op = 0;
    for (const CompiledStage<T>& level : phase.plan->stages) {
      const std::span<const PairOp<T>> ops(phase.ops.data() + op, level.ops.size());
      run_level(level, ops, outside, tile.first, tile.second, tile.scratch.data(), sums);
      op += level.ops.size();
    }
  }

  // The operations of one level on one tile, block by block.
  void run_level(const CompiledStage<T>& level, std::span<const PairOp<T>> ops, Mask outside, T* a,
                 T* b, T* scratch, double* sums) {
    const auto tile = std::uint64_t{1} << stage_.order.size();
    for (std::uint64_t at = 0; at < tile; at += std::uint64_t{1} << level.tile_qubits) {
      for (const PairOp<T>& op : ops) {
        if (!acts_on(*op.op, outside | at)) continue;
        const PairTask<T> task{op, a + 2 * at, b + 2 * at, outside | at, {}, scratch, sums};
        before_(task);
        after_(task);
      }
    }
  }

  // One operation after the other over the whole states, each shared by the threads.
  void run_whole(T* first, T* second, Control& control, int threads) {
    for (const PairPhaseOps<T>& phase : ops_.phases()) {
      for (const PairOp<T>& op : phase.ops) {
        if (!run_whole(op, first, second, control, threads)) return;
      }
    }
  }

  // Returns false if it was stopped.
  bool run_whole(const PairOp<T>& op, T* first, T* second, Control& control, int threads) {
    const auto each = [&](const auto& work) {
      parallel_ranges(kMostPairParts, threads, control,
                      [&](std::uint64_t begin, std::uint64_t end, int worker) {
                        AlignedArray<T> scratch(ops_.scratch_size());
                        for (std::uint64_t part = begin; part < end; ++part) {
                          if (control.stopped()) return;
                          if (worker == 0) control.poll();
                          work(PairTask<T>{op,
                                           first,
                                           second,
                                           0,
                                           {part, kMostPairParts},
                                           scratch.data(),
                                           sums_.data() + part * ops_.num_sums()});
                        }
                      });
    };
    each(before_);
    if (control.stopped()) return false;
    each(after_);
    return !control.stopped();
  }

  const PairStage& stage_;
  const PairOps<T>& ops_;
  Before before_;
  After after_;
  Mask outer_;
  std::uint64_t tiles_;
  std::vector<double> sums_;
};

}  // namespace quasim

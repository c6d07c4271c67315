// Runs a stage over two states: tiles shared by the threads, blocks of them in the first cache.
#pragma once

#include <algorithm>
#include <vector>

#include "cpu/pair_ops.hpp"
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

  void run_tiles(T* first, T* second, Control& control, int threads) {
    const CompiledStage<T> tiles = tiles_of<T>(stage_, ops_.plan().kernels->lane_bits);
    const std::uint64_t tiles_a_part = tiles_ / parts();
    const auto body = [&](std::uint64_t begin, std::uint64_t end, int worker) {
      TileBuffer<T> first_buffer(tiles);
      TileBuffer<T> second_buffer(tiles);
      AlignedArray<T> scratch(ops_.plan().scratch_size);
      for (std::uint64_t t = begin * tiles_a_part; t < end * tiles_a_part; ++t) {
        const Mask home = 2 * deposit(t, outer_);
        T* const a = first_buffer.gather(first + home);
        T* const b = second_buffer.gather(second + home);
        double* const sums = sums_.data() + t / tiles_a_part * ops_.num_sums();
        std::size_t op = 0;
        for (const CompiledStage<T>& level : ops_.plan().stages) {
          if (control.stopped()) return;
          if (worker == 0) control.poll();
          const std::span<const PairOp<T>> ops(ops_.ops().data() + op, level.ops.size());
          run_level(level, ops, t << tiles.tile_qubits, a, b, scratch.data(), sums);
          op += level.ops.size();
        }
        if (!stage_.writes) continue;
        first_buffer.scatter(a, first + home, nullptr);
        second_buffer.scatter(b, second + home, nullptr);
      }
    };
    if (threads == 1) {
      body(0, parts(), 0);
    } else {
      parallel_ranges(parts(), threads, control, body);
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
    for (const PairOp<T>& op : ops_.ops()) {
      const auto each = [&](const auto& work) {
        parallel_ranges(kMostPairParts, threads, control,
                        [&](std::uint64_t begin, std::uint64_t end, int worker) {
                          AlignedArray<T> scratch(ops_.plan().scratch_size);
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
      if (control.stopped()) return;
      each(after_);
      if (control.stopped()) return;
    }
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

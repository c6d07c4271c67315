// What running a compiled plan shares with un-computing it: coefficients, sweeps, tiles.
#pragma once

#include <cstring>
#include <vector>

#include "cpu/bind_memo.hpp"
#include "cpu/compiled.hpp"

namespace quasim {

// The coefficients of one run.
template <typename T>
struct Bound {
  const CompiledPlan<T>& plan;
  AlignedArray<T> coefs;
  std::vector<SweepFn<T>> functions;                      // by operation, over all stages
  std::vector<std::size_t> first_op;                      // of each stage, in `functions`
  std::vector<std::vector<const TileValues<T>*>> values;  // by stage and tile operation

  // `memo`, if given, keeps numbers; it must outlive the object and serve no other meanwhile.
  Bound(const Program& program, const CompiledPlan<T>& compiled, std::span<const double> parameters,
        BindMemo<T>* memo = nullptr)
      : plan(compiled), coefs(compiled.bound_size) {
    for (const auto& stage : plan.stages) {
      first_op.push_back(functions.size());
      bind_tile_ops(program, stage, parameters, memo);
      for (const auto& op : stage.ops) {
        SweepFn<T> function = op.function;
        if (!op.constant &&
            bind(program, op, parameters, plan.kernels->lane_bits, coefs.data() + op.coef_start)) {
          function = op.real_function;
        }
        functions.push_back(function);
      }
    }
  }

  const T* coefs_of(const CompiledOp<T>& op) const {
    return (op.constant ? plan.constants.data() : coefs.data()) + op.coef_start;
  }

 private:
  void bind_tile_ops(const Program& program, const CompiledStage<T>& stage,
                     std::span<const double> parameters, BindMemo<T>* memo) {
    const std::size_t number = values.size();
    auto& list = values.emplace_back();
    list.reserve(stage.tile.ops.size());
    ItemNumbers numbers(program, stage.tile, parameters);
    for (std::size_t i = 0; i < stage.tile.ops.size(); ++i) {
      const TileOp& op = stage.tile.ops[i];
      const bool has_numbers = op.kind == TileOpKind::kBlock || op.kind == TileOpKind::kLayer;
      if (has_numbers && !op.constant) {
        double scale = 1.0;
        for (const int b : op.deferred) scale *= list[static_cast<std::size_t>(b)]->scale;
        const auto make = [&] { return bind_tile_op<T>(numbers, op, scale); };
        if (memo != nullptr) {
          list.push_back(memo->get(number, i, op, scale, parameters, make));
          continue;
        }
        fresh_.push_back(std::make_unique<TileValues<T>>(make()));
        list.push_back(fresh_.back().get());
      } else {
        list.push_back(&stage.values[i]);
      }
    }
  }

  std::vector<std::unique_ptr<TileValues<T>>> fresh_;
};

// Sweeps groups [begin, end) of `op` over a tile whose qubits outside have the bits of `outside`.
template <typename T>
void sweep(const CompiledOp<T>& op, SweepFn<T> function, const T* coefs, T* tile, Mask outside,
           std::uint64_t begin, std::uint64_t end, T* scratch) {
  Sweep<T> s = op.sweep;
  const std::size_t choice = op.outer_select == 0 ? 0 : extract(outside, op.outer_select);
  s.amplitudes = tile;
  s.coefs = coefs + choice * op.coef_size;
  s.begin = begin;
  s.end = end;
  s.negate = static_cast<std::uint64_t>(parity(outside & op.outer_parity));
  s.offsets = op.offsets.data();
  if (!op.cycles.empty()) s.cycles = op.cycles.data() + op.cycle_start[choice];
  s.scratch = scratch;
  function(s);
}

template <typename T>
bool acts_on(const CompiledOp<T>& op, Mask outside) {
  return (outside & op.outer_control_mask) == op.outer_control_value;
}

// Holds the amplitudes of one tile while operations run on it, unless they are contiguous already.
template <typename T>
class TileBuffer {
 public:
  explicit TileBuffer(const CompiledStage<T>& stage)
      : stage_(stage), buffer_(stage.in_place ? 0 : std::size_t{2} << stage.padded_qubits) {
    if (!stage.in_place) std::memset(buffer_.data(), 0, buffer_.size() * sizeof(T));
  }

  // Where the tile that starts at `home` can be worked on.
  T* gather(T* home) {
    if (stage_.in_place) return home;
    T* to = buffer_.data();
    for (const auto offset : stage_.run_offsets) {
      std::memcpy(to, home + 2 * offset, run_bytes());
      to += std::size_t{2} << stage_.run_qubits;
    }
    return buffer_.data();
  }

  // Zeroes the tile that starts at `home`.
  void clear(T* home) const {
    for (const auto offset : stage_.run_offsets) std::memset(home + 2 * offset, 0, run_bytes());
  }

  // Writes a tile that was worked on at `from` back to its home. Meanwhile the tile at `next`, if
  // there is one, is brought nearer: its runs are too far apart for the hardware to foresee them.
  void scatter(const T* from, T* home, const T* next) const {
    if (stage_.in_place) {
      if (from != home) {
        std::memcpy(home, from, sizeof(T) * (std::size_t{2} << stage_.tile_qubits));
      }
      return;
    }
    for (const auto offset : stage_.run_offsets) {
      std::memcpy(home + 2 * offset, from, run_bytes());
      from += std::size_t{2} << stage_.run_qubits;
      if (next == nullptr) continue;
      const char* const line = reinterpret_cast<const char*>(next + 2 * offset);
      for (std::size_t b = 0; b < run_bytes(); b += 64) __builtin_prefetch(line + b, 1, 2);
    }
  }

 private:
  std::size_t run_bytes() const { return sizeof(T) * (std::size_t{2} << stage_.run_qubits); }

  const CompiledStage<T>& stage_;
  AlignedArray<T> buffer_;
};

}  // namespace quasim

#include "quasim/adjoint.hpp"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "cpu/blocks.hpp"
#include "cpu/bound.hpp"
#include "cpu/denormals.hpp"
#include "cpu/probe.hpp"

namespace quasim {
namespace {

// Sums are kept for this many parts of a pass and added in order, so that they do not depend on
// which thread took which part.
constexpr std::uint64_t kParts = 64;
// Stages with more local qubits go operation by operation over the whole state.
constexpr int kMaxTile = 16;

template <typename T>
class StageAdjoint {
 public:
  StageAdjoint(const CompiledStage<T>& stage, const Bound<T>& bound, std::size_t first_op)
      : stage_(stage), bound_(bound), first_op_(first_op) {
    for (const auto& op : stage.ops) {
      probes_.emplace_back(op, stage, *bound.plan.kernels);
      starts_.push_back(size_);
      size_ += probes_.back().size();
    }
  }

  // Runs the stage on both states and writes the derivatives of its primitives.
  void operator()(const Program& inverse, std::span<const double> parameters, T* ket, T* bra,
                  std::span<double> derivatives, Control& control, int threads) {
    const std::uint64_t tiles = std::uint64_t{1} << std::popcount(stage_.outer_qubits);
    const std::uint64_t parts = std::min(kParts, tiles);
    std::vector<double> sums(kParts * size_, 0.0);
    if (tiles == 1 && stage_.tile_qubits > kMaxTile) {
      run_whole(ket, bra, sums, control, threads);
    } else {
      run_tiles(ket, bra, tiles / parts, parts, sums, control, threads);
    }
    if (control.stopped()) return;
    for (std::uint64_t part = 1; part < kParts; ++part) {
      for (std::size_t k = 0; k < size_; ++k) sums[k] += sums[part * size_ + k];
    }
    for (std::size_t i = 0; i < probes_.size(); ++i) {
      if (!probes_[i].wanted()) continue;
      probes_[i].finish(inverse, parameters, sums.data() + starts_[i], derivatives);
    }
  }

 private:
  void apply(std::size_t i, T* tile, Mask outside, std::uint64_t begin, std::uint64_t end,
             T* scratch) const {
    const auto& op = stage_.ops[i];
    sweep<T>(op, bound_.functions[first_op_ + i], bound_.coefs_of(op), tile, outside, begin, end,
             scratch);
  }

  // Every operation on a tile of both states while it is in the cache.
  void run_tiles(T* ket, T* bra, std::uint64_t tiles_a_part, std::uint64_t parts,
                 std::vector<double>& sums, Control& control, int threads) {
    const auto body = [&](std::uint64_t begin, std::uint64_t end, int worker) {
      TileBuffer<T> ket_buffer(stage_);
      TileBuffer<T> bra_buffer(stage_);
      const AlignedArray<T> scratch(bound_.plan.scratch_size);
      for (std::uint64_t t = begin * tiles_a_part; t < end * tiles_a_part; ++t) {
        if (control.stopped()) return;
        if (worker == 0) control.poll();
        const Mask outside = deposit(t, stage_.outer_qubits);
        double* const mine = sums.data() + t / tiles_a_part * size_;
        T* const k = ket_buffer.gather(ket + 2 * outside);
        T* const b = bra_buffer.gather(bra + 2 * outside);
        for (std::size_t i = 0; i < stage_.ops.size(); ++i) {
          const auto& op = stage_.ops[i];
          if (!acts_on(op, outside)) continue;
          if (probes_[i].wanted()) {
            probes_[i].add(k, b, outside, 0, probes_[i].units(), mine + starts_[i]);
          }
          T* const free = const_cast<T*>(scratch.data());
          apply(i, k, outside, 0, op.groups, free);
          apply(i, b, outside, 0, op.groups, free);
        }
        ket_buffer.scatter(k, ket + 2 * outside, nullptr);
        bra_buffer.scatter(b, bra + 2 * outside, nullptr);
      }
    };
    if (threads == 1) {
      body(0, parts, 0);
    } else {
      parallel_ranges(parts, threads, control, body);
    }
  }

  // One operation after the other, each shared by the threads.
  void run_whole(T* ket, T* bra, std::vector<double>& sums, Control& control, int threads) {
    const auto share = [](std::uint64_t count, std::uint64_t part) {
      return count / kParts * part + count % kParts * part / kParts;
    };
    for (std::size_t i = 0; i < stage_.ops.size(); ++i) {
      const auto& op = stage_.ops[i];
      const auto each = [&](auto work) {
        parallel_ranges(kParts, threads, control,
                        [&](std::uint64_t begin, std::uint64_t end, int worker) {
                          for (std::uint64_t part = begin; part < end; ++part) {
                            if (control.stopped()) return;
                            if (worker == 0) control.poll();
                            work(part);
                          }
                        });
      };
      if (probes_[i].wanted()) {
        const std::uint64_t units = probes_[i].units();
        each([&](std::uint64_t part) {
          probes_[i].add(ket, bra, 0, share(units, part), share(units, part + 1),
                         sums.data() + part * size_ + starts_[i]);
        });
        if (control.stopped()) return;
      }
      each([&](std::uint64_t part) {
        const AlignedArray<T> scratch(op.recipe == Recipe::kWide ? 4 * op.sweep.rows : 0);
        T* const free = const_cast<T*>(scratch.data());
        apply(i, ket, 0, share(op.groups, part), share(op.groups, part + 1), free);
        apply(i, bra, 0, share(op.groups, part), share(op.groups, part + 1), free);
      });
      if (control.stopped()) return;
    }
  }

  const CompiledStage<T>& stage_;
  const Bound<T>& bound_;
  std::size_t first_op_;
  std::vector<Probe<T>> probes_;
  std::vector<std::size_t> starts_;
  std::size_t size_ = 0;
};

}  // namespace

template <typename T>
void adjoint(const NativePlan& inverse, T* ket, T* bra, std::span<const double> parameters,
             std::span<double> derivatives, Control& control, int threads) {
  const FlushDenormals guard;
  const auto compiled = inverse.compiled<T>(reduction_kernels<T>(), Form::kOperations);
  const Program& program = inverse.program();
  const Bound<T> bound(program, *compiled, parameters);
  const int workers = choose_threads(std::uint64_t{1} << program.num_qubits, threads);
  std::ranges::fill(derivatives, 0.0);
  std::size_t first_op = 0;
  for (const auto& stage : compiled->stages) {
    control.throw_if_cancelled();
    control.poll();
    StageAdjoint<T>(stage, bound, first_op)(program, parameters, ket, bra, derivatives, control,
                                            workers);
    first_op += stage.ops.size();
  }
  control.throw_if_cancelled();
}

template void adjoint(const NativePlan&, float*, float*, std::span<const double>, std::span<double>,
                      Control&, int);
template void adjoint(const NativePlan&, double*, double*, std::span<const double>,
                      std::span<double>, Control&, int);

}  // namespace quasim

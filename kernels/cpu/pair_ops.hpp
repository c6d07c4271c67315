// The operations of a stage over two states, made ready at given parameters.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "cpu/bound.hpp"
#include "cpu/generator.hpp"
#include "quasim/pair_plan.hpp"

namespace quasim {

// One operation: a kernel on both states where there is one, else one sweep over each.
template <typename T>
struct PairOp {
  const CompiledOp<T>* op = nullptr;
  SweepFn<T> single = nullptr;   // the sweep over one state
  PairFn<T> function = nullptr;  // null: `single` on each state
  const T* coefs = nullptr;      // with `coef_size` reals for each value of outer_select
  const T* rates = nullptr;      // with `rate_size` reals for each
  std::size_t coef_size = 0;
  std::size_t rate_size = 0;

  std::optional<Generator<T>> generator;  // if it has parameters but no kernel
  double rate = 0.0;                      // derivative along the tangent, if `generator`

  bool parametric = false;
  bool applied = true;
  PairMode mode = kUndo;         // of a rotation
  const PairOp* next = nullptr;  // runs in the same sweep
  bool merged = false;           // runs in the sweep of the operation before
  double weight = 1.0;           // of its sums
  std::size_t sum_start = 0;
  std::size_t sum_size = 0;  // for each value of outer_select
};

template <typename T>
class PairOps {
 public:
  // For un-computing two states. Between the operations of a stage both may be off by a common
  // factor, which the weights of the sums take into account.
  PairOps(const PairStage& stage, const KernelTable<T>& kernels,
          std::span<const double> parameters);
  // For running a state and its derivative along `tangent`, one entry for each parameter.
  PairOps(const PairStage& stage, const KernelTable<T>& kernels, std::span<const double> parameters,
          std::span<const double> tangent);

  PairOps(const PairOps&) = delete;
  PairOps& operator=(const PairOps&) = delete;

  const CompiledPlan<T>& plan() const { return *plan_; }
  const std::vector<PairOp<T>>& ops() const { return ops_; }
  std::size_t num_sums() const { return num_sums_; }

  // Groups of a tile that the kernel of `op` sweeps.
  static std::uint64_t groups(const PairOp<T>& op) {
    return op.next == nullptr ? op.op->groups : op.op->groups / 2;
  }
  // Runs the kernel of `op` on groups [begin, end) of a tile; `sums` are those of the stage.
  static void run(const PairOp<T>& op, T* first, T* second, Mask outside, std::uint64_t begin,
                  std::uint64_t end, double* sums);

  // Writes the derivatives of the primitives of `op`.
  void finish(const PairOp<T>& op, const double* sums, std::span<double> derivatives) const;

 private:
  void prepare();
  T* new_rates(std::size_t size);
  void make_turn(PairOp<T>& out, double cosine, double sine, PairMode mode);
  bool is_turn(const CompiledOp<T>& op) const;
  bool is_scale(const CompiledOp<T>& op) const;
  bool is_exchange(const CompiledOp<T>& op) const;
  bool is_plain_turn(const PairOp<T>& op) const;
  void merge_turns();
  double angle(const PairOp<T>& op, std::span<const double> parameters) const;
  double rate(const Member& member, std::span<const double> tangent) const;
  std::size_t reals() const { return std::size_t{2} << kernels_.lane_bits; }
  // The entry of a diagonal that a lane of a row belongs to, without the part outside the tile.
  std::size_t entry(const CompiledOp<T>& op, std::size_t row, std::uint32_t lane) const;

  const PairStage& stage_;
  const KernelTable<T>& kernels_;
  std::shared_ptr<const CompiledPlan<T>> plan_;
  Bound<T> bound_;
  std::vector<PairOp<T>> ops_;
  std::vector<AlignedArray<T>> arrays_;
  std::size_t num_sums_ = 0;
};

}  // namespace quasim

// The operations of a stage over two states, made ready at given parameters.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "cpu/bound.hpp"
#include "cpu/generator.hpp"
#include "cpu/pair_layer.hpp"
#include "quasim/pair_plan.hpp"

namespace quasim {

// Rotations of single qubits in one sweep over both states.
template <typename T>
struct PairBlock {
  PairBlockFn<T> function = nullptr;
  const T* coefs = nullptr;
  std::vector<std::uint64_t> offsets;  // vector of each row
  std::uint64_t fixed = 0;             // bits of its qubits
  std::uint64_t groups = 0;
  std::vector<std::size_t> sums;  // of the stage: where those of the kernel go, or kNoSum
};
inline constexpr std::size_t kNoSum = ~std::size_t{0};

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
  std::unique_ptr<PairBlock<T>> block;  // runs instead, for this operation and others
  bool merged = false;                  // runs in the block of an operation before
  double weight = 1.0;                  // of its sums
  std::size_t sum_start = 0;
  std::size_t sum_size = 0;  // for each value of outer_select
};

// One phase of a stage.
template <typename T>
struct PairPhaseOps {
  const PairPhase* phase = nullptr;
  PairKind kind = PairKind::kOperations;  // how it runs
  std::shared_ptr<const CompiledPlan<T>> plan;
  std::unique_ptr<Bound<T>> bound;
  std::vector<PairOp<T>> ops;           // kOperations: those of all levels
  std::unique_ptr<PairLayer<T>> layer;  // kLayer
  std::size_t sum_start = 0;            // of a layer
  double weight = 1.0;                  // of a layer's sums
  std::unique_ptr<TileOp> move;         // kConstant, if it is nothing else: instead of the plan

  const Program& program() const { return phase->plan->program(); }
  // kLayer and kConstant: the one stage that tiles go through.
  const CompiledStage<T>& tiles() const { return plan->stages.front(); }
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

  const KernelTable<T>& kernels() const { return kernels_; }
  const std::vector<PairPhaseOps<T>>& phases() const { return phases_; }
  std::size_t num_sums() const { return num_sums_; }
  std::size_t scratch_size() const;  // reals a worker needs for wide matrices
  std::size_t layer_size() const;    // and for the sums of layers
  bool moves() const;                // whether tiles need room to be moved to

  // Groups of a tile that `op`'s kernel or block sweeps.
  static std::uint64_t groups(const PairOp<T>& op) {
    return op.block ? op.block->groups : op.op->groups;
  }
  // Runs `op`'s kernel or block on groups [begin, end) of a tile; `sums` are those of the stage.
  static void run(const PairOp<T>& op, T* first, T* second, Mask outside, std::uint64_t begin,
                  std::uint64_t end, double* sums);

  // Writes the derivatives of all primitives that have parameters.
  void finish(const double* sums, std::span<double> derivatives) const;

 private:
  using Phase = PairPhaseOps<T>;
  // Rotations that share a sweep: numbers of operations of a phase, the first leads.
  using Turns = std::vector<std::size_t>;

  void prepare(std::span<const double> parameters, bool layers);
  TileShape shape() const;
  void prepare_ops(Phase& phase);
  void weigh(std::span<const double> parameters);
  void tangent(Phase& phase, std::span<const double> parameters, std::span<const double> tangent);
  std::vector<Turns> blocks_of(const Phase& phase) const;
  void add_blocks(const Phase& phase, std::size_t begin, std::size_t end,
                  std::vector<Turns>& blocks) const;
  void make_block(Phase& phase, const Turns& turns, double scale, PairMode mode,
                  std::span<const double> parameters);
  void finish(const Phase& phase, const PairOp<T>& op, const double* sums,
              std::span<double> derivatives) const;
  T* new_array(std::size_t size);
  void make_turn(PairOp<T>& out, double cosine, double sine, PairMode mode);
  bool is_turn(const CompiledOp<T>& op) const;
  bool is_scale(const CompiledOp<T>& op) const;
  bool is_exchange(const CompiledOp<T>& op) const;
  bool is_plain_turn(const PairOp<T>& op) const;
  double angle(const Phase& phase, const PairOp<T>& op, std::span<const double> parameters) const;
  double rate(const Phase& phase, const Member& member, std::span<const double> tangent) const;
  std::size_t reals() const { return std::size_t{2} << kernels_.lane_bits; }
  // The entry of a diagonal that a lane of a row belongs to, without the part outside the tile.
  std::size_t entry(const CompiledOp<T>& op, std::size_t row, std::uint32_t lane) const;

  const PairStage& stage_;
  const KernelTable<T>& kernels_;
  std::vector<Phase> phases_;
  std::vector<AlignedArray<T>> arrays_;
  std::size_t num_sums_ = 0;
};

}  // namespace quasim

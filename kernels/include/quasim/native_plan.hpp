// A plan that owns its arrays, and the compiled forms made from it.
#pragma once

#include <complex>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "quasim/control.hpp"
#include "quasim/plan.hpp"
#include "quasim/program.hpp"

namespace quasim {

template <typename T>
struct KernelTable;
template <typename T>
struct CompiledPlan;

// How a plan is compiled: each operation as the plan has it (what un-computing needs), or taken
// apart into sweeps over tiles.
enum class Form : std::uint8_t { kOperations, kTiles };

// Immutable after construction, apart from the compiled forms, which are made at first use.
class NativePlan {
 public:
  // Copies `program`. Throws std::invalid_argument when the arrays do not fit together.
  NativePlan(const Program& program, Plan plan);

  NativePlan(const NativePlan&) = delete;
  NativePlan& operator=(const NativePlan&) = delete;

  const Program& program() const { return program_; }
  const Plan& plan() const { return plan_; }
  std::size_t num_parameters() const { return num_parameters_; }

  // The form in which small states run (cpu/direct.hpp), made at first use; null if it has none.
  const NativePlan* direct() const;

  template <typename T>
  // Looks at `control`, if given, while it compiles: long circuits take seconds. Throws Cancelled.
  std::shared_ptr<const CompiledPlan<T>> compiled(const KernelTable<T>& kernels, Form form,
                                                  Control* control = nullptr) const;

 private:
  struct Storage;
  std::shared_ptr<const Storage> storage_;
  Program program_;  // views of storage_
  Plan plan_;
  std::size_t num_parameters_ = 0;

  mutable bool direct_made_ = false;
  mutable std::unique_ptr<const NativePlan> direct_;
  mutable std::shared_ptr<const CompiledPlan<float>> single_[2];  // by form
  mutable std::shared_ptr<const CompiledPlan<double>> double_[2];
};

}  // namespace quasim

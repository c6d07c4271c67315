// Runs one plan on one state after the other.
#pragma once

#include <memory>
#include <span>

#include "cpu/compiled.hpp"
#include "quasim/control.hpp"
#include "quasim/passage.hpp"

namespace quasim {

template <typename T>
class BindMemo;
template <typename T>
class TileCollapse;
template <typename T>
class TileTally;

template <typename T>
class PlanRunner {
 public:
  // `threads` as for run().
  PlanRunner(const NativePlan& plan, int threads, Control& control);

  // Runs the plan on 2^n amplitudes, in place. Returns early when `control` is stopped. Denormals
  // are to be flushed by the caller. `memo`, if given, is for this plan only.
  void operator()(T* amplitudes, std::span<const double> parameters, Control& control,
                  const Passage& passage = {}, BindMemo<T>* memo = nullptr) const;

 private:
  void run_stages(T* amplitudes, std::span<const double> parameters, Control& control, Mask live,
                  const TileCollapse<T>* collapse, TileTally<T>* tally, BindMemo<T>* memo) const;

  const NativePlan& plan_;
  const NativePlan* direct_;
  std::shared_ptr<const CompiledPlan<T>> compiled_;
  int threads_;
};

}  // namespace quasim

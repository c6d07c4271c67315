// Runs a plan on a state vector.
#pragma once

#include <span>

#include "quasim/control.hpp"
#include "quasim/native_plan.hpp"

namespace quasim {

// Runs `plan` on 2^n interleaved complex amplitudes, in place, with at most `threads` threads
// (0: the limit of the process). Amplitudes must be zero where a bit outside `live` is set: a run
// from |0...0> (live = 0) leaves out the tiles that nothing has reached yet. Throws Cancelled; the
// amplitudes are then undefined.
template <typename T>
void run(const NativePlan& plan, T* amplitudes, std::span<const double> parameters,
         Control& control, int threads, Mask live = ~Mask{0});

}  // namespace quasim

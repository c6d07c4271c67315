// Runs a plan on a state vector.
#pragma once

#include <span>

#include "quasim/control.hpp"
#include "quasim/native_plan.hpp"
#include "quasim/passage.hpp"

namespace quasim {

// Runs `plan` on 2^n interleaved complex amplitudes, in place, with at most `threads` threads
// (0: the limit of the process). A run from |0...0> (live = 0) leaves out the tiles that nothing
// has reached yet. Throws Cancelled; the amplitudes are then undefined.
template <typename T>
void run(const NativePlan& plan, T* amplitudes, std::span<const double> parameters,
         Control& control, int threads, const Passage& passage = {});

}  // namespace quasim

// Derivatives along a direction by carrying the derivative of the state along with it.
#pragma once

#include <span>

#include "quasim/control.hpp"
#include "quasim/pair_plan.hpp"

namespace quasim {

// Runs `plan` on `state`, and on `derivative` what follows for it: with U the plan and v the
// direction, derivative := U derivative + sum_k v_k (dU / dp_k) state. Both in place. Throws
// Cancelled; the amplitudes are then undefined.
template <typename T>
void tangent(const PairPlan& plan, T* state, T* derivative, std::span<const double> parameters,
             std::span<const double> direction, Control& control, int threads);

}  // namespace quasim

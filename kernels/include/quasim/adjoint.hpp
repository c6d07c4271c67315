// Derivatives by un-computing (Jones and Gacon, arXiv:2009.02823), tile by tile.
#pragma once

#include <span>

#include "quasim/control.hpp"
#include "quasim/pair_plan.hpp"

namespace quasim {

// Runs `inverse`, made of a circuit's inverted primitives in reverse order, on the circuit's final
// state `ket` and on `bra`, both in place. derivatives[i] becomes the derivative of 2 Re<bra|ket>
// by the angle that primitive i has in the circuit, for primitives that depend on a parameter; the
// others get zero. Results do not depend on the number of threads. If the plan was pruned, or on
// Cancelled, which it throws, the amplitudes are undefined afterwards.
template <typename T>
void adjoint(const PairPlan& inverse, T* ket, T* bra, std::span<const double> parameters,
             std::span<double> derivatives, Control& control, int threads);

}  // namespace quasim

// Derivatives by un-computing (Jones and Gacon, arXiv:2009.02823), a fused operation at a time.
#pragma once

#include <span>

#include "quasim/control.hpp"
#include "quasim/native_plan.hpp"

namespace quasim {

// Runs `inverse`, the inverse of a circuit's plan, on the circuit's final state `ket` and on `bra`,
// both in place. derivatives[i] becomes the derivative of 2 Re<bra|ket> by the angle that primitive
// i has in the circuit, for primitives that depend on a parameter; the others get zero. Results do
// not depend on the number of threads. Throws Cancelled; the amplitudes are then undefined.
template <typename T>
void adjoint(const NativePlan& inverse, T* ket, T* bra, std::span<const double> parameters,
             std::span<double> derivatives, Control& control, int threads);

}  // namespace quasim

// Small states: every parametric primitive is swept over the state by itself.
//
// Up to a few hundred amplitudes a sweep takes as long as two calls of sin and cos. Multiplying
// primitives together, or laying out tables for a tile, would cost more than it saves, so only what
// depends on no parameter stays fused: it is multiplied once.
#pragma once

#include <memory>
#include <span>

#include "cpu/compiled.hpp"
#include "quasim/control.hpp"

namespace quasim {

// States of at most so many qubits run directly; beyond, sweeps saved are worth more.
inline constexpr int kDirectQubits = 9;

// The plan with its parametric operations taken apart, in the same order; null if the plan is
// not one stage on few qubits.
std::unique_ptr<const NativePlan> make_direct(const NativePlan& plan);

// Whether `compiled`, made from a direct plan, can run: the state fills whole vectors.
template <typename T>
bool runs_directly(const NativePlan& direct, const CompiledPlan<T>& compiled);

// Runs in the calling thread, without touching the heap unless a matrix is wide.
template <typename T>
void run_direct(const NativePlan& direct, const CompiledPlan<T>& compiled, T* amplitudes,
                std::span<const double> parameters, Control& control);

}  // namespace quasim

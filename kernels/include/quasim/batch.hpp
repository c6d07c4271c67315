// Many states of one width at once: the members of a batch are spread over the threads.
#pragma once

#include <cstdint>
#include <span>

#include "quasim/native_plan.hpp"
#include "quasim/reductions.hpp"

namespace quasim {

// `count` states of 2^num_qubits amplitudes, one after the other, borrowed.
template <typename T>
struct BatchView {
  T* amplitudes;
  std::uint64_t count;
  int num_qubits;

  StateView<T> member(std::uint64_t m) const {
    return {amplitudes + (m << (num_qubits + 1)), num_qubits};
  }
  std::uint64_t size() const { return count << num_qubits; }
};

// Member m runs `plan` with the row parameters[m * width, (m + 1) * width), in place. Each member
// comes out as from run(). Throws Cancelled; all states are then undefined.
template <typename T>
void run_batch(const NativePlan& plan, BatchView<T> states, std::span<const double> parameters,
               std::size_t width, RunContext context);

// result[m * terms + t] is <state m|P_t|state m>.
template <typename T>
void pauli_expectations_batch(BatchView<const T> states, std::span<const std::uint64_t> x_masks,
                              std::span<const std::uint64_t> z_masks, std::span<double> result,
                              RunContext context);

// Each member draws for its row of `uniforms`, as sample() does.
template <typename T>
void sample_batch(BatchView<const T> states, std::span<const double> uniforms,
                  std::span<std::uint64_t> result, RunContext context);

}  // namespace quasim

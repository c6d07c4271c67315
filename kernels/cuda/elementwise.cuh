// What changes amplitudes one by one: preparing, projecting, scaling.
#pragma once

#include "block.cuh"

namespace quasim_device {

// Amplitudes that one thread takes: neighbours in steps of the block, so that warps read runs.
constexpr int kEach = 16;

// visit(index) for the share of this block in `size` indices.
template <class Visit>
QUASIM_DEVICE void for_share(const Block& block, i64 size, Visit visit) {
  const i64 first = static_cast<i64>(block.index()) * block.threads() * kEach;
  block.apart([&](int thread) {
    for (int k = 0; k < kEach; ++k) {
      const i64 index = first + static_cast<i64>(k) * block.threads() + thread;
      if (index < size) visit(static_cast<u64>(index));
    }
  });
}

// |0...0> in every member.
template <class T>
QUASIM_DEVICE void prepare_zero(const Block& block, Complex<T>* amplitudes, i64 num_qubits) {
  Complex<T>* const own = amplitudes + (block.member() << num_qubits);
  for_share(block, i64{1} << num_qubits,
            [&](u64 index) { own[index] = {static_cast<T>(index == 0), T{0}}; });
}

// Multiplies the amplitudes whose `mask` bits are `value`, and zeroes the others.
template <class T>
QUASIM_DEVICE void collapse(const Block& block, Complex<T>* amplitudes, i64 num_qubits, i64 mask,
                            i64 value, double scale) {
  const T factor = static_cast<T>(scale);
  for_share(block, i64{1} << num_qubits, [&](u64 index) {
    const bool kept = (index & static_cast<u64>(mask)) == static_cast<u64>(value);
    amplitudes[index] = kept ? factor * amplitudes[index] : Complex<T>{T{0}, T{0}};
  });
}

}  // namespace quasim_device

// What a thread holds of a tile, and where that goes in shared memory.
#pragma once

#include "block.cuh"
#include "gates.cuh"

namespace quasim_device {

template <class T>
struct Own {
  Registers<T> held;
  Mask where;  // index of the thread's first amplitude
  T factor;    // that the amplitudes lack so far, the same for all threads
};

// The amplitude of a pattern at its place in shared memory. A thread's first place is `first`; each
// register bit changes what it has in `images`.
template <class T>
QUASIM_DEVICE Complex<T>& at_place(const Block& block, u32 first, const u32* images, int pattern) {
  QUASIM_UNROLL
  for (int r = 0; r < kRegisterBits; ++r) {
    if (pattern >> r & 1) first ^= images[r];
  }
  return *reinterpret_cast<Complex<T>*>(block.shared<char>() + first);
}

}  // namespace quasim_device

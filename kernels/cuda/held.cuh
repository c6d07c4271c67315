// What a thread holds of a tile, and where that goes in shared memory.
#pragma once

#include "gates.cuh"

namespace quasim_device {

template <class T>
struct Own {
  Registers<T> held;
  Mask where;  // index of the thread's first amplitude
};

// What a register pattern changes in the place of an amplitude.
QUASIM_DEVICE u32 image_of_pattern(const u32* images, int pattern) {
  u32 image = 0;
  QUASIM_UNROLL
  for (int r = 0; r < kRegisterBits; ++r) {
    if (pattern >> r & 1) image ^= images[r];
  }
  return image;
}

}  // namespace quasim_device

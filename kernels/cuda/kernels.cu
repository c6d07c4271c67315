// The CUDA module: what NVRTC compiles, for complex64 or, with -DQUASIM_REAL=double, complex128.
#include "bind.cuh"
#include "density.cuh"
#include "elementwise.cuh"
#include "moments.cuh"
#include "pauli_products.cuh"
#include "pauli_sums.cuh"
#include "philox.cuh"
#include "probabilities.cuh"
#include "sampling.cuh"
#include "swaps.cuh"
#include "tile.cuh"
#include "wide.cuh"

namespace quasim_device {

using Real = QUASIM_REAL;
using Amplitude = Complex<Real>;

// Blocks that a multiprocessor has registers for at least. Tiles of doubles have half the threads.
constexpr int kBlocks = sizeof(Real) == 4 ? 2 : 1;

#define QUASIM_KERNEL(name, parameters, arguments)                             \
  extern "C" __global__ void __launch_bounds__(256, kBlocks) name parameters { \
    QUASIM_CALL(name, arguments);                                              \
  }
#define QUASIM_OPEN(...) __VA_ARGS__
#define QUASIM_CALL(name, arguments) quasim_device::name(Block(), QUASIM_OPEN arguments)
#include "entries.cuh"

}  // namespace quasim_device

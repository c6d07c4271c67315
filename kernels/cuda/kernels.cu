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

#define QUASIM_BOUNDED_KERNEL(threads, blocks, name, parameters, arguments)       \
  extern "C" __global__ void __launch_bounds__(threads, blocks) name parameters { \
    QUASIM_CALL(name, arguments);                                                 \
  }
#define QUASIM_KERNEL(name, parameters, arguments) \
  QUASIM_BOUNDED_KERNEL(256, 2, name, parameters, arguments)
// Threads of a tile, and blocks that a multiprocessor is to have registers for.
constexpr bool kSingle = sizeof(Real) == 4;
#define QUASIM_TILE_KERNEL(name, parameters, arguments) \
  QUASIM_BOUNDED_KERNEL((kSingle ? 256 : 128), (kSingle ? 2 : 3), name, parameters, arguments)
#define QUASIM_OPEN(...) __VA_ARGS__
#define QUASIM_CALL(name, arguments) quasim_device::name(Block(), QUASIM_OPEN arguments)
#include "entries.cuh"

}  // namespace quasim_device

// The 64-byte vectors of AVX-512 done with AVX2 instructions: not fast, but every path that depends
// on the width of a vector can be tested on a CPU without AVX-512. Only built on request.
#define QUASIM_ISA isa_wide
#define QUASIM_ISA_NAME "wide"
#define QUASIM_VECTOR_BYTES 64
#define QUASIM_KERNELS kWideKernels

#include "cpu/isa_table.inc"

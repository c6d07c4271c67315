// Kernels that every CPU of the architecture runs: x86-64-v2, NEON, or generic 128-bit vectors.
#define QUASIM_ISA isa_baseline
#define QUASIM_ISA_NAME "baseline"
#define QUASIM_VECTOR_BYTES 16
#define QUASIM_KERNELS kBaselineKernels

#include "cpu/isa_table.inc"

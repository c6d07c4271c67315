// Kernels for AVX2 and FMA.
#define QUASIM_ISA isa_avx2
#define QUASIM_ISA_NAME "avx2"
#define QUASIM_VECTOR_BYTES 32
#define QUASIM_KERNELS kAvx2Kernels

#include "cpu/isa_table.inc"

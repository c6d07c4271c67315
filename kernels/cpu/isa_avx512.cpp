// Kernels for AVX-512 F, BW, DQ and VL.
#define QUASIM_ISA isa_avx512
#define QUASIM_ISA_NAME "avx512"
#define QUASIM_VECTOR_BYTES 64
#define QUASIM_KERNELS kAvx512Kernels

#include "cpu/isa_table.inc"

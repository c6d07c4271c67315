// The border between portable code and code compiled once per instruction set.
//
// Files compiled with wide instruction sets include nothing but this header and <cstdint>: an
// inline function of the standard library compiled there could be kept by the linker for everyone.
#pragma once

#include <cstdint>

namespace quasim {

// One operation swept over part of a contiguous array of 2^k amplitudes.
//
// Amplitudes are interleaved (real, imaginary) and handled as vectors of 2^lane_bits amplitudes.
// Positions, masks and offsets count vectors; what falls inside a vector ("lanes") was folded into
// `coefs`. Group g is the g-th vector index that has zeros at the `fixed` bits; then `value` is
// or-ed in. Kernels that work on single amplitudes say so; for them the unit is one amplitude.
template <typename T>
struct Sweep {
  T* amplitudes = nullptr;
  const T* coefs = nullptr;  // layout: see each kernel
  std::uint64_t begin = 0;   // groups [begin, end)
  std::uint64_t end = 0;
  std::uint64_t fixed = 0;
  std::uint64_t value = 0;
  std::uint64_t select = 0;  // bits that choose a table row (diagonal), or sign (Pauli)
  std::uint64_t flip = 0;    // Pauli: partner of vector i is i ^ flip
  std::uint64_t negate = 0;  // Pauli: parity contributed by qubits outside the array
  const std::uint64_t* offsets = nullptr;  // group-relative index of each row
  const std::int64_t* cycles = nullptr;    // permutations: {length, rows...}, ended by 0
  std::uint64_t rows = 0;                  // wide matrices: 2^k
  T* scratch = nullptr;                    // wide matrices: 2 * rows complex
};

template <typename T>
using SweepFn = void (*)(const Sweep<T>&);

// Sums of products of two states over groups of amplitudes. Group g is the g-th index that has
// zeros at the `fixed` bits; its rows are at `offsets`.
template <typename T>
struct CrossSweep {
  const T* ket = nullptr;
  const T* bra = nullptr;
  const std::uint64_t* offsets = nullptr;
  std::uint64_t fixed = 0;
  std::uint64_t begin = 0;  // groups [begin, end)
  std::uint64_t end = 0;
  double* sums = nullptr;  // complex matrix, row-major; added to
};

template <typename T>
using CrossFn = void (*)(const CrossSweep<T>&);

// A Pauli string on a tile of 2^bits amplitudes, real and imaginary parts apart. f(i) is the real
// (or imaginary) part of conj(a_i) a_(i ^ x); it is imaginary when x & z has odd parity.
template <typename T>
struct PauliTile {
  const T* re = nullptr;
  const T* im = nullptr;
  int bits = 0;
  std::uint64_t x = 0;
  std::uint64_t z = 0;
};

// Both visit each pair of partners once if x >= 4 vectors: then the highest bit of x is left out of
// the positions of `products`, and its sums stand for half of the tile's.
template <typename T>
struct PauliKernels {
  // Sum of (-1)^parity(i & z) f(i) over the tile.
  double (*sum)(const PauliTile<T>& tile);
  // out[i] = f(i).
  void (*products)(const PauliTile<T>& tile, T* out);
};

// Rows of amplitudes, real and imaginary parts apart; `columns` fills whole vectors.
template <typename T>
struct GramPanel {
  const T* ket_re = nullptr;
  const T* ket_im = nullptr;
  const T* bra_re = nullptr;
  const T* bra_im = nullptr;
  std::uint64_t ket_rows = 0;  // even
  std::uint64_t bra_rows = 0;  // even
  std::uint64_t columns = 0;
  bool same = false;       // ket and bra are the same rows: only columns from a - 1 on are summed
  double* sums = nullptr;  // complex matrix, row-major; sum of ket[a] conj(bra[b]) is added
};

template <typename T>
struct KernelTable {
  int lane_bits;  // log2 of the amplitudes in one vector

  // [targets - 1][targets inside a vector, as a mask of lane bits][1 if the matrix is real].
  // Coefs: for row i, column j, lane flip x: a vector of real parts, then (complex) imaginary
  // parts.
  SweepFn<T> dense[3][8][2];
  // Coefs: one vector of complex factors for each value of the `select` bits.
  SweepFn<T> diagonal;
  // Coefs: complex factors for even, then odd parity of `select`.
  SweepFn<T> parity_phase;
  // [lane part of the flip][1 if the partner's factor is imaginary].
  // Coefs: cosines, then the partner's factors for even, then odd parity of `select`.
  SweepFn<T> rotation[8][2];
  SweepFn<T> permute;             // whole vectors
  SweepFn<T> permute_amplitudes;  // single amplitudes
  SweepFn<T> wide;                // single amplitudes; coefs: column-major complex matrix

  // sum |a|^2 over `count` amplitudes.
  double (*norm)(const T* amplitudes, std::uint64_t count);
  // sums[j] += |amplitudes[j]|^2.
  void (*add_norms)(const T* amplitudes, double* sums, std::uint64_t count);
  // result[0..1] = sum conj(left) * right.
  void (*inner)(const T* left, const T* right, std::uint64_t count, double* result);
  // out[j] = real or imaginary part of conj(left[j]) * right[j ^ flip]; count is a power of two.
  void (*overlaps)(const T* left, const T* right, std::uint64_t flip, int imaginary,
                   std::uint64_t count, double* out);
  // [rows: 2, 4, 8]. Adds sum of ket[a] conj(bra[b]) over the groups to row a, column b of `sums`.
  CrossFn<T> cross[3];

  // Inverse transform sampling within `size` amplitudes, those of basis states from `first`:
  // targets (doubles) in `shots` are overwritten with basis states (std::uint64_t). `below` is the
  // state's sum before the block; size is a power of two up to 2^12.
  void (*draw_in_block)(const T* amplitudes, std::uint64_t size, std::uint64_t first, double below,
                        double* shots, std::uint64_t count);

  // re[j], im[j] = the parts of amplitudes[j].
  void (*split_parts)(const T* amplitudes, std::uint64_t count, T* re, T* im);
  // [x within a vector of reals][1 if f is imaginary]; null beyond the vector.
  PauliKernels<T> pauli[16][2];
  // In place: data[k] = sum of (-1)^parity(j & k) data[j] over j < 2^bits.
  void (*walsh)(T* data, int bits);
  // Products of all rows.
  void (*gram)(const GramPanel<T>& panel);
};

// Filled in by the translation unit of each instruction set.
struct IsaKernels {
  const char* name;
  const KernelTable<float>* single_precision;
  const KernelTable<double>* double_precision;
  // out[s] = uniform number `draw` of shot shots[s], in [0, 1); see quasim/philox.hpp.
  void (*philox_uniforms)(const std::uint64_t* shots, std::uint64_t count, std::uint64_t seed,
                          std::uint64_t draw, double* out);
};

extern const IsaKernels kBaselineKernels;
extern const IsaKernels kAvx2Kernels;
extern const IsaKernels kAvx512Kernels;

}  // namespace quasim

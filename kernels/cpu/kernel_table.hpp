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

// One operation swept over two arrays of amplitudes at a time. `sweep` holds the first one and, but
// for `coefs`, is as for one array.
template <typename T>
struct PairSweep {
  Sweep<T> sweep;
  T* partner = nullptr;      // the second array
  const T* rates = nullptr;  // kTangent: the derivatives of the coefficients, see each kernel
  double* sums = nullptr;    // added to, unless null
};

template <typename T>
using PairFn = void (*)(const PairSweep<T>&);

// What a kernel on two states does. The first two measure, then apply the operation to both.
enum PairMode : int {
  kUndoScaled = 0,  // rotations only: without the factor cos(angle / 2), which the caller keeps
  kUndo = 1,
  kMeasure = 2,  // sums only
  kTangent = 3,  // apply to both, then add the operation's derivative on the first to the second
  kPairModes = 4,
};

// Steps of a block: what happens to the 2^k vectors of a group while they are in registers.
// Vector r holds the amplitudes whose block qubits have the value r.
enum BlockCode : std::uint32_t {
  kStepEnd = 0,
  // + qubit. Coefs: one vector t. (a, b) -> (a - t b, t a + b), a real rotation over its cosine.
  kStepRotate = 1,
  // + qubit. Coefs: one vector t. (a, b) -> (t a - b, a + t b), the same over its sine.
  kStepRotateFar = 4,
  // + lane bit. Coefs: two vectors. r_i -> c r_i + s r_i, lanes flipped.
  kStepLanes = 7,
  // Coefs: two vectors a row: real parts; imaginary parts with the signs of i.
  kStepPhases = 10,
  // Coefs: one vector.
  kStepScale = 11,
  // + qubit: exchange of the rows that differ there.
  kStepFlip = 12,
  // + 3 * control + target: the same where the control qubit is 1.
  kStepExchange = 15,
  // + qubit. Coefs: a mask of lanes, all bits set or none. Exchange of the rows in those lanes.
  kStepLaneExchange = 24,
  // Coefs: 32-bit words of one vector a row: which word of the row goes there.
  kStepWords = 27,
  // + flip of rows + 8 * flip of lanes. Coefs: two vectors a row.
  // r_i -> c_i r_i + s_i r_(i ^ flip), lanes flipped.
  kStepPairs = 32,
  // + flip of rows: rows that differ in both of its bits, and from each other there, mix by a
  // complex 2 x 2 matrix, the one with the lower bit set first. Coefs: two vectors an entry, real
  // parts and imaginary parts with the signs of i.
  kStepHop = 96,
  // + flip of rows + 8 * flip of lanes. Coefs: four vectors a row.
  // r_i -> a_i r_i + b_i r_(i ^ flip), lanes flipped, with complex a and b.
  kStepHopLanes = 104,
};

struct BlockStep {
  std::uint32_t code;
  std::uint32_t coef;  // first real of its coefficients
};

// Steps on up to three qubits and on the qubits inside a vector: one load and one store of each
// amplitude for any number of steps.
template <typename T>
struct BlockSweep {
  T* amplitudes = nullptr;
  const T* coefs = nullptr;
  const BlockStep* steps = nullptr;        // ended by kStepEnd
  const std::uint64_t* offsets = nullptr;  // vector of each row, relative to the group
  std::uint64_t fixed = 0;                 // bits of the block's qubits
  std::uint64_t begin = 0;                 // groups [begin, end)
  std::uint64_t end = 0;
};

template <typename T>
using BlockFn = void (*)(const BlockSweep<T>&);

// Multiplies every amplitude by a product of phases. A row is 2^row_bits amplitudes; row r takes
// table row extract(r, select).
template <typename T>
struct LayerSweep {
  T* amplitudes = nullptr;
  const T* table = nullptr;  // complex, 2^row_bits for each value of `select`
  const T* low = nullptr;    // complex, 2^row_bits; times every row
  const T* high = nullptr;   // complex, one for each row
  std::uint64_t select = 0;  // bits of the row number
  std::uint64_t row_vectors = 0;
  std::uint64_t begin = 0;  // rows [begin, end)
  std::uint64_t end = 0;
};

// [1 if `low` is given][1 if `high` is given].
template <typename T>
using LayerFn = void (*)(const LayerSweep<T>&);

// Rotations of single qubits, at most one a qubit, of two states at a time.
template <typename T>
struct PairBlockSweep {
  T* first = nullptr;
  T* second = nullptr;
  // For each qubit of the block, then for each one inside a vector: a vector of cosines (kUndo);
  // one of sines (kUndoScaled: tangents) with the signs of the partner's factor but, for Y's of
  // qubits of the block, that of the partner with a 0: that is -1.
  const T* coefs = nullptr;
  const std::uint64_t* offsets = nullptr;  // vector of each row, relative to the group
  std::uint64_t fixed = 0;                 // bits of the block's qubits
  std::uint64_t begin = 0;                 // groups [begin, end)
  std::uint64_t end = 0;
  double* sums = nullptr;  // Im<second|P|first> of each, in the order of `coefs`, is added
};

template <typename T>
using PairBlockFn = void (*)(const PairBlockSweep<T>&);

// Moves amplitudes: to[d] = from[s(d)] with s affine over the bits of the index.
template <typename T>
struct ShuffleSweep {
  const T* from = nullptr;
  T* to = nullptr;
  const std::uint32_t* source = nullptr;  // s of the first amplitude of each vector, shift left out
  std::uint32_t shift = 0;                // xor-ed to every source
  // Where the lanes of a vector come from: for each part a mask of lanes, an offset in vectors,
  // and for each lane of `source` a permutation, as bytes or 32-bit numbers of T's halves.
  std::uint32_t parts = 0;
  const std::uint32_t* part_offset = nullptr;
  const std::int32_t* part_mask = nullptr;   // [part][32-bit word of a vector]
  const std::int32_t* part_lanes = nullptr;  // [part][lane of source][32-bit word of a vector]
  std::uint64_t begin = 0;                   // vectors [begin, end)
  std::uint64_t end = 0;
};

template <typename T>
using ShuffleFn = void (*)(const ShuffleSweep<T>&);

// What a layer on two states sums of p_j = Im(conj(second_j) * first_j), before it acts. Each is
// kept as two reals, the first minus the second.
enum LayerSums : int {
  kNoSums = 0,
  kProducts = 1,  // each p_j, at its place
  // A row that is the sum of all rows, then for each row a vector that is the sum of its vectors.
  kRowsAndColumns = 2,
  kLayerSums = 3,
};

// How a layer on two states moves amplitudes on the way.
enum LayerMove : int {
  kInPlace = 0,
  kWholeVectors = 1,
  kTwoParts = 2,  // each vector has lanes of two
  kLayerMoves = 3,
};

// Phases of two states at a time.
template <typename T>
struct PairLayerSweep {
  LayerSweep<T> layer;
  T* partner = nullptr;
  T* sums = nullptr;  // see LayerSums; kRowsAndColumns: the first row is added to
  // Unless kInPlace: where the states are written to. `from` and `to` are not used.
  T* to = nullptr;
  T* partner_to = nullptr;
  ShuffleSweep<T> move;
};

template <typename T>
using PairLayerFn = void (*)(const PairLayerSweep<T>&);

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
  BlockFn<T> block[4];            // [qubits outside a vector]
  // Blocks of three qubits whose steps are rotations, at most one a qubit, without the switch.
  // [1 if lanes rotate][sum over qubits q of 3^q * (0: none, 1: kStepRotate, 2: kStepRotateFar)].
  // Coefs: t of each qubit, then (if lanes rotate) the two vectors of kStepLanes of each lane bit.
  BlockFn<T> rotations[2][27];
  LayerFn<T> layer[2][2];   // [1 if `low` is given][1 if `high` is given]
  ShuffleFn<T> shuffle[4];  // [parts of a vector: 0 for whole vectors, 1, 2, any number]

  // sum |a|^2 over `count` amplitudes.
  double (*norm)(const T* amplitudes, std::uint64_t count);
  // sums[j] += |amplitudes[j]|^2.
  void (*add_norms)(const T* amplitudes, double* sums, std::uint64_t count);
  // amplitudes[r] *= factors[r] over `reals` reals.
  void (*multiply)(T* amplitudes, const T* factors, std::uint64_t reals);
  // result[0..1] = sum conj(left) * right.
  void (*inner)(const T* left, const T* right, std::uint64_t count, double* result);
  // out[j] = real or imaginary part of conj(left[j]) * right[j ^ flip]; count is a power of two.
  void (*overlaps)(const T* left, const T* right, std::uint64_t flip, int imaginary,
                   std::uint64_t count, double* out);
  // out[j] += factors[2j], factors[2j + 1] times the real and imaginary part of source[j ^ flip],
  // or of that with its parts swapped; [lane part of the flip][1 if swapped]. A row of 2^k
  // amplitudes.
  void (*add_row[8][2])(const T* source, std::uint64_t flip, const T* factors, std::uint64_t count,
                        T* out);
  // Pairs of states, by PairMode. Reals per amplitude below are equal for both parts.
  //
  // A Pauli rotation; [lane part of the flip][1 if the partner's factor is imaginary][mode].
  // Coefs: cosines; sines (kUndoScaled: tangents); signs, as positive or negative zeros, of the
  // partner's factors for even, then odd parity of `select`. Rates: one vector, the factor of the
  // partner in the derivative. Sums: one, Im<second|P|first>.
  PairFn<T> turn_pair[8][2][kPairModes];
  // Rotations by X or by Y of up to three qubits and of those inside a vector, of each one;
  // [qubits - 1][1 if any is inside a vector][1 if by X][kUndoScaled, kUndo or kMeasure].
  PairBlockFn<T> turn_block[3][2][2][3];
  // Phases of both states; [1 if `low` is given][1 if `high` is given][LayerSums][LayerMove].
  PairLayerFn<T> layer_pair[2][2][kLayerSums][kLayerMoves];
  // The same without a table, `high` alone; of sums only those of each row are made.
  // [1 if there are sums][LayerMove].
  PairLayerFn<T> rows_pair[2][kLayerMoves];
  // data[j], data[j + half] = their sum and, if `keep`, their difference. Returns the differences'
  // even minus odd entries, 0 if `keep`. `half` is a power of two of at least 64 reals.
  double (*butterfly)(T* data, std::uint64_t half, int keep);
  // A diagonal; [mode]. Coefs: as for `diagonal`. Rates: a vector of real factors for each value of
  // the `select` bits, what i times the amplitude is multiplied by. Sums: a vector for each value,
  // whose even minus odd entries are Im(conj(second) * first).
  PairFn<T> scale_pair[kPairModes];
  // Permutations of whole vectors that are one exchange.
  PairFn<T> exchange_pair;
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
extern const IsaKernels kWideKernels;  // for tests

}  // namespace quasim

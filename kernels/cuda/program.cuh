// A circuit as the tile kernel reads it. The host makes these records (kernels/device), once a
// plan.
//
// A stage takes the state through the multiprocessors once. A block holds a tile of it, every
// thread 16 amplitudes in registers. In one phase four qubits of the tile, the register qubits,
// differ between the amplitudes of a thread, so gates on them need nobody else; the other qubits of
// an amplitude's index are the same for the whole thread, and gates look at them as conditions.
// Between two phases the amplitudes pass through shared memory, and other qubits become register
// qubits.
#pragma once

#include "types.cuh"

namespace quasim_device {

constexpr int kRegisterBits = 4;
constexpr int kPairBits = 3;  // those that are qubits where a tile holds two states
constexpr int kThreadBits = 8;

// Angles are fractions of a turn in fixed point: sums are exact, and wrap around as angles do.
template <class T>
struct TurnOf;
template <>
struct TurnOf<float> {
  using type = u32;
};
template <>
struct TurnOf<double> {
  using type = u64;
};
template <class T>
using Turn = typename TurnOf<T>::type;

enum class OpCode : u8 {
  kQubits,    // phases as of kFactors, then 2 x 2 matrices on register bits, their forms in `signs`
  kPair,      // complex 2 x 2 matrix on register bit `x`
  kRealPair,  // real 2 x 2 matrix on register bit `x`
  kDense2,    // 4 x 4 on the register bits of `x`
  kTurnReal,  // rotation by a Pauli string with an odd number of Y: cos + sin * real
  kTurnImag,  // ... with an even number: cos - i sin * real
  kMove,      // exchanges amplitudes that differ by `x`
  kDense3,    // 8 x 8 on the register bits of `x`
  kDense4,    // 16 x 16 on all register bits
  kFactors,   // phases, each where all register bits of a set are 1, the sum of terms
  kLayer,     // phases by all register bits: terms in ranges, one for each set of bits
  kTable,     // a diagonal given by its entries, on any qubits
  kScale,     // the factors that kQubits has left out

  // Of two states, the first of them the circuit's.
  kSlopeReal,   // derivative by the angle of kTurnReal
  kSlopeImag,   // ... of kTurnImag
  kSlopePhase,  // ... of a phase or a rotation of Z's
  kPushReal,    // adds the derivative along a direction: of kTurnReal
  kPushImag,    // ... of kTurnImag
  kPushPhase,   // ... of a phase or a rotation of Z's
};

// Form of a 2 x 2 matrix of kQubits.
enum class Form : u8 {
  kNone,     // no matrix
  kComplex,  // 8 numbers, row-major
  kRotated,  // orthogonal, or a rotation about X: the numbers of a Shape
};

// A matrix of the form kRotated without a factor that makes two of its entries 1, -1 or i: they
// need no multiplication. The factor is the larger entry of the first row, so that the other two
// are no larger than 1.
enum class Shape : u8 {
  kStraight,     // 1  p, q  1
  kMirrored,     // 1  p, q -1
  kCrossed,      // p  1, 1  q
  kTurned,       // p  1,-1  q
  kImaginary,    // 1 ip, iq  1
  kCrossedTurn,  // p  i, i  q
};

// Places of the numbers of a kRotated matrix.
constexpr int kFirst = 0;   // p
constexpr int kSecond = 1;  // q
constexpr int kFactor = 2;  // what was left out
constexpr int kShape = 3;

// In the bounds of kFactors: the phase is a number, the same for all threads; instead of a set,
// that there are 16 of them, one a pattern.
constexpr i32 kNumber = -1;
constexpr i32 kOnePerPattern = -2;

constexpr int kQubitNumbers = 8;  // room for each matrix of kQubits

// A term of a phase: `turns[number] * factor` where the index has `value` in its `mask` bits, with
// the other sign where it has an odd number of ones in `odd`. Register bits are in none of them.
struct Term {
  Mask mask;
  Mask value;
  Mask odd;
  i32 number;
  i32 factor;
};

struct Op {
  Mask mask;  // acts where the index has `value` in these bits, none of them a register bit
  Mask value;
  Mask odd;  // and with the other sign where it has an odd number of ones in these
  OpCode code;
  u8 x;        // register bits
  u16 active;  // patterns of register bits that take part; of two that mix, the lower one
  u16 signs;   // patterns with the other sign; kQubits: two bits a register bit, a Form
  u16 width;   // kTable: qubits
  i32 number;  // first of its numbers, counted in reals
  i32 first;   // bounds [first, last); kFactors and kQubits: set, first term and last of each, or
               // kNumber and the place of a number; kLayer: where the terms of each set begin;
               // kTable: its qubits
  i32 last;
  i32 slot;  // of the derivative
};

// What a phase means for one thread.
struct alignas(16) ThreadPlace {
  Mask index;  // the bits of the thread's amplitudes' indices that are not register bits
  u32 put;     // where its first amplitude goes in shared memory, in the phase before
  u32 get;     // ... and where it is in this one
};

struct Phase {
  Mask registers[kRegisterBits];  // index bit of each register bit
  // Places in shared memory, in bytes, are linear in the bits of amplitudes: what each register bit
  // changes, in the phase before this one and in this one.
  u32 put[kRegisterBits];
  u32 get[kRegisterBits];
  i32 places;  // the first of its ThreadPlaces, one a thread
  i32 unused;
  i32 first;  // ops [first, last)
  i32 last;
};

struct Stage {
  Mask outside;  // index bits that are the same in a whole tile
  i32 thread_bits;
  i32 first;  // phases [first, last)
  i32 last;
  i32 padded;  // whether bits beyond the circuit's qubits fill the tile
};

// Exchanges of pairs of qubits, in a tile of two parts that change places.
struct Swaps {
  Mask outside;
  i32 thread_bits;
  i32 phase;  // where amplitudes are read, and the next one, where they are written
  i32 first;  // bounds [first, last): the qubits, two by two
  i32 last;
};

// --- numbers from parameters ------------------------------------------------------------------

// offset + sum of weight * parameter, in radians.
struct Angle {
  double offset;
  i32 first;  // weights [first, last)
  i32 last;
};

struct Weight {
  double weight;
  i64 parameter;
};

// Values shared with quasim_backend.ir.program.PrimitiveKind.
enum class FactorKind : i32 { kMatrix, kDiagonal, kPermutation, kRotation, kPhase };

// A primitive on the qubits of a fused operation: bit k of its masks is qubit k there.
struct Factor {
  FactorKind kind;
  i32 control_mask;
  i32 control_value;
  i32 x;
  i32 z;
  i32 target_mask;
  i32 targets[4];  // qubit of each bit of the matrix index
  i32 width;       // targets
  i32 angle;       // or -1
  i64 data;        // first entry in the matrices and diagonals, or in the tables
};

enum class RecipeKind : i32 {
  kMatrix,    // product of factors, row-major
  kReal,      // the same of real factors
  kRotated,   // of one qubit, in the form kRotated
  kRotation,  // cosine of half the angle, and sine times `scale`
  kRate,      // how fast the angle changes along a direction, times `scale`
  kEntries,   // of a diagonal
  kPhase,     // phases that the terms [first, last) add up to, whose index is a pattern
};

// What kRotated makes of a 2 x 2 matrix.
constexpr i32 kOrthogonal = 0;   // an orthogonal one
constexpr i32 kRotatedX = 1;     // a rotation about X
constexpr i32 kRotatedPart = 2;  // the real rotation in a unitary one

// How to make the numbers of an op.
struct Recipe {
  RecipeKind kind;
  i32 width;   // kMatrix, kReal: qubits of the product; kEntries, kPhase: number of entries
  i32 number;  // where they go
  i32 first;   // factors [first, last); kEntries: distance from one to the next
  i32 last;
  i32 angle;
  i32 block_mask;   // of a product, only the rows and columns with `block_value` in these bits
  i32 block_value;  // kRotated: what the matrix is
  double scale;
  i64 data;  // kEntries: the first one
};

// A unitary 2 x 2 matrix is exp(i both) diag(1, exp(i left)) times a real rotation times
// diag(1, exp(i right)).
enum class TurnPart : i32 { kAngle, kBoth, kLeft, kRight };

// turns[i] is this angle times `scale`.
struct TurnRecipe {
  i32 angle;      // or -1: `scale` itself is the angle; of the other parts, a recipe
  TurnPart part;  // kAngle, or one of the matrix that the recipe makes
  double scale;
};

// Where things are: byte offsets from the header, which begins the program.
struct ProgramHeader {
  i64 num_qubits;
  i64 stages;
  i64 phases;
  i64 places;
  i64 ops;
  i64 terms;
  i64 swaps;
  i64 bounds;  // i32: of layers, and the qubits of tables and exchanges
  i64 recipes;
  i64 num_recipes;
  i64 turn_recipes;
  i64 num_turns;
  i64 factors;
  i64 angles;
  i64 weights;
  i64 data;    // complex128: matrices and diagonals of the circuit
  i64 tables;  // i64
};

// The host's compiler and the GPU's lay records out alike: none has padding, so that its size says
// where its parts are.
static_assert(sizeof(Term) == 3 * 8 + 2 * 4);
static_assert(sizeof(Op) == 3 * 8 + 2 * 1 + 3 * 2 + 4 * 4);
static_assert(sizeof(ThreadPlace) == 8 + 2 * 4);
static_assert(sizeof(Phase) == 4 * 8 + 12 * 4);
static_assert(sizeof(Stage) == 8 + 4 * 4);
static_assert(sizeof(Swaps) == 8 + 4 * 4);
static_assert(sizeof(Angle) == 8 + 2 * 4);
static_assert(sizeof(Weight) == 2 * 8);
static_assert(sizeof(Factor) == 12 * 4 + 8);
static_assert(sizeof(Recipe) == 8 * 4 + 2 * 8);
static_assert(sizeof(TurnRecipe) == 2 * 4 + 8);
static_assert(sizeof(ProgramHeader) == 17 * 8);

template <class Record>
QUASIM_DEVICE const Record* part(const char* program, i64 offset) {
  return reinterpret_cast<const Record*>(program + offset);
}

}  // namespace quasim_device

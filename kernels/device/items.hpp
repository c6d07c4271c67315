// A circuit's operations as the tile kernel does them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "cuda/program.cuh"
#include "quasim/footprint.hpp"
#include "quasim/plan.hpp"

namespace quasim::device {

enum class ItemKind : std::uint8_t {
  kMatrix,    // the product of `members`, on no more qubits than there are register bits
  kRotation,  // by a Pauli string with X or Y on few qubits
  kMove,      // exchanges of amplitudes
  kPhase,     // a phase, by the index
  kTable,     // any other diagonal
  kWide,      // a primitive on too many qubits for a tile's registers
};

// Where an item acts: where the index has `value` in its `mask` bits. With the other sign where it
// has an odd number of ones in `odd`.
struct Condition {
  Mask mask = 0;
  Mask value = 0;
  Mask odd = 0;
};

struct Item {
  ItemKind kind;
  Footprint footprint{};
  std::vector<std::int32_t> members{};  // primitives; for all but products one, or none
  // kMatrix: qubits whose amplitudes mix; and those of the product on which it is diagonal, of
  // which the condition picks one value. Controls of a single primitive are a condition too. Of a
  // phase that is a part of a matrix, its qubit.
  Mask qubits = 0;
  Mask diagonal = 0;
  bool real = false;  // kMatrix on one qubit
  std::int32_t rotated =
      -1;  // ... without condition, that is rotated: what it is (cuda/program.cuh)

  Condition when{};     // of all kinds but kWide
  Mask x = 0;           // kRotation, kMove: qubits that change
  bool differ = false;  // kMove: the two qubits of x have to differ, as in SWAP

  // kRotation: sign of its sine; kPhase: the phase is `scale` times the primitive's angle, or, if
  // there is no primitive, `scale`, or a part of the matrix that is the product of `members`.
  double scale = 1.0;
  quasim_device::TurnPart part = quasim_device::TurnPart::kAngle;
  int ys = 0;  // kRotation: number of Y
};

// Takes operations of a plan apart. Rotations of more than `registers` X or Y become exchanges and
// a rotation of so many.
std::vector<Item> items_of(const Program& program, const Plan& plan, std::size_t first,
                           std::size_t last, int registers);

// The same for single primitives, none of them fused.
std::vector<Item> items_of(const Program& program, std::span<const std::int32_t> primitives,
                           int registers);

// Predicted instructions an amplitude of a matrix without structure.
double matrix_cost(int qubits);

// ... and of an item alone.
double cost_of(const Item& item);

}  // namespace quasim::device

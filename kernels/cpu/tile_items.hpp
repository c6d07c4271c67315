// A stage taken apart into what a tile does best: real rotations, phases, moves of amplitudes.
//
// A single-qubit unitary is diag(a, b) R diag(1, d) with a real rotation R. Rotations cost one
// multiply-add a real once three of them share a load; phases of any number of gates merge into
// one table; X, CX and SWAP only rename amplitudes; what keeps the number of ones of two qubits
// mixes half of the amplitudes. What fits none of these stays an operation.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "cpu/members.hpp"
#include "cpu/tile_hops.hpp"
#include "quasim/footprint.hpp"
#include "quasim/plan.hpp"

namespace quasim {

// One qubit's gates in a row as numbers, U = diag(a, b) R diag(1, d).
struct QubitParts {
  double cosine = 1.0;  // R = ((cosine, -sine), (sine, cosine))
  double sine = 0.0;
  Complex before = 1.0;  // d
  Complex after[2] = {1.0, 1.0};
};

// One qubit's gates in a row.
struct QubitGroup {
  std::vector<Member> members;  // renumbered to index bit 0
  bool real = false;            // rotations about Y only: a = b = d = 1
  bool constant = true;
  QubitParts parts;  // if `constant`
};

// The parts of a group at given parameters.
QubitParts decompose(const Program& program, const QubitGroup& group,
                     std::span<const double> parameters);

// A diagonal factor of a layer.
enum class TermForm : std::uint8_t {
  kBefore,  // of a group: diag(1, d) on its qubit
  kAfter,   // of a group: diag(a, b)
  kPhase,   // primitive PHASE: exp(i angle) where index & mask == value
  kParity,  // primitive ROTATION of Z's: exp(-+ i angle / 2) by the parity of index & mask
  kTable,   // any other diagonal primitive, on few qubits
  kTurn,    // diag(1, i), or diag(1, -i) if `back`
  kBoth,    // of a hop: what |11> takes more than |00>
  kCommon,  // of all hops of the stage: what |00> takes
};

// exp(-i (xx XX + yy YY) / 2) on two qubits. Between S and its inverse on the lower qubit it is
// two real rotations, by (xx - yy) / 2 of |00> and |11> and by (xx + yy) / 2 of |01> and |10>.
struct PairGroup {
  std::array<int, 2> qubits{};  // of the circuit, ascending
  std::vector<std::int32_t> xx;
  std::vector<std::int32_t> yy;
  bool constant = true;
};

enum class ItemKind : std::uint8_t { kRotation, kPairs, kHop, kTerm, kMove, kOther };

struct Item {
  ItemKind kind;
  Footprint footprint;  // on the circuit's qubits
  bool constant = true;
  int group = -1;               // kRotation, kPairs, kHop, and terms of a group
  int qubit = -1;               // kRotation, and terms of a group
  TermForm form{};              // kTerm
  bool back = false;            // kTurn
  std::int32_t primitive = -1;  // kTerm, kMove
  int operation = -1;           // kOther: operation of the stage
};

struct StageItems {
  std::vector<Item> items;
  std::vector<QubitGroup> groups;
  std::vector<PairGroup> pairs;
  std::vector<HopGroup> hops;
};

// Position of a qubit that is not in the tile.
inline constexpr int kNoPosition = -1;

// How a tile is laid out. Positions count its qubits from 0, in the circuit's order.
struct TileShape {
  std::array<int, 64> position{};  // of each qubit, or kNoPosition
  int qubits = 0;                  // at least those of a vector
  int lane_bits = 0;               // the lowest positions, inside a vector
  int words_a_lane = 2;            // 32-bit words of an amplitude

  int position_of(int qubit) const { return position[static_cast<std::size_t>(qubit)]; }
  // Rows of a layer.
  int row_bits() const { return qubits < kMaxRowBits ? qubits : kMaxRowBits; }

  static constexpr int kMaxRowBits = 6;
};

// Takes the operations [first, last) of a plan apart.
StageItems take_apart(const Program& program, const Plan& plan, std::size_t first, std::size_t last,
                      const TileShape& shape);

}  // namespace quasim

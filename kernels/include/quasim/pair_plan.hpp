// The schedule of sweeps over two states: what gradients run on.
//
// Every primitive with a parameter stays an operation of its own, or a part of a diagonal one, so
// that its derivative is a plain sum over the amplitudes. A stage runs tile by tile, and goes
// through phases there: operations, among them rotations that share sweeps; layers of phases, with
// the derivatives of all of them from one sweep; and what has no parameter, which runs on each
// state as it would alone.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "quasim/native_plan.hpp"

namespace quasim {

struct PairOptions {
  int tile_qubits = 13;   // local qubits of a stage
  int inner_qubits = 10;  // of them, those of a block
  int low_qubits = 6;     // the lowest qubits, local in every stage
  int max_diagonal = 6;   // widest diagonal operation
  bool prune = false;     // leave out what no derivative needs
};

enum class PairKind : std::uint8_t {
  kOperations,  // by turns on blocks that fit the first cache and on the whole tile
  kLayer,       // phases
  kConstant,    // moves of amplitudes and gates of one qubit, without parameters
};

struct PairPhase {
  PairKind kind = PairKind::kOperations;
  // Qubits were renumbered: those of the tile first, by position. Stages of kOperations are levels,
  // on the lowest positions or on all of the tile; other kinds have one stage.
  std::unique_ptr<NativePlan> plan;
  std::vector<std::int32_t> primitives;  // number in the whole program of each primitive
  std::vector<bool> measure_only;        // of each primitive: nothing later needs it applied
};

// One pass over both states.
struct PairStage {
  std::vector<PairPhase> phases;
  std::vector<int> order;  // qubit of each position of the tile
  Mask local = 0;          // the same as a mask
  bool whole = false;      // too wide for a tile: operation by operation
  bool writes = true;      // false if every operation is only measured
};

class PairPlan {
 public:
  // `order` lists the primitives of `program` that run, in a legal order.
  PairPlan(const Program& program, std::span<const std::int32_t> order, const PairOptions& options);

  PairPlan(const PairPlan&) = delete;
  PairPlan& operator=(const PairPlan&) = delete;

  int num_qubits() const { return num_qubits_; }
  std::size_t num_primitives() const { return num_primitives_; }
  std::size_t num_parameters() const { return num_parameters_; }
  const std::vector<PairStage>& stages() const { return stages_; }

 private:
  int num_qubits_;
  std::size_t num_primitives_;
  std::size_t num_parameters_ = 0;
  std::vector<PairStage> stages_;
};

}  // namespace quasim

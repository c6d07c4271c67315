// A plan as a program for the tile kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "quasim/plan.hpp"
#include "quasim/program.hpp"

namespace quasim::device {

enum class Mode : std::uint8_t {
  kRun,      // one state
  kAdjoint,  // two states; derivatives by the angles, each before its gate
  kTangent,  // two states, the second being the derivative of the first along a direction
};

struct Options {
  Mode mode = Mode::kRun;
  int tile_qubits = 12;  // of a tile, at least as many as there are register bits
  int low_qubits = 4;    // lowest qubits that a warp reads as one run
  int bank_bits = 4;     // amplitudes that shared memory serves at once, as a power of two
  bool prune = false;    // kAdjoint: leave out what follows the last derivative
};

enum class StepKind : std::uint8_t {
  kStage,
  kWide,   // a primitive of its own
  kSwaps,  // exchanges of qubits
};

// What to launch, in order.
struct Step {
  StepKind kind = StepKind::kStage;
  std::int32_t number = 0;  // of the stage, the primitive, or the exchanges
  std::int32_t thread_bits = 0;
  std::int32_t phases = 0;
  Mask outside = 0;  // qubits that are the same in a whole tile
  double fma = 0.0;  // predicted instructions an amplitude, most of them multiply-adds
};

// A derivative that a run measures: `scale` times its slot.
struct Slot {
  std::int32_t primitive;
  double scale;
};

struct DeviceProgram {
  std::vector<std::uint8_t> bytes;  // what kernels read (cuda/program.cuh)
  std::vector<Step> steps;
  std::vector<Slot> slots;
  std::int64_t numbers = 0;  // reals that binding makes
  std::int64_t turns = 0;
};

// Makes the program of a plan. In the other modes than kRun only the plan's order counts: nothing
// is fused, and stages are cut anew.
DeviceProgram make_program(const Program& program, const Plan& plan, const Options& options);

}  // namespace quasim::device

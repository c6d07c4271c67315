// Cuts a sequence of operations into stages that each run tile by tile.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "quasim/footprint.hpp"
#include "quasim/plan.hpp"

namespace quasim {

struct Stage {
  std::vector<std::int32_t> operations;  // in the order they act
  Mask local = 0;                        // qubits of a tile
};

// Partitions operations, given by footprint. In a stage every mixing qubit is local. The size of
// the state decides how long is searched, unless `steps` does: from operation to operation, for a
// stage.
std::vector<Stage> cut_into_stages(std::span<const Footprint> operations, int num_qubits,
                                   const PlanOptions& options, std::size_t steps = 0);

}  // namespace quasim

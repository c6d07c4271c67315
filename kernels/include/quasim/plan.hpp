// The planner: which primitives run together, in which order. See quasim_backend.ir.plan.
#pragma once

#include <cstdint>
#include <vector>

#include "quasim/program.hpp"

namespace quasim {

// Values shared with quasim_backend.ir.plan.OpKind.
enum class OpKind : std::uint8_t { kDense = 0, kDiagonal = 1, kSingle = 2 };

struct PlanOptions {
  int max_fused = 3;     // widest dense fusion, 1 to 3 qubits
  int max_diagonal = 8;  // widest diagonal fusion
  int tile_qubits = 13;  // local qubits of a stage
  int low_qubits = 5;    // lowest qubits, local in every stage so that tiles are contiguous runs
  bool split = true;     // kernels take operations apart (cpu/tile_items.hpp); false: they do not
};

// The arrays of ExecutionPlan; CSR pairs as there.
struct Plan {
  std::vector<std::uint8_t> op_kind;
  std::vector<std::int32_t> op_member_start{0};
  std::vector<std::int32_t> op_members;
  std::vector<std::int32_t> op_qubit_start{0};
  std::vector<std::int32_t> op_qubits;
  std::vector<std::int32_t> stage_start{0};
  std::vector<std::int32_t> stage_qubit_start{0};
  std::vector<std::int32_t> stage_qubits;
  std::vector<double> stage_fma;
};

// Makes a plan. Deterministic, and independent of parameter values.
Plan make_plan(const Program& program, const PlanOptions& options);

}  // namespace quasim

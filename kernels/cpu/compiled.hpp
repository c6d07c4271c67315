// A plan made ready for one instruction set and precision: positions resolved, tables laid out.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "cpu/kernel_table.hpp"
#include "cpu/members.hpp"
#include "cpu/tile_bind.hpp"
#include "quasim/memory.hpp"
#include "quasim/native_plan.hpp"

namespace quasim {

// How an operation's coefficients are made from its members.
enum class Recipe : std::uint8_t { kDense, kDiagonal, kParityPhase, kRotation, kPermute, kWide };

// Position of a qubit outside the tile.
inline constexpr int kOutside = -1;

template <typename T>
struct CompiledOp {
  Recipe recipe;
  SweepFn<T> function = nullptr;
  SweepFn<T> real_function = nullptr;  // dense only: taken when the matrix turns out real
  Sweep<T> sweep;                      // everything but the amplitudes and the range
  std::uint64_t groups = 0;

  // Qubits outside the tile, as bits of the full index.
  Mask outer_control_mask = 0;  // the operation acts on tiles where these hold the value
  Mask outer_control_value = 0;
  Mask outer_select = 0;  // choose one of 2^k coefficient tables or cycle lists
  Mask outer_parity = 0;  // flip the sign of a Pauli string

  // On the tile's amplitudes, for sums over them: controls, and the masks of a Pauli string.
  Mask tile_control_mask = 0;
  Mask tile_control_value = 0;
  Mask tile_flip = 0;
  Mask tile_parity = 0;

  // Coefficients: `coef_size` reals for each value of outer_select.
  bool constant = true;
  std::size_t coef_start = 0;
  std::size_t coef_size = 0;

  // What binding needs.
  std::vector<Member> members;
  int width = 0;           // bits of the members' matrix index
  std::vector<int> inner;  // tile positions of the lowest bits of that index
  std::uint32_t lane_control_mask = 0;
  std::uint32_t lane_control_value = 0;
  Mask lane_parity = 0;  // lanes in the Z part of a Pauli string

  std::vector<std::uint64_t> offsets;
  std::vector<std::int64_t> cycles;  // lists of all values of outer_select
  std::vector<std::size_t> cycle_start;
};

template <typename T>
struct CompiledStage {
  std::vector<CompiledOp<T>> ops;
  int tile_qubits = 0;    // qubits of a tile
  int padded_qubits = 0;  // at least one vector
  Mask outer_qubits = 0;  // the qubits that number the tiles
  Mask mixing = 0;        // qubits whose amplitudes the stage mixes
  int run_qubits = 0;     // a tile is made of runs of 2^run_qubits contiguous amplitudes
  bool in_place = false;  // the tile is contiguous: no copy
  std::vector<std::uint64_t> run_offsets;

  // Form::kTiles: what a tile goes through; `ops` then holds its kernels only. Stages of one
  // operation, or too wide for a tile, have no tile program.
  bool tiled = false;
  bool only_kernels = false;
  TileProgram tile;
  std::vector<TileValues<T>> values;  // of operations that depend on no parameter
};

template <typename T>
struct CompiledPlan {
  const KernelTable<T>* kernels = nullptr;
  std::vector<CompiledStage<T>> stages;
  AlignedArray<T> constants;     // coefficients that depend on no parameter
  std::size_t bound_size = 0;    // reals needed for the others
  std::size_t scratch_size = 0;  // reals a worker needs for wide matrices
};

// Writes the coefficients of `op` to `out`. Returns true if the real kernel applies.
template <typename T>
bool bind(const Program& program, const CompiledOp<T>& op, std::span<const double> parameters,
          int lane_bits, T* out);

template <typename T>
std::shared_ptr<const CompiledPlan<T>> compile(const NativePlan& plan,
                                               const KernelTable<T>& kernels, Form form,
                                               Control* control);

}  // namespace quasim

// Straight-line circuits as flat arrays of primitives; the C++ face of quasim_backend.ir.program.
#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>
#include <span>

#include "quasim/bits.hpp"

namespace quasim {

using Complex = std::complex<double>;

// Values shared with quasim_backend.ir.program.PrimitiveKind.
enum class PrimitiveKind : std::uint8_t {
  kMatrix = 0,
  kDiagonal = 1,
  kPermutation = 2,
  kRotation = 3,
  kPhase = 4,
};

// A borrowed view of a program. The arrays are described in quasim_backend.ir.program.Program.
struct Program {
  int num_qubits = 0;
  std::span<const std::uint8_t> kind;
  std::span<const std::int32_t> target_start;
  std::span<const std::int32_t> targets;
  std::span<const std::uint64_t> control_mask;
  std::span<const std::uint64_t> control_value;
  std::span<const std::uint64_t> x_mask;
  std::span<const std::uint64_t> z_mask;
  std::span<const std::int64_t> data_start;
  std::span<const Complex> data;
  std::span<const std::int64_t> table_start;
  std::span<const std::int64_t> table;
  std::span<const double> angle_offset;
  std::span<const std::int32_t> term_start;
  std::span<const std::int32_t> term_parameter;
  std::span<const double> term_weight;

  std::size_t size() const { return kind.size(); }

  PrimitiveKind kind_of(std::size_t i) const { return static_cast<PrimitiveKind>(kind[i]); }

  std::span<const std::int32_t> targets_of(std::size_t i) const {
    return slice(targets, target_start, i);
  }
  std::span<const Complex> data_of(std::size_t i) const { return slice(data, data_start, i); }
  std::span<const std::int64_t> table_of(std::size_t i) const {
    return slice(table, table_start, i);
  }

  bool is_parametric(std::size_t i) const { return term_start[i] != term_start[i + 1]; }

  double angle(std::size_t i, std::span<const double> parameters) const {
    double result = angle_offset[i];
    for (auto t = static_cast<std::size_t>(term_start[i]);
         t < static_cast<std::size_t>(term_start[i + 1]); ++t) {
      result += term_weight[t] * parameters[static_cast<std::size_t>(term_parameter[t])];
    }
    return result;
  }

  // Every qubit the primitive touches: targets, Pauli support and controls.
  Mask qubits_of(std::size_t i) const {
    Mask result = control_mask[i] | x_mask[i] | z_mask[i];
    for (const auto target : targets_of(i)) result |= bit(target);
    return result;
  }

 private:
  template <typename Value, typename Start>
  static std::span<const Value> slice(std::span<const Value> values, std::span<const Start> start,
                                      std::size_t i) {
    const auto first = static_cast<std::size_t>(start[i]);
    return values.subspan(first, static_cast<std::size_t>(start[i + 1]) - first);
  }
};

}  // namespace quasim

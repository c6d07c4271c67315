#include "cpu/tile_hops.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>

#include "quasim/bits.hpp"

namespace quasim {
namespace {

// Entries up to here are what rounding leaves of zero.
constexpr double kZero = 4e-16;
// A diagonal entry further from the unit circle is not taken for a phase.
constexpr double kUnitary = 1e-14;

std::size_t index(std::int32_t i) { return static_cast<std::size_t>(i); }

// An angle as a sum of parameters, the constant under -1.
using Angle = std::map<std::int32_t, double>;

void add(const Program& program, std::size_t i, double sign, Angle& sum) {
  sum[-1] += sign * program.angle_offset[i];
  for (auto t = index(program.term_start[i]); t < index(program.term_start[i + 1]); ++t) {
    sum[program.term_parameter[t]] += sign * program.term_weight[t];
  }
}

bool is_zero(const Angle& sum) {
  return std::ranges::all_of(sum, [](const auto& term) { return term.second == 0.0; });
}

// Rotations by XX and YY by the same angle, or by XY and YX by opposite ones, and by ZZ.
bool rotates_evenly(const Program& program, std::span<const std::int32_t> members, Mask qubits) {
  Angle even;
  Angle odd;
  for (const auto m : members) {
    const std::size_t i = index(m);
    const Mask x = program.x_mask[i];
    const Mask z = program.z_mask[i];
    if (program.kind_of(i) != PrimitiveKind::kRotation || program.control_mask[i] != 0) {
      return false;
    }
    if (x == 0 && z != qubits) return false;
    if (x == 0) continue;
    const bool one_y = z != 0 && z != qubits;
    add(program, i, z == qubits ? -1.0 : 1.0, one_y ? odd : even);
  }
  // Both together need not commute where the ones are equal.
  return (even.empty() || odd.empty()) && is_zero(even) && is_zero(odd);
}

bool is_phase(Complex value) { return std::abs(std::norm(value) - 1.0) < kUnitary; }

bool keeps_ones(const std::array<Complex, 16>& m) {
  if (!is_phase(m[0]) || !is_phase(m[15])) return false;
  for (const std::size_t entry : {1, 2, 3, 4, 7, 8, 11, 12, 13, 14}) {
    if (std::abs(m[entry].real()) > kZero || std::abs(m[entry].imag()) > kZero) return false;
  }
  return true;
}

}  // namespace

bool as_hop(const Program& program, std::span<const std::int32_t> members, Mask qubits,
            HopGroup& group) {
  if (std::popcount(qubits) != 2) return false;
  // Others can multiply to such an operation too, but not those that gates are made of.
  const bool possible = std::ranges::all_of(members, [&](auto m) {
    const std::size_t i = index(m);
    const Mask x = program.kind_of(i) == PrimitiveKind::kRotation ? program.x_mask[i] : 0;
    const bool matrix = program.kind_of(i) == PrimitiveKind::kMatrix ||
                        program.kind_of(i) == PrimitiveKind::kPermutation;
    return (x == 0 || x == qubits) && (!matrix || program.targets_of(i).size() == 2);
  });
  if (!possible) return false;
  group.qubits = {std::countr_zero(qubits), 63 - std::countl_zero(qubits)};
  group.constant =
      std::ranges::none_of(members, [&](auto m) { return program.is_parametric(index(m)); });
  if (!group.constant && !rotates_evenly(program, members, qubits)) return false;
  std::array<int, 64> position{};
  position[static_cast<std::size_t>(group.qubits[1])] = 1;
  for (const auto m : members) group.members.push_back(localize(program, index(m), position));
  if (!group.constant) return true;
  std::array<Complex, 16> matrix;
  multiply_members(program, group.members, {}, 2, matrix.data());
  if (!keeps_ones(matrix)) return false;
  group.parts = decompose(program, group, {});
  return true;
}

HopParts decompose(const Program& program, const HopGroup& group,
                   std::span<const double> parameters) {
  std::array<Complex, 16> m;
  multiply_members(program, group.members, parameters, 2, m.data());
  HopParts parts;
  parts.common = m[0];
  parts.both = m[15] / m[0];
  if (std::abs(parts.both - 1.0) <= kZero) parts.both = 1.0;
  parts.middle = {m[5] / m[0], m[6] / m[0], m[9] / m[0], m[10] / m[0]};
  return parts;
}

}  // namespace quasim

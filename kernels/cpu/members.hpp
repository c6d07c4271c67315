// Multiplies the members of an operation into one matrix or diagonal, in double precision.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "quasim/program.hpp"

namespace quasim {

// A primitive with its qubits renumbered to the bits of an operation's matrix index.
struct Member {
  PrimitiveKind kind{};
  std::int32_t primitive = 0;  // index into the program, for data and angle
  Mask control_mask = 0;
  Mask control_value = 0;
  Mask x_mask = 0;
  Mask z_mask = 0;
  std::vector<std::uint32_t> spread;  // matrix index of each value of the targets
  Mask target_mask = 0;
  std::vector<std::int64_t> table;  // PERMUTATION: the table to use; else the program's
};

// Renumbers primitive `i`; `position[q]` is the index bit of qubit q.
Member localize(const Program& program, std::size_t i, const std::array<int, 64>& position);

// Makes `member` act on `targets`, the first being the lowest bit of its own index.
void set_targets(Member& member, std::span<const std::int32_t> targets,
                 const std::array<int, 64>& position);

// (re, im) without the checks for infinities that std::complex makes.
inline Complex times(Complex a, Complex b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

// The factor (-i)^m * -i * sin of a Pauli rotation with m Y's: what the partner amplitude is
// multiplied by where (-1)^parity(index & z) is +1.
Complex partner_factor(Mask x_mask, Mask z_mask, double sine);

// Overwrites `matrix`, 2^width rows and columns, row-major, with the product of the members.
void multiply_members(const Program& program, std::span<const Member> members,
                      std::span<const double> parameters, int width, Complex* matrix);

// Multiplies `matrix`, 2^width rows and columns, row-major, by the member from the left.
void apply_member(const Program& program, const Member& member, std::span<const double> parameters,
                  int width, Complex* matrix);

// Overwrites `entries`, 2^width, with the product of members that are all diagonal.
void multiply_diagonals(const Program& program, std::span<const Member> members,
                        std::span<const double> parameters, int width, Complex* entries);

}  // namespace quasim

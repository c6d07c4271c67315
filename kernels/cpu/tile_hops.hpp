// Operations on two qubits that keep the number of ones: they mix |01> and |10> only.
//
// Heisenberg and hopping terms, Givens rotations, iSWAP and fSim gates are of this kind. Up to the
// factor that |00> takes, and for most of them |11> too, half of the amplitudes stay as they are.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "cpu/members.hpp"

namespace quasim {

// U = common * diag(1, 1, 1, both) (1 + middle + 1), by the index (upper qubit, lower qubit).
struct HopParts {
  Complex common = 1.0;
  Complex both = 1.0;
  std::array<Complex, 4> middle{1.0, 0.0, 0.0, 1.0};  // row-major, on index 1, then 2
};

// One such operation.
struct HopGroup {
  std::array<int, 2> qubits{};  // of the circuit, ascending
  std::vector<Member> members;  // renumbered to index bits 0 and 1
  bool constant = true;
  HopParts parts;  // if `constant`
};

// Whether members on two qubits in all multiply to such an operation, at any parameters; fills in
// `group`. Some products that do so are missed.
bool as_hop(const Program& program, std::span<const std::int32_t> members, Mask qubits,
            HopGroup& group);

// The parts of a group at given parameters.
HopParts decompose(const Program& program, const HopGroup& group,
                   std::span<const double> parameters);

}  // namespace quasim

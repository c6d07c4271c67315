// Permutations of few qubits that are affine over bits: X, CX, SWAP and their products.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "quasim/program.hpp"

namespace quasim {

// x -> linear(x) ^ constant over few bits.
struct AffineMove {
  static constexpr std::size_t kMaxQubits = 6;

  std::size_t width = 0;                            // entries used of those below
  std::array<int, kMaxQubits> qubits{};             // the circuit's qubit of each bit
  std::array<std::uint32_t, kMaxQubits> columns{};  // linear part: image of each bit
  std::uint32_t constant = 0;
};

// True if primitive `i` is a permutation of that form, which it then writes to `move`; its control,
// one at most, is the highest bit.
bool as_affine(const Program& program, std::size_t i, AffineMove& move);

// X on `target`, if there is a `control` where that is 1.
struct Exchange {
  int target;
  int control;
};
inline constexpr int kNoControl = -1;

struct Exchanges {
  std::array<Exchange, 5> list{};  // a product of two controlled X's, one more, and X on each
  std::size_t size = 0;

  const Exchange* begin() const { return list.data(); }
  const Exchange* end() const { return list.data() + size; }
};

// A move of one or two qubits as exchanges, in order; false for wider ones.
bool as_exchanges(const AffineMove& move, Exchanges& exchanges);

}  // namespace quasim

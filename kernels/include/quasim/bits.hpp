// Bit arithmetic on amplitude indices: qubit q is bit q.
#pragma once

#include <bit>
#include <cstdint>

namespace quasim {

using Mask = std::uint64_t;

inline constexpr Mask bit(int position) { return Mask{1} << position; }

// All-ones mask of the lowest `count` bits; `count` is at most 63.
inline constexpr Mask low_mask(int count) { return (Mask{1} << count) - 1; }

inline constexpr int parity(Mask value) { return std::popcount(value) & 1; }

// Spreads the low bits of `value` over the set bits of `mask`, lowest first (PDEP).
inline constexpr Mask deposit(Mask value, Mask mask) {
  Mask result = 0;
  for (; mask != 0 && value != 0; mask &= mask - 1, value >>= 1) {
    if (value & 1) result |= mask & (~mask + 1);
  }
  return result;
}

// Collects the bits of `value` selected by `mask` into the low bits (PEXT).
inline constexpr Mask extract(Mask value, Mask mask) {
  Mask result = 0;
  for (Mask out = 1; mask != 0; mask &= mask - 1, out <<= 1) {
    if (value & mask & (~mask + 1)) result |= out;
  }
  return result;
}

// Calls `visit(position)` for each set bit, lowest first.
template <typename Visit>
constexpr void for_each_bit(Mask mask, Visit&& visit) {
  for (; mask != 0; mask &= mask - 1) visit(std::countr_zero(mask));
}

}  // namespace quasim

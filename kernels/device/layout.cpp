#include "device/layout.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>

namespace quasim::device {
namespace {

std::size_t index(int i) { return static_cast<std::size_t>(i); }

// The qubits whose bits tell apart the accesses of a warp that come at once.
std::vector<int> together(const Layout& layout, int bank_bits) {
  const auto count = std::min(layout.threads.size(), index(bank_bits));
  return {layout.threads.begin(), layout.threads.begin() + static_cast<std::ptrdiff_t>(count)};
}

}  // namespace

Layout layout_of(Mask tile, Mask wanted, int count) {
  Mask registers = wanted;
  while (std::popcount(registers) < count) {
    const Mask left = tile & ~registers;
    registers |= bit(63 - std::countl_zero(left));
  }
  Layout layout;
  for_each_bit(registers, [&](int q) { layout.registers.push_back(q); });
  for_each_bit(tile & ~registers, [&](int q) { layout.threads.push_back(q); });
  return layout;
}

// An address is linear over bits; its lowest `bank_bits` bits are the bank. Writers that come
// together get one of them each; so do readers, which share those of the qubits that are the same
// in both.
Images images(const Layout& from, const Layout& to, int bank_bits) {
  std::vector<int> writers = together(from, bank_bits);
  const std::vector<int> readers = together(to, bank_bits);
  // Tiles of few threads leave banks over; anything may take them.
  for (const int q : from.registers) {
    if (std::ssize(writers) < bank_bits) writers.push_back(q);
  }
  Images result{};
  std::uint32_t free = (1u << writers.size()) - 1;
  for (std::size_t b = 0; b < writers.size(); ++b) {
    result[index(writers[b])] = 1u << b;
    if (std::ranges::find(readers, writers[b]) != readers.end()) free &= ~(1u << b);
  }
  std::size_t next = writers.size();
  for (const auto* qubits : {&from.threads, &from.registers}) {
    for (const int q : *qubits) {
      if (std::ranges::find(writers, q) != writers.end()) continue;
      std::uint32_t image = 1u << next++;
      if (free != 0 && std::ranges::find(readers, q) != readers.end()) {
        image |= free & (~free + 1);
        free &= free - 1;
      }
      result[index(q)] = image;
    }
  }
  return result;
}

}  // namespace quasim::device

#include "device/layout.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>

namespace quasim::device {
namespace {

using Images = std::array<std::uint16_t, 64>;

std::size_t index(int i) { return static_cast<std::size_t>(i); }

// The qubits whose bits tell apart the accesses of a warp that come at once.
std::vector<int> together(const Layout& layout, int bank_bits) {
  const auto count = std::min(layout.threads.size(), index(bank_bits));
  return {layout.threads.begin(), layout.threads.begin() + static_cast<std::ptrdiff_t>(count)};
}

// The image of each qubit in the address, linear over bits. The lowest `bank_bits` address bits are
// the bank. Writers that come together get one of them each; so do readers, which share those of
// the qubits that are the same in both.
Images images(const Layout& from, const Layout& to, int bank_bits) {
  std::vector<int> writers = together(from, bank_bits);
  const std::vector<int> readers = together(to, bank_bits);
  // Tiles of few threads leave banks over; anything may take them.
  for (const int q : from.registers) {
    if (std::ssize(writers) < bank_bits) writers.push_back(q);
  }
  Images result{};
  std::uint16_t free = static_cast<std::uint16_t>((1u << writers.size()) - 1);
  for (std::size_t b = 0; b < writers.size(); ++b) {
    result[index(writers[b])] = static_cast<std::uint16_t>(1u << b);
    if (std::ranges::find(readers, writers[b]) != readers.end()) {
      free = static_cast<std::uint16_t>(free & ~(1u << b));
    }
  }
  std::size_t next = writers.size();
  for (const auto* qubits : {&from.threads, &from.registers}) {
    for (const int q : *qubits) {
      if (std::ranges::find(writers, q) != writers.end()) continue;
      std::uint16_t image = static_cast<std::uint16_t>(1u << next++);
      if (free != 0 && std::ranges::find(readers, q) != readers.end()) {
        const auto bank = static_cast<std::uint16_t>(free & (~free + 1));
        image = static_cast<std::uint16_t>(image | bank);
        free = static_cast<std::uint16_t>(free & ~bank);
      }
      result[index(q)] = image;
    }
  }
  return result;
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

void connect(const Layout& from, const Layout& to, int bank_bits, quasim_device::Phase& phase) {
  const Images image = images(from, to, bank_bits);
  const auto fill = [&](const std::vector<int>& qubits, std::uint16_t* out) {
    for (std::size_t b = 0; b < qubits.size(); ++b) out[b] = image[index(qubits[b])];
  };
  fill(from.registers, phase.put_registers);
  fill(from.threads, phase.put_threads);
  fill(to.registers, phase.get_registers);
  fill(to.threads, phase.get_threads);
}

}  // namespace quasim::device

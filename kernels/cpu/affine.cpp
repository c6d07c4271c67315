#include "cpu/affine.hpp"

#include <bit>

namespace quasim {

bool as_affine(const Program& program, std::size_t i, AffineMove& move) {
  if (program.kind_of(i) != PrimitiveKind::kPermutation) return false;
  const Mask controls = program.control_mask[i];
  if ((controls & (controls - 1)) != 0) return false;
  const auto targets = program.targets_of(i);
  if (targets.size() + 1 > AffineMove::kMaxQubits) return false;
  const auto table = program.table_of(i);
  const std::size_t inner = table.size();
  move.width = 0;
  for (const auto q : targets) move.qubits[move.width++] = q;
  if (controls != 0) move.qubits[move.width++] = std::countr_zero(controls);
  const bool acts_on_one = program.control_value[i] != 0;
  // The control is the bit above the table's index.
  const auto image = [&](std::size_t v) {
    const std::size_t high = v & inner;
    const bool acts = controls == 0 || (high != 0) == acts_on_one;
    const std::size_t low = v & (inner - 1);
    return static_cast<std::uint32_t>(high | (acts ? static_cast<std::size_t>(table[low]) : low));
  };
  move.constant = image(0);
  for (std::size_t k = 0; k < move.width; ++k) {
    move.columns[k] = image(std::size_t{1} << k) ^ move.constant;
  }
  for (std::size_t v = 0; v < std::size_t{1} << move.width; ++v) {
    std::uint32_t sum = move.constant;
    for (std::size_t k = 0; k < move.width; ++k) {
      if ((v >> k) & 1) sum ^= move.columns[k];
    }
    if (sum != image(v)) return false;
  }
  return true;
}

bool as_exchanges(const AffineMove& move, Exchanges& exchanges) {
  exchanges.size = 0;
  if (move.width > 2) return false;
  const auto add = [&](std::size_t target, int control) {
    exchanges.list[exchanges.size++] = {
        move.qubits[target],
        control == kNoControl ? kNoControl : move.qubits[static_cast<std::size_t>(control)]};
  };
  if (move.width == 2) {
    // The six invertible maps of two bits, by the images of 01 and 10.
    switch (move.columns[0] * 4 + move.columns[1]) {
      case 1 * 4 + 2:
        break;
      case 3 * 4 + 2:
        add(1, 0);
        break;
      case 1 * 4 + 3:
        add(0, 1);
        break;
      case 2 * 4 + 1:
        add(1, 0);
        add(0, 1);
        add(1, 0);
        break;
      case 2 * 4 + 3:
        add(1, 0);
        add(0, 1);
        break;
      case 3 * 4 + 1:
        add(0, 1);
        add(1, 0);
        break;
      default:
        return false;
    }
  }
  for (std::size_t k = 0; k < move.width; ++k) {
    if ((move.constant >> k) & 1) add(k, kNoControl);
  }
  return true;
}

}  // namespace quasim

#include "quasim/footprint.hpp"

namespace quasim {
namespace {

// Beyond this width a matrix is taken as general instead of being searched for structure.
constexpr std::size_t kMaxSearchedTargets = 5;

Footprint matrix_footprint(const Program& program, std::size_t i) {
  const auto targets = program.targets_of(i);
  const auto matrix = program.data_of(i);
  const std::size_t width = targets.size();
  std::size_t mixed = 0;  // bits that differ between row and column of a non-zero entry
  if (width > kMaxSearchedTargets) {
    mixed = ~std::size_t{0};
  } else {
    const std::size_t dim = std::size_t{1} << width;
    for (std::size_t row = 0; row < dim; ++row) {
      for (std::size_t column = 0; column < dim; ++column) {
        if (matrix[row * dim + column] != Complex{}) mixed |= row ^ column;
      }
    }
  }
  Footprint result;
  for (std::size_t k = 0; k < width; ++k) {
    ((mixed >> k) & 1 ? result.general : result.z) |= bit(targets[k]);
  }
  return result;
}

Footprint permutation_footprint(const Program& program, std::size_t i) {
  const auto targets = program.targets_of(i);
  const auto table = program.table_of(i);
  std::size_t changed = 0;     // bits some entry changes
  std::size_t not_x_type = 0;  // bits whose flip does not commute with the table
  for (std::size_t index = 0; index < table.size(); ++index) {
    const auto image = static_cast<std::size_t>(table[index]);
    changed |= index ^ image;
    for (std::size_t k = 0; k < targets.size(); ++k) {
      const std::size_t flip = std::size_t{1} << k;
      if (static_cast<std::size_t>(table[index ^ flip]) != (image ^ flip)) not_x_type |= flip;
    }
  }
  Footprint result;
  for (std::size_t k = 0; k < targets.size(); ++k) {
    Mask& kind = !((changed >> k) & 1)   ? result.z
                 : (not_x_type >> k) & 1 ? result.general
                                         : result.x;
    kind |= bit(targets[k]);
  }
  return result;
}

}  // namespace

Footprint footprint_of(const Program& program, std::size_t i) {
  Footprint result;
  switch (program.kind_of(i)) {
    case PrimitiveKind::kMatrix:
      result = matrix_footprint(program, i);
      break;
    case PrimitiveKind::kDiagonal:
      for (const auto target : program.targets_of(i)) result.z |= bit(target);
      break;
    case PrimitiveKind::kPermutation:
      result = permutation_footprint(program, i);
      break;
    case PrimitiveKind::kRotation: {
      const Mask x = program.x_mask[i];
      const Mask z = program.z_mask[i];
      result = {z & ~x, x & ~z, x & z, 0};
      break;
    }
    case PrimitiveKind::kPhase:
      break;
  }
  result.z |= program.control_mask[i];
  return result;
}

}  // namespace quasim

#include "cpu/affine_move.hpp"

#include <algorithm>
#include <map>
#include <vector>

namespace quasim {
namespace {

// to[d] = from[s(d)]; s(d) is the sum of columns of the bits of d, and of those of the qubits
// outside that are 1, and a constant.
struct Source {
  std::vector<std::uint32_t> columns;  // of each position
  std::map<int, std::uint32_t> outer;  // of each qubit outside
  std::uint32_t constant = 0;
};

std::uint32_t sum_of(std::span<const std::uint32_t> columns, std::uint32_t bits) {
  std::uint32_t sum = 0;
  for (std::size_t b = 0; b < columns.size(); ++b) {
    if ((bits >> b) & 1) sum ^= columns[b];
  }
  return sum;
}

void invert(AffineMove& move) {
  const std::size_t size = std::size_t{1} << move.qubits.size();
  std::vector<std::uint32_t> inverse(size);
  for (std::uint32_t v = 0; v < size; ++v) inverse[sum_of(move.columns, v) ^ move.constant] = v;
  move.constant = inverse[0];
  for (std::size_t b = 0; b < move.columns.size(); ++b) {
    move.columns[b] = inverse[std::size_t{1} << b] ^ inverse[0];
  }
}

// Puts the inverse of a primitive after `source`.
void compose(Source& source, const AffineMove& inverse, const TileShape& shape) {
  const auto place = [&](std::uint32_t bits) {
    std::uint32_t result = 0;
    for (std::size_t b = 0; b < inverse.qubits.size(); ++b) {
      const int p = shape.position_of(inverse.qubits[b]);
      if (p != kNoPosition && ((bits >> b) & 1)) result |= std::uint32_t{1} << p;
    }
    return result;
  };
  const auto apply = [&](std::uint32_t index) {
    std::uint32_t moved = 0;
    std::uint32_t mask = 0;
    for (std::size_t b = 0; b < inverse.qubits.size(); ++b) {
      const int p = shape.position_of(inverse.qubits[b]);
      if (p == kNoPosition) continue;
      mask |= std::uint32_t{1} << p;
      if ((index >> p) & 1) moved ^= place(inverse.columns[b]);
    }
    return (index & ~mask) ^ moved;
  };
  for (auto& column : source.columns) column = apply(column);
  for (auto& [qubit, column] : source.outer) column = apply(column);
  source.constant = apply(source.constant) ^ place(inverse.constant);
  for (std::size_t b = 0; b < inverse.qubits.size(); ++b) {
    if (shape.position_of(inverse.qubits[b]) != kNoPosition) continue;
    source.outer[inverse.qubits[b]] ^= place(inverse.columns[b]);
  }
}

// Lanes that come from one vector are a part: which vector, which lanes, and from where in it.
void add_parts(TileOp& op, const Source& source, const TileShape& shape) {
  const std::uint32_t lanes = std::uint32_t{1} << shape.lane_bits;
  const auto words = static_cast<std::uint32_t>(shape.words_a_lane);
  std::vector<std::uint32_t> from(lanes);
  for (std::uint32_t lane = 0; lane < lanes; ++lane) {
    from[lane] = sum_of(source.columns, lane);
    const std::uint32_t offset = from[lane] >> shape.lane_bits;
    if (std::ranges::find(op.part_offset, offset) == op.part_offset.end()) {
      op.part_offset.push_back(offset);
    }
  }
  for (const std::uint32_t offset : op.part_offset) {
    for (std::uint32_t lane = 0; lane < lanes; ++lane) {
      const bool here = from[lane] >> shape.lane_bits == offset;
      op.part_mask.insert(op.part_mask.end(), words, here ? -1 : 0);
    }
    for (std::uint32_t base = 0; base < lanes; ++base) {
      for (std::uint32_t lane = 0; lane < lanes; ++lane) {
        const std::uint32_t there = base ^ (from[lane] & (lanes - 1));
        for (std::uint32_t w = 0; w < words; ++w) {
          op.part_lanes.push_back(static_cast<std::int32_t>(there * words + w));
        }
      }
    }
  }
}

}  // namespace

TileOp affine_move(const Program& program, std::span<const std::int32_t> primitives,
                   const TileShape& shape) {
  Source source;
  for (int p = 0; p < shape.qubits; ++p) source.columns.push_back(std::uint32_t{1} << p);
  AffineMove one;
  for (std::size_t k = primitives.size(); k-- > 0;) {
    as_affine(program, static_cast<std::size_t>(primitives[k]), one);
    invert(one);
    compose(source, one, shape);
  }
  TileOp op{};
  op.kind = TileOpKind::kMove;
  op.source.assign(std::size_t{1} << (shape.qubits - shape.lane_bits), 0);
  std::uint32_t all = 0;  // every bit that a vector's source can have
  for (int p = shape.lane_bits; p < shape.qubits; ++p) {
    const std::uint32_t column = source.columns[static_cast<std::size_t>(p)];
    all |= column;
    const std::size_t filled = std::size_t{1} << (p - shape.lane_bits);
    for (std::size_t v = 0; v < filled; ++v) op.source[filled + v] = op.source[v] ^ column;
  }
  op.shift = source.constant;
  all |= source.constant;
  for (const auto& [qubit, column] : source.outer) {
    if (column == 0) continue;
    op.outer_shift.emplace_back(qubit, column);
    all |= column;
  }
  const std::uint32_t lanes = std::uint32_t{1} << shape.lane_bits;
  op.whole_vectors = all % lanes == 0;
  for (int p = 0; p < shape.lane_bits; ++p) {
    op.whole_vectors &= source.columns[static_cast<std::size_t>(p)] == std::uint32_t{1} << p;
  }
  add_parts(op, source, shape);
  return op;
}

}  // namespace quasim

#include "cpu/tile_moves.hpp"

#include <algorithm>
#include <utility>

namespace quasim {
namespace {

std::vector<std::uint32_t> inverse(std::vector<std::uint32_t> columns) {
  const std::size_t k = columns.size();
  std::vector<std::uint32_t> result(k);
  for (std::size_t j = 0; j < k; ++j) result[j] = std::uint32_t{1} << j;
  // Column operations turn the map into the identity.
  for (std::size_t row = 0; row < k; ++row) {
    std::size_t pivot = row;
    while (((columns[pivot] >> row) & 1) == 0) ++pivot;
    std::swap(columns[row], columns[pivot]);
    std::swap(result[row], result[pivot]);
    for (std::size_t j = 0; j < k; ++j) {
      if (j == row || ((columns[j] >> row) & 1) == 0) continue;
      columns[j] ^= columns[row];
      result[j] ^= result[row];
    }
  }
  return result;
}

// The images of 0, 1, ... under the linear map with these columns.
std::vector<std::uint32_t> images(std::span<const std::uint32_t> columns) {
  std::vector<std::uint32_t> result(std::size_t{1} << columns.size());
  for (std::size_t k = 0; k < columns.size(); ++k) {
    const std::size_t half = std::size_t{1} << k;
    for (std::size_t v = 0; v < half; ++v) result[half + v] = result[v] ^ columns[k];
  }
  return result;
}

}  // namespace

TileMap identity_map(const TileShape& shape) {
  TileMap map;
  map.columns.resize(static_cast<std::size_t>(shape.qubits));
  for (std::size_t p = 0; p < map.columns.size(); ++p) map.columns[p] = std::uint32_t{1} << p;
  return map;
}

void compose(const AffineMove& move, const TileShape& shape, TileMap& map) {
  const auto place = [&](std::uint32_t bits) {
    std::uint32_t result = 0;
    for (std::size_t b = 0; b < move.width; ++b) {
      const int p = shape.position_of(move.qubits[b]);
      if (p != kNoPosition && ((bits >> b) & 1)) result |= std::uint32_t{1} << p;
    }
    return result;
  };
  // Of each bit of the move: where it is in the tile's index, and what a 1 there becomes.
  std::array<std::uint32_t, AffineMove::kMaxQubits> from{};
  std::array<std::uint32_t, AffineMove::kMaxQubits> to{};
  std::uint32_t moved = 0;
  for (std::size_t b = 0; b < move.width; ++b) {
    from[b] = place(std::uint32_t{1} << b);
    to[b] = place(move.columns[b]);
    moved |= from[b];
  }
  const auto apply = [&](std::uint32_t index) {
    std::uint32_t result = index & ~moved;
    for (std::size_t b = 0; b < move.width; ++b) {
      if ((index & from[b]) != 0) result ^= to[b];
    }
    return result;
  };
  for (auto& column : map.columns) column = apply(column);
  map.constant = apply(map.constant) ^ place(move.constant);
  for_each_bit(map.outer, [&](int q) {
    auto& shift = map.shifts[static_cast<std::size_t>(q)];
    shift = apply(shift);
  });
  for (std::size_t b = 0; b < move.width; ++b) {
    if (from[b] != 0) continue;
    map.outer |= bit(move.qubits[b]);
    map.shifts[static_cast<std::size_t>(move.qubits[b])] ^= to[b];
  }
}

void move_tables(const TileMap& map, const TileShape& shape, TileOp& op) {
  const std::vector<std::uint32_t> columns = inverse(map.columns);
  const auto lane_bits = static_cast<std::size_t>(shape.lane_bits);
  const auto lanes = std::uint32_t{1} << lane_bits;
  const std::span<const std::uint32_t> all(columns);
  op.source = images(all.subspan(lane_bits));
  const std::vector<std::uint32_t> lane_image = images(all.first(lane_bits));

  const auto apply = [&](std::uint32_t index) {
    std::uint32_t result = 0;
    for_each_bit(index, [&](int b) { result ^= columns[static_cast<std::size_t>(b)]; });
    return result;
  };
  op.shift = apply(map.constant);
  std::uint32_t moved_lanes = op.shift;
  for_each_bit(map.outer, [&](int q) {
    const std::uint32_t shift = map.shifts[static_cast<std::size_t>(q)];
    if (shift == 0) return;
    op.outer_shift.emplace_back(q, apply(shift));
    moved_lanes |= op.outer_shift.back().second;
  });
  for (const std::uint32_t column : all.subspan(lane_bits)) moved_lanes |= column;
  op.whole_vectors = moved_lanes % lanes == 0;
  for (std::uint32_t lane = 0; lane < lanes; ++lane) op.whole_vectors &= lane_image[lane] == lane;

  for (const std::uint32_t image : lane_image) {
    const std::uint32_t offset = image >> lane_bits;
    if (std::ranges::find(op.part_offset, offset) == op.part_offset.end()) {
      op.part_offset.push_back(offset);
    }
  }
  const auto words = static_cast<std::uint32_t>(shape.words_a_lane);
  op.part_mask.reserve(op.part_offset.size() * lanes * words);
  op.part_lanes.reserve(op.part_offset.size() * lanes * lanes * words);
  for (const std::uint32_t offset : op.part_offset) {
    for (const std::uint32_t image : lane_image) {
      op.part_mask.insert(op.part_mask.end(), words, image >> lane_bits == offset ? -1 : 0);
    }
    for (std::uint32_t source = 0; source < lanes; ++source) {
      for (const std::uint32_t image : lane_image) {
        const std::uint32_t from = source ^ (image & (lanes - 1));
        for (std::uint32_t w = 0; w < words; ++w) {
          op.part_lanes.push_back(static_cast<std::int32_t>(from * words + w));
        }
      }
    }
  }
}

TileOp move_of(const Program& program, std::span<const std::int32_t> primitives,
               const TileShape& shape) {
  TileMap map = identity_map(shape);
  AffineMove move;
  for (const auto i : primitives) {
    as_affine(program, static_cast<std::size_t>(i), move);
    compose(move, shape, map);
  }
  TileOp op{};
  op.kind = TileOpKind::kMove;
  move_tables(map, shape, op);
  return op;
}

}  // namespace quasim

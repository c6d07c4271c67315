#include "plan/simplify.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace quasim {
namespace {

// A product closer to identity than this is identity: a few roundings of entries of size one.
constexpr double kTolerance = 1e-15;
// Wider matrices are not multiplied to see whether they cancel.
constexpr std::size_t kMaxComparedTargets = 3;

bool is_identity(const Program& program, std::size_t i) {
  switch (program.kind_of(i)) {
    case PrimitiveKind::kMatrix: {
      const std::size_t width = program.targets_of(i).size();
      if (width > kMaxComparedTargets) return false;
      const auto matrix = program.data_of(i);
      const std::size_t dim = std::size_t{1} << width;
      for (std::size_t e = 0; e < matrix.size(); ++e) {
        if (matrix[e] != Complex(e / dim == e % dim ? 1.0 : 0.0)) return false;
      }
      return true;
    }
    case PrimitiveKind::kDiagonal:
      return std::ranges::all_of(program.data_of(i), [](Complex d) { return d == Complex(1.0); });
    case PrimitiveKind::kPermutation: {
      const auto table = program.table_of(i);
      for (std::size_t index = 0; index < table.size(); ++index) {
        if (table[index] != static_cast<std::int64_t>(index)) return false;
      }
      return true;
    }
    case PrimitiveKind::kRotation:
    case PrimitiveKind::kPhase:
      return program.angle_offset[i] == 0.0 && !program.is_parametric(i);
  }
  return false;
}

bool matrices_cancel(const Program& program, std::size_t first, std::size_t second) {
  const std::size_t width = program.targets_of(first).size();
  if (width > kMaxComparedTargets) return false;
  const std::size_t dim = std::size_t{1} << width;
  const auto a = program.data_of(first);
  const auto b = program.data_of(second);
  for (std::size_t row = 0; row < dim; ++row) {
    for (std::size_t column = 0; column < dim; ++column) {
      Complex sum = row == column ? -1.0 : 0.0;
      for (std::size_t k = 0; k < dim; ++k) sum += b[row * dim + k] * a[k * dim + column];
      if (std::abs(sum) > kTolerance) return false;
    }
  }
  return true;
}

bool angles_cancel(const Program& program, std::size_t first, std::size_t second) {
  if (program.x_mask[first] != program.x_mask[second] ||
      program.z_mask[first] != program.z_mask[second] ||
      program.angle_offset[first] + program.angle_offset[second] != 0.0) {
    return false;
  }
  const auto a = program.term_start[first];
  const auto b = program.term_start[second];
  const auto terms = program.term_start[first + 1] - a;
  if (program.term_start[second + 1] - b != terms) return false;
  for (std::int32_t t = 0; t < terms; ++t) {
    const auto i = static_cast<std::size_t>(a + t);
    const auto j = static_cast<std::size_t>(b + t);
    if (program.term_parameter[i] != program.term_parameter[j] ||
        program.term_weight[i] + program.term_weight[j] != 0.0) {
      return false;
    }
  }
  return true;
}

bool cancel(const Program& program, std::size_t first, std::size_t second) {
  if (program.kind[first] != program.kind[second] ||
      program.control_mask[first] != program.control_mask[second] ||
      program.control_value[first] != program.control_value[second] ||
      !std::ranges::equal(program.targets_of(first), program.targets_of(second))) {
    return false;
  }
  switch (program.kind_of(first)) {
    case PrimitiveKind::kMatrix:
      return matrices_cancel(program, first, second);
    case PrimitiveKind::kDiagonal: {
      const auto a = program.data_of(first);
      const auto b = program.data_of(second);
      for (std::size_t e = 0; e < a.size(); ++e) {
        if (std::abs(a[e] * b[e] - 1.0) > kTolerance) return false;
      }
      return true;
    }
    case PrimitiveKind::kPermutation: {
      const auto a = program.table_of(first);
      const auto b = program.table_of(second);
      for (std::size_t e = 0; e < a.size(); ++e) {
        if (b[static_cast<std::size_t>(a[e])] != static_cast<std::int64_t>(e)) return false;
      }
      return true;
    }
    case PrimitiveKind::kRotation:
    case PrimitiveKind::kPhase:
      return angles_cancel(program, first, second);
  }
  return false;
}

}  // namespace

std::vector<std::int32_t> simplify(const Program& program) {
  const auto count = static_cast<std::int32_t>(program.size());
  std::array<std::int32_t, 64> last;  // latest kept primitive on each qubit
  last.fill(-1);
  std::vector<bool> kept(program.size(), false);
  // What `last` was before a primitive, so that a cancelled pair uncovers its predecessors.
  std::vector<std::size_t> saved_start(program.size());
  std::vector<std::int32_t> saved;
  saved.reserve(program.size() * 2);

  for (std::int32_t i = 0; i < count; ++i) {
    const auto index = static_cast<std::size_t>(i);
    if (is_identity(program, index)) continue;
    const Mask qubits = program.qubits_of(index);
    const std::int32_t previous =
        qubits == 0 ? -1 : last[static_cast<std::size_t>(std::countr_zero(qubits))];
    if (previous >= 0 && program.qubits_of(static_cast<std::size_t>(previous)) == qubits) {
      bool adjacent = true;
      for_each_bit(qubits,
                   [&](int q) { adjacent &= last[static_cast<std::size_t>(q)] == previous; });
      if (adjacent && cancel(program, static_cast<std::size_t>(previous), index)) {
        kept[static_cast<std::size_t>(previous)] = false;
        std::size_t slot = saved_start[static_cast<std::size_t>(previous)];
        for_each_bit(qubits, [&](int q) { last[static_cast<std::size_t>(q)] = saved[slot++]; });
        continue;
      }
    }
    kept[index] = true;
    saved_start[index] = saved.size();
    for_each_bit(qubits, [&](int q) {
      saved.push_back(last[static_cast<std::size_t>(q)]);
      last[static_cast<std::size_t>(q)] = i;
    });
  }

  std::vector<std::int32_t> result;
  result.reserve(program.size());
  for (std::int32_t i = 0; i < count; ++i) {
    if (kept[static_cast<std::size_t>(i)]) result.push_back(i);
  }
  return result;
}

}  // namespace quasim

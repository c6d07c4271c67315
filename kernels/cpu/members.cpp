#include "cpu/members.hpp"

#include <algorithm>
#include <cmath>

namespace quasim {
namespace {

Complex unit(double angle) { return {std::cos(angle), std::sin(angle)}; }

bool controlled_in(const Member& member, std::size_t index) {
  return (index & member.control_mask) == member.control_value;
}

// A matrix whose rows are indexed by the operation's qubits and whose columns just come along.
struct Rows {
  Complex* data;
  std::size_t rows;
  std::size_t columns;

  Complex* row(std::size_t r) const { return data + r * columns; }
  void scale(std::size_t r, Complex factor) const {
    for (std::size_t c = 0; c < columns; ++c) row(r)[c] = times(factor, row(r)[c]);
  }
};

void apply_rotation(const Member& member, double angle, const Rows& m) {
  const double cosine = std::cos(angle / 2);
  const double sine = std::sin(angle / 2);
  if (member.x_mask == 0) {
    const Complex even(cosine, -sine);
    for (std::size_t r = 0; r < m.rows; ++r) {
      if (controlled_in(member, r)) {
        m.scale(r, parity(r & member.z_mask) ? std::conj(even) : even);
      }
    }
    return;
  }
  const Complex factor = partner_factor(member.x_mask, member.z_mask, sine);
  for (std::size_t r = 0; r < m.rows; ++r) {
    const std::size_t partner = r ^ member.x_mask;
    if (partner < r || !controlled_in(member, r)) continue;
    const Complex f = parity(r & member.z_mask) ? -factor : factor;
    const Complex g = parity(partner & member.z_mask) ? -factor : factor;
    for (std::size_t c = 0; c < m.columns; ++c) {
      const Complex a = m.row(r)[c];
      const Complex b = m.row(partner)[c];
      m.row(r)[c] = cosine * a + times(f, b);
      m.row(partner)[c] = cosine * b + times(g, a);
    }
  }
}

// MATRIX and PERMUTATION: acts on the rows that differ in the target bits only.
void apply_on_targets(const Program& program, const Member& member, const Rows& m) {
  const auto i = static_cast<std::size_t>(member.primitive);
  const auto matrix = program.data_of(i);
  const auto table =
      member.table.empty() ? program.table_of(i) : std::span<const std::int64_t>(member.table);
  const std::size_t dim = member.spread.size();
  std::vector<Complex> in(dim);
  for (std::size_t base = 0; base < m.rows; ++base) {
    if ((base & member.target_mask) != 0 || !controlled_in(member, base)) continue;
    for (std::size_t c = 0; c < m.columns; ++c) {
      for (std::size_t r = 0; r < dim; ++r) in[r] = m.row(base | member.spread[r])[c];
      for (std::size_t r = 0; r < dim; ++r) {
        if (member.kind == PrimitiveKind::kPermutation) {
          m.row(base | member.spread[static_cast<std::size_t>(table[r])])[c] = in[r];
          continue;
        }
        Complex sum = 0.0;
        for (std::size_t k = 0; k < dim; ++k) sum += times(matrix[r * dim + k], in[k]);
        m.row(base | member.spread[r])[c] = sum;
      }
    }
  }
}

// Value of the member's targets in a matrix index.
std::size_t target_value(const Member& member, std::size_t index) {
  const auto found =
      std::ranges::find(member.spread, static_cast<std::uint32_t>(index & member.target_mask));
  return static_cast<std::size_t>(found - member.spread.begin());
}

void apply(const Program& program, const Member& member, double angle, const Rows& m) {
  switch (member.kind) {
    case PrimitiveKind::kMatrix:
    case PrimitiveKind::kPermutation:
      apply_on_targets(program, member, m);
      return;
    case PrimitiveKind::kDiagonal: {
      const auto entries = program.data_of(static_cast<std::size_t>(member.primitive));
      for (std::size_t r = 0; r < m.rows; ++r) {
        if (controlled_in(member, r)) m.scale(r, entries[target_value(member, r)]);
      }
      return;
    }
    case PrimitiveKind::kRotation:
      apply_rotation(member, angle, m);
      return;
    case PrimitiveKind::kPhase: {
      const Complex factor = unit(angle);
      for (std::size_t r = 0; r < m.rows; ++r) {
        if (controlled_in(member, r)) m.scale(r, factor);
      }
      return;
    }
  }
}

}  // namespace

Member localize(const Program& program, std::size_t i, const std::array<int, 64>& position) {
  const auto move = [&](Mask mask) {
    Mask result = 0;
    for_each_bit(mask, [&](int q) { result |= bit(position[static_cast<std::size_t>(q)]); });
    return result;
  };
  Member member;
  member.kind = program.kind_of(i);
  member.primitive = static_cast<std::int32_t>(i);
  member.control_mask = move(program.control_mask[i]);
  member.control_value = move(program.control_value[i]);
  member.x_mask = move(program.x_mask[i]);
  member.z_mask = move(program.z_mask[i]);
  if (member.kind != PrimitiveKind::kRotation && member.kind != PrimitiveKind::kPhase) {
    set_targets(member, program.targets_of(i), position);
  }
  return member;
}

void set_targets(Member& member, std::span<const std::int32_t> targets,
                 const std::array<int, 64>& position) {
  member.target_mask = 0;
  member.spread.assign(std::size_t{1} << targets.size(), 0);
  for (std::size_t k = 0; k < targets.size(); ++k) {
    const Mask moved = bit(position[static_cast<std::size_t>(targets[k])]);
    member.target_mask |= moved;
    for (std::size_t value = 0; value < member.spread.size(); ++value) {
      if ((value >> k) & 1) member.spread[value] |= static_cast<std::uint32_t>(moved);
    }
  }
}

Complex partner_factor(Mask x_mask, Mask z_mask, double sine) {
  switch (std::popcount(x_mask & z_mask) & 3) {
    case 0:
      return {0.0, -sine};
    case 1:
      return {-sine, 0.0};
    case 2:
      return {0.0, sine};
    default:
      return {sine, 0.0};
  }
}

void multiply_members(const Program& program, std::span<const Member> members,
                      std::span<const double> parameters, int width, Complex* matrix) {
  const std::size_t dim = std::size_t{1} << width;
  std::fill(matrix, matrix + dim * dim, Complex{});
  for (std::size_t r = 0; r < dim; ++r) matrix[r * dim + r] = 1.0;
  for (const Member& member : members) apply_member(program, member, parameters, width, matrix);
}

void apply_member(const Program& program, const Member& member, std::span<const double> parameters,
                  int width, Complex* matrix) {
  const std::size_t dim = std::size_t{1} << width;
  const double angle = program.angle(static_cast<std::size_t>(member.primitive), parameters);
  apply(program, member, angle, {matrix, dim, dim});
}

void multiply_diagonals(const Program& program, std::span<const Member> members,
                        std::span<const double> parameters, int width, Complex* entries) {
  const std::size_t dim = std::size_t{1} << width;
  std::fill(entries, entries + dim, Complex(1.0));
  for (const Member& member : members) {
    const auto i = static_cast<std::size_t>(member.primitive);
    if (member.kind == PrimitiveKind::kMatrix) {  // a matrix that happens to be diagonal
      const auto matrix = program.data_of(i);
      const std::size_t stride = member.spread.size() + 1;
      for (std::size_t r = 0; r < dim; ++r) {
        if (!controlled_in(member, r)) continue;
        entries[r] = times(matrix[target_value(member, r) * stride], entries[r]);
      }
    } else if (member.kind == PrimitiveKind::kPhase) {
      // Visit only the entries that change: the controls are fixed, the rest count up.
      const Complex factor = unit(program.angle(i, parameters));
      const std::size_t fixed = member.control_mask;
      for (std::size_t r = member.control_value; r < dim;
           r = (((r | fixed) + 1) & ~fixed) | member.control_value) {
        entries[r] = times(factor, entries[r]);
        if ((r | fixed) == dim - 1) break;
      }
    } else {
      apply(program, member, program.angle(i, parameters), {entries, dim, 1});
    }
  }
}

}  // namespace quasim

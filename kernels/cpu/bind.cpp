// Computes an operation's coefficients at given parameters and lays them out for its kernel.
#include <algorithm>
#include <cmath>

#include "cpu/compiled.hpp"

namespace quasim {
namespace {

bool lane_holds(std::uint32_t lane, std::uint32_t mask, std::uint32_t value) {
  return (lane & mask) == value;
}

// Tile positions below `lane_bits`, as a mask; they are the lowest entries of `inner`.
std::uint32_t low_lanes(const std::vector<int>& inner, int lane_bits) {
  std::uint32_t mask = 0;
  for (const int position : inner) {
    if (position < lane_bits) mask |= 1u << position;
  }
  return mask;
}

// Storage for a small product without touching the heap.
class Workspace {
 public:
  explicit Workspace(std::size_t size) : heap_(size > kStack ? size : 0) {}
  Complex* data() { return heap_.empty() ? stack_.data() : heap_.data(); }

 private:
  static constexpr std::size_t kStack = 256;
  std::array<Complex, kStack> stack_;
  std::vector<Complex> heap_;
};

template <typename T>
struct Expander {
  const CompiledOp<T>& op;
  int lane_bits;
  std::size_t lanes = std::size_t{1} << lane_bits;
  std::size_t reals = lanes * 2;

  // Writes one vector: `value(lane)` twice, for the real and the imaginary slot of the amplitude.
  template <typename Value>
  T* pairs(T* out, Value value) const {
    for (std::uint32_t lane = 0; lane < lanes; ++lane) {
      out[2 * lane] = out[2 * lane + 1] = static_cast<T>(value(lane));
    }
    return out + reals;
  }

  // Writes one vector of complex values.
  template <typename Value>
  T* complexes(T* out, Value value) const {
    for (std::uint32_t lane = 0; lane < lanes; ++lane) {
      const Complex v = value(lane);
      out[2 * lane] = static_cast<T>(v.real());
      out[2 * lane + 1] = static_cast<T>(v.imag());
    }
    return out + reals;
  }

  bool active(std::uint32_t lane) const {
    return lane_holds(lane, op.lane_control_mask, op.lane_control_value);
  }
};

// The matrix of the operation on inner and outer qubits.
template <typename T>
void make_matrix(const Program& program, const CompiledOp<T>& op,
                 std::span<const double> parameters, Complex* matrix) {
  const Member& first = op.members.front();
  if (op.members.size() > 1 || first.kind != PrimitiveKind::kMatrix || first.control_mask != 0 ||
      static_cast<int>(std::countr_zero(first.spread.size())) != op.width) {
    multiply_members(program, op.members, parameters, op.width, matrix);
    return;
  }
  // One matrix on all the qubits: only the order of its index bits changes.
  const auto data = program.data_of(static_cast<std::size_t>(first.primitive));
  const std::size_t dim = first.spread.size();
  for (std::size_t r = 0; r < dim; ++r) {
    for (std::size_t c = 0; c < dim; ++c) {
      matrix[first.spread[r] * dim + first.spread[c]] = data[r * dim + c];
    }
  }
}

template <typename T>
bool bind_dense(const Program& program, const CompiledOp<T>& op, std::span<const double> parameters,
                const Expander<T>& expand, T* out) {
  const std::size_t dim = std::size_t{1} << op.width;
  Workspace workspace(dim * dim);
  Complex* const matrix = workspace.data();
  make_matrix(program, op, parameters, matrix);
  const bool real =
      std::all_of(matrix, matrix + dim * dim, [](Complex entry) { return entry.imag() == 0.0; });
  const std::uint32_t low = low_lanes(op.inner, expand.lane_bits);
  const int low_count = std::popcount(low);
  const std::size_t flips = std::size_t{1} << low_count;
  const std::size_t rows = std::size_t{1} << (static_cast<int>(op.inner.size()) - low_count);
  std::array<std::size_t, 8> lane_row{};  // the part of the row index that a lane decides
  for (std::uint32_t lane = 0; lane < expand.lanes; ++lane) {
    lane_row[lane] = static_cast<std::size_t>(extract(lane, low));
  }
  const std::size_t outers = std::size_t{1} << (op.width - static_cast<int>(op.inner.size()));
  for (std::size_t outer = 0; outer < outers; ++outer) {
    const std::size_t base = outer << op.inner.size();
    T* at = out + outer * op.coef_size;
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < rows; ++j) {
        for (std::size_t x = 0; x < flips; ++x) {
          const Complex unchanged = i == j && x == 0 ? 1.0 : 0.0;
          const auto entry = [&](std::uint32_t lane) {
            if (!expand.active(lane)) return unchanged;
            const std::size_t row = base | i << low_count | lane_row[lane];
            const std::size_t column = base | j << low_count | (lane_row[lane] ^ x);
            return matrix[row * dim + column];
          };
          at = expand.pairs(at, [&](std::uint32_t lane) { return entry(lane).real(); });
          if (!real) at = expand.pairs(at, [&](std::uint32_t lane) { return entry(lane).imag(); });
        }
      }
    }
  }
  return real;
}

template <typename T>
void bind_diagonal(const Program& program, const CompiledOp<T>& op,
                   std::span<const double> parameters, const Expander<T>& expand, T* out) {
  const std::size_t size = std::size_t{1} << op.width;
  Workspace workspace(size);
  Complex* const entries = workspace.data();
  multiply_diagonals(program, op.members, parameters, op.width, entries);
  const std::uint32_t low = low_lanes(op.inner, expand.lane_bits);
  const std::size_t step = std::size_t{1} << std::popcount(low);
  for (std::size_t first = 0; first < size; first += step) {
    out = expand.complexes(out, [&](std::uint32_t lane) {
      return expand.active(lane) ? entries[first | extract(lane, low)] : Complex(1.0);
    });
  }
}

template <typename T>
void bind_parity_phase(double angle, const CompiledOp<T>& op, const Expander<T>& expand, T* out) {
  const Complex even(std::cos(angle / 2), -std::sin(angle / 2));
  for (int odd = 0; odd < 2; ++odd) {
    out = expand.complexes(out, [&](std::uint32_t lane) {
      if (!expand.active(lane)) return Complex(1.0);
      return (odd ^ parity(lane & op.lane_parity)) ? std::conj(even) : even;
    });
  }
}

template <typename T>
void bind_rotation(double angle, const CompiledOp<T>& op, const Expander<T>& expand, T* out) {
  const Member& member = op.members.front();
  const double cosine = std::cos(angle / 2);
  const Complex factor = partner_factor(member.x_mask, member.z_mask, std::sin(angle / 2));
  const bool imaginary =
      factor.real() == 0.0 && std::popcount(member.x_mask & member.z_mask) % 2 == 0;
  out = expand.pairs(out, [&](std::uint32_t lane) { return expand.active(lane) ? cosine : 1.0; });
  for (int odd = 0; odd < 2; ++odd) {
    out = expand.complexes(out, [&](std::uint32_t lane) {
      if (!expand.active(lane)) return Complex{};
      const double sign = (odd ^ parity(lane & op.lane_parity)) ? -1.0 : 1.0;
      // An imaginary factor multiplies the partner with its parts swapped: (re, im) * i f is
      // (-f im, f re).
      const double f = sign * (imaginary ? factor.imag() : factor.real());
      return imaginary ? Complex(-f, f) : Complex(f, f);
    });
  }
}

template <typename T>
void bind_wide(const Program& program, const CompiledOp<T>& op, std::span<const double> parameters,
               T* out) {
  const std::size_t dim = std::size_t{1} << op.width;
  std::vector<Complex> matrix(dim * dim);
  make_matrix(program, op, parameters, matrix.data());
  const std::size_t rows = std::size_t{1} << op.inner.size();
  for (std::size_t base = 0; base < dim; base += rows) {
    for (std::size_t column = 0; column < rows; ++column) {
      for (std::size_t row = 0; row < rows; ++row) {
        const Complex entry = matrix[(base + row) * dim + base + column];
        *out++ = static_cast<T>(entry.real());
        *out++ = static_cast<T>(entry.imag());
      }
    }
  }
}

}  // namespace

template <typename T>
bool bind(const Program& program, const CompiledOp<T>& op, std::span<const double> parameters,
          int lane_bits, T* out) {
  const Expander<T> expand{op, lane_bits};
  const auto angle = [&] {
    return program.angle(static_cast<std::size_t>(op.members.front().primitive), parameters);
  };
  switch (op.recipe) {
    case Recipe::kDense:
      return bind_dense(program, op, parameters, expand, out);
    case Recipe::kDiagonal:
      bind_diagonal(program, op, parameters, expand, out);
      return false;
    case Recipe::kParityPhase:
      bind_parity_phase(angle(), op, expand, out);
      return false;
    case Recipe::kRotation:
      bind_rotation(angle(), op, expand, out);
      return false;
    case Recipe::kWide:
      bind_wide(program, op, parameters, out);
      return false;
    case Recipe::kPermute:
      return false;
  }
  return false;
}

template bool bind(const Program&, const CompiledOp<float>&, std::span<const double>, int, float*);
template bool bind(const Program&, const CompiledOp<double>&, std::span<const double>, int,
                   double*);

}  // namespace quasim

// The numbers of a program's ops at given parameters, made on the device in double precision.
//
// New parameters cost one small launch, and may come from another kernel without a way through the
// host. A thread makes one column of a matrix, one rotation or one angle.
#pragma once

#include "block.cuh"
#include "turns.cuh"

namespace quasim_device {

constexpr int kMaxColumn = 16;

// One column of the product of some factors.
struct Column {
  Complex<double> v[kMaxColumn];
};

struct Binding {
  const char* program;
  const double* parameters;
  const double* direction;  // of the parameters, or null

  const ProgramHeader* header;

  QUASIM_DEVICE double angle(i32 number, const double* values, bool with_offset) const {
    const Angle& angle = part<Angle>(program, header->angles)[number];
    double sum = with_offset ? angle.offset : 0.0;
    for (i32 w = angle.first; w < angle.last; ++w) {
      const Weight& weight = part<Weight>(program, header->weights)[w];
      sum += weight.weight * values[weight.parameter];
    }
    return sum;
  }
  QUASIM_DEVICE double angle(i32 number) const { return angle(number, parameters, true); }
};

// Value of a factor's targets in the index `row`.
QUASIM_DEVICE int target_value(const Factor& factor, int row) {
  int value = 0;
  for (int k = 0; k < factor.width; ++k) value |= (row >> factor.targets[k] & 1) << k;
  return value;
}

// The index bits of the value `value` of a factor's targets.
QUASIM_DEVICE int target_bits(const Factor& factor, int value) {
  int bits = 0;
  for (int k = 0; k < factor.width; ++k) bits |= (value >> k & 1) << factor.targets[k];
  return bits;
}

QUASIM_DEVICE void multiply_targets(const Binding& binding, const Factor& factor, int size,
                                    Column& column) {
  const auto* const data = part<Complex<double>>(binding.program, binding.header->data);
  const i64* const tables = part<i64>(binding.program, binding.header->tables);
  const int dim = 1 << factor.width;
  Column result = column;
  for (int row = 0; row < size; ++row) {
    if ((row & factor.control_mask) != factor.control_value) continue;
    const int base = row & ~factor.target_mask;
    const int own = target_value(factor, row);
    if (factor.kind == FactorKind::kPermutation) {
      result.v[base | target_bits(factor, static_cast<int>(tables[factor.data + own]))] =
          column.v[row];
      continue;
    }
    Complex<double> sum{0, 0};
    for (int k = 0; k < dim; ++k) {
      sum = sum + data[factor.data + own * dim + k] * column.v[base | target_bits(factor, k)];
    }
    result.v[row] = sum;
  }
  column = result;
}

QUASIM_DEVICE void multiply_rotation(const Binding& binding, const Factor& factor, int size,
                                     Column& column) {
  const double half = binding.angle(factor.angle) / 2;
  const double c = cosine(half);
  const double s = sine(half);
  // P|k> = i^count (-1)^parity(k & z) |k ^ x>.
  const int count = popcount(static_cast<u64>(factor.x & factor.z)) & 3;
  Column result = column;
  for (int row = 0; row < size; ++row) {
    if ((row & factor.control_mask) != factor.control_value) continue;
    const int from = row ^ factor.x;
    const double sign = parity(static_cast<u64>(from & factor.z)) ? -s : s;
    // -i i^count sin
    const Complex<double> factors[4] = {{0, -sign}, {sign, 0}, {0, sign}, {-sign, 0}};
    result.v[row] = c * column.v[row] + factors[count] * column.v[from];
  }
  column = result;
}

QUASIM_DEVICE void multiply(const Binding& binding, const Factor& factor, int size,
                            Column& column) {
  switch (factor.kind) {
    case FactorKind::kMatrix:
    case FactorKind::kPermutation:
      multiply_targets(binding, factor, size, column);
      break;
    case FactorKind::kRotation:
      multiply_rotation(binding, factor, size, column);
      break;
    case FactorKind::kDiagonal:
    case FactorKind::kPhase: {
      const auto* const data = part<Complex<double>>(binding.program, binding.header->data);
      const double angle = factor.kind == FactorKind::kPhase ? binding.angle(factor.angle) : 0.0;
      const Complex<double> phase{cosine(angle), sine(angle)};
      for (int row = 0; row < size; ++row) {
        if ((row & factor.control_mask) != factor.control_value) continue;
        const Complex<double> own = factor.kind == FactorKind::kPhase
                                        ? phase
                                        : data[factor.data + target_value(factor, row)];
        column.v[row] = own * column.v[row];
      }
      break;
    }
  }
}

// Column `number` of the product that a recipe is of.
QUASIM_DEVICE Column column_of(const Binding& binding, const Recipe& recipe, int number) {
  Column column;
  for (int row = 0; row < kMaxColumn; ++row) column.v[row] = {row == number ? 1.0 : 0.0, 0.0};
  for (i32 f = recipe.first; f < recipe.last; ++f) {
    multiply(binding, part<Factor>(binding.program, binding.header->factors)[f], 1 << recipe.width,
             column);
  }
  return column;
}

// A part of a unitary matrix. Of its four angles, which are not independent, the larger entries
// give three, and an inaccurate one of a small entry matters little.
QUASIM_DEVICE double turn_part(const Binding& binding, const Recipe& recipe, TurnPart part) {
  const Column first = column_of(binding, recipe, 0);
  const Column second = column_of(binding, recipe, 1);
  const double both = argument(first.v[0]);
  if (part == TurnPart::kBoth) return both;
  const bool straight = norm(first.v[0]) >= norm(first.v[1]);
  const double left = argument(first.v[1]) - both;
  if (part == TurnPart::kLeft) return left;
  const Complex<double> other{-second.v[0].re, -second.v[0].im};
  return straight ? argument(second.v[1]) - both - left : argument(other) - both;
}

// Turn number `number`.
template <class Fixed>
QUASIM_DEVICE Fixed bound_turn(const Binding& binding, i64 number) {
  const TurnRecipe& recipe =
      part<TurnRecipe>(binding.program, binding.header->turn_recipes)[number];
  if (recipe.part != TurnPart::kAngle) {
    const Recipe& of = part<Recipe>(binding.program, binding.header->recipes)[recipe.angle];
    return turn_of<Fixed>(turn_part(binding, of, recipe.part));
  }
  const double angle = recipe.angle < 0 ? recipe.scale : recipe.scale * binding.angle(recipe.angle);
  return turn_of<Fixed>(angle);
}

// The numbers of a matrix of the form kRotated; of one that is neither orthogonal nor a rotation
// about X, of the real rotation in it.
template <class T>
QUASIM_DEVICE void bind_rotated(const Binding& binding, const Recipe& recipe, T* to) {
  const Complex<double> m00 = column_of(binding, recipe, 0).v[0];
  const Complex<double> m10 = column_of(binding, recipe, 0).v[1];
  const Complex<double> m01 = column_of(binding, recipe, 1).v[0];
  const Complex<double> m11 = column_of(binding, recipe, 1).v[1];
  const bool straight = norm(m00) >= norm(m01);
  double a = m00.re;
  double b = m01.re;
  double c = m10.re;
  double d = m11.re;
  Shape shape;
  if (recipe.block_value == kRotatedX) {
    b = m01.im;
    c = m10.im;
    shape = straight ? Shape::kImaginary : Shape::kCrossedTurn;
  } else {
    if (recipe.block_value == kRotatedPart) {
      a = d = root(norm(m00));
      c = root(norm(m10));
      b = -c;
    }
    if (straight) {
      shape = (a > 0) == (d > 0) ? Shape::kStraight : Shape::kMirrored;
    } else {
      shape = (b > 0) == (c > 0) ? Shape::kCrossed : Shape::kTurned;
    }
  }
  const double factor = straight ? a : b;
  to[kFirst] = static_cast<T>((straight ? b : a) / factor);
  to[kSecond] = static_cast<T>((straight ? c : d) / factor);
  to[kFactor] = static_cast<T>(factor);
  to[kShape] = static_cast<T>(static_cast<int>(shape));
}

// Column `number` of the numbers of a recipe; those without columns are made whole by number 0.
template <class T>
QUASIM_DEVICE void bind_column(const Binding& binding, const Recipe& recipe, int number,
                               T* numbers) {
  T* const to = numbers + recipe.number;
  switch (recipe.kind) {
    case RecipeKind::kMatrix:
    case RecipeKind::kReal: {
      const int size = 1 << recipe.width;
      if (number >= size || (number & recipe.block_mask) != recipe.block_value) return;
      const auto kept = static_cast<u64>((size - 1) & ~recipe.block_mask);
      const int block = 1 << popcount(kept);
      const Column column = column_of(binding, recipe, number);
      const int to_column = static_cast<int>(extract(static_cast<u64>(number), kept));
      for (int row = 0; row < size; ++row) {
        if ((row & recipe.block_mask) != recipe.block_value) continue;
        const int place =
            static_cast<int>(extract(static_cast<u64>(row), kept)) * block + to_column;
        if (recipe.kind == RecipeKind::kReal) {
          to[place] = static_cast<T>(column.v[row].re);
        } else {
          to[2 * place] = static_cast<T>(column.v[row].re);
          to[2 * place + 1] = static_cast<T>(column.v[row].im);
        }
      }
      break;
    }
    case RecipeKind::kRotated:
      if (number == 0) bind_rotated(binding, recipe, to);
      break;
    case RecipeKind::kRotation: {
      if (number != 0) return;
      const double half = binding.angle(recipe.angle) / 2;
      to[0] = static_cast<T>(cosine(half));
      to[1] = static_cast<T>(recipe.scale * sine(half));
      break;
    }
    case RecipeKind::kRate:
      if (number != 0) return;
      to[0] = static_cast<T>(recipe.scale * binding.angle(recipe.angle, binding.direction, false));
      break;
    case RecipeKind::kPhase: {
      if (number >= recipe.width) return;
      u64 sum = 0;
      for (i32 t = recipe.first; t < recipe.last; ++t) {
        const Term& term = part<Term>(binding.program, binding.header->terms)[t];
        if ((static_cast<Mask>(number) & term.mask) != term.value) continue;
        sum += bound_turn<u64>(binding, term.number) * static_cast<u64>(term.factor);
      }
      const Complex<double> phase = unit(sum);
      to[2 * number] = static_cast<T>(phase.re);
      to[2 * number + 1] = static_cast<T>(phase.im);
      break;
    }
    case RecipeKind::kEntries: {
      const auto* const data = part<Complex<double>>(binding.program, binding.header->data);
      for (int e = number; e < recipe.width; e += kMaxColumn) {
        to[2 * e] = static_cast<T>(data[recipe.data + static_cast<i64>(e) * recipe.first].re);
        to[2 * e + 1] = static_cast<T>(data[recipe.data + static_cast<i64>(e) * recipe.first].im);
      }
      break;
    }
  }
}

// All numbers of all members; threads are counted through recipes, sixteen each, then turns.
template <class T>
QUASIM_DEVICE void bind(const Block& block, const char* program, const double* parameters,
                        i64 parameter_stride, const double* direction, T* numbers,
                        i64 number_stride, Turn<T>* turns, i64 turn_stride) {
  const auto& header = *part<ProgramHeader>(program, 0);
  const i64 member = static_cast<i64>(block.member());
  const Binding binding{program, parameters + member * parameter_stride, direction, &header};
  block.apart([&](int thread) {
    i64 number = static_cast<i64>(block.index()) * block.threads() + thread;
    if (number < header.num_recipes * kMaxColumn) {
      bind_column(binding, part<Recipe>(program, header.recipes)[number / kMaxColumn],
                  static_cast<int>(number % kMaxColumn), numbers + member * number_stride);
      return;
    }
    number -= header.num_recipes * kMaxColumn;
    if (number >= header.num_turns) return;
    turns[member * turn_stride + number] = bound_turn<Turn<T>>(binding, number);
  });
}

}  // namespace quasim_device

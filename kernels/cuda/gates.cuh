// Gates on amplitudes that one thread holds in registers.
//
// Every array index is a constant once loops are unrolled and `x`, the register bits of a gate, is
// a template argument. Multiply-adds an amplitude: rotated 2 x 2 matrices 2, real ones and
// rotations by Pauli strings 4, complex ones 8, 4 x 4 matrices 16, 8 x 8 matrices 32, 16 x 16
// matrices 64.
#pragma once

#include "turns.cuh"

namespace quasim_device {

constexpr int kAmplitudes = 1 << kRegisterBits;

// The amplitudes of a thread: amplitude j has the bits of j in the register bits.
template <class T>
struct Registers {
  Complex<T> a[kAmplitudes];
};

// Two numbers that are read at once; numbers of an op begin where that is possible.
template <class T>
struct alignas(4 * sizeof(T) > 16 ? 16 : 4 * sizeof(T)) Two {
  Complex<T> a;
  Complex<T> b;
};

template <class T>
QUASIM_DEVICE const Two<T>* twos(const T* numbers) {
  return reinterpret_cast<const Two<T>*>(numbers);
}

QUASIM_DEVICE constexpr int highest(int x) {
  int bit = 1;
  while (2 * bit <= x) bit *= 2;
  return bit;
}

// Whether pattern j takes part in a gate.
QUASIM_DEVICE bool takes_part(const Op& op, int j) { return op.active >> j & 1; }

constexpr u16 kAllPatterns = (1u << kAmplitudes) - 1;

// For each pair, what mix(j, j ^ X, low, high) makes of its amplitudes. Unless `all` take part, the
// others are put back: choices are cheaper than branches, between which nothing can be reordered.
template <class T, int X, bool all, class Mix>
QUASIM_DEVICE void mix_pairs(const Op& op, Registers<T>& held, Mix mix) {
  QUASIM_UNROLL
  for (int j = 0; j < kAmplitudes; ++j) {
    if ((j & highest(X)) != 0) continue;
    Complex<T> low = held.a[j];
    Complex<T> high = held.a[j ^ X];
    mix(j, j ^ X, low, high);
    if (all || takes_part(op, j)) {
      held.a[j] = low;
      held.a[j ^ X] = high;
    }
  }
}

// mix(low, high) on every pair.
template <class T, int X, class Mix>
QUASIM_DEVICE void each_pair(Registers<T>& held, Mix mix) {
  QUASIM_UNROLL
  for (int j = 0; j < kAmplitudes; ++j) {
    if ((j & highest(X)) == 0) mix(held.a[j], held.a[j ^ X]);
  }
}

template <class T, int X, class Mix>
QUASIM_DEVICE void mix_pairs(const Op& op, Registers<T>& held, Mix mix) {
  if (op.active == kAllPatterns) {
    mix_pairs<T, X, true>(op, held, mix);
  } else {
    mix_pairs<T, X, false>(op, held, mix);
  }
}

template <class T, int X>
QUASIM_DEVICE void pair(const Op& op, const T* m, Registers<T>& held) {
  const Complex<T> m00{m[0], m[1]};
  const Complex<T> m01{m[2], m[3]};
  const Complex<T> m10{m[4], m[5]};
  const Complex<T> m11{m[6], m[7]};
  mix_pairs<T, X>(op, held, [&](int, int, Complex<T>& low, Complex<T>& high) {
    const Complex<T> sum = multiply_add(m01, high, m00 * low);
    high = multiply_add(m11, high, m10 * low);
    low = sum;
  });
}

template <class T, int X>
QUASIM_DEVICE void real_pair(const Op& op, const T* m, Registers<T>& held) {
  const T m00 = m[0];
  const T m01 = m[1];
  const T m10 = m[2];
  const T m11 = m[3];
  mix_pairs<T, X>(op, held, [&](int, int, Complex<T>& low, Complex<T>& high) {
    const Complex<T> sum = m00 * low + m01 * high;
    high = m10 * low + m11 * high;
    low = sum;
  });
}

// On every amplitude: a matrix on register bit X in the form kRotated, without its factor; two
// multiply-adds each.
template <class T, int X>
QUASIM_DEVICE void rotated(const T* m, Registers<T>& held) {
  const T p = m[kFirst];
  const T q = m[kSecond];
  switch (static_cast<Shape>(static_cast<int>(m[kShape]))) {
    case Shape::kStraight:
      return each_pair<T, X>(held, [&](Complex<T>& low, Complex<T>& high) {
        const Complex<T> old = low;
        low = {old.re + p * high.re, old.im + p * high.im};
        high = {high.re + q * old.re, high.im + q * old.im};
      });
    case Shape::kMirrored:
      return each_pair<T, X>(held, [&](Complex<T>& low, Complex<T>& high) {
        const Complex<T> old = low;
        low = {old.re + p * high.re, old.im + p * high.im};
        high = {q * old.re - high.re, q * old.im - high.im};
      });
    case Shape::kCrossed:
      return each_pair<T, X>(held, [&](Complex<T>& low, Complex<T>& high) {
        const Complex<T> old = low;
        low = {high.re + p * old.re, high.im + p * old.im};
        high = {old.re + q * high.re, old.im + q * high.im};
      });
    case Shape::kTurned:
      return each_pair<T, X>(held, [&](Complex<T>& low, Complex<T>& high) {
        const Complex<T> old = low;
        low = {high.re + p * old.re, high.im + p * old.im};
        high = {q * high.re - old.re, q * high.im - old.im};
      });
    case Shape::kImaginary:
      return each_pair<T, X>(held, [&](Complex<T>& low, Complex<T>& high) {
        const Complex<T> old = low;
        low = {old.re - p * high.im, old.im + p * high.re};
        high = {high.re - q * old.im, high.im + q * old.re};
      });
    case Shape::kCrossedTurn:
      return each_pair<T, X>(held, [&](Complex<T>& low, Complex<T>& high) {
        const Complex<T> old = low;
        low = {p * old.re - high.im, p * old.im + high.re};
        high = {q * high.re - old.im, q * high.im + old.re};
      });
  }
}

// A matrix of kQubits; returns the factor that it leaves out.
template <class T, int X>
QUASIM_DEVICE T qubit(Form form, const T* m, Registers<T>& held) {
  if (form == Form::kNone) return T{1};
  if (form == Form::kRotated) {
    rotated<T, X>(m, held);
    return m[kFactor];
  }
  const Complex<T> m00{m[0], m[1]};
  const Complex<T> m01{m[2], m[3]};
  const Complex<T> m10{m[4], m[5]};
  const Complex<T> m11{m[6], m[7]};
  each_pair<T, X>(held, [&](Complex<T>& low, Complex<T>& high) {
    const Complex<T> sum = multiply_add(m01, high, m00 * low);
    high = multiply_add(m11, high, m10 * low);
    low = sum;
  });
  return T{1};
}

// Matrices on several register bits at once, which spares most of what it takes to find out what to
// do. Returns the factor that they leave out.
template <class T>
QUASIM_DEVICE T qubits(const Op& op, const T* m, Registers<T>& held) {
  const auto form = [&](int bit) { return static_cast<Form>(op.signs >> 2 * bit & 3); };
  const T two = qubit<T, 1>(form(0), m, held) * qubit<T, 2>(form(1), m + kQubitNumbers, held);
  return two * qubit<T, 4>(form(2), m + 2 * kQubitNumbers, held) *
         qubit<T, 8>(form(3), m + 3 * kQubitNumbers, held);
}

// `sine`, with the other sign for pattern j.
template <class T>
QUASIM_DEVICE T signed_for(const Op& op, int j, T sine) {
  return op.signs >> j & 1 ? -sine : sine;
}

// cos a_j + sin s_k a_k, where k = j ^ X and s_k is the sign of pattern k.
template <class T, int X>
QUASIM_DEVICE void turn_real(const Op& op, T cosine, T sine, Registers<T>& held) {
  mix_pairs<T, X>(op, held, [&](int j, int k, Complex<T>& low, Complex<T>& high) {
    const Complex<T> sum = cosine * low + signed_for(op, k, sine) * high;
    high = cosine * high + signed_for(op, j, sine) * low;
    low = sum;
  });
}

// cos a_j - i sin s_k a_k.
template <class T, int X>
QUASIM_DEVICE void turn_imag(const Op& op, T cosine, T sine, Registers<T>& held) {
  mix_pairs<T, X>(op, held, [&](int j, int k, Complex<T>& low, Complex<T>& high) {
    const T to_low = signed_for(op, k, sine);
    const T to_high = signed_for(op, j, sine);
    const Complex<T> sum{cosine * low.re + to_low * high.im, cosine * low.im - to_low * high.re};
    high = {cosine * high.re + to_high * low.im, cosine * high.im - to_high * low.re};
    low = sum;
  });
}

template <class T, int X>
QUASIM_DEVICE void move(const Op& op, Registers<T>& held) {
  mix_pairs<T, X, false>(op, held, [&](int, int, Complex<T>& low, Complex<T>& high) {
    const Complex<T> kept = low;
    low = high;
    high = kept;
  });
}

// The pattern of the register bits X that has the bits of `value`.
template <int X>
QUASIM_DEVICE constexpr int spread(int value) {
  int result = 0;
  for (int bit = 1; bit <= X; bit *= 2) {
    if ((X & bit) == 0) continue;
    if (value & 1) result |= bit;
    value >>= 1;
  }
  return result;
}

// Unless `all` take part, the others are put back.
template <class T, int X, bool all>
QUASIM_DEVICE void dense2(const Op& op, const T* m, Registers<T>& held) {
  QUASIM_UNROLL
  for (int base = 0; base < kAmplitudes; ++base) {
    if ((base & X) != 0) continue;
    const Complex<T> a0 = held.a[base];
    const Complex<T> a1 = held.a[base | spread<X>(1)];
    const Complex<T> a2 = held.a[base | spread<X>(2)];
    const Complex<T> a3 = held.a[base | spread<X>(3)];
    QUASIM_UNROLL
    for (int row = 0; row < 4; ++row) {
      const Two<T> left = twos(m)[2 * row];
      const Two<T> right = twos(m)[2 * row + 1];
      const Complex<T> half = multiply_add(left.b, a1, left.a * a0);
      const Complex<T> sum = multiply_add(right.b, a3, multiply_add(right.a, a2, half));
      if (all || takes_part(op, base)) held.a[base | spread<X>(row)] = sum;
    }
  }
}

template <class T, int X>
QUASIM_DEVICE void dense2(const Op& op, const T* m, Registers<T>& held) {
  if (op.active == kAllPatterns) {
    dense2<T, X, true>(op, m, held);
  } else {
    dense2<T, X, false>(op, m, held);
  }
}

// 2^K rows and columns on the register bits X. Row by row in a loop, to keep the code short and the
// registers few; `rows` is room in shared memory for the results of one thread, `stride` apart.
template <class T, int X, int K>
QUASIM_DEVICE void dense_by_rows(const Op& op, const T* m, Registers<T>& held, Complex<T>* rows,
                                 int stride) {
  constexpr int size = 1 << K;
  QUASIM_LOOP
  for (int row = 0; row < size; ++row) {
    Complex<T> sums[kAmplitudes / size] = {};
    QUASIM_UNROLL
    for (int column = 0; column < size; ++column) {
      const T* const entry = m + 2 * (row * size + column);
      QUASIM_UNROLL
      for (int k = 0; k < kAmplitudes / size; ++k) {
        sums[k] = multiply_add({entry[0], entry[1]},
                               held.a[spread<kAmplitudes - 1 - X>(k) | spread<X>(column)], sums[k]);
      }
    }
    QUASIM_UNROLL
    for (int k = 0; k < kAmplitudes / size; ++k) rows[(k * size + row) * stride] = sums[k];
  }
  QUASIM_UNROLL
  for (int k = 0; k < kAmplitudes / size; ++k) {
    const int base = spread<kAmplitudes - 1 - X>(k);
    QUASIM_UNROLL
    for (int row = 0; row < size; ++row) {
      if (takes_part(op, base)) held.a[base | spread<X>(row)] = rows[(k * size + row) * stride];
    }
  }
}

template <int X>
struct Pattern {
  static constexpr int value = X;
};

QUASIM_DEVICE constexpr int ones(int x) {
  int count = 0;
  for (; x != 0; x &= x - 1) ++count;
  return count;
}

// act(Pattern<X>()) with X = x, which has `Least` to `Most` of the lowest `Bits` register bits. A
// jump, not a chain of questions.
template <int Least, int Most, int Bits = kRegisterBits, class Act>
QUASIM_DEVICE void with_pattern(int x, Act act) {
#define QUASIM_PATTERN(X)                                                                    \
  case X:                                                                                    \
    if constexpr (ones(X) >= Least && ones(X) <= Most && X < (1 << Bits)) act(Pattern<X>()); \
    break;
  switch (x) {
    QUASIM_PATTERN(1)
    QUASIM_PATTERN(2)
    QUASIM_PATTERN(3)
    QUASIM_PATTERN(4)
    QUASIM_PATTERN(5)
    QUASIM_PATTERN(6)
    QUASIM_PATTERN(7)
    QUASIM_PATTERN(8)
    QUASIM_PATTERN(9)
    QUASIM_PATTERN(10)
    QUASIM_PATTERN(11)
    QUASIM_PATTERN(12)
    QUASIM_PATTERN(13)
    QUASIM_PATTERN(14)
    QUASIM_PATTERN(15)
    default:
      break;
  }
#undef QUASIM_PATTERN
}

// Does `op` on the amplitudes of a thread, for codes from kPair to kMove. `where` is their index
// with the register bits zero.
template <class T>
QUASIM_DEVICE void gate(const Op& op, const T* numbers, Mask where, Registers<T>& held) {
  if ((where & op.mask) != op.value) return;
  const T* const m = numbers + op.number;
  switch (op.code) {
    case OpCode::kPair:
      with_pattern<1, 1>(op.x, [&](auto x) { pair<T, decltype(x)::value>(op, m, held); });
      break;
    case OpCode::kRealPair:
      with_pattern<1, 1>(op.x, [&](auto x) { real_pair<T, decltype(x)::value>(op, m, held); });
      break;
    case OpCode::kDense2:
      with_pattern<2, 2>(op.x, [&](auto x) { dense2<T, decltype(x)::value>(op, m, held); });
      break;
    case OpCode::kTurnReal: {
      const T sine = parity(where & op.odd) ? -m[1] : m[1];
      with_pattern<1, kRegisterBits>(
          op.x, [&](auto x) { turn_real<T, decltype(x)::value>(op, m[0], sine, held); });
      break;
    }
    case OpCode::kTurnImag: {
      const T sine = parity(where & op.odd) ? -m[1] : m[1];
      with_pattern<1, kRegisterBits>(
          op.x, [&](auto x) { turn_imag<T, decltype(x)::value>(op, m[0], sine, held); });
      break;
    }
    case OpCode::kMove:
      with_pattern<1, kRegisterBits>(op.x, [&](auto x) { move<T, decltype(x)::value>(op, held); });
      break;
    default:
      break;
  }
}

// Does kDense3 and kDense4.
template <class T>
QUASIM_DEVICE void wide_gate(const Op& op, const T* numbers, Mask where, Registers<T>& held,
                             Complex<T>* rows, int stride) {
  if ((where & op.mask) != op.value) return;
  const T* const m = numbers + op.number;
  if (op.code == OpCode::kDense4) {
    dense_by_rows<T, kAmplitudes - 1, 4>(op, m, held, rows, stride);
  } else {
    with_pattern<3, 3>(
        op.x, [&](auto x) { dense_by_rows<T, decltype(x)::value, 3>(op, m, held, rows, stride); });
  }
}

}  // namespace quasim_device

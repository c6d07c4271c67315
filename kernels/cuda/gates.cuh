// Gates on amplitudes that one thread holds in registers.
//
// Every array index is a constant once loops are unrolled and `x`, the register bits of a gate, is
// a template argument. Multiply-adds an amplitude: real 2 x 2 matrices and rotations 4, complex
// ones 8, 4 x 4 matrices 16, 8 x 8 matrices 32.
#pragma once

#include "turns.cuh"

namespace quasim_device {

constexpr int kAmplitudes = 1 << kRegisterBits;

// The amplitudes of a thread: amplitude j has the bits of j in the register bits.
template <class T>
struct Registers {
  Complex<T> a[kAmplitudes];
};

QUASIM_DEVICE constexpr int highest(int x) {
  int bit = 1;
  while (2 * bit <= x) bit *= 2;
  return bit;
}

// mix(j, j ^ X) for each pair that takes part.
template <int X, class Mix>
QUASIM_DEVICE void for_pairs(const Op& op, Mix mix) {
  QUASIM_UNROLL
  for (int j = 0; j < kAmplitudes; ++j) {
    if ((j & highest(X)) == 0 && (op.active >> j & 1)) mix(j, j ^ X);
  }
}

template <class T, int X>
QUASIM_DEVICE void pair(const Op& op, const T* m, Registers<T>& held) {
  const Complex<T> m00{m[0], m[1]};
  const Complex<T> m01{m[2], m[3]};
  const Complex<T> m10{m[4], m[5]};
  const Complex<T> m11{m[6], m[7]};
  for_pairs<X>(op, [&](int j, int k) {
    const Complex<T> low = held.a[j];
    const Complex<T> high = held.a[k];
    held.a[j] = m00 * low + m01 * high;
    held.a[k] = m10 * low + m11 * high;
  });
}

template <class T, int X>
QUASIM_DEVICE void real_pair(const Op& op, const T* m, Registers<T>& held) {
  const T m00 = m[0];
  const T m01 = m[1];
  const T m10 = m[2];
  const T m11 = m[3];
  for_pairs<X>(op, [&](int j, int k) {
    const Complex<T> low = held.a[j];
    const Complex<T> high = held.a[k];
    held.a[j] = m00 * low + m01 * high;
    held.a[k] = m10 * low + m11 * high;
  });
}

// `sine`, with the other sign for pattern j.
template <class T>
QUASIM_DEVICE T signed_for(const Op& op, int j, T sine) {
  return op.signs >> j & 1 ? -sine : sine;
}

// cos a_j + sin s_k a_k, where k = j ^ X and s_k is the sign of pattern k.
template <class T, int X>
QUASIM_DEVICE void turn_real(const Op& op, T cosine, T sine, Registers<T>& held) {
  for_pairs<X>(op, [&](int j, int k) {
    const Complex<T> low = held.a[j];
    const Complex<T> high = held.a[k];
    held.a[j] = cosine * low + signed_for(op, k, sine) * high;
    held.a[k] = cosine * high + signed_for(op, j, sine) * low;
  });
}

// cos a_j - i sin s_k a_k.
template <class T, int X>
QUASIM_DEVICE void turn_imag(const Op& op, T cosine, T sine, Registers<T>& held) {
  for_pairs<X>(op, [&](int j, int k) {
    const Complex<T> low = held.a[j];
    const Complex<T> high = held.a[k];
    const T to_low = signed_for(op, k, sine);
    const T to_high = signed_for(op, j, sine);
    held.a[j] = {cosine * low.re + to_low * high.im, cosine * low.im - to_low * high.re};
    held.a[k] = {cosine * high.re + to_high * low.im, cosine * high.im - to_high * low.re};
  });
}

template <class T, int X>
QUASIM_DEVICE void move(const Op& op, Registers<T>& held) {
  for_pairs<X>(op, [&](int j, int k) {
    const Complex<T> low = held.a[j];
    held.a[j] = held.a[k];
    held.a[k] = low;
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

template <class T, int X>
QUASIM_DEVICE void dense2(const Op& op, const T* m, Registers<T>& held) {
  QUASIM_UNROLL
  for (int base = 0; base < kAmplitudes; ++base) {
    if ((base & X) != 0 || !(op.active >> base & 1)) continue;
    Complex<T> result[4];
    QUASIM_UNROLL
    for (int row = 0; row < 4; ++row) {
      result[row] = {T{0}, T{0}};
      QUASIM_UNROLL
      for (int column = 0; column < 4; ++column) {
        const T* const entry = m + 2 * (row * 4 + column);
        result[row] =
            result[row] + Complex<T>{entry[0], entry[1]} * held.a[base | spread<X>(column)];
      }
    }
    QUASIM_UNROLL
    for (int row = 0; row < 4; ++row) held.a[base | spread<X>(row)] = result[row];
  }
}

// Row by row in a loop, to keep the code short and the registers few.
template <class T, int X>
QUASIM_DEVICE void dense3(const Op& op, const T* m, Registers<T>& held) {
  QUASIM_UNROLL
  for (int base = 0; base < kAmplitudes; ++base) {
    if ((base & X) != 0 || !(op.active >> base & 1)) continue;
    Complex<T> result[8];
    QUASIM_LOOP
    for (int row = 0; row < 8; ++row) {
      Complex<T> sum{T{0}, T{0}};
      QUASIM_UNROLL
      for (int column = 0; column < 8; ++column) {
        const T* const entry = m + 2 * (row * 8 + column);
        sum = sum + Complex<T>{entry[0], entry[1]} * held.a[base | spread<X>(column)];
      }
      QUASIM_UNROLL
      for (int r = 0; r < 8; ++r) {
        if (row == r) result[r] = sum;
      }
    }
    QUASIM_UNROLL
    for (int row = 0; row < 8; ++row) held.a[base | spread<X>(row)] = result[row];
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

// act(Pattern<X>()) with X = x, which has `Least` to `Most` bits.
template <int Least, int Most, int X = 1, class Act>
QUASIM_DEVICE void with_pattern(int x, Act act) {
  if constexpr (X < kAmplitudes) {
    if constexpr (ones(X) >= Least && ones(X) <= Most) {
      if (x == X) {
        act(Pattern<X>());
        return;
      }
    }
    with_pattern<Least, Most, X + 1>(x, act);
  }
}

// Does `op` on the amplitudes of a thread, for codes up to kMove. `where` is their index with the
// register bits zero.
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
    case OpCode::kDense3:
      with_pattern<3, 3>(op.x, [&](auto x) { dense3<T, decltype(x)::value>(op, m, held); });
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

}  // namespace quasim_device

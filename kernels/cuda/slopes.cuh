// Derivatives on two states that one thread holds in registers: in the lower half of its amplitudes
// the circuit's, in the upper half the other one. The highest register bit tells them apart.
#pragma once

#include "layers.cuh"

namespace quasim_device {

// From an amplitude of the circuit's state to that of the other one.
constexpr int kOther = 1 << kPairBits;

// Im <bra|P|ket> over the amplitudes of a thread, for a Pauli string with an even number of Y, or
// Re <bra|..|ket> for the real string that remains of an odd number; up to the sign of `where`.
template <class T, int X, bool real>
QUASIM_DEVICE double pauli_slope(const Op& op, const Registers<T>& held) {
  T sum = 0;
  const auto add = [&](int row, int column) {
    const Complex<T> b = held.a[row + kOther];
    const Complex<T> a = held.a[column];
    const T value = real ? b.re * a.re + b.im * a.im : b.re * a.im - b.im * a.re;
    sum += op.signs >> column & 1 ? -value : value;
  };
  for_pairs<X>(op, [&](int j, int k) {
    add(j, k);
    add(k, j);
  });
  return static_cast<double>(sum);
}

// What the amplitudes of a thread add to the derivative of `op`.
template <class T>
QUASIM_DEVICE double slope(const Op& op, Mask where, const Registers<T>& held) {
  if ((where & op.mask) != op.value) return 0;
  double sum = 0;
  switch (op.code) {
    case OpCode::kSlopeReal:
      with_pattern<1, kPairBits>(
          op.x, [&](auto x) { sum = pauli_slope<T, decltype(x)::value, true>(op, held); });
      break;
    case OpCode::kSlopeImag:
      with_pattern<1, kPairBits>(
          op.x, [&](auto x) { sum = pauli_slope<T, decltype(x)::value, false>(op, held); });
      break;
    default: {
      T total = 0;
      QUASIM_UNROLL
      for (int j = 0; j < kOther; ++j) {
        if (!(op.active >> j & 1)) continue;
        const Complex<T> b = held.a[j + kOther];
        const Complex<T> a = held.a[j];
        const T value = b.re * a.im - b.im * a.re;
        total += op.signs >> j & 1 ? -value : value;
      }
      sum = static_cast<double>(total);
    }
  }
  return parity(where & op.odd) ? -sum : sum;
}

// Adds to the derivative of a state what `op` contributes: its rate times its generator on `ket`.
template <class T>
QUASIM_DEVICE void push(const Op& op, const T* numbers, Mask where, Registers<T>& held) {
  if ((where & op.mask) != op.value) return;
  const T rate = parity(where & op.odd) ? -numbers[op.number] : numbers[op.number];
  switch (op.code) {
    case OpCode::kPushReal:
      with_pattern<1, kPairBits>(op.x, [&](auto x) {
        for_pairs<decltype(x)::value>(op, [&](int j, int k) {
          held.a[j + kOther] = held.a[j + kOther] + signed_for(op, k, rate) * held.a[k];
          held.a[k + kOther] = held.a[k + kOther] + signed_for(op, j, rate) * held.a[j];
        });
      });
      break;
    case OpCode::kPushImag:
      with_pattern<1, kPairBits>(op.x, [&](auto x) {
        for_pairs<decltype(x)::value>(op, [&](int j, int k) {
          const T to_low = signed_for(op, k, rate);
          const T to_high = signed_for(op, j, rate);
          held.a[j + kOther] =
              held.a[j + kOther] + Complex<T>{to_low * held.a[k].im, -to_low * held.a[k].re};
          held.a[k + kOther] =
              held.a[k + kOther] + Complex<T>{to_high * held.a[j].im, -to_high * held.a[j].re};
        });
      });
      break;
    default:
      QUASIM_UNROLL
      for (int j = 0; j < kOther; ++j) {
        if (!(op.active >> j & 1)) continue;
        const T own = signed_for(op, j, rate);
        held.a[j + kOther] =
            held.a[j + kOther] + Complex<T>{-own * held.a[j].im, own * held.a[j].re};
      }
  }
}

}  // namespace quasim_device

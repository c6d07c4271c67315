// Derivatives on two states that one thread holds in registers: in the lower half of its amplitudes
// the circuit's, in the upper half the other one. The highest register bit tells them apart.
#pragma once

#include "layers.cuh"

namespace quasim_device {

// From an amplitude of the circuit's state to that of the other one.
constexpr int kOther = 1 << kPairBits;

// visit(j, j ^ X) for each pair of the circuit's amplitudes, and whether it takes part.
template <int X, class Visit>
QUASIM_DEVICE void for_pairs(const Op& op, Visit visit) {
  QUASIM_UNROLL
  for (int j = 0; j < kOther; ++j) {
    if ((j & highest(X)) == 0) visit(j, j ^ X, takes_part(op, j));
  }
}

// Im <bra|P|ket> over the amplitudes of a thread, for a Pauli string with an even number of Y, or
// Re <bra|..|ket> for the real string that remains of an odd number; up to the sign of `where`.
template <class T, int X, bool real>
QUASIM_DEVICE double pauli_slope(const Op& op, const Registers<T>& held) {
  T sum = 0;
  const auto add = [&](int row, int column, bool part) {
    const Complex<T> b = held.a[row + kOther];
    const Complex<T> a = held.a[column];
    const T value = real ? b.re * a.re + b.im * a.im : b.re * a.im - b.im * a.re;
    sum += part ? signed_for(op, column, value) : T{0};
  };
  for_pairs<X>(op, [&](int j, int k, bool part) {
    add(j, k, part);
    add(k, j, part);
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
      with_pattern<1, kPairBits, kPairBits>(
          op.x, [&](auto x) { sum = pauli_slope<T, decltype(x)::value, true>(op, held); });
      break;
    case OpCode::kSlopeImag:
      with_pattern<1, kPairBits, kPairBits>(
          op.x, [&](auto x) { sum = pauli_slope<T, decltype(x)::value, false>(op, held); });
      break;
    default: {
      T total = 0;
      QUASIM_UNROLL
      for (int j = 0; j < kOther; ++j) {
        const Complex<T> b = held.a[j + kOther];
        const Complex<T> a = held.a[j];
        const T value = b.re * a.im - b.im * a.re;
        total += takes_part(op, j) ? signed_for(op, j, value) : T{0};
      }
      sum = static_cast<double>(total);
    }
  }
  return parity(where & op.odd) ? -sum : sum;
}

// Adds i times `factor` times an amplitude of the circuit's state to one of the other state.
template <class T>
QUASIM_DEVICE void push_turned(Registers<T>& held, int to, int from, T factor) {
  const Complex<T> a = held.a[from];
  held.a[to + kOther] = held.a[to + kOther] + Complex<T>{-factor * a.im, factor * a.re};
}

// Adds to the derivative of a state what `op` contributes: its rate times its generator on `ket`.
template <class T>
QUASIM_DEVICE void push(const Op& op, const T* numbers, Mask where, Registers<T>& held) {
  if ((where & op.mask) != op.value) return;
  const T rate = parity(where & op.odd) ? -numbers[op.number] : numbers[op.number];
  switch (op.code) {
    case OpCode::kPushReal:
      with_pattern<1, kPairBits, kPairBits>(op.x, [&](auto x) {
        for_pairs<decltype(x)::value>(op, [&](int j, int k, bool part) {
          const T own = part ? rate : T{0};
          held.a[j + kOther] = held.a[j + kOther] + signed_for(op, k, own) * held.a[k];
          held.a[k + kOther] = held.a[k + kOther] + signed_for(op, j, own) * held.a[j];
        });
      });
      break;
    case OpCode::kPushImag:
      with_pattern<1, kPairBits, kPairBits>(op.x, [&](auto x) {
        for_pairs<decltype(x)::value>(op, [&](int j, int k, bool part) {
          const T own = part ? rate : T{0};
          push_turned(held, j, k, -signed_for(op, k, own));
          push_turned(held, k, j, -signed_for(op, j, own));
        });
      });
      break;
    default:
      QUASIM_UNROLL
      for (int j = 0; j < kOther; ++j) {
        push_turned(held, j, j, takes_part(op, j) ? signed_for(op, j, rate) : T{0});
      }
  }
}

}  // namespace quasim_device

// Phases on amplitudes that one thread holds in registers.
//
// What diagonal gates do is a polynomial in the bits of the index, with fractions of a turn as
// coefficients. Over the register bits it has 16 coefficients, which depend on the thread only:
// each is a sum of terms. All diagonal gates between two other gates cost one sine, one cosine and
// one multiplication an amplitude, and an addition a term and thread.
#pragma once

#include "gates.cuh"

namespace quasim_device {

// The parts of a program that ops refer to.
template <class T>
struct Numbers {
  const T* numbers;
  const Turn<T>* turns;
  const char* program;

  // Looked up whenever they are needed: registers are scarce.
  QUASIM_DEVICE const Term* terms() const {
    return part<Term>(program, part<ProgramHeader>(program, 0)->terms);
  }
  QUASIM_DEVICE const i32* bounds() const {
    return part<i32>(program, part<ProgramHeader>(program, 0)->bounds);
  }
};

// What the terms [first, last) add up to for a thread.
template <class T>
QUASIM_DEVICE Turn<T> sum_of_terms(const Numbers<T>& n, i32 first, i32 last, Mask where) {
  Turn<T> sum = 0;
  for (i32 t = first; t < last; ++t) {
    const Term& term = n.terms()[t];
    if ((where & term.mask) != term.value) continue;
    const Turn<T> turn = n.turns[term.number] * static_cast<Turn<T>>(term.factor);
    sum += parity(where & term.odd) ? Turn<T>{0} - turn : turn;
  }
  return sum;
}

template <class T>
QUASIM_DEVICE void factors(const Op& op, const Numbers<T>& n, Mask where, Registers<T>& held) {
  for (i32 i = op.first; i < op.last; i += 3) {
    const i32* const bound = n.bounds() + i;
    const int set = bound[0];
    const i32 first = bound[1];
    const i32 last = bound[2];
    if (set == kOnePerPattern) {
      const Two<T>* const numbers = twos(n.numbers + last);
      QUASIM_UNROLL
      for (int j = 0; j < kAmplitudes; j += 2) {
        const Two<T> two = numbers[j / 2];
        held.a[j] = two.a * held.a[j];
        held.a[j + 1] = two.b * held.a[j + 1];
      }
      continue;
    }
    const Complex<T> phase = first == kNumber ? Complex<T>{n.numbers[last], n.numbers[last + 1]}
                                              : unit(sum_of_terms(n, first, last, where));
    QUASIM_UNROLL
    for (int j = 0; j < kAmplitudes; ++j) {
      if ((j & set) == set) held.a[j] = phase * held.a[j];
    }
  }
}

template <class T>
QUASIM_DEVICE void layer(const Op& op, const Numbers<T>& n, Mask where, Registers<T>& held) {
  Turn<T> turns[kAmplitudes];
  QUASIM_UNROLL
  for (int set = 0; set < kAmplitudes; ++set) {
    const i32* const bound = n.bounds() + op.first + set;
    turns[set] = sum_of_terms(n, bound[0], bound[1], where);
  }
  // From coefficients to values: of every subset of the ones of j.
  QUASIM_UNROLL
  for (int bit = 1; bit < kAmplitudes; bit *= 2) {
    QUASIM_UNROLL
    for (int j = 0; j < kAmplitudes; ++j) {
      if (j & bit) turns[j] += turns[j ^ bit];
    }
  }
  QUASIM_UNROLL
  for (int j = 0; j < kAmplitudes; ++j) held.a[j] = unit(turns[j]) * held.a[j];
}

// The index bits of a pattern of register bits.
QUASIM_DEVICE Mask pattern_index(const Phase& phase, int pattern) {
  Mask index = 0;
  QUASIM_UNROLL
  for (int r = 0; r < kRegisterBits; ++r) {
    if (pattern >> r & 1) index |= phase.registers[r];
  }
  return index;
}

// Multiplies by entry `i` of a table, whose bits are those that the index has at op.width qubits.
template <class T>
QUASIM_DEVICE void table(const Op& op, const Numbers<T>& n, Mask where, const Phase& phase,
                         Registers<T>& held) {
  const T* const entries = n.numbers + op.number;
  QUASIM_UNROLL
  for (int j = 0; j < kAmplitudes; ++j) {
    const Mask index = where | pattern_index(phase, j);
    if ((index & op.mask) != op.value) continue;
    i64 entry = 0;
    QUASIM_LOOP
    for (int k = 0; k < op.width; ++k) {
      entry |= static_cast<i64>(index >> n.bounds()[op.first + k] & 1) << k;
    }
    held.a[j] = Complex<T>{entries[2 * entry], entries[2 * entry + 1]} * held.a[j];
  }
}

}  // namespace quasim_device

// The point of the unit circle at a fraction of a turn.
#pragma once

#include "program.cuh"

namespace quasim_device {

// Taylor series within an eighth of a turn: the first term left out is below half an ulp.
QUASIM_DEVICE Complex<float> eighth(float x) {
  const float q = x * x;
  const float sine =
      x + x * q * (-1.0f / 6 + q * (1.0f / 120 + q * (-1.0f / 5040 + q * (1.0f / 362880))));
  const float cosine =
      1.0f + q * (-0.5f +
                  q * (1.0f / 24 + q * (-1.0f / 720 + q * (1.0f / 40320 + q * (-1.0f / 3628800)))));
  return {cosine, sine};
}

QUASIM_DEVICE Complex<double> eighth(double x) {
  const double q = x * x;
  const double sine =
      x + x * q *
              (-1.0 / 6 +
               q * (1.0 / 120 + q * (-1.0 / 5040 +
                                     q * (1.0 / 362880 + q * (-1.0 / 39916800 +
                                                              q * (1.0 / 6227020800 +
                                                                   q * (-1.0 / 1307674368000)))))));
  const double cosine =
      1.0 +
      q * (-0.5 + q * (1.0 / 24 +
                       q * (-1.0 / 720 +
                            q * (1.0 / 40320 +
                                 q * (-1.0 / 3628800 +
                                      q * (1.0 / 479001600 + q * (-1.0 / 87178291200 +
                                                                  q * (1.0 / 20922789888000))))))));
  return {cosine, sine};
}

// From an angle within an eighth of a turn, and the quarter turns before it.
template <class T>
QUASIM_DEVICE Complex<T> quarters(Complex<T> point, u32 count) {
  const bool swapped = count & 1;
  const T re = swapped ? point.im : point.re;
  const T im = swapped ? point.re : point.im;
  return {(count + 1) & 2 ? -re : re, count & 2 ? -im : im};
}

QUASIM_DEVICE Complex<float> unit(u32 turn) {
  const u32 count = (turn + (1u << 29)) >> 30;
  const float angle = static_cast<float>(static_cast<i32>(turn - (count << 30)));
  return quarters(eighth(angle * 1.4629180792671596e-9f), count);  // 2 pi / 2^32
}

QUASIM_DEVICE Complex<double> unit(u64 turn) {
  const u64 count = (turn + (u64{1} << 61)) >> 62;
  const double angle = static_cast<double>(static_cast<i64>(turn - (count << 62)));
  return quarters(eighth(angle * 3.4061215800865545e-19), static_cast<u32>(count));  // 2 pi / 2^64
}

// An angle in radians as a fraction of a turn.
template <class Fixed>
QUASIM_DEVICE Fixed turn_of(double angle) {
  const double turns = angle * 0.15915494309189535;    // 1 / (2 pi)
  if (!(turns > -4.5e15 && turns < 4.5e15)) return 0;  // doubles there are whole turns
  const double fraction = turns - static_cast<double>(static_cast<i64>(turns));
  // Up to 2^63, where an angle of 64 bits would overflow.
  const double scaled = fraction * (sizeof(Fixed) == 4 ? 4294967296.0 : 9223372036854775808.0);
  const i64 nearest = static_cast<i64>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
  return sizeof(Fixed) == 4 ? static_cast<Fixed>(nearest) : static_cast<Fixed>(nearest) << 1;
}

}  // namespace quasim_device

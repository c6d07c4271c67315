// Numbers and marks that CUDA and the host build share. No header of either is needed.
#pragma once

#ifdef __CUDACC__
#define QUASIM_DEVICE __device__ __forceinline__
#define QUASIM_UNROLL _Pragma("unroll")
#define QUASIM_LOOP _Pragma("unroll 1")
#else
#define QUASIM_DEVICE inline
#define QUASIM_UNROLL
#define QUASIM_LOOP
#endif

// What a module is compiled for: complex64 unless said otherwise.
#ifndef QUASIM_REAL
#define QUASIM_REAL float
#endif

namespace quasim_device {

using i32 = int;
using u8 = unsigned char;
using u16 = unsigned short;
using u32 = unsigned int;
using i64 = long long;
using u64 = unsigned long long;

// Index of an amplitude, or a set of qubits: qubit q is bit q.
using Mask = u64;

template <class T>
struct alignas(2 * sizeof(T)) Complex {
  T re;
  T im;
};

template <class T>
QUASIM_DEVICE Complex<T> operator+(Complex<T> a, Complex<T> b) {
  return {a.re + b.re, a.im + b.im};
}

template <class T>
QUASIM_DEVICE Complex<T> operator*(Complex<T> a, Complex<T> b) {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

template <class T>
QUASIM_DEVICE Complex<T> operator*(T a, Complex<T> b) {
  return {a * b.re, a * b.im};
}

// c + a * b in four multiply-adds; the sum of a product takes six instructions.
template <class T>
QUASIM_DEVICE Complex<T> multiply_add(Complex<T> a, Complex<T> b, Complex<T> c) {
  return {c.re + a.re * b.re - a.im * b.im, c.im + a.re * b.im + a.im * b.re};
}

template <class T>
QUASIM_DEVICE Complex<T> conj(Complex<T> a) {
  return {a.re, -a.im};
}

template <class T>
QUASIM_DEVICE double norm(Complex<T> a) {
  return static_cast<double>(a.re) * a.re + static_cast<double>(a.im) * a.im;
}

template <class To, class From>
QUASIM_DEVICE Complex<To> converted(Complex<From> a) {
  return {static_cast<To>(a.re), static_cast<To>(a.im)};
}

QUASIM_DEVICE double cosine(double angle) {
#ifdef __CUDACC__
  return cos(angle);
#else
  return __builtin_cos(angle);
#endif
}

QUASIM_DEVICE double sine(double angle) {
#ifdef __CUDACC__
  return sin(angle);
#else
  return __builtin_sin(angle);
#endif
}

QUASIM_DEVICE double root(double square) {
#ifdef __CUDACC__
  return sqrt(square);
#else
  return __builtin_sqrt(square);
#endif
}

// The angle of a complex number; 0 of 0.
QUASIM_DEVICE double argument(Complex<double> a) {
#ifdef __CUDACC__
  return atan2(a.im, a.re);
#else
  return __builtin_atan2(a.im, a.re);
#endif
}

QUASIM_DEVICE int popcount(u64 value) {
#ifdef __CUDACC__
  return __popcll(value);
#else
  return __builtin_popcountll(value);
#endif
}

QUASIM_DEVICE int parity(u64 value) { return popcount(value) & 1; }

// Spreads the low bits of `value` over the set bits of `mask`, lowest first.
QUASIM_DEVICE u64 deposit(u64 value, u64 mask) {
  u64 result = 0;
  for (; mask != 0; mask &= mask - 1, value >>= 1) {
    if (value & 1) result |= mask & (~mask + 1);
  }
  return result;
}

// Collects the bits of `value` selected by `mask` into the low bits.
QUASIM_DEVICE u64 extract(u64 value, u64 mask) {
  u64 result = 0;
  for (u64 out = 1; mask != 0; mask &= mask - 1, out <<= 1) {
    if (value & mask & (~mask + 1)) result |= out;
  }
  return result;
}

}  // namespace quasim_device

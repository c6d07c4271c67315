// Amplitudes that decay below 1e-38 would make arithmetic 50 to 100 times slower.
#pragma once

#include <cstdint>

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace quasim {

// Flushes denormal numbers to zero in this thread while alive, or (`flush` false) keeps them.
template <bool flush>
class DenormalMode {
 public:
#if defined(__SSE2__)
  DenormalMode() : saved_(_mm_getcsr()) { _mm_setcsr(flush ? saved_ | kBits : saved_ & ~kBits); }
  ~DenormalMode() { _mm_setcsr(saved_); }
#elif defined(__aarch64__)
  DenormalMode() {
    asm volatile("mrs %0, fpcr" : "=r"(saved_));
    asm volatile("msr fpcr, %0" : : "r"(flush ? saved_ | kBits : saved_ & ~kBits));
  }
  ~DenormalMode() { asm volatile("msr fpcr, %0" : : "r"(saved_)); }
#else
  DenormalMode() = default;
#endif
  DenormalMode(const DenormalMode&) = delete;
  DenormalMode& operator=(const DenormalMode&) = delete;

 private:
#if defined(__SSE2__)
  static constexpr unsigned kBits = 0x8040u;  // flush results, take operands as zero
  unsigned saved_;
#elif defined(__aarch64__)
  static constexpr std::uint64_t kBits = std::uint64_t{1} << 24;
  std::uint64_t saved_;
#endif
};

using FlushDenormals = DenormalMode<true>;
// For foreign code that is called from within a run.
using KeepDenormals = DenormalMode<false>;

}  // namespace quasim

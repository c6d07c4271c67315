// Helpers of the reductions: kernels in use, and loops over blocks.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cpu/kernel_table.hpp"
#include "quasim/isa.hpp"
#include "quasim/reductions.hpp"
#include "quasim/thread_pool.hpp"

namespace quasim {

// Amplitudes summed as one block, unless the state is smaller.
inline constexpr int kBlockBits = 12;
// Amplitudes of a row: the unit of kernels that keep one sum a position.
inline constexpr int kRowBits = 6;

template <typename T>
const KernelTable<T>& reduction_kernels() {
  if constexpr (sizeof(T) == sizeof(float)) {
    return *current_isa().single_precision;
  } else {
    return *current_isa().double_precision;
  }
}

// Calls `body(unit)` for every unit of work, spread over the threads. Throws Cancelled.
template <typename Body>
void for_each_unit(std::uint64_t units, std::uint64_t amplitudes, RunContext context, Body body) {
  const int threads = choose_threads(amplitudes, context.threads);
  parallel_ranges(units, threads, context.control,
                  [&](std::uint64_t begin, std::uint64_t end, int worker) {
                    for (std::uint64_t unit = begin; unit < end; ++unit) {
                      if (context.control.stopped()) return;
                      if (worker == 0) context.control.poll();
                      body(unit);
                    }
                  });
  context.control.throw_if_cancelled();
}

}  // namespace quasim

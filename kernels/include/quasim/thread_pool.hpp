// One thread pool per process.
#pragma once

#include <cstdint>
#include <functional>

#include "quasim/control.hpp"

namespace quasim {

// Threads a call may use. Starts as QUASIM_NUM_THREADS, else OMP_NUM_THREADS, else the CPUs of the
// affinity mask, capped by the cgroup quota.
int thread_limit();
// Throws std::invalid_argument unless 1 <= threads <= 1024.
void set_thread_limit(int threads);

// Below this many amplitudes a second thread costs more than it saves.
inline constexpr std::uint64_t kSerialAmplitudes = std::uint64_t{1} << 14;

// Threads for work on `amplitudes` amplitudes when the caller asks for `requested` (0: no wish).
int choose_threads(std::uint64_t amplitudes, int requested);

// Splits [0, count) into one contiguous range a worker and calls `body(begin, end, worker)` for
// each, worker 0 in the calling thread. Returns when all are done. Denormals are flushed to zero
// meanwhile. The first exception stops the others through `control` and is rethrown here.
//
// While the pool serves another call, inside a worker, and where no thread can be started, the
// whole range runs in the caller. After a fork the child has a pool of its own.
using RangeBody = std::function<void(std::uint64_t, std::uint64_t, int)>;
void parallel_ranges(std::uint64_t count, int threads, Control& control, const RangeBody& body);

}  // namespace quasim

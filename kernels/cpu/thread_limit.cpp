// How many threads to use: environment, affinity mask, cgroup quota.
#include <algorithm>
#include <atomic>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>

#include "quasim/thread_pool.hpp"

#if defined(__linux__)
#include <sched.h>
#endif

namespace quasim {
namespace {

constexpr int kMaxThreads = 1024;

// CPUs this process may run on.
int affinity_count() {
#if defined(__linux__)
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

// CPUs' worth of time a container may use, or kMaxThreads without a quota.
int quota_count() {
  double quota = 0.0;
  double period = 0.0;
  std::ifstream v2("/sys/fs/cgroup/cpu.max");
  if (v2 >> quota >> period && quota > 0 && period > 0) {
    return std::max(1, static_cast<int>(std::ceil(quota / period)));
  }
  std::ifstream v1_quota("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  std::ifstream v1_period("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  if (v1_quota >> quota && v1_period >> period && quota > 0 && period > 0) {
    return std::max(1, static_cast<int>(std::ceil(quota / period)));
  }
  return kMaxThreads;
}

// A positive integer from the environment; 0 when unset or not a number. OpenMP allows a list.
int from_environment(const char* name, bool strict) {
  const char* const text = std::getenv(name);
  if (text == nullptr || *text == '\0') return 0;
  const std::string_view view(text);
  int value = 0;
  const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), value);
  const bool whole = end == view.data() + view.size();
  if (error == std::errc{} && value >= 1 && value <= kMaxThreads && (whole || !strict)) {
    return value;
  }
  if (!strict) return 0;
  throw std::invalid_argument(std::string(name) + "='" + text +
                              "' is not a number of threads. Give an integer from 1 to 1024.");
}

int default_limit() {
  if (const int threads = from_environment("QUASIM_NUM_THREADS", true)) return threads;
  if (const int threads = from_environment("OMP_NUM_THREADS", false)) return threads;
  return std::min(affinity_count(), quota_count());
}

std::atomic<int> limit{0};

}  // namespace

int thread_limit() {
  int threads = limit.load(std::memory_order_relaxed);
  if (threads != 0) return threads;
  const int fresh = default_limit();
  // Another thread may have set a limit meanwhile; that one counts.
  return limit.compare_exchange_strong(threads, fresh, std::memory_order_relaxed) ? fresh : threads;
}

void set_thread_limit(int threads) {
  if (threads < 1 || threads > kMaxThreads) {
    throw std::invalid_argument("The number of threads is " + std::to_string(threads) +
                                "; give an integer from 1 to 1024.");
  }
  limit.store(threads, std::memory_order_relaxed);
}

int choose_threads(std::uint64_t amplitudes, int requested) {
  if (amplitudes < kSerialAmplitudes) return 1;
  return requested > 0 ? std::min(requested, kMaxThreads) : thread_limit();
}

}  // namespace quasim

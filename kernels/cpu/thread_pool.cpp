#include "quasim/thread_pool.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

#include "cpu/denormals.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace quasim {
namespace {

// Set in workers, so that a nested call runs in its own thread.
thread_local bool inside_worker = false;

// How many forks lie between this process and the one that loaded the library.
std::atomic<unsigned> forks{0};

// Spinning this often before sleeping bridges the gap between two operations of one run.
constexpr int kSpins = 2000;

inline void spin_pause() {
#if defined(__SSE2__)
  _mm_pause();
#endif
}

// Keeps the first exception of several threads. No lock: after a fork nobody might open it.
class FirstError {
 public:
  // In a catch block.
  void keep() {
    if (!taken_.test_and_set()) error_ = std::current_exception();
  }
  // Once all threads are done.
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  std::atomic_flag taken_;
  std::exception_ptr error_;
};

class ThreadPool {
 public:
  // Takes the pool for one call; false while another call has it. No mutex: the thread that has it
  // may ask again, from a signal handler that runs during its call.
  bool try_take() { return !taken_.exchange(true, std::memory_order_acquire); }
  void give_back() { taken_.store(false, std::memory_order_release); }

  // The functions below are for the thread that took the pool.

  // Starts threads until there are `threads`, or as many as the system allows; returns the number
  // there is. They are never joined: the pool outlives main(), and sleeping threads hold nothing.
  int grow(int threads) {
    while (started_ < threads) {
      const int worker = started_ + 1;
      const std::uint64_t seen = generation_.load(std::memory_order_relaxed);
      try {
        std::thread([this, worker, seen] { serve(worker, seen); }).detach();
      } catch (const std::exception&) {  // no memory for a stack, or too many threads
        break;
      }
      ++started_;
    }
    return std::min(started_, threads);
  }

  // Calls body(0) here and body(1) ... body(workers - 1) in the threads, of which there are enough.
  void run(int workers, Control& control, const std::function<void(int)>& body) {
    const unsigned born = forks.load(std::memory_order_relaxed);
    FirstError error;
    const auto guarded = [&](int worker) {
      try {
        body(worker);
      } catch (...) {
        control.stop();
        error.keep();
      }
    };
    const std::function<void(int)> job = std::ref(guarded);
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      job_ = &job;
      wanted_ = workers - 1;
      pending_.store(workers - 1, std::memory_order_relaxed);
      generation_.fetch_add(1, std::memory_order_release);
    }
    start_.notify_all();
    guarded(0);
    wait(born, control, error);
    error.rethrow();
  }

 private:
  void serve(int worker, std::uint64_t seen) {
    inside_worker = true;
    for (;;) {
      for (int spin = 0; spin < kSpins; ++spin) {
        if (generation_.load(std::memory_order_acquire) != seen) break;
        spin_pause();
      }
      const std::function<void(int)>* job = nullptr;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        start_.wait(lock, [&] { return generation_.load(std::memory_order_relaxed) != seen; });
        seen = generation_.load(std::memory_order_relaxed);
        if (worker <= wanted_) job = job_;
      }
      if (job == nullptr) continue;
      (*job)(worker);
      if (pending_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        const std::lock_guard<std::mutex> lock(mutex_);
        done_.notify_one();
      }
    }
  }

  // Waits for the workers, running the control's hook meanwhile. The hook runs Python's signal
  // handlers, which may fork: the child has no workers to wait for, and must not touch the mutex.
  void wait(unsigned born, Control& control, FirstError& error) {
    const auto finished = [&] { return pending_.load(std::memory_order_acquire) == 0; };
    for (int spin = 0; spin < kSpins && !finished(); ++spin) spin_pause();
    while (!finished()) {
      if (forks.load(std::memory_order_relaxed) != born) {
        control.stop();
        throw std::runtime_error(
            "The process was forked in a signal handler while a run was in progress. The child "
            "cannot finish that run; start it again there.");
      }
      {
        std::unique_lock<std::mutex> lock(mutex_);
        if (done_.wait_for(lock, Control::kInterval, finished)) return;
      }
      try {
        if (!control.stopped()) control.poll();
      } catch (...) {
        control.stop();
        error.keep();
      }
    }
  }

  std::atomic<bool> taken_{false};  // for the length of a call
  std::mutex mutex_;
  std::condition_variable start_;
  std::condition_variable done_;
  std::atomic<std::uint64_t> generation_{0};
  std::atomic<int> pending_{0};
  const std::function<void(int)>* job_ = nullptr;
  int wanted_ = 0;
  int started_ = 0;
};

std::atomic<ThreadPool*> pool{nullptr};

#if defined(__unix__) || defined(__APPLE__)
// The child of a fork has none of the threads, and mutexes in whatever state they were: it starts
// over with a new pool and leaks the old one. Registered when the library is loaded: a fork may
// come at any time after that, in any thread.
[[maybe_unused]] const int registered = pthread_atfork(nullptr, nullptr, [] {
  pool.store(nullptr);
  forks.fetch_add(1);
  inside_worker = false;
});
#endif

ThreadPool& get_pool() {
  ThreadPool* current = pool.load(std::memory_order_acquire);
  if (current != nullptr) return *current;
  auto fresh = std::make_unique<ThreadPool>();
  if (pool.compare_exchange_strong(current, fresh.get(), std::memory_order_acq_rel)) {
    return *fresh.release();
  }
  return *current;
}

// The pool for one call, or nothing while another call has it.
class Lease {
 public:
  Lease() : pool_(get_pool()), granted_(pool_.try_take()) {}
  ~Lease() {
    if (granted_) pool_.give_back();
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  explicit operator bool() const { return granted_; }
  ThreadPool* operator->() const { return &pool_; }

 private:
  ThreadPool& pool_;
  bool granted_;
};

}  // namespace

void parallel_ranges(std::uint64_t count, int threads, Control& control, const RangeBody& body) {
  const auto wanted = static_cast<int>(
      std::min<std::uint64_t>(count, static_cast<std::uint64_t>(std::max(threads, 1))));
  if (wanted > 1 && !inside_worker) {
    const Lease lease;
    const int workers = lease ? 1 + lease->grow(wanted - 1) : 1;
    if (workers > 1) {
      lease->run(workers, control, [&](int worker) {
        const FlushDenormals guard;
        const auto w = static_cast<std::uint64_t>(worker);
        const auto n = static_cast<std::uint64_t>(workers);
        // 128-bit products are not needed: count is below 2^48 wherever more than one thread runs.
        body(count * w / n, count * (w + 1) / n, worker);
      });
      return;
    }
  }
  const FlushDenormals guard;
  body(0, count, 0);
}

}  // namespace quasim

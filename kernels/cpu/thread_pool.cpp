#include "quasim/thread_pool.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

#include "cpu/denormals.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace quasim {
namespace {

// Set in workers, so that a nested call runs in its own thread.
thread_local bool inside_worker = false;

// Spinning this often before sleeping bridges the gap between two operations of one run.
constexpr int kSpins = 2000;

inline void spin_pause() {
#if defined(__SSE2__)
  _mm_pause();
#endif
}

class ThreadPool {
 public:
  // Returns false, having done nothing, while another call holds the pool.
  bool try_run(int workers, Control& control, const std::function<void(int)>& body) {
    std::unique_lock<std::mutex> owner(owner_, std::try_to_lock);
    if (!owner.owns_lock()) return false;
    grow(workers - 1);
    std::exception_ptr error;
    const auto guarded = [&](int worker) {
      try {
        body(worker);
      } catch (...) {
        control.stop();
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!error) error = std::current_exception();
      }
    };
    const std::function<void(int)> job = guarded;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      job_ = &job;
      wanted_ = workers - 1;
      pending_.store(workers - 1, std::memory_order_relaxed);
      generation_.fetch_add(1, std::memory_order_release);
    }
    start_.notify_all();
    guarded(0);
    wait(control, error);
    if (error) std::rethrow_exception(error);
    return true;
  }

 private:
  // Threads are never joined: the pool outlives main(), and sleeping threads hold nothing.
  void grow(int workers) {
    while (started_ < workers) {
      const int worker = started_ + 1;
      const std::uint64_t seen = generation_.load(std::memory_order_relaxed);
      std::thread([this, worker, seen] { serve(worker, seen); }).detach();
      ++started_;
    }
  }

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

  // Waits for the workers, running the control's hook meanwhile.
  void wait(Control& control, std::exception_ptr& error) {
    const auto finished = [&] { return pending_.load(std::memory_order_acquire) == 0; };
    for (int spin = 0; spin < kSpins && !finished(); ++spin) spin_pause();
    while (!finished()) {
      {
        std::unique_lock<std::mutex> lock(mutex_);
        if (done_.wait_for(lock, Control::kInterval, finished)) return;
      }
      try {
        if (!control.stopped()) control.poll();
      } catch (...) {
        control.stop();
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!error) error = std::current_exception();
      }
    }
  }

  std::mutex owner_;  // held for the length of a call
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

// The child of a fork has none of the threads, and mutexes in whatever state they were: it starts
// over with a new pool and leaks the old one.
void forget_pool() {
  pool.store(nullptr);
  inside_worker = false;
}

ThreadPool& get_pool() {
  ThreadPool* current = pool.load(std::memory_order_acquire);
  if (current != nullptr) return *current;
#if defined(__unix__) || defined(__APPLE__)
  static const int registered = pthread_atfork(nullptr, nullptr, forget_pool);
  static_cast<void>(registered);
#endif
  auto fresh = std::make_unique<ThreadPool>();
  if (pool.compare_exchange_strong(current, fresh.get(), std::memory_order_acq_rel)) {
    return *fresh.release();
  }
  return *current;
}

}  // namespace

void parallel_ranges(std::uint64_t count, int threads, Control& control, const RangeBody& body) {
  const auto workers = static_cast<int>(
      std::min<std::uint64_t>(count, static_cast<std::uint64_t>(std::max(threads, 1))));
  if (workers > 1 && !inside_worker) {
    const auto share = [&](int worker) {
      const FlushDenormals guard;
      const auto w = static_cast<std::uint64_t>(worker);
      const auto n = static_cast<std::uint64_t>(workers);
      // 128-bit products are not needed: count is below 2^48 wherever more than one thread runs.
      body(count * w / n, count * (w + 1) / n, worker);
    };
    if (get_pool().try_run(workers, control, share)) return;
  }
  const FlushDenormals guard;
  body(0, count, 0);
}

}  // namespace quasim

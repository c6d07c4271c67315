// Stops long calls: a cancel flag shared with Python, and a hook the calling thread runs.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <utility>

namespace quasim {

class Cancelled : public std::exception {
 public:
  const char* what() const noexcept override { return "The run was cancelled before it finished."; }
};

// Shared by all threads of one call. A worker that sees `stopped()` returns early; the state is
// then undefined and the calling thread throws.
class Control {
 public:
  // `flag` may be null; another thread may set it at any time. `hook` runs in the calling thread
  // about every 50 ms and stops the call by throwing.
  explicit Control(const std::uint8_t* flag = nullptr, std::function<void()> hook = {})
      : flag_(flag), hook_(std::move(hook)) {}

  // For a part of a call that has its own loop: stops when `whole` does, and polls nothing, so any
  // worker may use it. `whole` lives longer.
  explicit Control(const Control* whole) : flag_(nullptr), whole_(whole) {}

  bool stopped() const {
    // A volatile byte read cannot tear and is not hoisted out of the loop; order does not matter.
    return stop_.load(std::memory_order_relaxed) ||
           (flag_ != nullptr && *static_cast<const volatile std::uint8_t*>(flag_) != 0) ||
           (whole_ != nullptr && whole_->stopped());
  }

  void stop() { stop_.store(true, std::memory_order_relaxed); }

  // Calling thread only.
  void poll() {
    if (!hook_) return;
    const auto now = Clock::now();
    if (now - last_ < kInterval) return;
    hook_();
    last_ = Clock::now();
  }

  void throw_if_cancelled() const {
    if (stopped()) throw Cancelled();
  }

  static constexpr std::chrono::milliseconds kInterval{50};

 private:
  using Clock = std::chrono::steady_clock;

  const std::uint8_t* flag_;
  const Control* whole_ = nullptr;
  std::function<void()> hook_;
  std::atomic<bool> stop_{false};
  Clock::time_point last_ = Clock::now();
};

}  // namespace quasim

// The threads of a block as threads of the host, for builds that look for data races.
#pragma once

#include <array>
#include <atomic>
#include <barrier>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <thread>

#include "cuda/block.cuh"

namespace quasim_device {

class Team {
 public:
  explicit Team(int threads) : barrier_(threads) {
    for (auto& letter : letters_) letter = kNone;
  }

  void wait_for_all() { barrier_.arrive_and_wait(); }

  // Hands a value to the one thread that receives from this one. A shuffle orders no other memory,
  // and no more does this: all is relaxed, and what is sent is the flag that it has come.
  void send(int thread, double value) {
    auto& letter = letters_[static_cast<std::size_t>(thread)];
    std::uint64_t none = kNone;
    while (!letter.compare_exchange_weak(none, std::bit_cast<std::uint64_t>(value),
                                         std::memory_order_relaxed)) {
      none = kNone;
      std::this_thread::yield();
    }
  }

  double receive(int thread) {
    auto& letter = letters_[static_cast<std::size_t>(thread)];
    std::uint64_t word = kNone;
    while ((word = letter.exchange(kNone, std::memory_order_relaxed)) == kNone) {
      std::this_thread::yield();
    }
    return std::bit_cast<double>(word);
  }

 private:
  static constexpr std::uint64_t kNone = 0x7ff4'dead'dead'dead;  // a NaN that nothing computes

  std::barrier<> barrier_;
  std::array<std::atomic<std::uint64_t>, kMaxThreads> letters_;
};

inline void wait_for_all(Team& team) { team.wait_for_all(); }
inline void send(Team& team, int thread, double value) { team.send(thread, value); }
inline double receive(Team& team, int thread) { return team.receive(thread); }

}  // namespace quasim_device

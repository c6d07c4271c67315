// A block of threads, as kernels see it: steps that every thread takes, with a barrier after each.
//
// A kernel is a function of a `Block`. Between steps it decides only by what all threads of the
// block share; what a thread keeps from step to step is in a `PerThread`. In CUDA a step is a call
// and a barrier. On the host it is a loop over the threads, so that the same source runs where
// there is no GPU; the loop can run backwards, which shows steps that lack a barrier between them.
// A build with QUASIM_EMULATE_THREADS has a thread for each of CUDA's, for a race detector.
#pragma once

#include "types.cuh"

namespace quasim_device {

constexpr int kMaxThreads = 256;
constexpr int kWarp = 32;

#ifdef __CUDACC__

extern __shared__ __align__(16) u64 quasim_shared[];

template <class T>
class PerThread {
 public:
  QUASIM_DEVICE T& operator[](int) { return value_; }

 private:
  T value_;
};

class Block {
 public:
  QUASIM_DEVICE u64 index() const { return blockIdx.x; }
  QUASIM_DEVICE u64 blocks() const { return gridDim.x; }
  // Which state of a batch.
  QUASIM_DEVICE u64 member() const { return blockIdx.y; }
  QUASIM_DEVICE int threads() const { return static_cast<int>(blockDim.x); }

  // Memory that the threads share; its size is the launch's choice.
  template <class T>
  QUASIM_DEVICE T* shared() const {
    return reinterpret_cast<T*>(quasim_shared);
  }

  // step(thread) on every thread; afterwards each sees what the others have written.
  template <class Step>
  QUASIM_DEVICE void each(Step step) const {
    step(static_cast<int>(threadIdx.x));
    __syncthreads();
  }

  // The same without the barrier: what is written is for the thread alone.
  template <class Step>
  QUASIM_DEVICE void apart(Step step) const {
    step(static_cast<int>(threadIdx.x));
  }

  // take(warp, sum) once a warp, with the sum of its threads' values; no barrier.
  template <class Take>
  QUASIM_DEVICE void warp_sums(PerThread<double>& values, Take take) const {
    const int thread = static_cast<int>(threadIdx.x);
    const int size = threads() < kWarp ? threads() : kWarp;
    const unsigned all = size == kWarp ? 0xffffffffu : (1u << size) - 1;
    double sum = values[thread];
    for (int step = size / 2; step > 0; step /= 2) sum += __shfl_down_sync(all, sum, step);
    if (thread % kWarp == 0) take(thread / kWarp, sum);
  }
};

#else

// What a host build knows of a block.
class HostBlock {
 public:
  HostBlock(u64 index, u64 blocks, u64 member, int threads, void* shared)
      : index_(index), blocks_(blocks), member_(member), threads_(threads), shared_(shared) {}

  u64 index() const { return index_; }
  u64 blocks() const { return blocks_; }
  u64 member() const { return member_; }
  int threads() const { return threads_; }

  template <class T>
  T* shared() const {
    return static_cast<T*>(shared_);
  }

 private:
  u64 index_;
  u64 blocks_;
  u64 member_;
  int threads_;
  void* shared_;
};

#ifdef QUASIM_EMULATE_THREADS

// A block's threads, each a thread of the host: kernels/emulate/team.hpp.
class Team;
void wait_for_all(Team& team);
void send(Team& team, int thread, double value);
double receive(Team& team, int thread);

template <class T>
class PerThread {
 public:
  T& operator[](int) { return value_; }

 private:
  T value_;
};

// One thread's view. It orders no more than CUDA does, so that a race detector sees what is
// missing: values go through a warp without ordering anything else.
class Block : public HostBlock {
 public:
  Block(const HostBlock& block, Team& team, int thread)
      : HostBlock(block), team_(team), thread_(thread) {}

  template <class Step>
  void each(Step step) const {
    step(thread_);
    wait_for_all(team_);
  }

  template <class Step>
  void apart(Step step) const {
    step(thread_);
  }

  template <class Take>
  void warp_sums(PerThread<double>& values, Take take) const {
    const int size = threads() < kWarp ? threads() : kWarp;
    const int lane = thread_ % kWarp;
    double sum = values[thread_];
    for (int step = size / 2; step > 0; step /= 2) {
      if (lane >= step) return send(team_, thread_, sum);
      sum += receive(team_, thread_ + step);
    }
    take(thread_ / kWarp, sum);
  }

 private:
  Team& team_;
  int thread_;
};

#else

template <class T>
class PerThread {
 public:
  T& operator[](int thread) { return values_[thread]; }

 private:
  T values_[kMaxThreads];
};

class Block : public HostBlock {
 public:
  Block(const HostBlock& block, bool backwards) : HostBlock(block), backwards_(backwards) {}

  template <class Step>
  void each(Step step) const {
    if (backwards_) {
      for (int thread = threads(); thread-- > 0;) step(thread);
    } else {
      for (int thread = 0; thread < threads(); ++thread) step(thread);
    }
  }

  template <class Step>
  void apart(Step step) const {
    each(step);
  }

  // Adds in the order of CUDA's, so that both give the same bits.
  template <class Take>
  void warp_sums(PerThread<double>& values, Take take) const {
    for (int first = 0; first < threads(); first += kWarp) {
      const int size = threads() - first < kWarp ? threads() - first : kWarp;
      double sums[kWarp];
      for (int lane = 0; lane < size; ++lane) sums[lane] = values[first + lane];
      for (int step = size / 2; step > 0; step /= 2) {
        for (int lane = 0; lane < step; ++lane) sums[lane] += sums[lane + step];
      }
      take(first / kWarp, sums[0]);
    }
  }

 private:
  bool backwards_;
};

#endif
#endif

// The sum of all threads' values, the same on every thread. Numbers of threads are powers of two.
// Uses the first 17 doubles of `scratch`, in shared memory; starts and ends with a barrier.
QUASIM_DEVICE double block_sum(const Block& block, PerThread<double>& values, double* scratch) {
  block.each([&](int) {});
  block.warp_sums(values, [&](int warp, double sum) { scratch[warp] = sum; });
  block.each([&](int) {});
  const int warps = block.threads() / kWarp > 0 ? block.threads() / kWarp : 1;
  block.each([&](int thread) {
    if (thread != 0) return;
    double total = scratch[0];
    for (int warp = 1; warp < warps; ++warp) total += scratch[warp];
    scratch[16] = total;
  });
  const double result = scratch[16];
  block.each([&](int) {});
  return result;
}

}  // namespace quasim_device

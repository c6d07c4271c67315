// Inverse transform sampling by sums of blocks of amplitudes.
//
// Running sums of the block sums are made in two levels: within chunks, and over the chunks. A
// thread finds its shot's chunk and block by bisection, and walks through the block's amplitudes.
// Running sums are nested so that each is the one before it plus something that is not negative, or
// equals it, at every level: they ascend in spite of rounding, and stay equal where a weight is
// zero. So the first one above a target belongs to what has weight.
//
// A block sum costs 16 bytes; a shot a bisection of log2(blocks) reads, most of them cached, and
// on average half a block of amplitudes, read 16 bytes at a time.
#pragma once

#include "block.cuh"

namespace quasim_device {

constexpr int kRun = 16;  // neighbouring values that a thread adds, and threads of a row

// Makes each of `count` sums the sum of those before it; returns the sum of all.
QUASIM_DEVICE double start_sums(double* sums, int count) {
  double sum = 0.0;
  for (int k = 0; k < count; ++k) {
    const double next = sum + sums[k];
    sums[k] = sum;
    sum = next;
  }
  return sum;
}

// running[i] = the sum of the values up to and including i in its chunk of `share` of the `size`
// values of a member; totals[chunk] = the sum of all of the chunk's. A block takes a chunk, at most
// 16 values a thread. May work in place. Shared memory: 18 * threads + threads / 8 + 1 doubles;
// a gap after every 16 values keeps threads out of each other's banks.
QUASIM_DEVICE void running_sums(const Block& block, const double* values, double* running,
                                double* totals, i64 size, i64 share) {
  const int threads = block.threads();
  const int count = static_cast<int>(share);
  const int rows = threads / kRun;
  double* const within = block.shared<double>();         // running sums of each thread's run
  double* const starts = within + threads * (kRun + 1);  // of each run in its row
  double* const row_starts = starts + threads + rows;    // of each row
  const auto gapped = [](int i) { return i + i / kRun; };
  const i64 first =
      static_cast<i64>(block.member()) * size + static_cast<i64>(block.index()) * share;
  block.each([&](int thread) {
    QUASIM_UNROLL
    for (int k = 0; k < kRun; ++k) {
      const int i = k * threads + thread;
      within[gapped(i)] = i < count ? values[first + i] : 0.0;
    }
  });
  block.each([&](int thread) {
    double* const run = within + gapped(thread * kRun);
    double sum = 0.0;
    QUASIM_UNROLL
    for (int k = 0; k < kRun; ++k) run[k] = sum += run[k];
    starts[gapped(thread)] = sum;
  });
  block.each([&](int thread) {
    if (thread < rows) row_starts[thread] = start_sums(starts + gapped(thread * kRun), kRun);
  });
  block.each([&](int thread) {
    if (thread != 0) return;
    totals[block.member() * block.blocks() + block.index()] = start_sums(row_starts, rows);
  });
  block.apart([&](int thread) {
    for (int i = thread; i < count; i += threads) {
      const double in_row = starts[gapped(i / kRun)] + within[gapped(i)];
      running[first + i] = row_starts[i / (kRun * kRun)] + in_row;
    }
  });
}

// totals[i] becomes the sum up to and including i, one after the other: each is exactly the one
// before it plus a chunk's total. One block a member; 8 bytes of shared memory a thread. Chunks
// are few: 2^10 for 30 qubits.
QUASIM_DEVICE void running_totals(const Block& block, double* totals, i64 chunks) {
  const int threads = block.threads();
  double* const sums = block.shared<double>();
  double* const own = totals + static_cast<i64>(block.member()) * chunks;
  double sum = 0.0;
  for (i64 first = 0; first < chunks; first += threads) {
    block.each(
        [&](int thread) { sums[thread] = first + thread < chunks ? own[first + thread] : 0.0; });
    block.each([&](int thread) {
      if (thread != 0) return;
      double running = sum;
      for (int i = 0; i < threads; ++i) sums[i] = running += sums[i];
    });
    sum = sums[threads - 1];
    block.each([&](int thread) {
      if (first + thread < chunks) own[first + thread] = sums[thread];
    });
  }
}

// The first of `count` ascending sums, added to `before`, that exceeds `target`; else the last.
QUASIM_DEVICE i64 first_above(const double* sums, i64 count, double before, double target) {
  i64 low = 0;
  i64 high = count - 1;
  while (low < high) {
    const i64 middle = (low + high) / 2;
    if (target < before + sums[middle]) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

// As many amplitudes as are read at once.
template <class T, int kCount>
struct alignas(sizeof(Complex<T>) * kCount) Pack {
  Complex<T> at[kCount];
};

// The position in a block at which the running sum of weights, from `before` on, exceeds `target`.
// Where rounding leaves the sum short it is the last one with weight.
template <int kStep, class T>
QUASIM_DEVICE i64 walk(const Complex<T>* amplitudes, i64 size, double before, double target) {
  constexpr int kPack = kStep > 1 ? 16 / static_cast<int>(sizeof(Complex<T>)) : 1;
  i64 last = 0;
  for (i64 first = 0; first < size; first += kStep) {
    const auto* const packs = reinterpret_cast<const Pack<T, kPack>*>(amplitudes + first);
    double within = 0.0;
    int reached = 0;
    QUASIM_UNROLL
    for (int k = 0; k < kStep / kPack; ++k) {
      const Pack<T, kPack> pack = packs[k];
      QUASIM_UNROLL
      for (int j = 0; j < kPack; ++j) {
        within += norm(pack.at[j]);
        reached += before + within <= target ? 1 : 0;
      }
    }
    if (reached < kStep) return first + reached;
    if (within > 0) last = first;
    before += within;
  }
  i64 position = last + kStep - 1;
  while (position > last && !(norm(amplitudes[position]) > 0)) --position;
  return position;
}

// The largest double below a positive one.
QUASIM_DEVICE double next_below(double value) {
  union {
    double number;
    i64 bits;
  } word = {value};
  --word.bits;
  return word.number;
}

// result[member][s] = the basis state drawn for uniforms[member][s]. `running` has the running sums
// of the block sums within each of `chunks` chunks, `ends` those of the chunks' totals. Sets *bad
// where a uniform is not in [0, 1). Whatever the sums are, it stays within the arrays.
template <class T>
QUASIM_DEVICE void draw_shots(const Block& block, const Complex<T>* amplitudes,
                              const double* uniforms, const double* running, const double* ends,
                              u64* result, u64* bad, i64 num_qubits, i64 block_bits, i64 chunks,
                              i64 shots) {
  const i64 member = static_cast<i64>(block.member());
  const i64 blocks = i64{1} << (num_qubits - block_bits);
  const i64 share = blocks / chunks;
  const i64 size = i64{1} << block_bits;
  const double* const own_ends = ends + member * chunks;
  block.apart([&](int thread) {
    const i64 shot = static_cast<i64>(block.index()) * block.threads() + thread;
    if (shot >= shots) return;
    const double uniform = uniforms[member * shots + shot];
    if (!(uniform >= 0.0 && uniform < 1.0)) *bad = 1;
    const double total = own_ends[chunks - 1];
    double target = uniform * total;
    if (!(target < total)) target = next_below(total);
    const i64 chunk = first_above(own_ends, chunks, 0.0, target);
    const double start = chunk == 0 ? 0.0 : own_ends[chunk - 1];
    const double* const sums = running + member * blocks + chunk * share;
    const i64 place = first_above(sums, share, start, target);
    const double before = place == 0 ? start : start + sums[place - 1];
    const i64 first = (chunk * share + place) << block_bits;
    const Complex<T>* const from = amplitudes + (member << num_qubits) + first;
    result[member * shots + shot] =
        static_cast<u64>(first + (size < 16 ? walk<1>(from, size, before, target)
                                            : walk<16>(from, size, before, target)));
  });
}

}  // namespace quasim_device

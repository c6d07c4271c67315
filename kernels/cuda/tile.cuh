// The tile kernel: takes a state through one stage of a program.
//
// A pass moves 2 * 2^n amplitudes through device memory, 8 bytes each for complex64; a change of
// phase moves as many through shared memory, which is about ten times as fast.
#pragma once

#include "slopes.cuh"
#include "tally.cuh"

namespace quasim_device {

// What a launch of the tile kernel is given, one member's share of it.
template <class T>
struct TileRun {
  const char* program;
  i64 stage;
  Numbers<T> n;
  Mask live;  // index bits that may be 1 where amplitudes are not zero
  Complex<T>* first;
  Complex<T>* second;  // null, or the other one of two states
  double* slopes;      // [row][slot], one row for every warp of the launch
  i64 slots;
  Tally tally;  // without sums, or what the stage adds up as it stores
};

// visit(amplitude in memory, amplitude in registers) for those that exist.
template <class T, class Visit>
QUASIM_DEVICE void for_amplitudes(const TileRun<T>& run, const Phase& phase, bool padded, Mask size,
                                  Own<T>& own, Visit visit) {
  Complex<T>* const upper = run.second != nullptr ? run.second : run.first;
  QUASIM_UNROLL
  for (int j = 0; j < kAmplitudes; ++j) {
    Complex<T>* const state = j < kOther ? run.first : upper;
    const Mask pattern = pattern_index(phase, j);
    if (!padded || (own.where | pattern) < size) visit(state[own.where + pattern], own.held.a[j]);
  }
}

// Hands amplitudes over through shared memory, from the phase before to this one.
template <class T>
QUASIM_DEVICE void exchange(const Block& block, const Phase& phase, const ThreadPlace* places,
                            Mask base, PerThread<Own<T>>& all) {
  Complex<T>* const shared = block.shared<Complex<T>>();
  PerThread<u32> get;
  block.each([&](int thread) {
    const ThreadPlace place = places[phase.places + thread];
    auto& own = all[thread];
    QUASIM_UNROLL
    for (int j = 0; j < kAmplitudes; ++j) {
      shared[place.put ^ image_of_pattern(phase.put, j)] = own.held.a[j];
    }
    get[thread] = place.get;
    own.where = base | place.index;
  });
  block.each([&](int thread) {
    auto& own = all[thread];
    QUASIM_UNROLL
    for (int j = 0; j < kAmplitudes; ++j) {
      own.held.a[j] = shared[get[thread] ^ image_of_pattern(phase.get, j)];
    }
  });
}

template <class T>
QUASIM_DEVICE void do_op(const Block& block, const TileRun<T>& run, const Phase& phase,
                         const Op& op, PerThread<Own<T>>& all, double* slopes) {
  if (op.code <= OpCode::kMove) {
    block.apart([&](int thread) { gate(op, run.n.numbers, all[thread].where, all[thread].held); });
  } else if (op.code <= OpCode::kDense4) {
    // With a barrier: other threads' amplitudes come to this memory next.
    block.each([&](int thread) {
      wide_gate(op, run.n.numbers, all[thread].where, all[thread].held,
                block.shared<Complex<T>>() + thread, block.threads());
    });
  } else if (op.code == OpCode::kFactors) {
    block.apart([&](int thread) { factors(op, run.n, all[thread].where, all[thread].held); });
  } else if (op.code == OpCode::kLayer) {
    block.apart([&](int thread) { layer(op, run.n, all[thread].where, all[thread].held); });
  } else if (op.code == OpCode::kTable) {
    block.apart([&](int thread) { table(op, run.n, all[thread].where, phase, all[thread].held); });
  } else if (op.code <= OpCode::kSlopePhase) {
    PerThread<double> values;
    block.apart(
        [&](int thread) { values[thread] = slope(op, all[thread].where, all[thread].held); });
    block.warp_sums(values, [&](int warp, double sum) {
      slopes[static_cast<i64>(warp) * run.slots + op.slot] += sum;
    });
  } else {
    block.apart([&](int thread) { push(op, run.n.numbers, all[thread].where, all[thread].held); });
  }
}

template <class T>
QUASIM_DEVICE void run_tiles(const Block& block, const TileRun<T>& run) {
  const auto& header = *part<ProgramHeader>(run.program, 0);
  const Stage& stage = part<Stage>(run.program, header.stages)[run.stage];
  const Phase* const phases = part<Phase>(run.program, header.phases);
  const Op* const ops = part<Op>(run.program, header.ops);
  const ThreadPlace* const places = part<ThreadPlace>(run.program, header.places);
  const Mask size = Mask{1} << header.num_qubits;
  const Mask outside = stage.outside & run.live;
  const u64 tiles = u64{1} << popcount(outside);
  const i64 warps = block.threads() > kWarp ? block.threads() / kWarp : 1;
  double* const slopes = run.slopes + static_cast<i64>(block.index()) * warps * run.slots;
  PerThread<Own<T>> all;

  for (u64 tile = block.index(); tile < tiles; tile += block.blocks()) {
    const Mask base = base_of(tile, outside, run.tally);
    // One loop for all phases, so that the code of the gates is there once.
    for (i32 p = stage.first; p < stage.last; ++p) {
      const Phase& phase = phases[p];
      if (p == stage.first) {
        block.apart([&](int thread) {
          auto& own = all[thread];
          own.where = base | places[phase.places + thread].index;
          if (stage.padded) own.held = {};
          for_amplitudes(run, phase, stage.padded, size, own,
                         [](const Complex<T>& from, Complex<T>& to) { to = from; });
        });
      } else {
        exchange(block, phase, places, base, all);
      }
      for (i32 i = phase.first; i < phase.last; ++i) {
        do_op(block, run, phase, ops[i], all, slopes);
      }
    }
    block.apart([&](int thread) {
      for_amplitudes(run, phases[stage.last - 1], stage.padded, size, all[thread],
                     [](Complex<T>& to, const Complex<T>& from) { to = from; });
    });
    if (run.tally.sums != nullptr) {
      count_tile(block, run.tally, phases[stage.last - 1], (size - 1) & ~stage.outside, base,
                 tile == block.index(), all);
    }
  }
}

// One stage, on every member of a batch of states or on two states. With `sums`, [member][split]
// [value], it adds up sum |a|^2 by the value of the `counted` qubits, its bits at `places`; there
// is one block for every split and every value that these qubits have outside of a tile.
template <class T>
QUASIM_DEVICE void tile(const Block& block, Complex<T>* amplitudes, Complex<T>* second,
                        const char* program, i64 stage, const T* numbers, const Turn<T>* turns,
                        i64 number_stride, i64 turn_stride, i64 live, double* slopes, i64 slots,
                        double* sums, const i64* places, i64 counted, i64 inner) {
  const auto& header = *part<ProgramHeader>(program, 0);
  const i64 member = static_cast<i64>(block.member());
  const Numbers<T> n{numbers + member * number_stride, turns + member * turn_stride,
                     part<Term>(program, header.terms), part<i32>(program, header.bounds)};
  const Mask values = static_cast<Mask>(counted);
  const Mask splits = static_cast<Mask>(inner);
  if (sums != nullptr) sums += member << (popcount(splits) + popcount(values));
  run_tiles<T>(block, {program,
                       stage,
                       n,
                       static_cast<Mask>(live),
                       amplitudes + (member << header.num_qubits),
                       second,
                       slopes,
                       slots,
                       {sums, places, values, splits}});
}

}  // namespace quasim_device

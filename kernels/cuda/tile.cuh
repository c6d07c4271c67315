// The tile kernels: they take a state, or two, through one stage of a program.
//
// A pass moves 2 * 2^n amplitudes through device memory, 8 bytes each for complex64; a change of
// phase moves as many through shared memory, which is about ten times as fast.
#pragma once

#include "slopes.cuh"
#include "tally.cuh"

namespace quasim_device {

// What a kernel does besides the circuit's own ops. A kernel each: what one of them takes in
// registers, the others are spared.
enum class Job {
  kRun,    // nothing
  kCount,  // sums of |a|^2 as it stores
  kPair,   // derivatives, on two states
};

// What a launch of a tile kernel is given, one member's share of it.
template <class T>
struct TileRun {
  const char* program;
  i64 stage;
  Numbers<T> n;
  Mask live;  // index bits that may be 1 where amplitudes are not zero
  Complex<T>* first;
  Tally tally;         // kCount
  Complex<T>* second;  // kPair: the other state
  double* slopes;      // kPair: [row][slot], one row for every warp of the launch
  i64 slots;
};

// visit(amplitude in memory, amplitude in registers) for those that exist.
template <Job kJob, class T, class Visit>
QUASIM_DEVICE void for_amplitudes(const TileRun<T>& run, const Phase& phase, bool padded, Mask size,
                                  Own<T>& own, Visit visit) {
  const Phase own_phase = phase;  // otherwise read again after every write
  QUASIM_UNROLL
  for (int j = 0; j < kAmplitudes; ++j) {
    Complex<T>* const state = kJob == Job::kPair && j >= kOther ? run.second : run.first;
    const Mask pattern = pattern_index(own_phase, j);
    if (!padded || (own.where | pattern) < size) visit(state[own.where + pattern], own.held.a[j]);
  }
}

// Hands amplitudes over through shared memory, from the phase before to this one.
template <class T>
QUASIM_DEVICE void exchange(const Block& block, const Phase& phase, const ThreadPlace* places,
                            Mask base, PerThread<Own<T>>& all) {
  PerThread<u32> get;
  block.each([&](int thread) {
    const ThreadPlace place = places[phase.places + thread];
    auto& own = all[thread];
    QUASIM_UNROLL
    for (int j = 0; j < kAmplitudes; ++j)
      at_place<T>(block, place.put, phase.put, j) = own.held.a[j];
    get[thread] = place.get;
    own.where = base | place.index;
  });
  block.each([&](int thread) {
    auto& own = all[thread];
    QUASIM_UNROLL
    for (int j = 0; j < kAmplitudes; ++j)
      own.held.a[j] = at_place<T>(block, get[thread], phase.get, j);
  });
}

// An op between two states: a derivative is measured or added.
template <class T>
QUASIM_DEVICE void do_pair_op(const Block& block, const TileRun<T>& run, const Op& op,
                              PerThread<Own<T>>& all) {
  if (op.code <= OpCode::kSlopePhase) {
    PerThread<double> values;
    const i64 warps = block.threads() > kWarp ? block.threads() / kWarp : 1;
    block.apart(
        [&](int thread) { values[thread] = slope(op, all[thread].where, all[thread].held); });
    block.warp_sums(values, [&](int warp, double sum) {
      run.slopes[(static_cast<i64>(block.index()) * warps + warp) * run.slots + op.slot] += sum;
    });
  } else {
    block.apart([&](int thread) { push(op, run.n.numbers, all[thread].where, all[thread].held); });
  }
}

template <Job kJob, class T>
QUASIM_DEVICE void do_op(const Block& block, const TileRun<T>& run, const Phase& phase,
                         const Op& op, PerThread<Own<T>>& all) {
  if (op.code == OpCode::kQubits) {
    block.apart([&](int thread) {
      auto& own = all[thread];
      factors(op, run.n, own.where, own.held);
      own.factor *= qubits(op, run.n.numbers + op.number, own.held);
    });
  } else if (op.code <= OpCode::kMove) {
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
  } else if (op.code == OpCode::kScale) {
    block.apart([&](int thread) {
      auto& own = all[thread];
      QUASIM_UNROLL
      for (int j = 0; j < kAmplitudes; ++j) own.held.a[j] = own.factor * own.held.a[j];
      own.factor = T{1};
    });
  } else if constexpr (kJob == Job::kPair) {
    do_pair_op(block, run, op, all);
  }
}

template <Job kJob, class T>
QUASIM_DEVICE void run_tiles(const Block& block, const TileRun<T>& run) {
  const auto& header = *part<ProgramHeader>(run.program, 0);
  const Stage& stage = part<Stage>(run.program, header.stages)[run.stage];
  const Phase* const phases = part<Phase>(run.program, header.phases);
  const Op* const ops = part<Op>(run.program, header.ops);
  const u64 tiles = u64{1} << popcount(stage.outside & run.live);
  PerThread<Own<T>> all;

  for (u64 tile = block.index(); tile < tiles; tile += block.blocks()) {
    const Mask base = kJob == Job::kCount ? base_of(tile, stage.outside & run.live, run.tally)
                                          : deposit(tile, stage.outside & run.live);
    // One loop for all phases, so that the code of the gates is there once.
    for (i32 p = stage.first; p < stage.last; ++p) {
      const Phase& phase = phases[p];
      if (p == stage.first) {
        block.apart([&](int thread) {
          auto& own = all[thread];
          own.where =
              base | part<ThreadPlace>(run.program, header.places)[phase.places + thread].index;
          own.factor = T{1};
          if (stage.padded) own.held = {};
          for_amplitudes<kJob>(run, phase, stage.padded, Mask{1} << header.num_qubits, own,
                               [](const Complex<T>& from, Complex<T>& to) { to = from; });
        });
      } else {
        exchange(block, phase, part<ThreadPlace>(run.program, header.places), base, all);
      }
      for (i32 i = phase.first; i < phase.last; ++i) {
        do_op<kJob>(block, run, phase, ops[i], all);
      }
    }
    block.apart([&](int thread) {
      for_amplitudes<kJob>(run, phases[stage.last - 1], stage.padded, Mask{1} << header.num_qubits,
                           all[thread], [](Complex<T>& to, const Complex<T>& from) { to = from; });
    });
    if constexpr (kJob == Job::kCount) {
      count_tile(block, run.tally, phases[stage.last - 1],
                 ((Mask{1} << header.num_qubits) - 1) & ~stage.outside, base, tile == block.index(),
                 all);
    }
  }
}

// A member's share of what all tile kernels are given.
template <class T>
QUASIM_DEVICE TileRun<T> share_of(const Block& block, Complex<T>* amplitudes, const char* program,
                                  i64 stage, const T* numbers, const Turn<T>* turns,
                                  i64 number_stride, i64 turn_stride, i64 live) {
  const auto& header = *part<ProgramHeader>(program, 0);
  const i64 member = static_cast<i64>(block.member());
  TileRun<T> run{};
  run.program = program;
  run.stage = stage;
  run.n = {numbers + member * number_stride, turns + member * turn_stride, program};
  run.live = static_cast<Mask>(live);
  run.first = amplitudes + (member << header.num_qubits);
  return run;
}

// One stage, on every member of a batch of states.
template <class T>
QUASIM_DEVICE void tile(const Block& block, Complex<T>* amplitudes, const char* program, i64 stage,
                        const T* numbers, const Turn<T>* turns, i64 number_stride, i64 turn_stride,
                        i64 live) {
  run_tiles<Job::kRun>(block, share_of(block, amplitudes, program, stage, numbers, turns,
                                       number_stride, turn_stride, live));
}

// The same for the last stage of a run, which also adds up sum |a|^2 by the value of the `counted`
// qubits, its bits at `places`, into `sums` [member][split][value]; there is one block for every
// split and every value that these qubits have outside of a tile.
template <class T>
QUASIM_DEVICE void counting_tile(const Block& block, Complex<T>* amplitudes, const char* program,
                                 i64 stage, const T* numbers, const Turn<T>* turns,
                                 i64 number_stride, i64 turn_stride, i64 live, double* sums,
                                 const i64* places, i64 counted, i64 inner) {
  TileRun<T> run =
      share_of(block, amplitudes, program, stage, numbers, turns, number_stride, turn_stride, live);
  run.tally = {sums, places, static_cast<Mask>(counted), static_cast<Mask>(inner)};
  run_tiles<Job::kCount>(block, run);
}

// One stage, on two states side by side. Adds what it measures to `slopes` [row][slot], a row for
// every warp of the launch.
template <class T>
QUASIM_DEVICE void pair_tile(const Block& block, Complex<T>* amplitudes, const char* program,
                             i64 stage, const T* numbers, const Turn<T>* turns, i64 number_stride,
                             i64 turn_stride, i64 live, Complex<T>* second, double* slopes,
                             i64 slots) {
  TileRun<T> run =
      share_of(block, amplitudes, program, stage, numbers, turns, number_stride, turn_stride, live);
  run.second = second;
  run.slopes = slopes;
  run.slots = slots;
  run_tiles<Job::kPair>(block, run);
}

}  // namespace quasim_device

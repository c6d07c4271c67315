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
  Tally tally;  // what a stage that counts adds up as it stores
};

// visit(amplitude in memory, amplitude in registers) for those that exist.
template <class T, class Visit>
QUASIM_DEVICE void for_amplitudes(const TileRun<T>& run, const Phase& phase, bool padded, Mask size,
                                  Own<T>& own, Visit visit) {
  Complex<T>* const upper = run.second != nullptr ? run.second : run.first;
  const Phase own_phase = phase;  // otherwise read again after every write
  QUASIM_UNROLL
  for (int j = 0; j < kAmplitudes; ++j) {
    Complex<T>* const state = j < kOther ? run.first : upper;
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

template <class T>
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
  } else if (op.code <= OpCode::kSlopePhase) {
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

template <class T, bool kCounts>
QUASIM_DEVICE void run_tiles(const Block& block, const TileRun<T>& run) {
  const auto& header = *part<ProgramHeader>(run.program, 0);
  const Stage& stage = part<Stage>(run.program, header.stages)[run.stage];
  const Phase* const phases = part<Phase>(run.program, header.phases);
  const Op* const ops = part<Op>(run.program, header.ops);
  const u64 tiles = u64{1} << popcount(stage.outside & run.live);
  PerThread<Own<T>> all;

  for (u64 tile = block.index(); tile < tiles; tile += block.blocks()) {
    const Mask base = kCounts ? base_of(tile, stage.outside & run.live, run.tally)
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
          for_amplitudes(run, phase, stage.padded, Mask{1} << header.num_qubits, own,
                         [](const Complex<T>& from, Complex<T>& to) { to = from; });
        });
      } else {
        exchange(block, phase, part<ThreadPlace>(run.program, header.places), base, all);
      }
      for (i32 i = phase.first; i < phase.last; ++i) {
        do_op(block, run, phase, ops[i], all);
      }
    }
    block.apart([&](int thread) {
      for_amplitudes(run, phases[stage.last - 1], stage.padded, Mask{1} << header.num_qubits,
                     all[thread], [](Complex<T>& to, const Complex<T>& from) { to = from; });
    });
    if constexpr (kCounts) {
      count_tile(block, run.tally, phases[stage.last - 1],
                 ((Mask{1} << header.num_qubits) - 1) & ~stage.outside, base, tile == block.index(),
                 all);
    }
  }
}

template <class T>
QUASIM_DEVICE Numbers<T> numbers_of(const Block& block, const char* program, const T* numbers,
                                    const Turn<T>* turns, i64 number_stride, i64 turn_stride) {
  const i64 member = static_cast<i64>(block.member());
  return {numbers + member * number_stride, turns + member * turn_stride, program};
}

// One stage, on every member of a batch of states or on two states.
template <class T>
QUASIM_DEVICE void tile(const Block& block, Complex<T>* amplitudes, Complex<T>* second,
                        const char* program, i64 stage, const T* numbers, const Turn<T>* turns,
                        i64 number_stride, i64 turn_stride, i64 live, double* slopes, i64 slots) {
  const auto& header = *part<ProgramHeader>(program, 0);
  const i64 first = static_cast<i64>(block.member()) << header.num_qubits;
  run_tiles<T, false>(block,
                      {program,
                       stage,
                       numbers_of(block, program, numbers, turns, number_stride, turn_stride),
                       static_cast<Mask>(live),
                       amplitudes + first,
                       second,
                       slopes,
                       slots,
                       {}});
}

// The same for the last stage of a run, which also adds up sum |a|^2 by the value of the `counted`
// qubits, its bits at `places`, into `sums` [member][split][value]; there is one block for every
// split and every value that these qubits have outside of a tile. A kernel of its own, since it
// takes registers that the other stages need.
template <class T>
QUASIM_DEVICE void counting_tile(const Block& block, Complex<T>* amplitudes, const char* program,
                                 i64 stage, const T* numbers, const Turn<T>* turns,
                                 i64 number_stride, i64 turn_stride, i64 live, double* sums,
                                 const i64* places, i64 counted, i64 inner) {
  const auto& header = *part<ProgramHeader>(program, 0);
  const i64 first = static_cast<i64>(block.member()) << header.num_qubits;
  run_tiles<T, true>(block, {program,
                             stage,
                             numbers_of(block, program, numbers, turns, number_stride, turn_stride),
                             static_cast<Mask>(live),
                             amplitudes + first,
                             nullptr,
                             nullptr,
                             0,
                             {sums, places, static_cast<Mask>(counted), static_cast<Mask>(inner)}});
}

}  // namespace quasim_device

// What a run does to a state besides its plan, where it can in the plan's own passes over memory.
#pragma once

#include <cstdint>
#include <span>

#include "quasim/bits.hpp"

namespace quasim {

// Before the plan: amplitudes whose bits in `mask` differ from `value` become zero, the others are
// multiplied by `scale`.
struct Collapse {
  Mask mask = 0;
  Mask value = 0;
  double scale = 1.0;

  bool acts() const { return mask != 0 || scale != 1.0; }
};

// After the plan: sum |a|^2 by the value of `qubits`, lowest bit first. `sums` has 2^k entries,
// overwritten; they do not depend on the number of threads.
struct Tally {
  std::span<const std::int32_t> qubits;
  std::span<double> sums;
  bool optional = false;  // leave it out when no pass of the plan can take it along
  bool done = false;      // set by the run
};

struct Passage {
  Mask live = ~Mask{0};  // amplitudes are zero where a bit outside it is set
  Collapse collapse;
  Tally* tally = nullptr;
};

}  // namespace quasim

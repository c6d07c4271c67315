// Greedy partition with restarts.
//
// A stage takes every operation whose mixing qubits are local and that commutes with what it
// overtakes. Which qubits are local is the choice: grown in the order of the circuit, grown again
// with some operations passed over at random, and improved by exchanging one qubit. The choice that
// gets most operations done wins. The larger the state, the more may be tried: a pass costs more.
#include "plan/stages.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace quasim {
namespace {

// SplitMix64 (Steele, Lea, Flood, 2014): plans are the same on every run.
class Random {
 public:
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }

 private:
  std::uint64_t state_ = 0;
};

// A better choice of local qubits saves passes over the state, and costs steps from operation to
// operation: of those one for so many amplitudes, which is less than a fifth of a pass.
constexpr std::size_t kAmplitudesAStep = 32;
constexpr int kLargestState = 30;  // of those that this makes a difference for
// Choices tried at random, and exchanges of one qubit.
constexpr int kTries = 32;
constexpr int kExchanges = 8;
// Operations looked at to choose local qubits.
constexpr std::size_t kWindow = 2048;

class Cutter {
 public:
  Cutter(std::span<const Footprint> operations, int num_qubits, const PlanOptions& options,
         std::size_t steps)
      : num_qubits_(num_qubits),
        tile_(std::min(options.tile_qubits, num_qubits)),
        low_(low_mask(std::min(options.low_qubits, tile_))) {
    waiting_.reserve(operations.size());
    for (std::size_t i = 0; i < operations.size(); ++i) {
      waiting_.push_back({operations[i], static_cast<std::int32_t>(i)});
      touched_ |= operations[i].all();
    }
    // Global factors go first, so that a walk may end where no qubit lets anything past.
    std::ranges::stable_partition(waiting_,
                                  [](const Waiting& w) { return w.footprint.all() == 0; });
    budget_ = steps != 0
                  ? steps
                  : (std::size_t{1} << std::min(num_qubits, kLargestState)) / kAmplitudesAStep;
  }

  std::vector<Stage> run() {
    std::vector<Stage> stages;
    while (first_ < waiting_.size()) stages.push_back(next());
    return stages;
  }

 private:
  struct Waiting {
    Footprint footprint;
    std::int32_t operation;
  };

  std::span<const Waiting> waiting() const {
    return std::span<const Waiting>(waiting_).subspan(first_);
  }
  std::span<const Waiting> ahead() const {
    return waiting().first(std::min(waiting().size(), kWindow));
  }

  Stage next() {
    const Mask first = waiting().front().footprint.mixing();
    if (std::popcount(low_ | first) > tile_) {
      // Too wide for any tile: a stage of its own.
      return {{waiting_[first_++].operation}, low_ | first};
    }
    return take(tile_ == num_qubits_ ? low_mask(num_qubits_) : choose(low_ | first));
  }

  // Local qubits that get the most done, `start` among them or not.
  Mask choose(Mask start) {
    Mask best = grow(start, false);
    std::size_t done = count(best);
    std::vector<Mask> counted{best};
    steps_ = 0;
    for (int t = 0; t < kTries && steps_ < budget_ / 2 && done < ahead().size(); ++t) {
      const Mask other = grow(low_, true);
      if (std::ranges::find(counted, other) != counted.end()) continue;
      counted.push_back(other);
      const std::size_t more = count(other);
      if (more > done) {
        done = more;
        best = other;
      }
    }
    for (int t = 0; t < kExchanges && steps_ < budget_ && done < ahead().size(); ++t) {
      if (!exchange(best, done)) break;
    }
    return best;
  }

  // Exchanges one local qubit for another if that gets more done.
  bool exchange(Mask& best, std::size_t& done) {
    const Mask inside = best & ~low_;
    std::pair<int, int> chosen{-1, -1};  // leaves, enters
    for_each_bit(touched_ & ~best, [&](int enters) {
      // A larger tile gets no less done: what is lost with the qubit that leaves is at least what
      // mixes it.
      std::array<std::size_t, 64> uses{};
      const Mask larger = best | bit(enters);
      std::size_t most = 0;
      walk(larger, [&](const Footprint& operation) {
        ++most;
        for_each_bit(operation.mixing() & inside,
                     [&](int q) { ++uses[static_cast<std::size_t>(q)]; });
      });
      for_each_bit(inside, [&](int leaves) {
        const std::pair<int, int> pair{leaves, enters};
        const auto better = [&](std::size_t more) {
          return more > done || (more == done && pair < chosen);
        };
        if (!better(most - uses[static_cast<std::size_t>(leaves)])) return;
        const std::size_t more = count(larger & ~bit(leaves));
        if (better(more)) {
          done = more;
          chosen = pair;
        }
      });
    });
    if (chosen.first < 0) return false;
    best = (best & ~bit(chosen.first)) | bit(chosen.second);
    return true;
  }

  // Takes in the qubits of operations as they come; `random` passes over one in four.
  Mask grow(Mask local, bool random) {
    Barrier passed;
    for (const Waiting& w : ahead()) {
      ++steps_;
      const Mask grown = local | w.footprint.mixing();
      const bool skip = random && grown != local && (random_.next() & 3) == 0;
      if (!skip && passed.lets_past(w.footprint)) {
        if (grown == local) continue;
        const int qubits = std::popcount(grown);
        if (qubits <= tile_) local = grown;
        if (qubits == tile_) break;
        if (qubits < tile_) continue;
      }
      passed.add(w.footprint);
      if ((touched_ & ~passed.closed()) == 0) break;
    }
    return fill_low(local);
  }

  // Adds the lowest free qubits: longer runs of contiguous amplitudes.
  Mask fill_low(Mask local) const {
    Mask free = low_mask(num_qubits_) & ~local;
    for (int k = std::popcount(local); k < tile_; ++k, free &= free - 1)
      local |= free & (~free + 1);
    return local;
  }

  // Calls `visit(footprint)` for each operation that a stage on `local` takes.
  template <typename Visit>
  void walk(Mask local, Visit&& visit) const {
    Barrier passed(local);
    for (const Waiting& w : ahead()) {
      ++steps_;
      if (passed.lets_past(w.footprint)) {
        visit(w.footprint);
      } else {
        passed.add(w.footprint);
        if ((touched_ & ~passed.closed()) == 0) break;
      }
    }
  }

  std::size_t count(Mask local) const {
    std::size_t done = 0;
    walk(local, [&](const Footprint&) { ++done; });
    return done;
  }

  Stage take(Mask local) {
    Stage stage{{}, local};
    skipped_.clear();
    Barrier passed(local);
    for (const Waiting& w : waiting()) {
      if (passed.lets_past(w.footprint)) {
        stage.operations.push_back(w.operation);
      } else {
        skipped_.push_back(w);
        passed.add(w.footprint);
        if ((touched_ & ~passed.closed()) == 0) break;
      }
    }
    first_ += stage.operations.size();
    std::ranges::copy(skipped_, waiting_.begin() + static_cast<std::ptrdiff_t>(first_));
    return stage;
  }

  int num_qubits_;
  int tile_;
  Mask low_;
  Mask touched_ = 0;
  // Steps that may be spent on a stage, and those that were.
  std::size_t budget_;
  mutable std::size_t steps_ = 0;
  Random random_;
  std::vector<Waiting> waiting_;  // from `first_` on, in the circuit's order
  std::size_t first_ = 0;
  std::vector<Waiting> skipped_;
};

}  // namespace

std::vector<Stage> cut_into_stages(std::span<const Footprint> operations, int num_qubits,
                                   const PlanOptions& options, std::size_t steps) {
  return Cutter(operations, num_qubits, options, steps).run();
}

}  // namespace quasim

// Greedy partition with restarts.
//
// A stage takes every operation whose mixing qubits are local and that commutes with what it
// overtakes. Which qubits are local is the choice: grown in the order of the circuit, grown again
// with some operations passed over at random, and improved by exchanging one qubit. The choice that
// gets most operations done wins. Larger states are worth more tries: a pass costs more.
#include "plan/stages.hpp"

#include <algorithm>

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

// Operations looked at to choose local qubits.
constexpr std::size_t kWindow = 2048;

class Cutter {
 public:
  Cutter(std::span<const Footprint> operations, int num_qubits, const PlanOptions& options)
      : operations_(operations),
        num_qubits_(num_qubits),
        tile_(std::min(options.tile_qubits, num_qubits)),
        low_(low_mask(std::min(options.low_qubits, tile_))) {
    waiting_.resize(operations.size());
    for (std::size_t i = 0; i < waiting_.size(); ++i) waiting_[i] = static_cast<std::int32_t>(i);
    for (const Footprint& operation : operations) touched_ |= operation.all();
    tries_ = num_qubits <= tile_ ? 0 : num_qubits < 18 ? 4 : num_qubits < 21 ? 12 : 32;
  }

  std::vector<Stage> run() {
    std::vector<Stage> stages;
    while (!waiting_.empty()) stages.push_back(next());
    return stages;
  }

 private:
  const Footprint& at(std::int32_t i) const { return operations_[static_cast<std::size_t>(i)]; }

  std::span<const std::int32_t> ahead() const {
    return std::span<const std::int32_t>(waiting_).first(std::min(waiting_.size(), kWindow));
  }

  Stage next() {
    const Mask first = at(waiting_.front()).mixing();
    if (std::popcount(low_ | first) > tile_) {
      // Too wide for any tile: a stage of its own.
      Stage stage{{waiting_.front()}, low_ | first};
      waiting_.erase(waiting_.begin());
      return stage;
    }
    return take(choose(low_ | first));
  }

  // Local qubits that get the most done, `start` among them or not.
  Mask choose(Mask start) {
    Mask best = grow(start, false);
    std::size_t done = count(best);
    if (done == ahead().size()) return best;
    for (int t = 0; t < tries_; ++t) {
      const Mask other = grow(low_, true);
      const std::size_t more = count(other);
      if (more > done) {
        done = more;
        best = other;
      }
    }
    for (int t = 0; t < tries_ / 4; ++t) {
      if (!exchange(best, done)) break;
    }
    return best;
  }

  // Exchanges one local qubit for another if that gets more done.
  bool exchange(Mask& best, std::size_t& done) {
    const Mask inside = best & ~low_;
    const Mask outside = touched_ & ~best;
    Mask improved = best;
    for_each_bit(inside, [&](int leaves) {
      for_each_bit(outside, [&](int enters) {
        const Mask candidate = (best & ~bit(leaves)) | bit(enters);
        const std::size_t more = count(candidate);
        if (more > done) {
          done = more;
          improved = candidate;
        }
      });
    });
    const bool better = improved != best;
    best = improved;
    return better;
  }

  // Takes in the qubits of operations as they come; `random` passes over one in four.
  Mask grow(Mask local, bool random) {
    Footprint passed;
    for (const auto i : ahead()) {
      const Footprint& operation = at(i);
      const Mask grown = local | operation.mixing();
      const bool skip = random && grown != local && (random_.next() & 3) == 0;
      if (!skip && std::popcount(grown) <= tile_ && commute(operation, passed)) {
        local = grown;
        if (std::popcount(local) == tile_) break;
        continue;
      }
      passed = unite(passed, operation);
      if ((touched_ & ~passed.general) == 0) break;
    }
    return fill_low(local);
  }

  // Adds the lowest free qubits: longer runs of contiguous amplitudes.
  Mask fill_low(Mask local) const {
    for (int q = 0; q < num_qubits_ && std::popcount(local) < tile_; ++q) local |= bit(q);
    return local;
  }

  std::size_t count(Mask local) const {
    std::size_t done = 0;
    Footprint passed;
    for (const auto i : ahead()) {
      const Footprint& operation = at(i);
      if ((operation.mixing() & ~local) == 0 && commute(operation, passed)) {
        ++done;
        continue;
      }
      passed = unite(passed, operation);
      if ((touched_ & ~passed.general) == 0) break;
    }
    return done;
  }

  Stage take(Mask local) {
    Stage stage{{}, local};
    skipped_.clear();
    Footprint passed;
    for (const auto i : waiting_) {
      const Footprint& operation = at(i);
      if ((operation.mixing() & ~local) == 0 && commute(operation, passed)) {
        stage.operations.push_back(i);
        continue;
      }
      skipped_.push_back(i);
      passed = unite(passed, operation);
    }
    waiting_.swap(skipped_);
    return stage;
  }

  std::span<const Footprint> operations_;
  int num_qubits_;
  int tile_;
  Mask low_;
  Mask touched_ = 0;
  int tries_ = 0;
  Random random_;
  std::vector<std::int32_t> waiting_;  // in the circuit's order
  std::vector<std::int32_t> skipped_;
};

}  // namespace

std::vector<Stage> cut_into_stages(std::span<const Footprint> operations, int num_qubits,
                                   const PlanOptions& options) {
  return Cutter(operations, num_qubits, options).run();
}

}  // namespace quasim

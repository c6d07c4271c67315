// A layer of phases on two states, with the derivatives of all of them from one sweep.
#pragma once

#include <array>
#include <span>
#include <utility>
#include <vector>

#include "cpu/compiled.hpp"
#include "cpu/outside_phases.hpp"
#include "cpu/tile_sweeps.hpp"
#include "quasim/pair_plan.hpp"

namespace quasim {

// Where a layer works.
template <typename T>
struct PairPlace {
  T* first = nullptr;
  T* second = nullptr;
  T* sums = nullptr;  // room for sums_size() reals
  // A move that goes before the layer and that it can do: it writes here then.
  const TileOp* move = nullptr;
  T* moved_first = nullptr;
  T* moved_second = nullptr;
};

// Whether a layer can do a move on the way.
inline bool is_simple(const TileOp& move) {
  return move.whole_vectors || move.part_offset.size() == 2;
}

// The derivative of a phase is a sum of p(i) = Im(conj(second_i) first_i) over the amplitudes, with
// signs by the parity of i & z for one z, or a few. One sweep sums p over the rows and over the
// columns of a tile, which is enough unless some z has bits of both; then it keeps all of p. Folds
// of these, each half as long as the one before, make the sums of all z. What qubits outside the
// tile contribute is the sign of a whole tile.
template <typename T>
class PairLayer {
 public:
  // Belongs to one thread.
  struct Space {
    OutsidePhases<T> phases;
    std::vector<double> values;
  };

  PairLayer(const PairPhase& phase, const CompiledStage<T>& stage, const KernelTable<T>& kernels,
            const std::vector<const TileValues<T>*>& values);

  std::size_t sums_size() const { return sums_size_; }  // reals that a tile's sums take
  std::size_t num_sums() const { return sums_.size(); }
  Space space() const;

  // `outside` numbers the tile.
  void run(PairPlace<T> place, Mask outside, Space& space, double* sums) const;

  // Writes the derivatives, given the sums over all tiles.
  void finish(const double* sums, double weight, std::span<double> derivatives) const;

 private:
  // Adds the upper half of an array of 2^bits reals to the lower.
  struct Fold {
    std::size_t at;
    int bits;
    int value;  // the sum of the differences, or -1
    bool keep;  // the differences replace the upper half
  };
  // What is left at last is transformed as a whole.
  struct Leaf {
    std::size_t at;
    int bits;
    std::vector<std::pair<Mask, int>> values;
  };
  using Wanted = std::vector<std::pair<Mask, int>>;

  bool same_within_rows(const TileOp& op) const;
  void plan_sums(const Wanted& wanted);
  void plan_folds(std::size_t at, int bits, const Wanted& wanted);
  void fold(T* sums, Space& space) const;
  int row_bits() const { return stage_.tile.shape.row_bits(); }

  // A parameter's derivative: its sums by their coefficients.
  struct Term {
    std::size_t primitive;  // of the circuit
    double factor;
    std::vector<std::pair<std::size_t, double>> sums;
  };
  // The value of one fold, with signs by the qubits outside the tile.
  struct Sum {
    int value;
    Mask outer;
  };

  const CompiledStage<T>& stage_;
  const KernelTable<T>& kernels_;
  const std::vector<const TileValues<T>*>& values_;
  std::vector<Term> terms_;
  std::vector<Sum> sums_;
  std::vector<Fold> folds_;
  std::vector<Leaf> leaves_;
  std::size_t num_values_ = 0;
  LayerSums form_ = kNoSums;
  bool rows_suffice_ = true;     // no sum needs the columns
  std::vector<bool> rows_only_;  // of each operation of the tile: `rows_pair` does it
  std::size_t sums_size_ = 0;
};

}  // namespace quasim

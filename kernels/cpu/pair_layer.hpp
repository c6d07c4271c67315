// A layer of phases on two states, with the derivatives of all of them from one sweep.
#pragma once

#include <array>
#include <span>
#include <utility>
#include <vector>

#include "cpu/compiled.hpp"
#include "quasim/pair_plan.hpp"

namespace quasim {

// The derivative of a phase is a sum of p(i) = Im(conj(second_i) first_i) over the amplitudes, with
// signs by the parity of i & z for one z, or a few. One sweep makes p, and folds of it, each half as
// long as the one before, make the sums of all z. What qubits outside the tile contribute is the
// sign of a whole tile.
template <typename T>
class PairLayer {
 public:
  // Belongs to one thread.
  struct Space {
    AlignedArray<T> high;
    alignas(64) std::array<T, std::size_t{2} << TileShape::kMaxRowBits> low{};
    std::vector<Complex> phases;
    std::vector<double> values;
  };

  PairLayer(const PairPhase& phase, const CompiledStage<T>& stage, const KernelTable<T>& kernels,
            const std::vector<const TileValues<T>*>& values);

  bool measures() const { return !terms_.empty(); }
  std::size_t num_sums() const { return sums_.size(); }
  Space space() const;

  // `products`: room for a tile, needed if the layer measures. `outside` numbers the tile.
  void run(T* first, T* second, T* products, Mask outside, Space& space, double* sums) const;

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

  void plan_folds(std::size_t at, int bits, const Wanted& wanted);
  void fold(T* products, Space& space) const;
  void phases_outside(const TileValues<T>& values, Mask outside, Space& space) const;
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
};

}  // namespace quasim

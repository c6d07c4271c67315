// The phases of a stage: which qubits are register qubits when, and the ops between.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "cuda/program.cuh"
#include "device/items.hpp"
#include "device/layout.hpp"
#include "device/program.hpp"

namespace quasim::device {

// Records of a program, growing stage by stage.
struct Records {
  std::vector<quasim_device::Phase> phases;
  std::vector<quasim_device::ThreadPlace> places;
  std::vector<quasim_device::Op> ops;
  std::vector<quasim_device::Term> terms;
  std::vector<std::int32_t> bounds;
  std::vector<quasim_device::Recipe> recipes;
  std::vector<quasim_device::TurnRecipe> turns;
  std::vector<quasim_device::Factor> factors;
  std::vector<Slot> slots;
  std::map<std::int32_t, std::int32_t> rotated;  // recipe by the first member of the product
  std::int32_t numbers = 0;

  // Room for so many reals, where vector loads can reach them. Throws std::length_error.
  std::int32_t room_for(std::int64_t reals);
};

// What a phase leaves to the next one of a stage.
struct Left {
  std::vector<quasim_device::Term> terms;  // of phases; register bits may be in their masks
  int factors = 0;                         // those that amplitudes lack
};

// Writes the ops of one phase.
class PhaseWriter {
 public:
  // Keeps references to its arguments. Takes over what `left` has.
  PhaseWriter(const Program& program, Mode mode, const Layout& layout, Records& records,
              Left& left);

  void add(const Item& item);
  // Writes what is left, or, but for the last phase of a stage, leaves it to the next one. Returns
  // the predicted instructions an amplitude.
  double finish(bool last);

 private:
  // A part of a phase: the same for all patterns that have the register bits of its set.
  struct PendingTerm {
    std::uint8_t set;
    quasim_device::Term term;

    // Whether it is the same for all threads.
    bool same() const { return (term.mask | term.odd) == 0; }
  };
  using Bounds = std::pair<std::int32_t, std::int32_t>;

  // A condition as ops have it: bits outside the registers, and patterns inside.
  quasim_device::Op op_when(quasim_device::OpCode code, const Condition& when, double cost);
  std::uint8_t pattern_of(Mask qubits) const;
  void write(const quasim_device::Op& op);

  void matrix(const Item& item);
  // Writes the matrices of single qubits that were put off, so that they become one op.
  void write_qubits();
  std::uint8_t waiting() const;  // register bits of these
  void write_scale();
  quasim_device::Recipe product_of(const Item& item) const;
  // The number of the recipe of a matrix in the form kRotated.
  std::int32_t rotated(const Item& item);
  void rotation(const Item& item);
  void move(const Item& item);
  void phase(const Item& item);
  void table(const Item& item);
  void differentiate(const Item& item, quasim_device::OpCode slope, quasim_device::OpCode push,
                     quasim_device::Op op, double slope_scale, double push_scale);
  // Adds terms of a condition, as a polynomial in the register bits.
  void expand(const quasim_device::Term& term, std::vector<PendingTerm>& terms) const;
  // Writes the pending terms of sets that meet `x`: a layer, or the bounds of factors.
  Bounds bounds_for(std::uint16_t sets);
  // Writes the pending terms that do not commute with a change of the register bits `x`.
  void flush(std::uint8_t x);
  void write_factors(Bounds bounds);
  std::uint16_t sets_that_meet(std::uint8_t x) const;
  // Terms that are the same for all threads, as a number for every pattern.
  void add_patterns(std::vector<std::int32_t>& bounds);
  void write_layer();
  quasim_device::Factor factor_of(std::int32_t primitive, Mask qubits, bool with_controls) const;

  const Program& program_;
  Mode mode_;
  const Layout& layout_;
  Mask registers_ = 0;
  Records& records_;
  Left& left_;
  std::vector<PendingTerm> pending_;
  std::vector<PendingTerm> after_;  // the same, but after the matrices that wait
  std::array<const Item*, quasim_device::kRegisterBits> waiting_{};  // matrices on register bits
  double cost_ = 0.0;
};

}  // namespace quasim::device

// The phases of a stage: which qubits are register qubits when, and the ops between.
#pragma once

#include <array>
#include <cstdint>
#include <span>
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
  std::int32_t numbers = 0;

  // Room for so many reals, where vector loads can reach them. Throws std::length_error.
  std::int32_t room_for(std::int64_t reals);
};

// Writes the ops of one phase.
class PhaseWriter {
 public:
  // Keeps references to its arguments.
  PhaseWriter(const Program& program, Mode mode, const Layout& layout, Records& records);

  void add(const Item& item);
  // Writes what is left; returns the predicted multiply-adds an amplitude.
  double finish();

 private:
  // A part of a phase: the same for all patterns that have the register bits of its set.
  struct PendingTerm {
    std::uint8_t set;
    quasim_device::Term term;
  };

  // A condition as ops have it: bits outside the registers, and patterns inside.
  quasim_device::Op op_when(quasim_device::OpCode code, const Condition& when, double cost);
  std::uint8_t pattern_of(Mask qubits) const;
  void write(const quasim_device::Op& op);

  void matrix(const Item& item);
  // Writes the matrices of single qubits that were put off, so that they become one op.
  void write_qubits();
  quasim_device::Recipe product_of(const Item& item) const;
  void rotation(const Item& item);
  void move(const Item& item);
  void phase(const Item& item);
  void table(const Item& item);
  void differentiate(const Item& item, quasim_device::OpCode slope, quasim_device::OpCode push,
                     quasim_device::Op op, double slope_scale, double push_scale);
  // Writes the pending terms that do not commute with a change of the register bits `x`.
  void flush(std::uint8_t x);
  // Writes the pending terms of the sets that `sets` has a bit for, one after the other.
  void write_factors(std::uint16_t sets);
  void write_layer();
  quasim_device::Factor factor_of(std::int32_t primitive, Mask qubits, bool with_controls) const;

  const Program& program_;
  Mode mode_;
  const Layout& layout_;
  Mask registers_ = 0;
  Records& records_;
  std::vector<PendingTerm> pending_;
  std::array<const Item*, quasim_device::kRegisterBits> waiting_{};  // matrices on register bits
  double cost_ = 0.0;
};

}  // namespace quasim::device

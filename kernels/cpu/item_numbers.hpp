// The numbers of a stage's items at given parameters.
#pragma once

#include <span>
#include <vector>

#include "cpu/tile_program.hpp"

namespace quasim {

// A diagonal factor: `hit` where the chosen bits match (or have odd parity), else `miss`; or a
// table of the bits.
struct PhaseTerm {
  enum class Kind : std::uint8_t { kMatch, kParity, kTable };
  Kind kind = Kind::kMatch;
  Mask inner = 0;  // positions in the tile
  Mask inner_value = 0;
  Mask outer = 0;  // qubits outside
  Mask outer_value = 0;
  Complex hit = 1.0;
  Complex miss = 1.0;
  std::vector<int> bits;  // kTable: position of each index bit, or -1 - qubit outside
  std::vector<Complex> table;

  Complex at(Mask inside, Mask outside) const;
};

// Decomposes gates and evaluates phases; remembers what several items share.
class ItemNumbers {
 public:
  // Keeps references to its arguments.
  ItemNumbers(const Program& program, const TileProgram& tile, std::span<const double> parameters)
      : program_(program), tile_(tile), parameters_(parameters) {}

  const Program& program() const { return program_; }
  const TileProgram& tile() const { return tile_; }
  std::span<const double> parameters() const { return parameters_; }
  const Item& item(int i) const { return tile_.stage.items[static_cast<std::size_t>(i)]; }

  // Of the qubit group `group`; valid until the object goes.
  const QubitParts& parts(int group);

  // Of the hop group `group`.
  HopParts hop(int group) const;

  // Of an item of kind kTerm.
  PhaseTerm term(const Item& item);

 private:
  void place(PhaseTerm& term, Mask mask, Mask value) const;
  void table(PhaseTerm& term, std::size_t i) const;

  const Program& program_;
  const TileProgram& tile_;
  std::span<const double> parameters_;
  // By group, of those that depend on parameters; empty until one is asked for.
  std::vector<QubitParts> parts_;
  std::vector<bool> known_;
};

}  // namespace quasim

// How a primitive acts on each of its qubits: enough to decide commutation and locality.
#pragma once

#include <cstddef>

#include "quasim/program.hpp"

namespace quasim {

// A qubit is in `z` when the action is diagonal there (controls included), in `x` or `y` when it is
// a combination of identity and that Pauli, and in `general` otherwise. The masks are disjoint.
struct Footprint {
  Mask z = 0;
  Mask x = 0;
  Mask y = 0;
  Mask general = 0;

  Mask all() const { return z | x | y | general; }
  // Qubits whose amplitudes mix. The others may lie outside a tile.
  Mask mixing() const { return x | y | general; }
};

// True when the actions agree in basis on every shared qubit, which is sufficient to commute.
inline bool commute(const Footprint& a, const Footprint& b) {
  return (a.all() & b.all() & ~((a.z & b.z) | (a.x & b.x) | (a.y & b.y))) == 0;
}

// Footprint of a sequence that contains both.
inline Footprint unite(const Footprint& a, const Footprint& b) {
  const Mask z = a.z | b.z;
  const Mask x = a.x | b.x;
  const Mask y = a.y | b.y;
  const Mask general = a.general | b.general | (z & x) | (z & y) | (x & y);
  return {z & ~general, x & ~general, y & ~general, general};
}

// What a sequence of actions lets past: the same as `commute` with the union of their footprints,
// for the loops that ask after every action they add.
class Barrier {
 public:
  Barrier() = default;
  // Lets nothing past that mixes amplitudes of qubits other than `local`.
  explicit Barrier(Mask local) : x_(~local), y_(~local), general_(~local) {}

  void add(const Footprint& action) {
    z_ |= action.mixing();
    x_ |= action.z | action.y | action.general;
    y_ |= action.z | action.x | action.general;
    general_ |= action.all();
  }

  // True when `action` commutes with everything added.
  bool lets_past(const Footprint& action) const {
    return ((action.z & z_) | (action.x & x_) | (action.y & y_) | (action.general & general_)) == 0;
  }

  // Qubits on which nothing gets past.
  Mask closed() const { return z_ & x_ & y_; }
  // Qubits on which nothing that mixes amplitudes gets past.
  Mask closed_to_mixing() const { return x_ & y_; }

 private:
  // Of each kind of action, the qubits where it would not commute.
  Mask z_ = 0;
  Mask x_ = 0;
  Mask y_ = 0;
  Mask general_ = 0;
};

// Footprint of primitive `i`; looks at matrices, tables and masks, never at angles.
Footprint footprint_of(const Program& program, std::size_t i);

}  // namespace quasim

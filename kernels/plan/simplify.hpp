// Removes primitives that do nothing and neighbours that undo each other.
#pragma once

#include <cstdint>
#include <vector>

#include "quasim/program.hpp"

namespace quasim {

// Indices of the primitives that remain, in order.
std::vector<std::int32_t> simplify(const Program& program);

}  // namespace quasim

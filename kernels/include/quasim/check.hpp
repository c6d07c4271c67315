// Whether arrays that come from Python fit together.
#pragma once

#include "quasim/plan.hpp"
#include "quasim/program.hpp"

namespace quasim {

// Throw std::invalid_argument that names the array at fault.
void check_program(const Program& program);
void check_plan(const Plan& plan, const Program& program);

}  // namespace quasim

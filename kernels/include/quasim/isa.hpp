// Choice of the instruction set the kernels use.
#pragma once

#include <string>
#include <vector>

namespace quasim {

struct IsaKernels;

// Names this CPU can run, slowest first.
std::vector<std::string> available_isas();

// The kernels in use; the fastest available unless `select_isa` chose.
const IsaKernels& current_isa();

// Throws std::invalid_argument naming the available ones. Not to be called during a run.
void select_isa(const std::string& name);

}  // namespace quasim

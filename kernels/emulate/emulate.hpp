// Runs the CUDA kernels on the host, block by block.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace quasim {

struct EmulatedLaunch {
  std::uint64_t blocks = 1;
  std::uint64_t members = 1;
  int threads = 1;
  std::size_t shared_bytes = 0;
  bool backwards = false;  // threads of a step in descending order
  // One word each: a pointer to host memory, an integer, or the bits of a double.
  std::span<const std::uint64_t> arguments;
};

// Names of all kernels.
std::vector<std::string> emulated_kernels();

// Runs a kernel for complex64 (`single`) or complex128. Throws std::invalid_argument if the name is
// unknown, or the threads or the arguments do not fit it.
void emulate(std::string_view kernel, bool single, const EmulatedLaunch& launch);

}  // namespace quasim

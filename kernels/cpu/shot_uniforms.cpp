// Uniform random numbers of shots.
#include <algorithm>

#include "cpu/kernel_table.hpp"
#include "quasim/isa.hpp"
#include "quasim/reductions.hpp"
#include "quasim/thread_pool.hpp"

namespace quasim {

void shot_uniforms(std::uint64_t seed, std::span<const std::uint64_t> shots, std::uint64_t draw,
                   std::span<double> result, RunContext context) {
  constexpr std::uint64_t kBlock = 1 << 14;
  const IsaKernels& kernels = current_isa();
  const std::uint64_t count = shots.size();
  const auto body = [&](std::uint64_t begin, std::uint64_t end, int) {
    for (std::uint64_t block = begin; block < end; ++block) {
      const std::uint64_t first = block * kBlock;
      kernels.philox_uniforms(&shots[first], std::min(kBlock, count - first), seed, draw,
                              &result[first]);
    }
  };
  parallel_ranges((count + kBlock - 1) / kBlock, choose_threads(count, context.threads),
                  context.control, body);
}

}  // namespace quasim

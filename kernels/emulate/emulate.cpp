#include "emulate/emulate.hpp"

#include <bit>
#include <cstddef>
#include <map>
#include <stdexcept>
#include <utility>

#include "cuda/bind.cuh"
#include "cuda/density.cuh"
#include "cuda/elementwise.cuh"
#include "cuda/moments.cuh"
#include "cuda/pauli_products.cuh"
#include "cuda/pauli_sums.cuh"
#include "cuda/philox.cuh"
#include "cuda/probabilities.cuh"
#include "cuda/sampling.cuh"
#include "cuda/swaps.cuh"
#include "cuda/tile.cuh"
#include "cuda/wide.cuh"
#ifdef QUASIM_EMULATE_THREADS
#include "emulate/team.hpp"
#endif

namespace quasim {
namespace {

using quasim_device::Block;
using quasim_device::HostBlock;
using quasim_device::i32;
using quasim_device::i64;
using quasim_device::Turn;
using quasim_device::u32;
using quasim_device::u64;

using Run = void (*)(const Block&, std::span<const std::uint64_t>);
struct Entry {
  Run run;
  std::size_t arguments;
  int most_threads;  // as kernels.cu bounds them
};
using Table = std::map<std::string_view, Entry>;

template <class T>
T argument(std::uint64_t word) {
  static_assert(sizeof(T) == sizeof(word));
  return std::bit_cast<T>(word);
}

// Unpacks the words for `kernel`.
template <class... Parameters, std::size_t... place>
void unpack(void (*kernel)(const Block&, Parameters...), const Block& block,
            std::span<const std::uint64_t> words, std::index_sequence<place...>) {
  kernel(block, argument<Parameters>(words[place])...);
}

template <class... Parameters>
constexpr std::size_t arity(void (*)(const Block&, Parameters...)) {
  return sizeof...(Parameters);
}

template <auto kernel>
void entry(const Block& block, std::span<const std::uint64_t> words) {
  unpack(kernel, block, words, std::make_index_sequence<arity(kernel)>());
}

#define QUASIM_OPEN(...) __VA_ARGS__
#define QUASIM_TILE_KERNEL(name, parameters, arguments) \
  QUASIM_BOUNDED_KERNEL((sizeof(Real) == 4 ? 256 : 128), name, parameters, arguments)
#define QUASIM_KERNEL(name, parameters, arguments) \
  QUASIM_BOUNDED_KERNEL(256, name, parameters, arguments)
#define QUASIM_WITH_BLOCK(...) (const Block& block, __VA_ARGS__)
#define QUASIM_CALL(name, arguments) quasim_device::name(block, QUASIM_OPEN arguments)
#define QUASIM_BOUNDED_KERNEL(threads, name, parameters, arguments) \
  void name QUASIM_WITH_BLOCK parameters { QUASIM_CALL(name, arguments); }

namespace single {
using Real = float;
using Amplitude = quasim_device::Complex<Real>;
#include "cuda/entries.cuh"
}  // namespace single

namespace wide {
using Real = double;
using Amplitude = quasim_device::Complex<Real>;
#include "cuda/entries.cuh"
}  // namespace wide

#undef QUASIM_BOUNDED_KERNEL
#define QUASIM_BOUNDED_KERNEL(threads, name, parameters, arguments) \
  {#name, {entry<&name>, arity(&name), threads}},

namespace single {
const Table& table() {
  static const Table known = {
#include "cuda/entries.cuh"
  };
  return known;
}
}  // namespace single

namespace wide {
const Table& table() {
  static const Table known = {
#include "cuda/entries.cuh"
  };
  return known;
}
}  // namespace wide

// What a block finds in shared memory is whatever the last one left there, as on a GPU.
using Shared = std::vector<std::max_align_t>;
Shared shared_for(const EmulatedLaunch& launch) {
  return Shared(launch.shared_bytes / sizeof(std::max_align_t) + 1);
}

// visit(number, block) for the blocks of all members.
template <class Visit>
void for_blocks(const EmulatedLaunch& launch, Shared& shared, Visit visit) {
  std::uint64_t number = 0;
  for (std::uint64_t member = 0; member < launch.members; ++member) {
    for (std::uint64_t index = 0; index < launch.blocks; ++index) {
      visit(number++, HostBlock(index, launch.blocks, member, launch.threads, shared.data()));
    }
  }
}

#ifdef QUASIM_EMULATE_THREADS

// Two teams share the blocks, and neither waits for the other. A hash deals them out, so that of
// any pattern of blocks some pairs run unordered.
std::size_t team_of(std::uint64_t block) { return (block * 0x9e37'79b9'7f4a'7c15) >> 63; }

void run_blocks(Run run, const EmulatedLaunch& launch) {
  constexpr int kTeams = 2;
  std::array<quasim_device::Team, kTeams> teams{quasim_device::Team(launch.threads),
                                                quasim_device::Team(launch.threads)};
  std::array<Shared, kTeams> shared{shared_for(launch), shared_for(launch)};
  std::vector<std::jthread> threads;
  for (int t = 0; t < kTeams * launch.threads; ++t) {
    threads.emplace_back([&, t] {
      const auto number = static_cast<std::size_t>(t % kTeams);
      for_blocks(launch, shared[number], [&](std::uint64_t block, const HostBlock& host) {
        if (team_of(block) != number) return;
        run(Block(host, teams[number], t / kTeams), launch.arguments);
        teams[number].wait_for_all();
      });
    });
  }
}

#else

void run_blocks(Run run, const EmulatedLaunch& launch) {
  Shared shared = shared_for(launch);
  for_blocks(launch, shared, [&](std::uint64_t, const HostBlock& host) {
    run(Block(host, launch.backwards), launch.arguments);
  });
}

#endif

}  // namespace

std::vector<std::string> emulated_kernels() {
  std::vector<std::string> names;
  for (const auto& [name, kernel] : wide::table()) names.emplace_back(name);
  return names;
}

void emulate(std::string_view kernel, bool is_single, const EmulatedLaunch& launch) {
  const Table& table = is_single ? single::table() : wide::table();
  const auto found = table.find(kernel);
  if (found == table.end()) throw std::invalid_argument("No kernel has this name.");
  const Entry& entry = found->second;
  if (launch.arguments.size() != entry.arguments) {
    throw std::invalid_argument("The kernel takes another number of arguments.");
  }
  if (launch.threads < 1 || launch.threads > entry.most_threads ||
      !std::has_single_bit(static_cast<unsigned>(launch.threads))) {
    throw std::invalid_argument("The number of threads must be a power of two, within bounds.");
  }
  run_blocks(entry.run, launch);
}

}  // namespace quasim

#include "quasim/memory.hpp"

#include <cstdint>
#include <cstdlib>
#include <limits>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace quasim {
namespace {

constexpr std::size_t kCacheLine = 64;
constexpr std::size_t kHugePage = std::size_t{1} << 21;
// Below this the allocator's recycled memory is cheaper to clear than fresh pages are to fault in.
constexpr std::size_t kMapped = std::size_t{1} << 25;
// Larger blocks are given back to the system at once.
constexpr std::size_t kSpare = std::size_t{1} << 28;

}  // namespace

void FreeAligned::operator()(void* memory) const noexcept { std::free(memory); }

AlignedBytes allocate_aligned(std::size_t bytes) {
  const std::size_t alignment = bytes >= kHugePage ? kHugePage : kCacheLine;
  if (bytes > std::numeric_limits<std::size_t>::max() - alignment) throw std::bad_alloc();
  const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  void* const memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
  if (memory == nullptr) throw std::bad_alloc();
#if defined(__linux__)
  // Tiles gather runs at large power-of-two strides: with 4 KiB pages every run misses the TLB.
  // A refusal costs speed only.
  if (alignment == kHugePage) madvise(memory, rounded, MADV_HUGEPAGE);
#endif
  return AlignedBytes(memory);
}

#if defined(__linux__)
// The latest block given back, for the next one of its size: faulting pages in anew would take
// longer than a pass over them.
struct StateMemory::Spare {
  void* data;
  void* mapping;
  std::size_t mapped;
  std::size_t bytes;
};

std::atomic<StateMemory::Spare*> StateMemory::spare_{nullptr};

void StateMemory::release(Spare* spare) {
  if (spare == nullptr) return;
  munmap(spare->mapping, spare->mapped);
  delete spare;
}
#endif

StateMemory::StateMemory(std::size_t bytes) : bytes_(bytes) {
#if defined(__linux__)
  if (bytes >= kMapped) {
    Spare* const spare = spare_.exchange(nullptr);
    if (spare != nullptr && spare->bytes == bytes) {
      data_ = spare->data;
      mapping_ = spare->mapping;
      mapped_ = spare->mapped;
      delete spare;
      used_ = true;
      return;
    }
    release(spare);
    if (bytes > std::numeric_limits<std::size_t>::max() - kHugePage) throw std::bad_alloc();
    mapped_ = bytes + kHugePage;
    mapping_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping_ == MAP_FAILED) {
      mapping_ = nullptr;
      throw std::bad_alloc();
    }
    const auto start = reinterpret_cast<std::uintptr_t>(mapping_);
    data_ = reinterpret_cast<void*>((start + kHugePage - 1) / kHugePage * kHugePage);
    madvise(data_, bytes, MADV_HUGEPAGE);
    return;
  }
#endif
  data_ = allocate_aligned(bytes).release();
  used_ = true;
}

StateMemory::~StateMemory() {
#if defined(__linux__)
  if (mapping_ != nullptr) {
    auto* const mine =
        bytes_ > kSpare ? nullptr : new (std::nothrow) Spare{data_, mapping_, mapped_, bytes_};
    if (mine == nullptr) {
      munmap(mapping_, mapped_);
    } else {
      release(spare_.exchange(mine));
    }
    return;
  }
#endif
  FreeAligned{}(data_);
}

}  // namespace quasim

#include "quasim/memory.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <mutex>
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
// What blocks kept for the next user may take together.
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
namespace {

struct Block {
  void* data = nullptr;
  void* mapping = nullptr;  // what to unmap
  std::size_t mapped = 0;
  std::size_t bytes = 0;

  void unmap() const { munmap(mapping, mapped); }
};

// Blocks given back, oldest first, for the next ones of their size: faulting pages in anew would
// take longer than a pass over them. Who finds the lock taken does without, so that a process
// forked at any time does not wait for ever.
class SpareBlocks {
 public:
  bool take(std::size_t bytes, Block& block) {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return false;
    for (std::size_t i = count_; i-- > 0;) {
      if (blocks_[i].bytes != bytes) continue;
      block = remove(i);
      return true;
    }
    return false;
  }

  void keep(const Block& block) {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock || block.bytes > kSpare) return block.unmap();
    while (count_ == blocks_.size() || bytes_ + block.bytes > kSpare) remove(0).unmap();
    blocks_[count_++] = block;
    bytes_ += block.bytes;
  }

  void clear() {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    while (lock && count_ != 0) remove(0).unmap();
  }

 private:
  Block remove(std::size_t i) {
    const Block block = blocks_[i];
    std::copy(&blocks_[i] + 1, blocks_.data() + count_, &blocks_[i]);
    --count_;
    bytes_ -= block.bytes;
    return block;
  }

  std::mutex mutex_;
  std::array<Block, 8> blocks_{};
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
};

constinit SpareBlocks spares;

}  // namespace
#endif

StateMemory::StateMemory(std::size_t bytes) : bytes_(bytes) {
#if defined(__linux__)
  if (bytes >= kMapped) {
    if (Block block; spares.take(bytes, block)) {
      data_ = block.data;
      mapping_ = block.mapping;
      mapped_ = block.mapped;
      used_ = true;
      return;
    }
    if (bytes > std::numeric_limits<std::size_t>::max() - kHugePage) throw std::bad_alloc();
    mapped_ = bytes + kHugePage;
    const auto map = [&] {
      mapping_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      return mapping_ != MAP_FAILED;
    };
    if (!map()) {
      spares.clear();
      if (!map()) throw std::bad_alloc();
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
    spares.keep({data_, mapping_, mapped_, bytes_});
    return;
  }
#endif
  FreeAligned{}(data_);
}

}  // namespace quasim

// Aligned memory for state vectors and tables.
#pragma once

#include <cstddef>
#include <memory>

namespace quasim {

struct FreeAligned {
  void operator()(void* memory) const noexcept;
};

using AlignedBytes = std::unique_ptr<void, FreeAligned>;

// 64-byte aligned, uninitialised; asks for huge pages when large. Throws std::bad_alloc.
AlignedBytes allocate_aligned(std::size_t bytes);

// Zeroed memory, 64-byte aligned. Large blocks are fresh pages that the kernel clears on first
// touch: the first pass over the state then clears them too, and in parallel. Throws
// std::bad_alloc.
class ZeroedBytes {
 public:
  explicit ZeroedBytes(std::size_t bytes);
  ~ZeroedBytes();
  ZeroedBytes(const ZeroedBytes&) = delete;
  ZeroedBytes& operator=(const ZeroedBytes&) = delete;

  void* data() const { return data_; }

 private:
  void* data_ = nullptr;
  void* mapping_ = nullptr;  // what to unmap, if pages were mapped
  std::size_t mapped_ = 0;
};

// An uninitialised array of plain values.
template <typename T>
class AlignedArray {
 public:
  AlignedArray() = default;
  explicit AlignedArray(std::size_t size)
      : memory_(size == 0 ? nullptr : allocate_aligned(size * sizeof(T)).release()), size_(size) {}

  T* data() { return static_cast<T*>(memory_.get()); }
  const T* data() const { return static_cast<const T*>(memory_.get()); }
  std::size_t size() const { return size_; }

 private:
  AlignedBytes memory_;
  std::size_t size_ = 0;
};

}  // namespace quasim

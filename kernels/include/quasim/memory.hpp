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

// Memory for states, 64-byte aligned. Large blocks are fresh pages, which the system clears on
// first touch, or those of a block that was given back. Throws std::bad_alloc.
class StateMemory {
 public:
  explicit StateMemory(std::size_t bytes);
  ~StateMemory();
  StateMemory(const StateMemory&) = delete;
  StateMemory& operator=(const StateMemory&) = delete;

  void* data() const { return data_; }
  std::size_t size() const { return bytes_; }
  // Whether it may hold anything but zeros.
  bool used() const { return used_; }

 private:
  void* data_ = nullptr;
  void* mapping_ = nullptr;  // what to unmap, if pages were mapped
  std::size_t mapped_ = 0;
  std::size_t bytes_;
  bool used_ = false;
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

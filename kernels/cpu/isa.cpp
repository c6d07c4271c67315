#include "quasim/isa.hpp"

#include <atomic>
#include <stdexcept>

#include "cpu/kernel_table.hpp"

namespace quasim {
namespace {

std::vector<const IsaKernels*> supported() {
  std::vector<const IsaKernels*> result{&kBaselineKernels};
#if defined(QUASIM_HAVE_X86_KERNELS)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("bmi2")) {
#if defined(QUASIM_HAVE_WIDE_KERNELS)
    result.push_back(&kWideKernels);
#endif
    result.push_back(&kAvx2Kernels);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
      result.push_back(&kAvx512Kernels);
    }
  }
#endif
  return result;
}

std::atomic<const IsaKernels*> current{nullptr};

}  // namespace

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const IsaKernels* isa : supported()) names.emplace_back(isa->name);
  return names;
}

const IsaKernels& current_isa() {
  const IsaKernels* isa = current.load(std::memory_order_relaxed);
  if (isa == nullptr) {
    isa = supported().back();
    current.store(isa, std::memory_order_relaxed);
  }
  return *isa;
}

void select_isa(const std::string& name) {
  std::string known;
  for (const IsaKernels* isa : supported()) {
    if (name == isa->name) {
      current.store(isa, std::memory_order_relaxed);
      return;
    }
    known += (known.empty() ? "" : ", ") + std::string(isa->name);
  }
  throw std::invalid_argument("Instruction set '" + name +
                              "' is not available here. This CPU has: " + known + ".");
}

}  // namespace quasim

// quasim_backend.kernels._emulate: the CUDA kernels on the host.
#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings/gil.hpp"
#include "emulate/emulate.hpp"

namespace nb = nanobind;

NB_MODULE(_emulate, m) {
  m.doc() = "The CUDA kernels, run on the host; use quasim_backend.kernels.cuda.";
  m.def("kernels", &quasim::emulated_kernels, "Return the names of all kernels.");
  m.def(
      "launch",
      [](const std::string& kernel, bool single, std::uint64_t blocks, std::uint64_t members,
         int threads, std::size_t shared_bytes, bool backwards,
         const std::vector<std::uint64_t>& arguments) {
        const quasim::bindings::GilReleased released;
        quasim::emulate(kernel, single,
                        {blocks, members, threads, shared_bytes, backwards, arguments});
      },
      nb::arg("kernel"), nb::arg("single"), nb::arg("blocks"), nb::arg("members"),
      nb::arg("threads"), nb::arg("shared_bytes"), nb::arg("backwards"), nb::arg("arguments"),
      "Run a kernel; an argument is an address, an integer or the bits of a double.");
}

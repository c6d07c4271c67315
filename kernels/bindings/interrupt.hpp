// Ctrl-C during long calls.
#pragma once

#include <nanobind/nanobind.h>

#include <atomic>
#include <functional>

#include "cpu/denormals.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace quasim::bindings {

namespace nb = nanobind;

// Python runs signal handlers in its main thread only. After a fork that is the forking thread.
inline std::atomic<unsigned long> main_thread{0};

inline void remember_main_thread() {
  main_thread = nb::cast<unsigned long>(
      nb::module_::import_("threading").attr("main_thread")().attr("ident"));
#if defined(__unix__) || defined(__APPLE__)
  pthread_atfork(nullptr, nullptr, [] { main_thread = PyThread_get_thread_ident(); });
#endif
}

// A hook that runs pending signal handlers, with the GIL, and throws what they raise. Empty in
// threads that get no signals.
inline std::function<void()> interrupt_hook() {
  if (PyThread_get_thread_ident() != main_thread) return {};
  return [] {
    const KeepDenormals arithmetic_as_usual;
    const nb::gil_scoped_acquire gil;
    if (PyErr_CheckSignals() != 0) throw nb::python_error();
  };
}

}  // namespace quasim::bindings

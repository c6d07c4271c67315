// Long calls without the GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <chrono>
#include <thread>

namespace quasim::bindings {

// Releases the GIL while alive.
class GilReleased {
 public:
  GilReleased() : thread_(PyEval_SaveThread()) {}

  // When the interpreter is going down, CPython before 3.14 ends a thread that asks for the GIL, by
  // unwinding its stack. Unwinding out of a destructor would abort the whole process, so the thread
  // sleeps here until the process is gone.
  ~GilReleased() {
    try {
      PyEval_RestoreThread(thread_);
    } catch (...) {
      for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
    }
  }

  GilReleased(const GilReleased&) = delete;
  GilReleased& operator=(const GilReleased&) = delete;

 private:
  PyThreadState* thread_;
};

}  // namespace quasim::bindings

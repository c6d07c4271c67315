// quasim_backend.kernels._device: plans as programs for the CUDA kernels.
#include <nanobind/stl/string.h>

#include <stdexcept>
#include <string>
#include <utility>

#include "bindings/arrays.hpp"
#include "bindings/gil.hpp"
#include "device/program.hpp"
#include "quasim/check.hpp"

namespace quasim::bindings {
namespace {

device::Mode mode_of(const std::string& name) {
  if (name == "run") return device::Mode::kRun;
  if (name == "adjoint" || name == "pruned adjoint") return device::Mode::kAdjoint;
  if (name == "tangent") return device::Mode::kTangent;
  throw std::invalid_argument("The mode must be 'run', 'adjoint', 'pruned adjoint' or 'tangent'.");
}

nb::dict make_program(nb::object plan, const std::string& mode, int tile_qubits, int low_qubits,
                      int bank_bits) {
  const ProgramFields fields(plan.attr("program"));
  const Program program = fields.view();
  const Plan arrays = plan_of(plan);
  check_program(program);
  check_plan(arrays, program);
  device::Options options{mode_of(mode), tile_qubits, low_qubits, bank_bits,
                          mode == "pruned adjoint"};
  device::DeviceProgram made;
  {
    const GilReleased released;
    made = device::make_program(program, arrays, options);
  }
  std::vector<std::uint8_t> kind;
  std::vector<std::int32_t> number;
  std::vector<std::int32_t> thread_bits;
  std::vector<std::int32_t> phases;
  std::vector<std::uint64_t> outside;
  std::vector<double> fma;
  for (const device::Step& step : made.steps) {
    kind.push_back(static_cast<std::uint8_t>(step.kind));
    number.push_back(step.number);
    thread_bits.push_back(step.thread_bits);
    phases.push_back(step.phases);
    outside.push_back(step.outside);
    fma.push_back(step.fma);
  }
  std::vector<std::int32_t> slot_primitive;
  std::vector<double> slot_scale;
  for (const device::Slot& slot : made.slots) {
    slot_primitive.push_back(slot.primitive);
    slot_scale.push_back(slot.scale);
  }
  nb::dict result;
  result["data"] = to_numpy(std::move(made.bytes));
  result["kind"] = to_numpy(std::move(kind));
  result["number"] = to_numpy(std::move(number));
  result["thread_bits"] = to_numpy(std::move(thread_bits));
  result["phases"] = to_numpy(std::move(phases));
  result["outside"] = to_numpy(std::move(outside));
  result["fma"] = to_numpy(std::move(fma));
  result["slot_primitive"] = to_numpy(std::move(slot_primitive));
  result["slot_scale"] = to_numpy(std::move(slot_scale));
  result["num_numbers"] = made.numbers;
  result["num_turns"] = made.turns;
  return result;
}

}  // namespace
}  // namespace quasim::bindings

NB_MODULE(_device, m) {
  namespace nb = nanobind;
  m.doc() = "Programs for the CUDA kernels; use quasim_backend.kernels.cuda.program.";
  m.def("make_program", &quasim::bindings::make_program, nb::arg("plan"), nb::arg("mode"),
        nb::arg("tile_qubits"), nb::arg("low_qubits"), nb::arg("bank_bits"),
        nb::sig("def make_program(plan: object, mode: str, tile_qubits: int, low_qubits: int, "
                "bank_bits: int) -> dict[str, object]"),
        "Return the parts of a device program for an ExecutionPlan, by name.");
}

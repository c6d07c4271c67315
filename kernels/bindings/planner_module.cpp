// quasim_backend.compile._planner: the planner, from arrays to arrays.
#include "bindings/arrays.hpp"
#include "bindings/gil.hpp"
#include "quasim/plan.hpp"

namespace quasim::bindings {
namespace {

nb::dict plan(nb::object program, int max_fused, int max_diagonal, int tile_qubits, int low_qubits,
              bool split) {
  const ProgramFields fields(program);
  const Program view = fields.view();
  PlanOptions options;
  options.max_fused = max_fused;
  options.max_diagonal = max_diagonal;
  options.tile_qubits = tile_qubits;
  options.low_qubits = low_qubits;
  options.split = split;
  Plan result;
  {
    const GilReleased released;
    result = make_plan(view, options);
  }
  nb::dict arrays;
  arrays["op_kind"] = to_numpy(std::move(result.op_kind));
  arrays["op_member_start"] = to_numpy(std::move(result.op_member_start));
  arrays["op_members"] = to_numpy(std::move(result.op_members));
  arrays["op_qubit_start"] = to_numpy(std::move(result.op_qubit_start));
  arrays["op_qubits"] = to_numpy(std::move(result.op_qubits));
  arrays["stage_start"] = to_numpy(std::move(result.stage_start));
  arrays["stage_qubit_start"] = to_numpy(std::move(result.stage_qubit_start));
  arrays["stage_qubits"] = to_numpy(std::move(result.stage_qubits));
  arrays["stage_fma"] = to_numpy(std::move(result.stage_fma));
  return arrays;
}

}  // namespace
}  // namespace quasim::bindings

NB_MODULE(_planner, m) {
  namespace nb = nanobind;
  m.doc() = "The native planner; use quasim_backend.compile.planner.";
  m.def("plan", &quasim::bindings::plan, nb::arg("program"), nb::kw_only(), nb::arg("max_fused"),
        nb::arg("max_diagonal"), nb::arg("tile_qubits"), nb::arg("low_qubits"), nb::arg("split"),
        nb::sig("def plan(program: object, *, max_fused: int, max_diagonal: int, "
                "tile_qubits: int, low_qubits: int, split: bool) -> dict[str, object]"),
        "Return the arrays of an ExecutionPlan for a Program, by field name.");
}

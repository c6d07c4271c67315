"""The native planner; use quasim_backend.compile.planner."""



def plan(program: object, *, max_fused: int, max_diagonal: int, tile_qubits: int, low_qubits: int, split: bool) -> dict[str, object]:
    """Return the arrays of an ExecutionPlan for a Program, by field name."""

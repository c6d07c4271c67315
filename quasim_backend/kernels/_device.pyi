"""
Programs for the CUDA kernels; use quasim_backend.kernels.cuda.program.
"""



def make_program(plan: object, mode: str, tile_qubits: int, low_qubits: int, bank_bits: int) -> dict[str, object]:
    """Return the parts of a device program for an ExecutionPlan, by name."""

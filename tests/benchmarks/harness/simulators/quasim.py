"""QuASIM through its own API."""

from __future__ import annotations

from typing import Any

from harness.operations import Operations
from harness.simulators.base import Call, Runner

NAME = "QuASIM"
PACKAGES = ("quasim-backend",)
DTYPES = ("complex64", "complex128")


def available() -> None:
    """Import what is needed."""
    import quasim_backend  # noqa: F401


def states(dtype: str) -> float:
    """The state itself."""
    return 1.05


def circuit(ops: Operations, n: int) -> Any:
    """Build a `quasim_backend.Circuit`."""
    import quasim_backend as quasim

    result = quasim.Circuit(n)
    for op in ops:
        if op.name == "unitary":
            result.unitary(op.matrix, op.qubits)
        elif op.name == "mcz":
            result.gate("z", op.qubits, controls=len(op.qubits) - 1)
        else:
            result.gate(op.name, op.qubits, op.angles)
    return result


def session(dtype: str, threads: int) -> Any:
    """Open a session that has run something else: engines are chosen, no plan is known."""
    import quasim_backend as quasim

    precision = "fp32" if dtype == "complex64" else "fp64"
    runtime = quasim.runtime(simulation_precision=precision, num_threads=threads, device="cpu")
    runtime.simulate(quasim.Circuit(1).h(0))
    return runtime


def runners(ops: Operations, n: int, dtype: str, threads: int) -> list[Runner]:
    """Run in a new session each time: no plan comes out of a cache."""
    made = circuit(ops, n)

    def start() -> Call:
        runtime = session(dtype, threads)
        return lambda: runtime.simulate(made)

    return [Runner(NAME, "", start)]


def planned_runner(ops: Operations, n: int, dtype: str, threads: int) -> Runner:
    """Run a circuit that was compiled before: what a second run of it costs."""
    runtime = session(dtype, threads)
    compiled = runtime.compile(circuit(ops, n), keep_idle=True)
    return Runner(f"{NAME}, planned", "", lambda: lambda: runtime.simulate(compiled))

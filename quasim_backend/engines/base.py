"""The contract of an engine: a simulation method that runs compiled circuits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import CompiledCircuit
from quasim_backend.engines.progress import Progress
from quasim_backend.ir.program import ComplexArray
from quasim_backend.kernels.base import CancelToken, KernelSet
from quasim_backend.options import Config

__all__ = ["Engine", "EngineOutput", "EngineRequest"]


@dataclass(frozen=True, eq=False)
class EngineRequest:
    """What one run asks for.

    Attributes:
        kernels: Array routines to use.
        dtype: complex64 or complex128; what is computed in.
        parameters: float64 ``(P,)``, in the order of `CompiledCircuit.parameters`.
        shots: Number of shots; 0 asks for no samples.
        seed: Philox key.
        uniforms: float64 ``(shots, draws)``; if given, shot ``s`` takes its ``j``-th uniform from
            ``uniforms[s, j]`` instead of Philox.
        want_state: Whether the final amplitudes are wanted.
        want_unitary: Whether the circuit's unitary is wanted.
        want_superop: Whether the circuit's superoperator is wanted.
        initial_state: complex ``(2**n,)`` on the simulated qubits; never overwritten. A device
            array only if the kernel set is a `quasim_backend.kernels.base.DeviceKernels`.
        on_device: Whether the final amplitudes may stay on the kernel set's device.
        workspace_bytes: Limit for memory besides the state.
        cancel: Stops the run.
        config: The session's settings, for options of single engines.
        exact: Whether saved values are to be averages over everything that depends on chance.
        progress: Told how much is done, by engines that know.
    """

    kernels: KernelSet
    dtype: np.dtype[Any]
    parameters: NDArray[np.float64]
    shots: int = 0
    seed: int = 0
    uniforms: NDArray[np.float64] | None = None
    want_state: bool = False
    want_unitary: bool = False
    want_superop: bool = False
    initial_state: Any = None
    on_device: bool = False
    workspace_bytes: int = 512 << 20
    cancel: CancelToken = field(default_factory=CancelToken)
    config: Config = field(default_factory=Config)
    exact: bool = False
    progress: Progress = field(default_factory=Progress)


@dataclass(eq=False)
class EngineOutput:
    """What an engine gives back.

    Attributes:
        packed: uint64 ``(shots, words)``: classical memory of each shot in shot order; bit ``c`` of
            the memory is bit ``c % 64`` of word ``c // 64``. None if no shots were asked for.
        state: Final amplitudes ``(2**n,)`` on the simulated qubits, if asked for; a device array
            if they were asked to stay there.
        unitary: complex ``(2**n, 2**n)``, if asked for.
        superop: complex ``(4**n, 4**n)``, if asked for: the circuit's matrix on column-stacked
            density matrices, ``vec[i + j * 2**n] = rho[i, j]``.
        saved: Values of the circuit's save points by label, after averaging or listing.
        standard_errors: Of each average in ``saved``; see `quasim_backend.Result`.
        metadata: Facts about the run.
    """

    packed: NDArray[np.uint64] | None = None
    state: Any = None
    unitary: ComplexArray | None = None
    superop: ComplexArray | None = None
    saved: dict[str, Any] = field(default_factory=dict)
    standard_errors: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)


@runtime_checkable
class Engine(Protocol):
    """A simulation method. Engines hold no state between runs.

    An engine whose states are no amplitudes sets ``runs_gates = True`` and reads
    `quasim_backend.compile.compiler.gate_code`; others never see code that has no plans. One that
    has saves of its own kind names them in ``save_kinds``; others never see those. One whose
    predictions take time says about how many seconds in a method ``prediction_seconds(compiled,
    request)``. One that knows what a run costs only once it has tried has a method
    ``explore(compiled, request, patience)``, which tries for about that many seconds and returns
    whether its predictions, of memory too, are now better. One that averages exactly, but not
    always over shots, has a method ``draws_errors(compiled, request)`` that says whether it would
    draw them. One that differentiates expectation values has a method ``jacobian`` with the
    arguments of ``run``; see `quasim_backend.session.derivatives`.
    """

    name: str

    def refuses(self, compiled: CompiledCircuit, request: EngineRequest) -> str | None:
        """Return why this engine cannot do the run, or None if it can."""
        ...

    def memory_bytes(self, compiled: CompiledCircuit, request: EngineRequest) -> int:
        """Return the bytes the run needs, scratch memory included."""
        ...

    def run(self, compiled: CompiledCircuit, request: EngineRequest) -> EngineOutput:
        """Run the circuit.

        Raises:
            Cancelled: If the request's token was set.
        """
        ...

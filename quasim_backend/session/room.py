"""Whether a run fits into memory, the device's and the host's, and what to say if it does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from quasim_backend.compile.code import CompiledCircuit
from quasim_backend.engines.base import Engine, EngineRequest
from quasim_backend.engines.statevector import drawing_bytes, result_bytes
from quasim_backend.options import Config
from quasim_backend.session.choice import BY_AMPLITUDES, OF_MAPS
from quasim_backend.session.memory import (
    SMALL,
    available_memory,
    device_memory,
    format_bytes,
)

__all__ = ["fits", "too_large"]


def fits(
    engine: Engine,
    compiled: CompiledCircuit,
    request: EngineRequest,
    config: Config,
    extra_bytes: int = 0,
) -> bool:
    """Return whether a run fits, given ``extra_bytes`` of host memory besides the engine's."""
    needed = engine.memory_bytes(compiled, request) + extra_bytes
    if needed <= SMALL and config.max_memory_mb is None:
        return True
    device, host = device_memory(request.kernels, config), available_memory(config)
    if device is None:
        return host is None or needed <= host
    if _on_device(engine, compiled, request) > device:
        return False
    return host is None or _on_host(compiled, request) + extra_bytes <= host


def too_large(
    engine: Engine,
    compiled: CompiledCircuit,
    request: EngineRequest,
    config: Config,
    others: Sequence[str],
    extra_bytes: int = 0,
) -> str:
    """Say what is needed, what is free and what would fit.

    Args:
        engine: The engine that would do the run.
        compiled: As for `fits`.
        request: As for `fits`.
        config: As for `fits`.
        others: Names of other engines.
        extra_bytes: As for `fits`.
    """
    device, host = device_memory(request.kernels, config), available_memory(config) or 0
    if device is not None and _on_device(engine, compiled, request) <= device:
        kept = _on_host(compiled, request) + extra_bytes
        return (
            f"The results of the run need {format_bytes(kept)} of the host's memory; "
            f"{format_bytes(host)} {_limit(host, config)}."
        )

    def needs(circuit: CompiledCircuit, asked: EngineRequest) -> int:
        whole = engine.memory_bytes(circuit, asked)
        return whole if device is None else _on_device(engine, circuit, asked)

    available = host if device is None else device
    where = "" if device is None else " on the GPU"
    options: list[str] = []
    if request.dtype == np.complex128 and config.simulation_precision == "fp64":
        smaller = needs(compiled, replace(request, dtype=np.dtype(np.complex64)))
        if smaller <= available:
            options.append(f"simulation_precision='fp32' ({format_bytes(smaller)})")
    lean = needs(compiled, replace(request, workspace_bytes=0))
    if lean <= available:
        options.append(f"a smaller max_workspace_mb ({format_bytes(lean)} without workspace)")
    few = needs(compiled, replace(request, shots=min(request.shots, 1)))
    beyond = needs(compiled, request) + (extra_bytes if device is None else 0) - few
    if few <= available and request.shots > 1 and beyond > 0:
        most = int((available - few) * request.shots / beyond)
        options.append(f"at most {most:.2g} of its {request.shots:.2g} shots at a time")
    if device is not None and engine.memory_bytes(compiled, request) + extra_bytes <= host:
        options.append("device='cpu'")
    # Code that is gates names its qubits: it is not that of fewer.
    by_amplitudes = engine.name in BY_AMPLITUDES and not compiled.holds_gates
    fitting = compiled.num_qubits - 1 if by_amplitudes and few > available else 0
    before = needs(compiled, request)
    while fitting > 0:
        needed = needs(replace(compiled, num_qubits=fitting), request)
        if needed <= available:
            options.append(f"a circuit of at most {fitting} qubits")
        if needed <= available or needed >= before:  # the width is not what makes it large
            break
        fitting, before = fitting - 1, needed
    others = [name for name in others if name not in (*BY_AMPLITUDES, *OF_MAPS)]
    if config.method != "auto" and engine.name not in OF_MAPS and others:
        options.append("method='auto', which may take another engine")
    if config.method == "auto" and device is None and few > available and not config.fallback:
        options.append(
            "fallback=('matrix_product_state',) with max_bond_dimension and max_truncation_error, "
            "which lets it approximate"
        )
    hint = f" Try {' or '.join(options)}." if options else ""
    return (
        f"Engine '{engine.name}' needs {format_bytes(needs(compiled, request))} for "
        f"{compiled.num_qubits} qubits in {request.dtype}; {format_bytes(available)} "
        f"{_limit(available, config)}{where}.{hint}"
    )


def _on_device(engine: Engine, compiled: CompiledCircuit, request: EngineRequest) -> int:
    """Return the bytes a run needs where the kernel set has its states."""
    host = result_bytes(compiled, request) + drawing_bytes(request, branches=compiled.branches)
    return engine.memory_bytes(compiled, request) - host


def _on_host(compiled: CompiledCircuit, request: EngineRequest) -> int:
    """Return the bytes of host memory of a run whose states are elsewhere: what comes back."""
    total = result_bytes(compiled, request)
    total += drawing_bytes(request, branches=compiled.branches)
    if request.want_state and not request.on_device:
        total += request.dtype.itemsize << compiled.num_qubits
    if request.want_unitary:  # it arrives transposed
        total += request.dtype.itemsize << 2 * compiled.num_qubits
    if request.want_superop:
        total += request.dtype.itemsize << 4 * compiled.num_qubits
    return total


def _limit(available: int, config: Config) -> str:
    if config.max_memory_mb is not None and available >= int(config.max_memory_mb * 2**20):
        return "are allowed by max_memory_mb"
    return "are free"

"""The errors of a device from what its `Target` reports: error rates, durations, T1, T2, frequency.

A gate's error is depolarising followed by thermal relaxation of each of its qubits for as long as
the gate takes. The depolarising part is as strong as makes the average infidelity of both equal to
the reported error rate. With average fidelity ``F`` of the relaxation, dimension ``d`` and error
rate ``e`` its parameter is ``d * (e - (1 - F)) / (d * F - 1)``: a depolarising channel with
parameter ``l`` after any channel takes its average fidelity from ``F`` to ``(1 - l) F + l / d``.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from qiskit.circuit import Delay, Gate, Measure
from qiskit.transpiler import Target

from quasim_qiskit.noise.builders import depolarizing_error, thermal_relaxation_error
from quasim_qiskit.noise.errors import NoiseError
from quasim_qiskit.noise.passes import RelaxationNoisePass
from quasim_qiskit.noise.quantum_error import QuantumError
from quasim_qiskit.noise.readout_error import ReadoutError

__all__ = ["delay_relaxation", "gate_errors", "readout_errors", "seconds_of"]

_MILLIKELVIN_PER_HERTZ = 47.99243e-9
"""Planck's over Boltzmann's constant, with the digits Qiskit Aer uses: the numbers are the same."""

Place: TypeAlias = tuple[str, tuple[int, ...]]
"""An instruction and its qubits."""

_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9, "ps": 1e-12}


def readout_errors(target: Target) -> Iterator[tuple[tuple[int], ReadoutError]]:
    """Yield the readout error of every qubit that has one."""
    measured = target["measure"] if "measure" in target.operation_names else None
    for q in range(target.num_qubits or 0):
        known = (measured or {}).get((q,))
        if known is None:
            continue
        wrong = getattr(known, "error", None)
        up = getattr(known, "prob_meas1_prep0", wrong)
        down = getattr(known, "prob_meas0_prep1", wrong)
        if up is not None and down is not None:
            yield (q,), ReadoutError([[1 - up, up], [down, 1 - down]])


def gate_errors(
    target: Target,
    *,
    gate_error: bool,
    thermal_relaxation: bool,
    temperature: float,
    seconds: Mapping[Place, float],
) -> Iterator[tuple[str, tuple[int, ...], QuantumError]]:
    """Yield the error of every instruction and place that has one, except of measurements.

    Args:
        target: The device.
        gate_error: Whether gates have depolarising errors.
        thermal_relaxation: Whether qubits relax while instructions last.
        temperature: In millikelvin.
        seconds: Times that take the place of those the device reports.
    """
    for name in target.operation_names:
        operation = target.operation_from_name(name)
        if isinstance(operation, Measure):
            continue
        for qubits, known in (target[name] or {}).items():
            if known is None or qubits is None:
                continue
            relaxation, fidelity = None, 1.0
            duration = seconds.get((name, qubits), known.duration)
            if thermal_relaxation and duration:
                relaxation, fidelity = _relaxed(target, qubits, duration, temperature)
            error = relaxation
            if gate_error and known.error and isinstance(operation, Gate):
                depolarizing = _depolarizing(len(qubits), known.error, fidelity)
                if depolarizing is not None:
                    error = depolarizing if error is None else depolarizing.compose(error)
            if error is not None:
                yield name, qubits, error


def delay_relaxation(
    target: Target, dt: float | None, temperature: float
) -> RelaxationNoisePass | None:
    """Return the relaxation during delays, or None if the device reports nothing of its qubits."""
    known = target.qubit_properties
    if not known:
        return None
    values = [_qubit(target, q, temperature) for q in range(len(known))]
    t1s, t2s, populations = zip(*values, strict=True)
    return RelaxationNoisePass(t1s, t2s, dt, Delay, populations)


def seconds_of(
    target: Target, lengths: Iterable[tuple[str, Sequence[int] | None, float]], unit: str
) -> dict[Place, float]:
    """Return times that take the place of what a device reports, in seconds.

    Args:
        target: The device.
        lengths: Instruction, qubits (None: wherever the device has it) and time.
        unit: Of the times.

    Raises:
        NoiseError: If the unit, an instruction or a place is unknown.
    """
    if unit not in _UNITS:
        raise NoiseError(f"Unknown unit of time {unit!r}; possible are {', '.join(_UNITS)}.")
    result: dict[Place, float] = {}
    for name, qubits, value in lengths:
        known = (target[name] if name in target.operation_names else None) or {}
        places = [*known] if qubits is None else [tuple(qubits)]
        if not places or any(known.get(place) is None for place in places):
            where = "any qubits" if qubits is None else f"the qubits {tuple(qubits)}"
            raise NoiseError(
                f"The device has no '{name}' on {where}; its instructions are "
                f"{', '.join(sorted(target.operation_names))}."
            )
        result |= {(name, place): value * _UNITS[unit] for place in places}
    return result


def _qubit(target: Target, qubit: int, temperature: float) -> tuple[float, float, float]:
    """Return T1, T2 (infinite if not known, at most ``2 * T1``) and the population of 1."""
    known = target.qubit_properties[qubit]
    t1 = math.inf if known is None or known.t1 is None else known.t1
    t2 = 2 * t1 if known is None or known.t2 is None else min(known.t2, 2 * t1)
    frequency = None if known is None else known.frequency
    if frequency is None or math.isinf(frequency) or not temperature:
        return t1, t2, 0.0
    exponent = _MILLIKELVIN_PER_HERTZ * frequency / abs(temperature)
    population = 1 / (1 + math.exp(min(exponent, 700.0)))
    return t1, t2, population if temperature > 0 else 1 - population


def _relaxed(
    target: Target, qubits: Sequence[int], seconds: float, temperature: float
) -> tuple[QuantumError | None, float]:
    """Return the relaxation of qubits and its average gate fidelity."""
    if not target.qubit_properties:
        return None, 1.0
    error, process = None, 1.0
    for qubit in qubits:
        t1, t2, population = _qubit(target, qubit, temperature)
        single = thermal_relaxation_error(t1, t2, seconds, population)
        error = single if error is None else error.expand(single)
        # The trace of the superoperator over 4: populations stay, coherences shrink.
        process *= (1 + np.exp(-seconds / t1) + 2 * np.exp(-seconds / t2)) / 4
    size = 2 ** len(qubits)
    return error, (size * process + 1) / (size + 1)


def _depolarizing(width: int, error: float, fidelity: float) -> QuantumError | None:
    """Return what is missing to an error rate; a rate beyond what is possible is cut off."""
    if error <= 1 - fidelity:
        return None
    size = 2**width
    error = min(error, size / (size + 1))
    param = size * (error - (1 - fidelity)) / (size * fidelity - 1)
    return depolarizing_error(min(param, 4**width / (4**width - 1)), width)


def warn_without_qubits(name: str) -> None:
    """Say that a device does not report its qubits' times."""
    warnings.warn(
        f"'{name}' reports no properties of its qubits, so its noise has no relaxation.",
        stacklevel=3,
    )

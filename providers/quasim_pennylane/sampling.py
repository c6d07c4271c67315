"""Measurements with shots: grouped by basis, each group drawn once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pennylane as qml
from numpy.typing import NDArray
from pennylane.measurements import (
    ClassicalShadowMP,
    CountsMP,
    ExpectationMP,
    ProbabilityMP,
    SampleMP,
    ShadowExpvalMP,
)

from quasim_pennylane.conditions import McmTable
from quasim_pennylane.samplers import Draw, Sampler, StateSampler
from quasim_pennylane.values import measure_values

__all__ = ["measure_with_shots"]

_INVALID = int(np.iinfo(np.int32).min)
"""What PennyLane writes for a sample that postselection discarded."""


@dataclass(frozen=True, eq=False)
class _Job:
    """Measurements that share a draw: their numbers, and what turns the state before it."""

    numbers: tuple[int, ...]
    gates: Sequence[Any]


def measure_with_shots(
    measurements: Sequence[Any],
    sampler: Sampler,
    mcms: McmTable,
    seeds: Callable[[], int],
    *,
    pad: bool,
) -> list[list[Any]]:
    """Take measurements with shots.

    Args:
        measurements: PennyLane's measurement processes.
        sampler: Draws samples.
        mcms: The mid-circuit measurements that values refer to.
        seeds: Returns a fresh seed.
        pad: Mark samples that postselection discarded, instead of leaving them out.

    Returns:
        For each entry of the shot vector the result of each measurement.
    """
    results: list[list[Any]] = []

    def store(number: int, values: Sequence[Any]) -> None:
        while len(results) < len(values):
            results.append([None] * len(measurements))
        for row, value in zip(results, values, strict=True):
            row[number] = value

    for number, mp in enumerate(measurements):
        if isinstance(mp, ClassicalShadowMP | ShadowExpvalMP):
            store(number, _shadow(mp, sampler, seeds))
        elif isinstance(mp, ExpectationMP) and _is_sum(mp.obs):
            store(number, _sum_expectation(mp.obs, sampler))
    done = {n for n, v in enumerate(results[0]) if v is not None} if results else set()
    rest = [n for n in range(len(measurements)) if n not in done]
    for job in _grouped(measurements, rest, mcms):
        draw = sampler.draw(job.gates)
        for number in job.numbers:
            mp = measurements[number]
            store(number, [_process(mp, draw, b, sampler, mcms, pad=pad) for b in draw.bins])
    return results


def _grouped(measurements: Sequence[Any], numbers: Sequence[int], mcms: McmTable) -> list[_Job]:
    """Group measurements that can be taken in one basis, and so from the same shots."""
    of_bits = tuple(n for n in numbers if _reads_mcms(measurements[n], mcms))
    rest = [n for n in numbers if n not in of_bits]
    plain = tuple(n for n in rest if _is_diagonal(measurements[n].obs))
    words = [n for n in rest if n not in plain and _is_word(measurements[n].obs)]
    jobs = [_Job(plain, [])] if plain else []
    with qml.QueuingManager.stop_recording():
        if words:
            observables = [measurements[n].obs for n in words]
            for group in qml.pauli.compute_partition_indices(observables):
                gates = qml.pauli.diagonalize_qwc_pauli_words([observables[i] for i in group])[0]
                jobs.append(_Job(tuple(words[i] for i in group), gates))
        alone = [n for n in rest if n not in plain and n not in words]
        jobs += [_Job((n,), measurements[n].diagonalizing_gates()) for n in alone]
    # Outcomes in the middle of the circuit can be read off any draw.
    first = jobs.pop(0) if jobs else _Job((), [])
    return [_Job((*of_bits, *first.numbers), first.gates), *jobs]


def _is_diagonal(obs: Any) -> bool:
    """Return whether samples of the wires give the measurement without any gate."""
    if obs is None:
        return True
    sentence = obs.pauli_rep
    return _is_word(obs) and all(letter == "Z" for w in sentence for letter in w.values())


def _is_word(obs: Any) -> bool:
    return obs is not None and bool(qml.pauli.is_pauli_word(obs))


def _is_sum(obs: Any) -> bool:
    return isinstance(obs, qml.ops.Sum) or (
        isinstance(obs, qml.ops.SProd | qml.ops.Prod)
        and obs.pauli_rep is not None
        and len(obs.pauli_rep) > 1
    )


def _process(
    mp: Any, draw: Draw, span: tuple[int, int], sampler: Sampler, mcms: McmTable, *, pad: bool
) -> Any:
    """Return one measurement over the rows of one entry of the shot vector."""
    rows = slice(*span)
    valid = draw.valid[rows]
    samples, bits = draw.samples[rows], draw.mcms[rows]
    if isinstance(mp, SampleMP) and pad and not valid.all():
        padded = np.array(_of_shots(mp, samples, bits, sampler, mcms), np.int64)
        padded[~valid] = _INVALID
        return padded
    if not valid.any() and not isinstance(mp, SampleMP | CountsMP):
        return _empty(mp, sampler)
    return _of_shots(mp, samples[valid], bits[valid], sampler, mcms)


def _of_shots(
    mp: Any,
    samples: NDArray[np.uint8],
    bits: NDArray[np.uint8],
    sampler: Sampler,
    mcms: McmTable,
) -> Any:
    if _reads_mcms(mp, mcms):
        return measure_values(mp, bits, mcms)
    result = mp.process_samples(samples, qml.wires.Wires(sampler.places.order))
    if isinstance(result, np.ndarray) and result.dtype == np.uint8:
        return result.astype(np.int64)  # users subtract and negate samples
    return result


def _reads_mcms(mp: Any, mcms: McmTable) -> bool:
    return mp.mv is not None and len(mcms) > 0


def _empty(mp: Any, sampler: Sampler) -> Any:
    if not isinstance(mp, ProbabilityMP):
        return np.float64(np.nan)
    count = len(mp.mv) if isinstance(mp.mv, list) else 1 if mp.mv is not None else len(mp.wires)
    return np.full(1 << (count or sampler.places.num_qubits), np.nan)


def _sum_expectation(obs: Any, sampler: Sampler) -> list[Any]:
    """Estimate a sum of observables: its strings grouped by basis, every group with all shots."""
    sentence = obs.pauli_rep
    if sentence is None:
        weights, parts = obs.terms()
        estimates = [_expectation(o, sampler) for o in parts]
        return [
            np.float64(sum(float(np.real(w)) * e for w, e in zip(weights, column, strict=True)))
            for column in zip(*estimates, strict=True)
        ]
    constant = 0.0
    words, weights = [], []
    for word, weight in sentence.items():
        if word:
            words.append(word)
            weights.append(float(np.real(np.asarray(weight))))
        else:
            constant += float(np.real(np.asarray(weight)))
    order = sampler.places.order
    totals: NDArray[Any] | None = None
    with qml.QueuingManager.stop_recording():
        operators = [w.operation(wire_order=order) for w in words]
        groups = qml.pauli.compute_partition_indices(operators) if operators else []
    for group in groups:
        with qml.QueuingManager.stop_recording():
            gates = qml.pauli.diagonalize_qwc_pauli_words([operators[i] for i in group])[0]
        draw = sampler.draw(gates)
        means = np.array(
            [
                sum(weights[i] * _parity_mean(words[i], draw, b, order) for i in group)
                for b in draw.bins
            ]
        )
        totals = means if totals is None else totals + means
    if totals is None:
        return [np.float64(constant)] * len(sampler.draw([]).bins)
    return [np.float64(constant + t) for t in totals]


def _parity_mean(word: Any, draw: Draw, span: tuple[int, int], order: Any) -> float:
    rows = slice(*span)
    columns = draw.samples[rows][draw.valid[rows]][:, [order.index(w) for w in word]]
    if not len(columns):
        return float("nan")
    return float(1 - 2 * (columns.sum(axis=1) & 1).mean())


def _expectation(obs: Any, sampler: Sampler) -> list[Any]:
    if _is_sum(obs):
        return _sum_expectation(obs, sampler)
    mp = qml.expval(obs)
    with qml.QueuingManager.stop_recording():
        draw = sampler.draw(mp.diagonalizing_gates())
    none = McmTable()
    return [_process(mp, draw, b, sampler, none, pad=False) for b in draw.bins]


def _shadow(mp: Any, sampler: Sampler, seeds: Callable[[], int]) -> list[Any]:
    """Take a classical shadow of a final state, by PennyLane's own procedure."""
    if not isinstance(sampler, StateSampler):
        raise qml.exceptions.DeviceError(
            f"Measurement {mp} is not supported with channels or mid-circuit measurements on this "
            f"device; use mcm_method='deferred' for the latter."
        )
    state = sampler.final.amplitudes.reshape((2,) * sampler.places.num_qubits)
    wires = qml.wires.Wires(sampler.places.order)
    return [
        mp.process_state_with_shots(state, wires, shots, rng=np.random.default_rng(seeds()))
        for shots in sampler.copies
    ]

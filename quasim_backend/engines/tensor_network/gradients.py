"""Derivatives of expectation values: back over the contraction, from the result to the angles.

A network is linear in each of its tensors, so that the derivative by a tensor is a tensor of the
same indices: what the network is without it. Going back over the contraction of ``a`` and ``b``,
the derivative by ``a`` is that by the result, contracted with ``b``: two contractions with as many
multiplications each as the one forward (reverse mode; Baydin et al., J. Mach. Learn. Res. 18, 153
(2018)). All intermediate tensors are kept for it, of one slice at a time.

At the end an entry of a gate's tensor is constant plus ``exp(i f t)`` and ``exp(-i f t)`` of its
angle ``t``, each times something, so that ``L'(t) = f/2 (L(t + s) - L(t - s))`` with ``s = pi/2f``.

In the network of a density matrix tensors come in pairs, a gate's and its conjugate's. The value is
real for Hermitian observables, and what the conjugates add to a derivative is the conjugate of what
the gates add: no derivative is taken by what depends on conjugates only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.tensor_network.contraction import Contraction
from quasim_backend.engines.tensor_network.network import AngleTable, Array
from quasim_backend.engines.tensor_network.program import PARAMETERS, SLICES, Operation, Program
from quasim_backend.engines.tensor_network.run import Run, key_of
from quasim_backend.kernels.base import ArrayKernels

__all__ = ["value_and_gradient"]


def value_and_gradient(
    contraction: Contraction,
    parameters: NDArray[np.float64],
    dtype: np.dtype[Any],
    check: Callable[[], None] = lambda: None,
    kernels: ArrayKernels | None = None,
) -> tuple[float, NDArray[np.float64]]:
    """Return a mean value and its derivatives by every parameter.

    Args:
        contraction: A doubled network of a Hermitian observable, without open indices and bits,
            whose plan was made to keep intermediate tensors.
        parameters: float64 ``(P,)``.
        dtype: complex64 or complex128.
        check: Called between operations; raises to stop the run.
        kernels: A device to contract on; None for the host.

    Returns:
        The value and float64 ``(P,)``.
    """
    run = contraction.run(parameters, dtype, check, 1, kernels, keep=True)
    with run.computing():
        value, slopes = _Sweep(run, contraction.angles, check).run()
    gradient = np.zeros(len(parameters))
    for slope, terms in zip(slopes, contraction.angles.terms, strict=True):
        for source, weight in terms:
            gradient[source] += weight * slope
    return value, gradient


class _Sweep:
    """One way back; what it has passed is dropped."""

    def __init__(self, run: Run, angles: AngleTable, check: Callable[[], None]) -> None:
        self._run = run
        self._program = run.program
        self._check = check
        self._table = angles
        self._angles = list(run.angles)
        self._slopes = np.zeros(len(self._angles))
        self._wanted = _dependent(run.program)
        self._cotangents: dict[int, Any] = {}

    def run(self) -> tuple[float, NDArray[np.float64]]:
        """Return the value, and its derivatives by the angles."""
        program, values = self._program, self._run.values
        last = len(program.operations) - 1
        total: complex = 0.0
        if program.num_sliced:
            for number in range(1 << program.num_sliced):
                mine = self._run.slice(values, number)
                total += self._begin(last, mine)
                self._back(program.levels[SLICES].contracting, mine, number)
        else:
            total = self._begin(last, values)
        making, _, contracting = program.levels[PARAMETERS]
        self._back(contracting, values)
        self._back(making, values)
        return (total * program.scale).real, self._slopes

    def _begin(self, last: int, values: list[Any]) -> complex:
        """Return the result, whose derivative by itself is one."""
        result = values[last]
        if self._wanted[last]:
            self._cotangents[last] = result * 0 + 1
        kernels = self._run.kernels
        if kernels is not None and self._program.operations[last].contracts:
            result = kernels.to_host(result)
        return complex(result.item())

    def _back(self, numbers: Iterable[int], values: list[Any], number_of_slice: int = 0) -> None:
        """Go back over operations of one level, given what comes from later ones."""
        kernels, operations = self._run.kernels, self._program.operations
        for number in reversed(list(numbers)):
            value, values[number] = values[number], None
            cotangent = self._cotangents.pop(number, None)
            if cotangent is None:
                continue
            operation = operations[number]
            if operation.kind == "product":
                self._check()
            device = None if operation.contracts else kernels
            if device is not None and not isinstance(cotangent, np.ndarray):
                cotangent = device.to_host(cotangent)
            if not operation.contracts:
                cotangent = cotangent.reshape(value.shape)
            if operation.kind == "leaf":
                self._by_angles(operation, cotangent)
            elif operation.kind == "bits":
                (source,) = operation.sources
                if source not in self._cotangents:
                    self._cotangents[source] = values[source] * 0
                bits = [number_of_slice >> i & 1 for i in range(self._program.num_sliced)]
                key = key_of(operation.data, bits)
                self._cotangents[source][key] += cotangent.reshape(value.shape)
            else:
                for place, source in enumerate(operation.sources):
                    if self._wanted[source]:
                        self._add(source, _adjoint(operation, place, cotangent, values))

    def _add(self, number: int, cotangent: Any) -> None:
        known = self._cotangents.get(number)
        self._cotangents[number] = cotangent if known is None else known + cotangent

    def _by_angles(self, operation: Operation, cotangent: Array) -> None:
        """Add a tensor's share of the derivatives by its angles."""
        angles, frequencies = self._angles, self._table.frequencies
        for number in operation.data.angles:
            middle, frequency = angles[number], frequencies[number]
            shift = math.pi / (2 * frequency)
            angles[number] = middle + shift
            change = operation.data(angles)
            angles[number] = middle - shift
            change = change - operation.data(angles)
            angles[number] = middle
            slope = complex(np.vdot(cotangent.conj(), change)) * frequency / 2
            self._slopes[number] += 2 * (slope * self._program.scale).real


def _dependent(program: Program) -> list[bool]:
    """Return by which operations' results derivatives are taken."""
    wanted: list[bool] = []
    for operation in program.operations:
        own = operation.kind == "leaf" and bool(operation.data.angles)
        wanted.append(own or any(wanted[source] for source in operation.sources))
    return wanted


def _adjoint(operation: Operation, place: int, cotangent: Any, values: list[Any]) -> Any:
    """Return the derivative by a source, given the one by the result."""
    kind, sources, data = operation.kind, operation.sources, operation.data
    own = values[sources[place]]
    if kind == "product":
        other = values[sources[1 - place]]
        return data.adjoint_b(cotangent, other) if place else data.adjoint_a(cotangent, other)
    if kind == "order":
        return cotangent if data is None else data.back(cotangent)
    if kind == "view":
        result = np.zeros_like(own)
        result[data] = cotangent
        return result
    inputs, output = data.split("->")
    letters = inputs.split(",")
    mine, others = letters[place], [(output, cotangent)]
    if kind == "two":
        others.append((letters[1 - place], values[sources[1 - place]]))
    # An index that only this array has was summed over: every value of it has the same derivative.
    known = "".join(i for i in dict.fromkeys(mine) if any(i in side for side, _ in others))
    text = ",".join(side for side, _ in others)
    found = np.einsum(f"{text}->{known}", *(array for _, array in others))
    result = np.zeros_like(own)
    # Where an index repeats, einsum shows the diagonal itself.
    alone = "".join(i for i in dict.fromkeys(mine) if i not in known)
    np.einsum(f"{mine}->{alone}{known}", result)[...] = found
    return result

"""Contraction by NVIDIA's cuTensorNet, the optional extras ``cuquantum12`` and ``cuquantum13``.

The library takes a whole network, its path and its sliced indices, and searches for nothing then.
Tensors are made and simplified here, on the host, and copied by the library. Nothing is shared
between parameters and bits but the plan: the library's own cache of constant tensors would have to
be trusted with when they change.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quasim_backend.engines.tensor_network.costs import Path
from quasim_backend.engines.tensor_network.network import Array, Indices
from quasim_backend.engines.tensor_network.program import Program, subscripts
from quasim_backend.engines.tensor_network.run import Run
from quasim_backend.errors import DeviceError, MemoryLimitError, QuasimError

__all__ = ["LibraryRun", "Whole", "linear_path", "refusal"]

_CHUNKS = 64
"""Parts that slices are contracted in, between which a run can be cancelled."""


@dataclass(frozen=True, eq=False)
class Whole:
    """A network to be contracted by a library.

    Attributes:
        tensors: Indices of its tensors, all of size 2.
        numbers: The operations that make them.
        path: Pairs of tensor numbers; contraction ``s`` makes tensor ``len(tensors) + s``.
        sliced: Indices that are summed over one value at a time.
        output: Indices of the result.
    """

    tensors: tuple[Indices, ...]
    numbers: tuple[int, ...]
    path: Path
    sliced: Indices
    output: Indices


def refusal() -> str | None:
    """Return why the library cannot be used, or None; a missing GPU is found out by using it."""
    if importlib.util.find_spec("cuquantum") is None:
        return (
            "contraction_library='cutensornet' is NVIDIA's, which is not installed; pip install "
            "'quasim-backend[cuquantum13]' (or cuquantum12, by the driver), or leave the option out"
        )
    return None


class LibraryRun(Run):
    """A network with values of its parameters, ready for bits, as `Run`."""

    def __init__(
        self,
        program: Program,
        whole: Whole,
        angles: Sequence[float],
        dtype: np.dtype[Any],
        check: Callable[[], None] = lambda: None,
        device_id: int = 0,
    ) -> None:
        """Make what depends on nothing later.

        Args:
            program: Makes the tensors; contracts nothing.
            whole: What is contracted.
            angles: Values of the network's angles.
            dtype: complex64 or complex128.
            check: Called between parts of the work; raises to stop the run.
            device_id: Number of the GPU.
        """
        super().__init__(program, angles, dtype, check)
        self._whole = whole
        self._device_id = device_id
        self._network: Any = None
        self._large = tuple(t for t, indices in enumerate(whole.tensors) if indices)

    def _total(
        self,
        values: list[Any],
        bits: Sequence[int],
        progress: Callable[[float], None] | None,
        *,
        rescale: bool,
    ) -> Any:
        """Return the contraction by the library; numbers and single tensors need none.

        The library keeps tensors as they are, whatever ``rescale`` allows.

        Raises:
            DeviceError: If the library cannot be used.
            MemoryLimitError: If the GPU's memory does not suffice.
        """
        tensors, numbers = self._whole.tensors, self._whole.numbers
        operands: list[Array] = [
            np.ascontiguousarray(values[numbers[t]], self.dtype).reshape((2,) * len(tensors[t]))
            for t in self._large
        ]
        if not operands:
            total: Any = np.ones((), self.dtype)
        elif len(operands) == 1:
            text = subscripts((tensors[self._large[0]],), self._whole.output)
            total = np.einsum(text, operands[0])
        else:
            total = self._by_library(operands, progress)
        alone = [values[n] for n, indices in zip(numbers, tensors, strict=True) if not indices]
        return total * self.dtype.type(math.prod(complex(value) for value in alone))

    def _by_library(self, operands: list[Array], progress: Callable[[float], None] | None) -> Any:
        network = self._network
        if network is None:
            network = self._network = _asked(self._planned, operands)
            weakref.finalize(self, network.free)
        else:
            _asked(network.reset_operands, *operands)
        slices = 1 << len(self._whole.sliced)
        if slices == 1:
            self._check()
            return _asked(network.contract, release_workspace=True)
        total: Any = 0
        part = max(1, slices // _CHUNKS)
        for start in range(0, slices, part):
            self._check()
            some, last = range(start, start + part), start + part == slices
            total = total + _asked(network.contract, slices=some, release_workspace=last)
            if progress is not None:
                progress((start + part) / slices)
        return total

    def _planned(self, operands: list[Array]) -> Any:
        """Return the library's network, with our path."""
        library = importlib.import_module("cuquantum.tensornet")
        whole = self._whole
        interleaved: list[Any] = []
        for operand, t in zip(operands, self._large, strict=True):
            interleaved += [operand, list(whole.tensors[t])]
        network = library.Network(
            *interleaved, list(whole.output), options={"device_id": self._device_id}
        )
        network.contract_path(
            optimize={
                "path": linear_path(len(whole.tensors), whole.path, self._large),
                "slicing": [(index, 1) for index in whole.sliced],
            }
        )
        return network


_OF_THE_LIBRARY = ("cuTensorNetError", "CUDARuntimeError", "CUDAError", "DynamicLibNotFoundError")
"""Names of exceptions of the library and of what it loads."""


def _asked(call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Return what a call to the library gives; its errors become ours."""
    try:
        return call(*arguments, **options)
    except QuasimError:
        raise
    except Exception as cause:
        kind = type(cause).__name__
        if kind == "MemoryLimitExceeded":
            raise MemoryLimitError(
                f"cuTensorNet: {cause} Lower max_workspace_mb, so that more is sliced."
            ) from cause
        if kind in _OF_THE_LIBRARY or isinstance(cause, RuntimeError | ImportError | OSError):
            said = str(cause).strip().splitlines() or [kind]
            raise DeviceError(
                f"cuTensorNet cannot be used: {said[0].rstrip('.')}. Leave contraction_library "
                f"out, or see `quasim info` for what a GPU needs."
            ) from cause
        raise


def linear_path(count: int, path: Path, kept: Sequence[int]) -> list[tuple[int, int]]:
    """Return a path as `numpy.einsum_path` writes it, without tensors that are left out.

    Args:
        count: Number of tensors.
        path: Pairs of tensor numbers, those of results go on from ``count``.
        kept: Tensors that are contracted, ascending; the others are numbers.

    Returns:
        Pairs of places in a list from which both are taken, and to whose end the result is put.
    """
    here = list(kept)
    name: dict[int, int | None] = {t: None for t in range(count)} | {t: t for t in kept}
    found: list[tuple[int, int]] = []
    for step, (a, b) in enumerate(path):
        first, second, made = name[a], name[b], count + step
        if first is None or second is None:
            name[made] = second if first is None else first
            continue
        i, j = sorted((here.index(first), here.index(second)))
        found.append((i, j))
        del here[j], here[i]
        here.append(made)
        name[made] = made
    return found

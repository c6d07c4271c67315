"""Save points: computing a value from a state, and keeping it by subtype."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.moments import expectation, variance
from quasim_backend.errors import UnsupportedError
from quasim_backend.ir.array_observables import AnyObservable
from quasim_backend.ir.instructions import Save
from quasim_backend.ir.observables import PauliSum
from quasim_backend.kernels.base import KernelSet, State

__all__ = ["SaveSink", "save_value"]


def save_value(
    kernels: KernelSet, state: State, num_qubits: int, save: Save, *, last: bool = False
) -> Any:
    """Compute what a save point asks for; the state is unchanged.

    Args:
        kernels: The state's kernel set.
        state: State of ``num_qubits`` qubits.
        num_qubits: Width of the circuit.
        save: What to compute.
        last: Nobody uses the state after this, so that the value may be the state itself.
    """
    every = tuple(range(num_qubits))
    match save.kind:
        case "statevector":
            # In the kernels' own kind of memory; see `quasim_backend.session.states.in_double`.
            return kernels.to_host(state if last else kernels.copy(state))
        case "density_matrix":
            return kernels.reduced_density_matrix(state, save.qubits or every)
        case "probabilities":
            return kernels.probabilities(state, save.qubits or every)
        case "amplitudes":
            return np.array(kernels.to_host(state)[list(save.indices)])
    if save.kind not in ("expectation", "variance"):
        raise UnsupportedError(
            f"Save '{save.label}' of kind '{save.kind}' keeps nothing that amplitudes have; it "
            f"belongs to the engine of that name."
        )
    observable: AnyObservable = save.observable or PauliSum(())
    if save.kind == "variance":
        return variance(kernels, state, observable)
    mean = expectation(kernels, state, observable)
    return mean.real if observable.hermitian else mean


class SaveSink:
    """Gathers values of save points over the nodes of a run."""

    def __init__(self, shots: int) -> None:
        """Start empty, for a run of ``shots`` shots."""
        self._shots = shots
        self._saves: dict[str, Save] = {}
        self._single: dict[str, dict[int, tuple[int, Any]]] = {}
        self._sums: dict[str, dict[int, tuple[int, Any]]] = {}
        self._lists: dict[str, dict[int, list[tuple[int, Any]]]] = {}

    def wants(self, save: Save, shots: NDArray[np.int64], memory: int) -> bool:
        """Return whether a value at this point would be kept, before it is computed."""
        if save.subtype != "single":
            return True
        kept = self._single.get(save.label, {}).get(memory if save.conditional else -1)
        return kept is None or kept[0] < int(shots[-1])

    def add(self, save: Save, shots: NDArray[np.int64], memory: int, value: Any) -> None:
        """Take the value that ``shots`` (numbers, ascending) share at a save point."""
        self._saves[save.label] = save
        key = memory if save.conditional else -1
        if save.subtype == "single":
            last = int(shots[-1])
            kept = self._single.setdefault(save.label, {})
            if key not in kept or kept[key][0] < last:
                kept[key] = (last, value)
        elif save.subtype == "average":
            sums = self._sums.setdefault(save.label, {})
            count, total = sums.get(key, (0, 0))
            sums[key] = (count + len(shots), total + len(shots) * value)
        else:
            values = self._lists.setdefault(save.label, {}).setdefault(key, [])
            values.extend((int(s), value) for s in shots)

    def result(self) -> dict[str, Any]:
        """Return the value of every label; conditional ones as ``{memory: value}``."""
        found: dict[str, dict[int, Any]] = {}
        for label, kept in self._single.items():
            found[label] = {k: v for k, (_, v) in kept.items()}
        for label, sums in self._sums.items():
            found[label] = {k: total / count for k, (count, total) in sums.items()}
        for label, lists in self._lists.items():
            found[label] = {
                k: [v for _, v in sorted(values, key=lambda item: item[0])]
                for k, values in lists.items()
            }
        return {
            label: values if self._saves[label].conditional else values[-1]
            for label, values in found.items()
        }

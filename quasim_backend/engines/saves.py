"""Save points: computing a value from a state, and keeping it by subtype."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.averages import Average, average_of
from quasim_backend.engines.moments import expectation, squares_and_means, variance
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

    Returns:
        The value; of a variance that is to be averaged its `squares_and_means`, see `average_of`.
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
        averaged = save.subtype == "average"
        return (squares_and_means if averaged else variance)(kernels, state, observable)
    mean = expectation(kernels, state, observable)
    return mean.real if observable.hermitian else mean


class SaveSink:
    """Gathers values of save points over the nodes of a run."""

    def __init__(self, *, sampled: bool) -> None:
        """Start empty; ``sampled`` says whether what is saved may differ from shot to shot."""
        self._sampled = sampled
        self._saves: dict[str, Save] = {}
        self._single: dict[str, dict[int, tuple[int, Any]]] = {}
        self._averages: dict[str, dict[int, Average]] = {}
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
            averages = self._averages.setdefault(save.label, {})
            if key in averages:
                averages[key].add(len(shots), value)
            else:
                averages[key] = average_of(save, len(shots), value)
        else:
            values = self._lists.setdefault(save.label, {}).setdefault(key, [])
            values.extend((int(s), value) for s in shots)

    def result(self) -> dict[str, Any]:
        """Return the value of every label; conditional ones as ``{memory: value}``."""
        found: dict[str, dict[int, Any]] = {}
        for label, kept in self._single.items():
            found[label] = {k: v for k, (_, v) in kept.items()}
        for label, averages in self._averages.items():
            found[label] = {key: average.value() for key, average in averages.items()}
        for label, lists in self._lists.items():
            found[label] = {
                k: [v for _, v in sorted(values, key=lambda item: item[0])]
                for k, values in lists.items()
            }
        return self._plain(found)

    def standard_errors(self) -> dict[str, Any]:
        """Return the standard error of every average; conditional ones as ``{memory: error}``."""
        return self._plain(
            {
                label: {k: a.error(sampled=self._sampled) for k, a in averages.items()}
                for label, averages in self._averages.items()
            }
        )

    def _plain(self, found: dict[str, dict[int, Any]]) -> dict[str, Any]:
        return {
            label: values if self._saves[label].conditional else values[-1]
            for label, values in found.items()
        }

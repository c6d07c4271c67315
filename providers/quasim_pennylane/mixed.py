"""Exact results of noisy tapes: density matrices, and measurements of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pennylane as qml
from numpy.typing import NDArray
from pennylane.devices.qubit_mixed.measure import measure, state_diagonalizing_gates
from pennylane.exceptions import DeviceError
from pennylane.measurements import ExpectationMP, ProbabilityMP, VarianceMP

from quasim_backend import Runtime
from quasim_backend.ir import PauliSum
from quasim_pennylane.observables import pauli_terms
from quasim_pennylane.programs import Prepared
from quasim_pennylane.translate import Places

__all__ = ["density_matrix", "measure_mixed"]

Readout = Callable[[Any], Any]


def density_matrix(prepared: Prepared, runtime: Runtime, entry: int | None) -> NDArray[Any]:
    """Return the final density matrix ``(2**n, 2**n)``, the first wire most significant.

    Args:
        prepared: A tape without mid-circuit measurements.
        runtime: What runs it.
        entry: Which entry of a batch.

    Raises:
        DeviceError: If the tape projects its state.
        QuasimError: If no engine can hold the density matrix.
    """
    if prepared.projections:
        raise DeviceError(
            "A Projector in a circuit with channels is not supported on this device; postselect "
            "with qml.measure(wire, postselect=...) and shots."
        )
    part = prepared.parts[0]
    result = _exact(runtime).run(
        part.program.circuit,
        0,
        save="density_matrix",
        parameters=part.vector(entry),
        initial_state=prepared.initial_state(entry),
    )
    rho: NDArray[Any] = result.saved["density_matrix"]
    return rho


def _exact(runtime: Runtime) -> Runtime:
    """Return a session like another one that computes density matrices whatever it is asked."""
    if runtime.config.method == "density_matrix":
        return runtime
    found = _SESSIONS.get(runtime)
    if found is None:
        config = replace(runtime.config, method="density_matrix")
        found = _SESSIONS[runtime] = Runtime(config)
    return found


_SESSIONS: WeakKeyDictionary[Runtime, Runtime] = WeakKeyDictionary()


def measure_mixed(
    measurements: Sequence[Any], rho: NDArray[Any], places: Places, readout: Readout | None = None
) -> list[Any]:
    """Return the exact result of each measurement, as PennyLane shapes it.

    Args:
        measurements: PennyLane's measurement processes.
        rho: Density matrix ``(2**n, 2**n)``, the first wire most significant.
        places: Qubits of the wires.
        readout: Gives the channel before a wire's measurement in the computational basis, by the
            wire's place. Measurements that no experiment makes, such as the state, are without.
    """
    number_of = {wire: place for place, wire in enumerate(places.order)}
    results = []
    for mp in measurements:
        if readout is None and isinstance(mp, ExpectationMP) and mp.obs is not None:
            sentence = mp.obs.pauli_rep
            if sentence is not None:
                results.append(np.float64(_expectation(pauli_terms(sentence, places), rho).real))
                continue
        with qml.QueuingManager.stop_recording():
            mapped = mp.map_wires(number_of) if mp.wires else mp
            results.append(_measured(mapped, rho, places.num_qubits, readout))
    return results


def _expectation(observable: PauliSum, rho: NDArray[Any]) -> complex:
    """Return ``tr(O rho)``, of every string one sum along a permuted diagonal."""
    index = np.arange(len(rho))
    total = 0j
    for weight, string in observable.terms:
        signs = 1 - 2 * (np.bitwise_count(index & string.z) & 1).astype(np.float64)
        value = np.dot(signs, rho[index, index ^ string.x])
        total += complex(weight) * 1j ** ((string.x & string.z).bit_count() % 4) * value
    return total


def _measured(mp: Any, rho: NDArray[Any], width: int, readout: Readout | None) -> Any:
    state = rho.reshape((2,) * (2 * width))
    sampled = isinstance(mp, ExpectationMP | VarianceMP | ProbabilityMP)
    if readout is None or not sampled:
        return _plain(mp, state, rho, width)
    obs = mp.obs
    if isinstance(mp, ExpectationMP) and isinstance(obs, qml.ops.SProd):
        weight = float(np.real(np.asarray(obs.scalar)))
        return weight * _measured(qml.expval(obs.base), rho, width, readout)
    if isinstance(mp, ExpectationMP) and isinstance(obs, qml.ops.Sum):
        parts = [_measured(qml.expval(o), rho, width, readout) for o in obs.operands]
        return np.float64(sum(parts))
    if not mp.wires:
        mp = qml.probs(wires=range(width)) if isinstance(mp, ProbabilityMP) else mp
    return state_diagonalizing_gates(mp, state, readout_errors=[readout])


def _plain(mp: Any, state: NDArray[Any], rho: NDArray[Any], width: int) -> Any:
    obs = mp.obs
    if isinstance(mp, ExpectationMP | VarianceMP) and obs is not None:
        matrix = _matrix(obs, width)
        product = matrix @ rho
        mean = np.trace(product).real
        if isinstance(mp, ExpectationMP):
            return np.float64(mean)
        return np.float64(max(np.trace(matrix @ product).real - mean**2, 0.0))
    return measure(mp, state)


def _matrix(obs: Any, width: int) -> Any:
    if obs.has_sparse_matrix:
        return obs.sparse_matrix(wire_order=range(width))
    return qml.matrix(obs, wire_order=range(width))

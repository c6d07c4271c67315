"""Adjoint derivatives of tapes, in the nesting PennyLane expects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pennylane as qml
from numpy.typing import NDArray
from pennylane.measurements import ExpectationMP, ProbabilityMP, StateMP, VarianceMP

from quasim_pennylane.channels import is_channel
from quasim_pennylane.measurements import Analyst
from quasim_pennylane.programs import Prepared
from quasim_pennylane.states import FinalState

__all__ = ["jacobian", "jvp", "refuse_adjoint", "vjp"]

_MAX_ROWS = 1 << 12
"""Most outputs of one measurement whose Jacobian is computed row by row."""


def refuse_adjoint(tape: Any, *, deferred: bool = False) -> str | None:
    """Return why a tape cannot be differentiated by the adjoint method, or None.

    Args:
        tape: The tape.
        deferred: Whether measurements in it will still be deferred.
    """
    if tape.shots:
        return "needs exact results; the circuit has shots"
    for mp in tape.measurements:
        if isinstance(mp, ExpectationMP | VarianceMP) and mp.obs is not None:
            continue
        if isinstance(mp, ProbabilityMP) and mp.obs is None:
            continue
        if type(mp) is StateMP:  # not its children, which are density matrices
            continue
        return (
            f"differentiates expectation values and variances of observables, probabilities of "
            f"wires and the state, not {mp}"
        )
    for op in tape.operations:
        if deferred and isinstance(op, qml.ops.MidMeasure) and op.postselect is None:
            continue
        if isinstance(op, qml.Projector | qml.ops.MidMeasure) or is_channel(op):
            return f"needs circuits that are unitary; {op} is not"
    return None


class _Cotangents:
    """Builds, for one tape and one final state, the bra that belongs to cotangents of results."""

    def __init__(self, measurements: Sequence[Any], analyst: Analyst, final: FinalState) -> None:
        self.measurements = measurements
        self._analyst = analyst
        self._final = final

    def vjp(self, cotangents: Sequence[Any]) -> NDArray[np.float64]:
        """Return the derivatives of ``sum(dy_k * result_k)`` by the compiled parameters."""
        run = self._final.run
        sums, factors = [], []
        bra: NDArray[Any] | None = None
        for mp, dy in zip(self.measurements, cotangents, strict=True):
            if isinstance(mp, ExpectationMP):
                observable = self._analyst.observables(mp.obs, self._final.places)
                if observable is not None:
                    sums.append(observable)
                    factors.append(float(np.real(np.asarray(dy))))
                    continue
            part = self._bra(mp, np.asarray(dy))
            bra = part if bra is None else bra + part
        found: NDArray[np.float64]
        if bra is None:
            found = run.vjp(sums, factors)
            return found
        for observable, factor in zip(sums, factors, strict=True):
            bra = bra + factor * run.apply(observable)
        found = run.pullback(bra)
        return found

    def along(self, mp: Any, change: NDArray[Any]) -> NDArray[Any]:
        """Return the derivative of a result, given that of the state, in the result's shape."""
        places = self._final.places
        wires = mp.wires.labels or places.order
        if isinstance(mp, StateMP):
            order = [places.order.index(w) for w in wires]
            return change.reshape((2,) * places.num_qubits).transpose(order).reshape(-1)
        if isinstance(mp, ProbabilityMP):
            axes = [places.order.index(w) for w in wires]
            rates = 2 * (self._final.amplitudes.conj() * change).real
            others = tuple(k for k in range(places.num_qubits) if k not in axes)
            kept = np.argsort(np.argsort(axes))
            summed = rates.reshape((2,) * places.num_qubits).sum(axis=others)
            return np.asarray(summed.transpose(kept).reshape(-1))
        return np.asarray(2 * np.vdot(self._bra(mp, np.ones(())), change).real)

    def _bra(self, mp: Any, dy: NDArray[Any]) -> NDArray[Any]:
        """Return ``bra`` with ``d(dy . result) = 2 Re <bra|d psi>``."""
        state, places = self._final.amplitudes, self._final.places
        if isinstance(mp, StateMP):
            # PennyLane's cotangent of a complex result is d(loss) = Re(dy . d psi).
            order = [places.order.index(w) for w in mp.wires.labels or places.order]
            turned = dy.reshape((2,) * places.num_qubits)
            turned = turned.transpose(np.argsort(order)).reshape(-1)
            return turned.conj() / 2
        if isinstance(mp, ProbabilityMP):
            wires = mp.wires.labels or places.order
            axes = [places.order.index(w) for w in wires]
            shape = [1] * places.num_qubits
            for axis in axes:
                shape[axis] = 2
            weights = dy.real.reshape((2,) * len(wires)).transpose(np.argsort(axes)).reshape(shape)
            product: NDArray[Any] = weights * state.reshape((2,) * places.num_qubits)
            return product.reshape(-1)
        applied = self._analyst.applied(mp.obs, self._final)
        factor = float(dy.real)
        if isinstance(mp, ExpectationMP):
            return factor * applied
        mean = float(np.vdot(state, applied).real)
        twice = self._analyst.applied_to(mp.obs, applied, self._final)
        return factor * (twice - 2 * mean * applied)


def vjp(
    tape: Any, prepared: Prepared, finals: Sequence[FinalState], analyst: Analyst, dys: Any
) -> tuple[Any, ...]:
    """Return the vector-Jacobian product of a tape: one entry for each trainable parameter.

    Args:
        tape: The tape.
        prepared: The tape made ready.
        finals: One final state, or one for each entry of a batch.
        analyst: Knows the observables.
        dys: Cotangents: one array for each measurement, or the array itself if there is one. An
            axis in front of each, for a tape without a batch, asks for several products at once.
    """
    cotangents = (dys,) if len(tape.measurements) == 1 else tuple(dys)
    if tape.batch_size is None and _is_stacked(tape, prepared, cotangents):
        products = _Cotangents(tape.measurements, analyst, finals[0])
        found = [products.vjp(row) for row in zip(*map(np.asarray, cotangents), strict=True)]
        return _by_trainable(tape, prepared, np.array(found), sum_rows=False)
    rows = []
    for entry, final in enumerate(finals):
        mine = cotangents
        if tape.batch_size is not None:
            mine = tuple(np.asarray(dy)[entry] for dy in cotangents)
        rows.append(_Cotangents(tape.measurements, analyst, final).vjp(mine))
    return _by_trainable(tape, prepared, np.array(rows))


def jvp(
    tape: Any, prepared: Prepared, final: FinalState, analyst: Analyst, tangents: Sequence[Any]
) -> Any:
    """Return the Jacobian-vector product of a tape without a batch, in the shape of its results.

    The state and its derivative run forward side by side, once for any number of measurements.

    Args:
        tape: The tape.
        prepared: The tape made ready.
        final: Its final state.
        analyst: Knows the observables.
        tangents: One number for each trainable parameter.
    """
    numbers = [float(np.real(qml.math.toarray(t))) for t in tangents]
    if len(numbers) != len(tape.trainable_params):
        raise qml.exceptions.DeviceError(
            f"The circuit has {len(tape.trainable_params)} trainable parameters; got "
            f"{len(numbers)} tangents."
        )
    part = prepared.parts[0]
    column = {part.slots[place]: k for k, place in enumerate(part.program.order.tolist())}
    direction = np.zeros(len(column))
    for number, tangent in zip(tape.trainable_params, numbers, strict=True):
        if number in column:
            direction[column[number]] += tangent
    change = final.run.tangent(direction)
    products = _Cotangents(tape.measurements, analyst, final)
    results = tuple(products.along(mp, change) for mp in tape.measurements)
    return results[0] if len(results) == 1 else results


def _is_stacked(tape: Any, prepared: Prepared, cotangents: Sequence[Any]) -> bool:
    mp = tape.measurements[0]
    shape = mp.shape(shots=None, num_device_wires=prepared.places.num_qubits)
    return np.ndim(cotangents[0]) == len(shape) + 1


def jacobian(tape: Any, prepared: Prepared, final: FinalState, analyst: Analyst) -> Any:
    """Return the Jacobian of a tape without a batch.

    Nested by measurement, then by trainable parameter; a level with one entry is left out.
    """
    per_measurement = []
    for mp in tape.measurements:
        shape = mp.shape(shots=None, num_device_wires=prepared.places.num_qubits)
        rows = int(np.prod(shape, dtype=np.int64))
        if isinstance(mp, StateMP) or rows > _MAX_ROWS:
            raise qml.exceptions.DeviceError(
                f"The whole Jacobian of {mp} is not computed on this device; use device_vjp=True, "
                f"which needs one sweep for any number of outputs."
            )
        cotangents = _Cotangents([mp], analyst, final)
        found = [cotangents.vjp([unit.reshape(shape)]) for unit in np.eye(rows)]
        columns = _by_trainable(tape, prepared, np.array(found), sum_rows=False)
        shaped = tuple(np.asarray(c).reshape(shape) for c in columns)
        per_measurement.append(shaped[0] if len(shaped) == 1 else shaped)
    return per_measurement[0] if len(per_measurement) == 1 else tuple(per_measurement)


def _by_trainable(
    tape: Any, prepared: Prepared, rows: NDArray[np.float64], *, sum_rows: bool = True
) -> tuple[Any, ...]:
    """Pick the derivatives by trainable parameters.

    Args:
        tape: Says which parameters are trainable, and which hold a batch.
        prepared: Says which tape parameter each compiled one is.
        rows: float64 ``(entries or outputs, compiled parameters)``.
        sum_rows: Whether rows are entries of a batch, which add up for parameters they share.
    """
    part = prepared.parts[0]
    column = {part.slots[place]: k for k, place in enumerate(part.program.order.tolist())}
    values = tape.get_parameters(trainable_only=False)
    result = []
    for number in tape.trainable_params:
        k = column.get(number)
        found = rows[:, k] if k is not None else np.zeros(len(rows))
        own = tape.batch_size is not None and np.ndim(values[number]) > 0
        if own or not sum_rows:
            result.append(found)
        elif k is None:
            result.append(np.zeros(np.shape(values[number])))
        else:
            result.append(np.asarray(found.sum()))
    return tuple(result)

"""Runs tapes: batches, shot vectors, and the nesting of results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pennylane as qml
from pennylane.exceptions import DeviceError
from pennylane.measurements import ExpectationMP, ProbabilityMP, VarianceMP

from quasim_backend import Runtime
from quasim_backend.errors import QuasimError
from quasim_backend.ir import PauliString
from quasim_backend.ir.array_observables import ObservableList
from quasim_backend.ir.instructions import Save
from quasim_pennylane.measurements import Analyst
from quasim_pennylane.mixed import density_matrix, measure_mixed
from quasim_pennylane.noise import DeviceNoise
from quasim_pennylane.programs import Prepared, Program, ProgramCache, places_of
from quasim_pennylane.samplers import Sampler, StateSampler, TreeSampler
from quasim_pennylane.sampling import measure_with_shots
from quasim_pennylane.states import FinalState, final_state
from quasim_pennylane.translate import Places, has_rule
from quasim_pennylane.without_states import METHODS, EngineRun, WithoutStates

__all__ = ["Executor"]

_KEPT_BYTES = 256 << 20
"""Final states kept for the derivatives that are asked for next."""


_WITHOUT_AMPLITUDES = (ExpectationMP, VarianceMP, ProbabilityMP)
"""Measurements that need no state; others of a wide circuit are refused for their memory."""
_WIDEST = 30
"""Wires of whose circuits states are kept; wider ones are measured by whatever engine can."""
_ASKED = 20
"""Wires from which the session is asked whether another engine is faster than states."""


class Executor:
    """Runs the tapes of one device; remembers circuits, observables and the latest states."""

    def __init__(
        self, runtime: Runtime, rng: np.random.Generator, noise: DeviceNoise | None = None
    ) -> None:
        """Take what runs circuits, where seeds come from, and the noise of every circuit."""
        self._runtime = runtime
        self._rng = rng
        self._noise = noise
        self._programs = ProgramCache(noise)
        self.analyst = Analyst(runtime, self._programs)
        self._kept: dict[int, tuple[Any, Prepared, list[FinalState]]] = {}
        # By the strings that are measured: their weights may come with every call.
        self._chosen: WeakKeyDictionary[Program, dict[tuple[tuple[PauliString, ...], ...], bool]]
        self._chosen = WeakKeyDictionary()

    def snapshots(self, tape: Any, config: Any, found: dict[Any, Any]) -> None:
        """Run a tape up to each of its snapshots and file their measurements in ``found``."""
        places = places_of(tape)
        for number, op in enumerate(tape.operations):
            if not isinstance(op, qml.Snapshot):
                continue
            shots = op.hyperparameters["shots"]
            until = tape.copy(
                operations=tape.operations[:number],
                measurements=[op.hyperparameters["measurement"]],
                shots=tape.shots if shots == "workflow" else shots,
            )
            found[op.tag or len(found)] = self._tape(until, config, keep=False, places=places)

    def execute(self, tapes: Sequence[Any], config: Any, *, keep: bool = False) -> tuple[Any, ...]:
        """Run tapes; one result each.

        Args:
            tapes: Without operators the device does not take.
            config: PennyLane's execution configuration.
            keep: Keep final states for derivatives.

        Raises:
            DeviceError: If a tape cannot be run; the message names what is in the way.
        """
        self._kept.clear()
        keep = keep or bool(config.use_device_jacobian_product) or bool(config.use_device_gradient)
        try:
            return tuple(self._tape(t, config, keep=keep) for t in tapes)
        except MemoryError:
            raise
        except QuasimError as cause:
            raise DeviceError(str(cause)) from cause

    def finals(self, tape: Any, *, states: bool = False) -> tuple[Prepared, list[FinalState]]:
        """Return a tape's final states, one for each entry of its batch; kept ones if any are.

        Args:
            tape: The tape.
            states: Whether they have to be states, as long as the method and the width allow it.
        """
        known = self._kept.get(id(tape))
        if known is not None and known[0] is tape:
            return known[1], known[2]
        prepared = self._programs.prepare(tape.operations, places_of(tape))
        entries = [None] if tape.batch_size is None else range(tape.batch_size)
        stateless = self._is_stateless(prepared.places)
        if stateless or not (states or self._keeps_states(tape, prepared)):
            runs = [EngineRun(self._runtime, prepared, e) for e in entries]
            return prepared, [FinalState(run, prepared.places, 1.0) for run in runs]
        return prepared, [final_state(prepared, self._runtime, e) for e in entries]

    def _is_stateless(self, places: Places) -> bool:
        """Return whether circuits on these wires are run without amplitudes if they can be."""
        return self._runtime.config.method in METHODS or len(places.order) > _WIDEST

    def _keeps_states(self, tape: Any, prepared: Prepared) -> bool:
        """Return whether a circuit that need not be wide is measured on its final state."""
        wide = len(prepared.places.order) >= _ASKED and self._runtime.config.method == "auto"
        if not wide or prepared.start is not None or prepared.projections:
            return True
        found = [
            self.analyst.observables(mp.obs, prepared.places)
            for mp in tape.measurements
            if isinstance(mp, ExpectationMP | VarianceMP) and mp.obs is not None
        ]
        sums = tuple(each for each in found if each is not None)
        if len(sums) != len(tape.measurements):
            return True
        program = prepared.parts[0].program
        known = self._chosen.setdefault(program, {})
        strings = tuple(tuple(string for _, string in each.terms) for each in sums)
        if strings not in known:
            observable = ObservableList(sums)
            save = Save("expectation", "chosen", observable=observable, subtype="average")
            engine = self._runtime.engine_for(program.circuit, 0, save=save)
            known[strings] = engine == "statevector"
        return known[strings]

    def _tape(self, tape: Any, config: Any, *, keep: bool, places: Places | None = None) -> Any:
        if _batched_data(tape):
            tapes, join = qml.transforms.broadcast_expand(tape)
            return join(tuple(self._tape(t, config, keep=False, places=places) for t in tapes))
        prepared = self._programs.prepare(tape.operations, places or places_of(tape))
        entries = [None] if tape.batch_size is None else list(range(tape.batch_size))
        if tape.shots:
            rows = [self._with_shots(tape, prepared, e, config.mcm_config) for e in entries]
        else:
            rows = self._exact(tape, prepared, entries, keep=keep)
        return rows[0] if tape.batch_size is None else _stacked(rows, tape)

    def _exact(
        self, tape: Any, prepared: Prepared, entries: Sequence[int | None], *, keep: bool
    ) -> list[Any]:
        if prepared.mcms.operations:
            raise DeviceError(
                "A circuit with mid-circuit measurements needs shots on this device; set shots "
                "(qml.set_shots), or mcm_method='deferred'."
            )
        noisy = prepared.random or self._noise is not None
        wide = len(prepared.places.order) > (_WIDEST // 2 if noisy else _WIDEST)
        wide &= all(isinstance(mp, _WITHOUT_AMPLITUDES) for mp in tape.measurements)
        wide |= not noisy and not self._keeps_states(tape, prepared)
        if self._runtime.config.method in METHODS or wide:
            exact = WithoutStates(self._runtime, self.analyst.observables, self._noise)
            return [_squeezed(exact.measure(tape.measurements, prepared, e)) for e in entries]
        if noisy:
            readout = None if self._noise is None else self._noise.readout(prepared.places)
            return [
                _squeezed(measure_mixed(tape.measurements, rho, prepared.places, readout))
                for rho in (density_matrix(prepared, self._runtime, e) for e in entries)
            ]
        keep = keep and bool(tape.trainable_params)
        if not keep and entries != [None]:
            together = self._batch(tape, prepared)
            if together is not None:
                return together
        results = []
        finals = []
        for entry in entries:
            final = final_state(prepared, self._runtime, entry)
            results.append(_squeezed(self.analyst.measure(tape.measurements, final)))
            if keep:
                finals.append(final)
                keep = final.amplitudes.nbytes * (len(finals) + 1) <= _KEPT_BYTES
        if len(finals) == len(entries) and len(self._kept) < 64:
            self._kept[id(tape)] = (tape, prepared, finals)
        return results

    def _batch(self, tape: Any, prepared: Prepared) -> list[Any] | None:
        """Return the expectation values of a batch, run in one call; None if it asks for more."""
        if prepared.start is not None or len(prepared.parts) != 1:
            return None
        if any(mp.obs is None or not isinstance(mp, ExpectationMP) for mp in tape.measurements):
            return None
        sums = []
        for mp in tape.measurements:
            found = self.analyst.observables(mp.obs, prepared.places)
            if found is None:
                return None
            sums.append(found)
        part = prepared.parts[0]
        values = self._runtime.expectations(
            part.program.ready(self._runtime, from_zero=True),
            sums,
            parameters=np.array([part.vector(entry) for entry in range(tape.batch_size)]),
        )
        return [_squeezed([np.float64(v) for v in row]) for row in values.real]

    def _with_shots(self, tape: Any, prepared: Prepared, entry: int | None, mcm_config: Any) -> Any:
        copies = [s.shots for s in tape.shots.shot_vector for _ in range(s.copies)]
        mode = mcm_config.postselect_mode
        sampler: Sampler
        stateless = self._runtime.config.method in METHODS
        if prepared.random or self._noise is not None or stateless:
            sampler = TreeSampler(
                prepared,
                entry,
                copies,
                self._runtime,
                self._programs,
                self._seed,
                fill=mode == "fill-shots",
                noise=self._noise,
            )
        else:
            final = final_state(prepared, self._runtime, entry)
            if mode == "fill-shots" and final.probability == 0.0:
                raise DeviceError(
                    "The postselected outcome has probability 0, so postselect_mode='fill-shots' "
                    "cannot be filled. Use 'hw-like'."
                )
            if prepared.projections and mode != "fill-shots":
                copies = [int(self._rng.binomial(c, min(final.probability, 1.0))) for c in copies]
            sampler = StateSampler(final, copies, self._runtime, self._programs, self._seed)
        rows = measure_with_shots(
            tape.measurements,
            sampler,
            prepared.mcms,
            self._seed,
            pad=mode == "pad-invalid-samples",
        )
        nested = tuple(_squeezed(row) for row in rows)
        return nested if tape.shots.has_partitioned_shots else nested[0]

    def _seed(self) -> int:
        return int(self._rng.integers(2**63))


def _squeezed(results: Sequence[Any]) -> Any:
    return results[0] if len(results) == 1 else tuple(results)


def _stacked(rows: Sequence[Any], tape: Any) -> Any:
    """Put the batch inside each measurement's result, where PennyLane wants it."""
    if not tape.shots.has_partitioned_shots:
        return _stacked_measurements(rows, len(tape.measurements))
    columns = zip(*rows, strict=True)
    return tuple(_stacked_measurements(c, len(tape.measurements)) for c in columns)


def _stacked_measurements(rows: Sequence[Any], count: int) -> Any:
    if count == 1:
        return _stack(rows)
    return tuple(_stack(column) for column in zip(*rows, strict=True))


def _stack(values: Sequence[Any]) -> Any:
    if isinstance(values[0], dict):
        return list(values)
    return np.stack(values)


def _batched_data(tape: Any) -> bool:
    """Return whether the batch is in something else than angles and prepared amplitudes."""
    if tape.batch_size is None:
        return False
    operations = tape.operations
    if operations and isinstance(operations[0], qml.StatePrep):
        operations = operations[1:]
    if any(op.batch_size is not None and not has_rule(op) for op in operations):
        return True
    return any(mp.obs is not None and mp.obs.batch_size is not None for mp in tape.measurements)

"""How a session runs circuits: compile, choose what computes, run, describe the run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike

from quasim_backend.compile.code import CompiledCircuit
from quasim_backend.engines.base import Engine, EngineRequest
from quasim_backend.engines.progress import Progress
from quasim_backend.errors import MemoryLimitError, UnsupportedError
from quasim_backend.ir.instructions import Save
from quasim_backend.ir.validate import check_save
from quasim_backend.kernels.base import CancelToken, KernelSet, as_dtype
from quasim_backend.options import DEFAULT_SHOTS, Config, RunOptions, check_seed
from quasim_backend.plugins.fallbacks import check_fallback
from quasim_backend.plugins.manager import PluginManager
from quasim_backend.plugins.specs import RunRecord
from quasim_backend.result import Result
from quasim_backend.session.batch import sampled_step
from quasim_backend.session.candidates import Candidate
from quasim_backend.session.checks import (
    check_initial_state,
    check_shots,
    check_uniforms,
    depends_on_chance,
    refuse_inexact,
    saves_averages,
)
from quasim_backend.session.choice import averages, exactly
from quasim_backend.session.compiling import CircuitCompiler, extended, source_of
from quasim_backend.session.description import description, description_of_parts, result_of
from quasim_backend.session.independent import (
    IndependentParts,
    independent_parts,
    part_seed,
)
from quasim_backend.session.inputs import to_circuit
from quasim_backend.session.memory import SMALL
from quasim_backend.session.noise import as_noise_model
from quasim_backend.session.parameters import ParameterValues, parameter_vector
from quasim_backend.session.placement import Placement
from quasim_backend.session.select import (
    ChosenKernels,
    choose_engine,
    costs,
    owner_of_saves,
)
from quasim_backend.session.straight import StraightRun, is_plain, straight_steps

__all__ = ["Executor"]

_PROMOTED_BELOW = 16
"""Complex64 requests on fewer qubits are computed in complex128: it costs nothing there."""

_ANY_ANGLE = 0.7
"""Stands for every parameter where a run is only talked about: no gate is special there."""

_APART_FROM = 20
"""Qubits from which a circuit is taken apart where its qubits never meet."""

_COPIES = {"density_matrix": 2, "superop": 4}
"""Bits of the state for each qubit, where it is not one."""


class Executor:
    """Compiles and runs the circuits of one session.

    Kernel set and engines are made when they are first needed and kept. May be used by several
    threads at the same time.

    Attributes:
        config: The session's frozen configuration.
        plugins: Where engines, kernel sets, passes and translators come from.
        noise: The session's noise model, or None.
        closed: Whether the session takes no more work.
    """

    def __init__(self, config: Config, plugins: PluginManager) -> None:
        """Take a session's settings.

        Raises:
            OptionError: If the configuration names an engine that cannot be a fallback.
        """
        if config.fallback:
            check_fallback(config.fallback, plugins)
        self.config = config
        self.plugins = plugins
        self.closed = False
        self.noise = as_noise_model(config.noise_model, plugins, config.gate_times or None)
        self._compiler = CircuitCompiler(config, plugins)
        self._placement = Placement(config, plugins)
        self._engines: dict[str, Engine] = {}
        # With the kernel set and the plug-ins' engines when it was made: another call may get other
        # kernels, and plug-ins may come later.
        self._straight_runs: WeakKeyDictionary[
            CompiledCircuit, tuple[object, KernelSet, StraightRun | None]
        ]
        self._straight_runs = WeakKeyDictionary()

    # --- what a run needs ---------------------------------------------------------------------

    def compiled(
        self,
        circuit: object,
        *,
        keep_idle: bool = False,
        kept: frozenset[int] = frozenset(),
        starts_at_zero: bool = True,
        saves: tuple[Save, ...] = (),
        keep_state: bool = False,
    ) -> CompiledCircuit:
        """Return the code of a circuit, compiled anew only where no earlier code fits.

        Args:
            circuit: Any accepted form.
            keep_idle: Simulate idle qubits too.
            kept: Qubits to simulate even if idle.
            starts_at_zero: Whether runs start in ``|0...0>``.
            saves: Added at the end of the circuit.
            keep_state: Keep noise that no measurement sees, since the final state is wanted.

        Raises:
            UnsupportedError: If the session is closed.
            CircuitError: If the circuit is not legal, or was compiled for other runs and its source
                is not known.
        """
        if self.closed:
            raise UnsupportedError("This session is closed; open a new one.")
        source = to_circuit(circuit, self.plugins)
        if isinstance(source, CompiledCircuit):
            fits = not keep_idle or source.num_qubits == source.original_qubits
            fits &= kept.issubset(source.qubits)
            fits &= not (keep_idle or keep_state) or "channels_left_out" not in source.notes
            if fits and starts_at_zero and not saves:
                return source
            # It was compiled for other runs than this one.
            source = source_of(source)
        if saves:
            for save in saves:
                check_save(save, source.num_qubits)
            source = extended(source, saves)
        return self._compiler(
            source,
            keep_idle=keep_idle,
            kept=kept,
            starts_at_zero=starts_at_zero,
            noise=self.noise,
            keep_state=keep_state,
        )

    def kernels(self, compiled: CompiledCircuit | None = None, states: int = 1) -> ChosenKernels:
        """Return the kernel set for a run.

        Args:
            compiled: What is run; None for work on arrays that the host has.
            states: How many states of the circuit's width one call computes.

        Raises:
            DeviceError: If no kernel set, or not the one asked for, can be used.
            OptionError: If the configuration contradicts itself.
        """
        if compiled is None:
            return self._placement.kernels()
        amplitudes = states << compiled.num_qubits
        return self._placement.kernels(amplitudes, self.dtypes(compiled)[1].itemsize)

    def dtypes(
        self, compiled: CompiledCircuit, copies: int = 1
    ) -> tuple[np.dtype[Any], np.dtype[Any]]:
        """Return the dtype of results and the one to compute in.

        Args:
            compiled: What is run.
            copies: How many bits of the state there are for each qubit.
        """
        double = np.dtype(np.complex128)
        if self.config.simulation_precision == "fp64":
            return double, double
        single = np.dtype(np.complex64)
        small = self.config.promote_small and copies * compiled.num_qubits < _PROMOTED_BELOW
        return single, double if small else single

    def seed(self, seed: int | None) -> int:
        """Return the seed of a run: the one given, the configuration's, or a fresh one."""
        key = check_seed("seed", seed)
        if key is None:
            key = self.config.seed
        return int.from_bytes(os.urandom(8), "little") if key is None else key

    def candidates(
        self, compiled: CompiledCircuit, shots: int, *, everyone: bool = False
    ) -> list[Candidate]:
        """Return what a run would cost on the engines to choose from; nothing is run.

        Args:
            compiled: What would be run.
            shots: Number of shots; 0 for averages over everything that depends on chance.
            everyone: Ask those too that cannot be the fastest.
        """
        request = self._sketch(compiled, shots)
        return costs(compiled, request, self.config, self.plugins, self._engine, everyone=everyone)

    def choice(self, compiled: CompiledCircuit, shots: int) -> tuple[str | None, str]:
        """Return the name of the engine that a run would take, and why; nothing is run.

        Args:
            compiled: As for `candidates`.
            shots: As for `candidates`.

        Returns:
            No name if no engine can do the run.
        """
        request = self._sketch(compiled, shots)
        options = RunOptions(self.config, shots)
        try:
            chosen = choose_engine(compiled, request, options, self.plugins, self._engine)
        except (UnsupportedError, MemoryLimitError) as error:
            return None, str(error)
        return chosen.engine.name, chosen.reason

    def averages(self, method: str) -> bool:
        """Return whether an engine averages exactly over everything that depends on chance."""
        return method in self.plugins.engines.specs and averages(self._engine(method))

    def refuse_inexact(self, compiled: CompiledCircuit, problem: str) -> None:
        """Refuse a circuit whose averages the configured method does not give exactly.

        Args:
            compiled: What would be run.
            problem: What the circuit has not, if it is refused.
        """
        exact = self.averages(self.config.method)
        refuse_inexact(compiled, self.config, problem, averages=exact)

    def _sketch(self, compiled: CompiledCircuit, shots: int) -> EngineRequest:
        """Return the request of a run that differs from others by its number of shots only."""
        copies = _COPIES.get(self.config.method if shots else self._exact_method(compiled), 1)
        return EngineRequest(
            kernels=self.kernels(compiled, 1 << (copies - 1) * compiled.num_qubits).kernels,
            dtype=self.dtypes(compiled, copies)[1],
            parameters=np.full(len(compiled.parameters), _ANY_ANGLE),
            shots=shots,
            workspace_bytes=int(self.config.max_workspace_mb * 2**20),
            config=self.config,
            exact=not shots,
        )

    def _exact_method(self, compiled: CompiledCircuit) -> str:
        """Return the method that averages exactly over chance on amplitudes: its precision."""
        method = self.config.method
        return "density_matrix" if method == "auto" and depends_on_chance(compiled) else method

    # --- the short way ------------------------------------------------------------------------

    def straight(self, compiled: CompiledCircuit, members: int = 1) -> StraightRun | None:
        """Return the short way to run a circuit of gates, sampled at its end or not, or None.

        Args:
            compiled: What is run.
            members: How many states are computed in one call.
        """
        engines = self.plugins.engines
        kernels = self.kernels(compiled, members).kernels
        known = self._straight_runs.get(compiled)
        if known is not None and known[0] is engines and known[1] is kernels:
            return known[2]
        steps = compiled.steps
        step = straight_steps(steps[:-1] if sampled_step(compiled) else steps)
        found = None
        if step is not None and is_plain(self.config, self.plugins):
            found = StraightRun(compiled, step, kernels, self.dtypes(compiled))
        self._straight_runs[compiled] = (engines, kernels, found)
        return found

    def is_small(self, run: StraightRun) -> bool:
        """Return whether a run needs no look at the memory that is free."""
        return run.state_bytes <= SMALL and self.config.max_memory_mb is None

    def prefers_states(self, compiled: CompiledCircuit, shots: int) -> bool:
        """Return whether the state vector is asked for, or chosen, for each member of a batch.

        Args:
            compiled: What is run, with its saves or measurements.
            shots: Number of shots of each member; 0 for what is saved.
        """
        return self.config.method != "auto" or self.choice(compiled, shots)[0] == "statevector"

    # --- the general way ----------------------------------------------------------------------

    def execute(
        self,
        compiled: CompiledCircuit,
        parameters: ParameterValues | None,
        *,
        shots: int | None,
        seed: int | None = None,
        initial_state: ArrayLike | None = None,
        uniforms: ArrayLike | None = None,
        want_state: bool = False,
        want_unitary: bool = False,
        want_superop: bool = False,
        exact: bool = False,
        on_device: bool = False,
        cancel: CancelToken | None = None,
        progress: Callable[[float], None] | None = None,
        extra_bytes: int = 0,
    ) -> Result:
        """Run code on the engine that is chosen for it.

        Args:
            compiled: What to run.
            parameters: Values for one run.
            shots: Number of shots; None for the default, which depends on the circuit.
            seed: None for the configuration's.
            initial_state: Amplitudes ``(2**n,)``, of any library; None for ``|0...0>``.
            uniforms: float64 ``(shots, draws)`` in place of the seed.
            want_state: Keep the final amplitudes.
            want_unitary: Keep the unitary.
            want_superop: Keep the superoperator.
            exact: Saved values are averages over everything that depends on chance.
            on_device: Leave the final amplitudes where they were computed.
            cancel: Stops the run.
            progress: Told the fraction that is done.
            extra_bytes: What the caller allocates besides the engine.

        Raises:
            QuasimError: As `quasim_backend.Runtime` lists them.
        """
        started = time.perf_counter()
        values = parameter_vector(compiled.parameters, parameters)
        if shots is None:
            shots = DEFAULT_SHOTS if depends_on_chance(compiled) else 0
        shots = check_shots(shots)
        key = self.seed(seed)
        method = self.config.method
        whole = want_state or want_unitary or want_superop
        # What is averaged over no shots is averaged exactly, whichever engine is chosen.
        exact |= method == "auto" and shots == 0 and not whole and saves_averages(compiled)
        if method == "auto" and not whole and initial_state is None and uniforms is None:
            parts = self._parts(compiled)
            if parts is not None:
                return self._execute_parts(
                    compiled,
                    parts,
                    parameters,
                    shots=shots,
                    seed=key,
                    exact=exact,
                    cancel=cancel,
                    progress=progress,
                )
        if method == "auto" and want_superop:
            method = "superop"
        elif method == "auto" and (own := owner_of_saves(compiled, self.plugins, self._engine)):
            method = own
        doubled = self._exact_method(compiled) if exact else method
        copies = 2 if want_unitary else _COPIES.get(doubled, 1)
        # A state vector is doubled in precision below a width, and a unitary with it.
        returned, dtype = self.dtypes(compiled, _COPIES.get(doubled, 1))
        chosen = self.kernels(compiled, 1 << (copies - 1) * compiled.num_qubits)
        kernels = chosen.kernels
        request = EngineRequest(
            kernels=kernels,
            dtype=dtype,
            parameters=values,
            shots=shots,
            seed=key,
            uniforms=check_uniforms(uniforms, shots),
            want_state=want_state,
            want_unitary=want_unitary,
            want_superop=want_superop,
            initial_state=check_initial_state(initial_state, compiled.num_qubits, kernels, dtype),
            on_device=on_device,
            workspace_bytes=int(self.config.max_workspace_mb * 2**20),
            cancel=cancel or CancelToken(),
            config=self.config,
            exact=exact,
            progress=Progress(progress),
        )
        options = RunOptions(self.config, shots, key, want_state, want_unitary)
        engine = choose_engine(
            compiled, request, options, self.plugins, self._engine, extra_bytes, method
        )
        metadata = description(compiled, request, chosen, engine, returned)
        began = time.perf_counter()
        try:
            request.cancel.check()
            asked = exactly(request, engine.engine.name) if engine.table else request
            output = engine.engine.run(compiled, asked)
        except BaseException as error:
            self.plugins.run_finished(RunRecord(compiled, options, metadata, error))
            raise
        ended = time.perf_counter()
        request.progress.at(1.0)
        metadata |= output.metadata
        metadata["time_run"] = ended - began
        if output.state is not None:
            output.state = as_dtype(kernels, output.state, returned)
        result = result_of(compiled, shots, output, metadata, returned)
        metadata["time_total"] = time.perf_counter() - started
        self.plugins.run_finished(RunRecord(compiled, options, metadata))
        return result

    def _parts(
        self, compiled: CompiledCircuit
    ) -> tuple[IndependentParts, tuple[CompiledCircuit, ...]] | None:
        """Return the parts of a wide circuit whose qubits never meet, or None."""
        if compiled.num_qubits < _APART_FROM:
            return None
        if "parts" not in compiled.cache:
            parts = independent_parts(compiled)
            codes = [self._compiler.part(c, compiled) for c in parts.circuits] if parts else ()
            compiled.cache["parts"] = (parts, tuple(codes)) if parts else None
        return compiled.cache["parts"]  # type: ignore[no-any-return]

    def _execute_parts(
        self,
        compiled: CompiledCircuit,
        parts: tuple[IndependentParts, tuple[CompiledCircuit, ...]],
        parameters: ParameterValues | None,
        *,
        shots: int,
        seed: int,
        exact: bool,
        cancel: CancelToken | None,
        progress: Callable[[float], None] | None,
    ) -> Result:
        """Run each part on the engine that is best for it, and put the results together."""
        whole, codes = parts
        started = time.perf_counter()
        told, count = Progress(progress), len(codes)
        results = [
            self.execute(
                code,
                parameters,
                shots=shots,
                seed=part_seed(seed, number),
                exact=exact,
                cancel=cancel,
                progress=told.within(number / count, (number + 1) / count),
            )
            for number, code in enumerate(codes)
        ]
        metadata = description_of_parts(compiled, [result.metadata for result in results], seed)
        metadata["time_total"] = time.perf_counter() - started
        packed = whole.packed([result.packed for result in results])
        saved = whole.saved([result.saved for result in results])
        return Result(shots, compiled.num_clbits, packed, saved=saved, metadata=metadata)

    def differentiating(self, method: str | None = None) -> Engine | None:
        """Return an engine if it gives derivatives itself: the configured one, or that named."""
        name = method or self.config.method
        if name not in self.plugins.engines.specs:
            return None
        engine = self._engine(name)
        return engine if hasattr(engine, "jacobian") else None

    def request(
        self, compiled: CompiledCircuit, parameters: ParameterValues | None, *, exact: bool
    ) -> EngineRequest:
        """Return the request of a run without shots on an engine that is not chosen, but given."""
        return replace(
            self._sketch(compiled, 0),
            parameters=parameter_vector(compiled.parameters, parameters),
            exact=exact,
        )

    def _engine(self, name: str) -> Engine:
        engine = self._engines.get(name)
        if engine is None:
            engine = self._engines.setdefault(name, self.plugins.engines[name].make())
        return engine

"""Which kernel set and which engine a run uses, and why."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from quasim_backend.compile.code import CompiledCircuit, SaveStep
from quasim_backend.engines.base import Engine, EngineRequest
from quasim_backend.errors import DeviceError, MemoryLimitError, OptionError, UnsupportedError
from quasim_backend.ir.program import MAX_QUBITS
from quasim_backend.kernels.base import KernelSet
from quasim_backend.options import Config, RunOptions
from quasim_backend.plugins.manager import PluginManager
from quasim_backend.plugins.specs import KernelSpec
from quasim_backend.session.candidates import Candidate, candidate
from quasim_backend.session.checks import depends_on_chance, saves_one_course
from quasim_backend.session.choice import (
    BY_AMPLITUDES,
    averages,
    competitors,
    cost_table,
    exactly,
    ranking,
)
from quasim_backend.session.room import fits, too_large

__all__ = [
    "ChosenEngine",
    "ChosenKernels",
    "choose_engine",
    "choose_kernels",
    "costs",
    "owner_of_saves",
    "usable",
]

_COMMON_SAVES = (
    *("statevector", "density_matrix", "probabilities", "expectation", "variance", "amplitudes"),
)
"""Kinds of save points that every engine has, or refuses itself."""


_OVER_SHOTS = (
    " Exact averages need this engine; target_error=... takes averages over as many shots as that "
    "standard error needs."
)


@dataclass(frozen=True, eq=False)
class ChosenKernels:
    """A kernel set, its device, why it was chosen, and what the user should know about that."""

    kernels: KernelSet
    device: str
    notes: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, eq=False)
class ChosenEngine:
    """An engine and why it was chosen.

    Attributes:
        engine: The engine.
        reason: Why it was chosen.
        seconds: How long it says that the run takes, if it was asked.
        table: What the engines said that were asked.
    """

    engine: Engine
    reason: str
    seconds: float | None = None
    table: tuple[Candidate, ...] = ()


def choose_kernels(config: Config, plugins: PluginManager) -> ChosenKernels:
    """Choose and make the kernel set of a session, whatever the size of its runs.

    By name; else the usable set of the highest priority on the device asked for, which is the CPU
    for ``device="auto"``; see `quasim_backend.session.placement` for large runs.

    Raises:
        DeviceError: If the set that is named, or a required GPU, cannot be used; the message says
            why.
        OptionError: If the name is unknown or contradicts the device.
    """
    if config.require_gpu and config.device == "cpu":
        raise OptionError("require_gpu=True contradicts device='cpu'; set device='gpu'.")
    if config.kernels is not None:
        return _named(config, plugins.kernels[config.kernels])
    notes: list[str] = []
    if config.device == "gpu" or config.require_gpu:
        spec, reasons = usable(plugins, "gpu")
        if spec is not None:
            asked = "require_gpu=True" if config.require_gpu else "device='gpu'"
            return ChosenKernels(spec.make(config), "gpu", reason=f"GPU: {asked}")
        why = "; ".join(reasons) or "no installed plug-in has GPU kernels"
        if config.require_gpu or os.environ.get("QUASIM_REQUIRE_GPU", "") not in ("", "0"):
            raise DeviceError(
                f"No GPU is usable: {why}. Without require_gpu and QUASIM_REQUIRE_GPU the run is "
                f"done on the CPU, with a warning."
            )
        notes.append(f"device='gpu' was asked for, but no GPU is usable: {why}. Runs on the CPU.")
        warnings.warn(notes[-1], RuntimeWarning, stacklevel=2)
    spec, reasons = usable(plugins, "cpu")
    if spec is None:
        raise DeviceError(f"No kernel set is usable: {'; '.join(reasons) or 'none is registered'}.")
    if reasons:
        notes.append(f"{'; '.join(reasons)}. The slower kernel set '{spec.name}' is used.")
        _warn_once(notes[-1])
    reason = "CPU: no GPU is usable" if config.device == "gpu" else "CPU: device='cpu'"
    return ChosenKernels(spec.make(config), "cpu", tuple(notes), reason)


def choose_engine(
    compiled: CompiledCircuit,
    request: EngineRequest,
    options: RunOptions,
    plugins: PluginManager,
    make: Callable[[str], Engine],
    extra_bytes: int = 0,
    method: str = "auto",
) -> ChosenEngine:
    """Choose the engine of a run and check that the run fits into memory.

    By name; else what a plug-in wants; else the cheapest by prediction (see
    `quasim_backend.session.choice`); else the first, by priority, that accepts the run and fits
    into memory.

    Args:
        compiled: What is run.
        request: What is asked of the engine.
        options: The same for plug-ins.
        plugins: Where engines come from.
        make: Returns the engine of a name.
        extra_bytes: What the session allocates besides the engine.
        method: The engine that alone can give what is asked for, where the configuration names
            none.

    Raises:
        OptionError: If the name is unknown.
        UnsupportedError: If no engine, or not the one that is named, can do the run.
        MemoryLimitError: If the run needs more memory than is free.
    """
    config = options.config
    table: list[Candidate] = []
    averaged = request.exact and depends_on_chance(compiled)
    if config.method != "auto":
        candidates, how = [config.method], "asked for by name"
    elif method != "auto":
        candidates, how = [method], "the one that gives this exactly"
    elif (wanted := plugins.select_engine(compiled, options)) is not None:
        candidates, how = [wanted[0]], f"chosen by the plug-in '{wanted[1]}'"
    else:
        _refuse_claimed(plugins)
        if not _outranks(compiled, request, plugins, make):
            table = costs(compiled, request, config, plugins, make, extra_bytes)
        ranked = ranking(
            compiled, table, lambda name: _averages_shots(make(name), compiled, request)
        )
        if ranked is not None:
            candidates, how = ranked
        elif averaged:
            candidates, how = ["density_matrix"], "the one that gives this exactly"
        else:
            asked = {c.name for c in table}
            ranks = [spec.name for spec in plugins.engines.ranked()]
            candidates = [name for name in ranks if not asked or name in asked]
            how = "the first by priority that accepts the run"
    advice = _OVER_SHOTS if config.method == "auto" and averaged else ""
    refusals: list[str] = []
    unfit: list[Engine] = []
    for name in candidates:
        engine = make(name)
        refusal = refusal_of(engine, compiled, request)
        if refusal is not None:
            refusals.append(f"{name}: {refusal}")
            continue
        reason = f"{how} ({'; '.join(refusals)})" if refusals else how
        if name in config.fallback and config.method == "auto":
            reason = f"{reason}; it may approximate, as fallback= allows"
        seconds = next((c.seconds for c in table if c.name == name), None)
        chosen = ChosenEngine(engine, reason, seconds, tuple(table))
        if fits(engine, compiled, request, config, extra_bytes):
            hopeless = next((c.refusal for c in table if c.name == name), None)
            if hopeless is None:
                return chosen
            refusals.append(f"{name}: {hopeless}")
            continue
        unfit.append(engine)
        refusals.append(f"{name}: too little memory")
    if unfit:
        others = [name for name in plugins.engines.specs if name != unfit[0].name]
        problem = too_large(unfit[0], compiled, request, config, others, extra_bytes)
        unable = [f"{c.name}: {c.refusal}" for c in table if c.refusal and c.name != unfit[0].name]
        tried = f" Tried besides: {'; '.join(unable)}." if unable else ""
        raise MemoryLimitError(problem + tried + advice)
    if config.method != "auto":
        raise UnsupportedError(f"method='{config.method}' cannot do this run: {refusals[0]}.")
    conflicts = plugins.engines.conflicts.values()
    raise UnsupportedError(
        " ".join([f"No engine can do this run. {'; '.join(refusals)}.{advice}", *conflicts])
    )


def _averages_shots(engine: Engine, compiled: CompiledCircuit, request: EngineRequest) -> bool:
    """Return whether an engine's averages in this run are exact, with shots too."""
    draws = getattr(engine, "draws_errors", None)
    return averages(engine) and (draws is None or not draws(compiled, request))


def costs(
    compiled: CompiledCircuit,
    request: EngineRequest,
    config: Config,
    plugins: PluginManager,
    make: Callable[[str], Engine],
    extra_bytes: int = 0,
    *,
    everyone: bool = False,
) -> list[Candidate]:
    """Return what a run would cost on the engines there are to choose from.

    Args:
        compiled: What would be run.
        request: What is asked for.
        config: The session's configuration: limits of memory, engines that may approximate.
        plugins: Where engines come from.
        make: Returns the engine of a name.
        extra_bytes: What the session allocates besides the engine.
        everyone: Ask those too that cannot be the fastest.
    """
    specs = plugins.engines.ranked()
    known = plugins.engines.specs
    specs += [known[n] for n in config.fallback if n in known and known[n] not in specs]
    names = competitors(compiled, request, specs)
    if config.kernels is not None or (_wants_gpu(config) and not compiled.holds_gates):
        # What is named are routines for amplitudes, or the place where those are.
        names = [name for name in names if name in BY_AMPLITUDES]
    exact = request.exact and depends_on_chance(compiled)
    one_course = not request.exact and not request.shots and saves_one_course(compiled)

    def has_room(engine: Engine, asked: EngineRequest) -> bool:
        return fits(engine, compiled, asked, config, extra_bytes)

    def refused(engine: Engine) -> str | None:
        refusal = refusal_of(engine, compiled, request)
        if refusal is None and exact and not averages(engine):
            refusal = "averages over shots only"
        if refusal is None and one_course and averages(engine):
            refusal = (
                "averages over outcomes where one course of them is asked for: no shots, and a "
                "save that is no 'average'"
            )
        return refusal

    def ask(engine: Engine) -> Candidate:
        refusal = refused(engine)
        if refusal is not None:
            return Candidate(engine.name, refusal=refusal)
        return candidate(engine, compiled, exactly(request, engine.name), has_room)

    def slowness(engine: Engine) -> float:
        seconds = getattr(engine, "prediction_seconds", None)
        return 0.0 if seconds is None else float(seconds(compiled, request))

    def explore(engine: Engine, patience: float) -> Candidate | None:
        find_out = getattr(engine, "explore", None)
        if find_out is None or refused(engine) is not None:
            return None
        found = find_out(compiled, exactly(request, engine.name), patience)
        return ask(engine) if found else None

    return cost_table(names, make, ask, slowness, explore, everyone=everyone)


def owner_of_saves(
    compiled: CompiledCircuit, plugins: PluginManager, make: Callable[[str], Engine]
) -> str | None:
    """Return the engine whose own kind of save point a circuit has, or None; see `Engine`.

    There is nothing to choose then, and the engine keeps the user's settings: those that
    approximate too.
    """
    kinds = {step.save.kind for step in compiled.steps if isinstance(step, SaveStep)}
    kinds.difference_update(_COMMON_SAVES)
    if not kinds:
        return None
    names = plugins.engines.specs
    return next((n for n in names if kinds.intersection(getattr(make(n), "save_kinds", ()))), None)


def _wants_gpu(config: Config) -> bool:
    return config.device == "gpu" or config.require_gpu


def refusal_of(engine: Engine, compiled: CompiledCircuit, request: EngineRequest) -> str | None:
    """Return why an engine cannot do a run, or None; see `Engine`."""
    return (
        _too_wide(engine, compiled)
        or _unknown_save(engine, compiled)
        or engine.refuses(compiled, request)
    )


def _refuse_claimed(plugins: PluginManager) -> None:
    """Refuse to choose where the usual engines' names are claimed twice: others would step in."""
    conflicts = plugins.engines.conflicts
    claimed = [str(conflicts[name]) for name in BY_AMPLITUDES if name in conflicts]
    if claimed:
        raise UnsupportedError(" ".join(["No engine can be chosen.", *claimed]))


def _outranks(
    compiled: CompiledCircuit,
    request: EngineRequest,
    plugins: PluginManager,
    make: Callable[[str], Engine],
) -> bool:
    """Return whether an engine that predicts nothing accepts the run and comes before all others.

    A plug-in's engine of high priority needs no predictions to be taken.
    """
    for spec in plugins.engines.ranked():
        if spec.name in BY_AMPLITUDES:
            return False
        engine = make(spec.name)
        if hasattr(engine, "predicted_seconds"):
            return False
        if refusal_of(engine, compiled, request) is None:
            return True
    return False


def _too_wide(engine: Engine, compiled: CompiledCircuit) -> str | None:
    if not compiled.holds_gates or getattr(engine, "runs_gates", False):
        return None
    return (
        f"its state holds at most {MAX_QUBITS} qubits, and the circuit has {compiled.num_qubits}; "
        f"engines without amplitudes, which method='auto' may choose, take more"
    )


def _unknown_save(engine: Engine, compiled: CompiledCircuit) -> str | None:
    """Return which save point belongs to another engine, or None; see `Engine`."""
    own = (*_COMMON_SAVES, *getattr(engine, "save_kinds", ()))
    for step in compiled.steps:
        if isinstance(step, SaveStep) and step.save.kind not in own:
            return f"save '{step.save.label}' keeps a '{step.save.kind}', which it has not"
    return None


def _named(config: Config, spec: KernelSpec) -> ChosenKernels:
    if config.device != "auto" and config.device != spec.device:
        raise OptionError(
            f"kernels='{spec.name}' run on the {spec.device}, which contradicts "
            f"device='{config.device}'. Leave one of the two out."
        )
    if config.require_gpu and spec.device != "gpu":
        raise OptionError(f"require_gpu=True contradicts kernels='{spec.name}'.")
    reason = spec.is_available()
    if reason is not None:
        raise DeviceError(f"Kernel set '{spec.name}' cannot be used: {reason.rstrip('.')}.")
    reason = f"{spec.device.upper()}: kernels='{spec.name}'"
    return ChosenKernels(spec.make(config), spec.device, reason=reason)


def usable(plugins: PluginManager, device: str) -> tuple[KernelSpec | None, list[str]]:
    """Return the best usable set on a device, and why better ones are not."""
    reasons: list[str] = []
    for spec in plugins.kernels.ranked():
        if spec.device == device:
            reason = spec.is_available()
            if reason is None:
                return spec, reasons
            reasons.append(f"kernel set '{spec.name}': {reason.rstrip('.')}")
    return None, reasons


@cache
def _warn_once(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=3)

"""Which engine runs a circuit: of those that give what is asked for, the one predicted fastest.

Small circuits go to amplitudes at once. Otherwise every engine that is exact to rounding is asked
what the run would cost it, those whose answer itself takes time last and only where it can pay.
One that cannot know before it has tried may try for as long as it can pay: briefly before the slow
answers, and after them for a share of what the best of the others needs. Engines that approximate
are asked where the configuration's ``fallback`` names them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from quasim_backend.compile.code import CompiledCircuit, GatesStep, NoisyStep, SaveStep
from quasim_backend.engines.base import Engine, EngineRequest
from quasim_backend.plugins.specs import EngineSpec
from quasim_backend.session.candidates import Candidate
from quasim_backend.session.checks import depends_on_chance

__all__ = [
    "BY_AMPLITUDES",
    "OF_MAPS",
    "averages",
    "competitors",
    "cost_table",
    "exactly",
    "has_channels",
    "pays_exactness",
    "ranking",
]

_AT_ONCE = 0.02
"""Seconds; where an engine needs no more, no other is asked."""
_WORTH = 10
"""How many times as long as its answer takes the run must take for an engine to be asked."""
_SHARE = 0.5
"""Of the time that the best of the others needs: how long an engine may try to be faster."""
_NO_TRY = 0.1
"""Seconds; where the best of the others needs no more, none tries."""
_BRIEFLY = 3.0
"""Seconds that it may try before those are asked whose answers take long, at most, and"""
_AS_LONG = 5.0
"""how many times as long as such an answer takes."""
_AGAIN = 1.5
"""How many times as long as before, for it to begin anew."""
_QUICK = 0.02
"""Seconds that a quick answer takes at most."""
_LONGEST = 5.0
"""Seconds that it may try in any case, and where no other can do the run."""
_PATIENCE = 10
"""How many times as long an engine may take that gives exact averages."""
_SOON = 1.0
"""Seconds that it may take in any case."""
_NOISE = ("trajectories", "density_matrix")
OF_MAPS = ("unitary", "superop")
"""Engines of what a circuit does to every state; nothing else is asked of them."""
BY_AMPLITUDES = ("statevector", "trajectories", "density_matrix")
"""Asked first: their plans are made already."""


def averages(engine: Engine) -> bool:
    """Return whether an engine averages exactly over everything that depends on chance."""
    return bool(getattr(engine, "averages", False))


def exactly(request: EngineRequest, name: str) -> EngineRequest:
    """Return a request as the automatic choice makes it: nothing is cut off but rounding.

    Args:
        request: What is asked for.
        name: The engine; those that the user allows to approximate keep the user's settings.
    """
    changes: dict[str, object] = {}
    if name == "matrix_product_state":
        changes = {"max_bond_dimension": None, "truncation_threshold": 0.0}
    elif name == "pauli_propagation":
        changes = {"pauli_threshold": 0.0, "max_pauli_weight": None}
    if not changes or name in request.config.fallback:
        return request
    return replace(request, config=request.config.copy(**changes).frozen())


def has_channels(compiled: CompiledCircuit) -> bool:
    """Return whether a circuit has channels."""
    return any(
        isinstance(step, NoisyStep) or (isinstance(step, GatesStep) and step.has_channels)
        for step in compiled.steps
    )


def competitors(
    compiled: CompiledCircuit, request: EngineRequest, specs: Iterable[EngineSpec]
) -> list[str]:
    """Return the names of the engines to choose from, in the order they are asked.

    Empty where there is no choice: a unitary or superoperator is one engine's, a state to start
    from and numbers in place of random ones belong to amplitudes, and so does what is saved in
    single shots of a circuit with channels.

    Args:
        compiled: What is run.
        request: What is asked for.
        specs: The engines there are, the most wanted first.
    """
    if request.want_unitary or request.want_superop:
        return []
    if request.initial_state is not None or request.uniforms is not None:
        return []
    names = [spec.name for spec in specs if spec.name not in OF_MAPS]
    if not has_channels(compiled):
        # Trajectories: another name of the same engine.
        unfit = {"trajectories"} if request.exact and depends_on_chance(compiled) else {*_NOISE}
        names = [name for name in names if name not in unfit]
    else:
        names = [name for name in names if name != "statevector"]
        saves = [step.save for step in compiled.steps if isinstance(step, SaveStep)]
        averaged = all(save.subtype == "average" for save in saves)
        free = request.exact or (request.shots and averaged and not request.want_state)
        if not free and not compiled.holds_gates:
            return []
    first = [name for name in BY_AMPLITUDES if name in names]
    return [*first, *(name for name in names if name not in first)]


def cost_table(
    names: Sequence[str],
    make: Callable[[str], Engine],
    ask: Callable[[Engine], Candidate],
    slowness: Callable[[Engine], float],
    explore: Callable[[Engine, float], Candidate | None],
    *,
    everyone: bool = False,
) -> list[Candidate]:
    """Ask engines what a run costs them, as far as it pays to ask.

    Args:
        names: The engines, in the order of `competitors`.
        make: Returns the engine of a name; not called for those that are not asked.
        ask: Returns an engine's answer.
        slowness: Returns about how many seconds that takes; the slowest are asked last.
        explore: Has an engine find out more, for some seconds; returns its answer if it did.
        everyone: Ask all of them, however long that takes.
    """
    # Trajectories and density matrix are always compared: one may be exact.
    table = [ask(make(name)) for name in names if name in BY_AMPLITUDES]
    if not everyone and _best(table) <= _AT_ONCE:
        return table
    tried: dict[str, float] = {}
    engines = [make(name) for name in names if name not in BY_AMPLITUDES]
    slow = {engine.name: slowness(engine) for engine in engines}
    for engine in sorted(engines, key=lambda engine: slow[engine.name]):
        if slow[engine.name] > _QUICK:
            _explore(table, make, explore, min(_AS_LONG * slow[engine.name], _BRIEFLY), tried)
        best = _best(table)
        if everyone or best > max(_AT_ONCE, _WORTH * slow[engine.name]):
            table.append(ask(engine))
        elif best <= _AT_ONCE:
            table.append(Candidate(engine.name, refusal="not asked, as another is fast enough"))
        else:
            refusal = f"not asked, which takes {slow[engine.name]:.1g} s"
            table.append(Candidate(engine.name, refusal=refusal))
    _explore(table, make, explore, _LONGEST, tried)
    return table


def _explore(
    table: list[Candidate],
    make: Callable[[str], Engine],
    explore: Callable[[Engine, float], Candidate | None],
    longest: float,
    tried: dict[str, float],
) -> None:
    """Replace answers in a table by better ones, where an engine can find out and it can pay.

    Args:
        table: The answers.
        make: As for `cost_table`.
        explore: As for `cost_table`.
        longest: Seconds that an engine may try.
        tried: How long each was allowed to try before; again only for much longer. Updated.
    """
    for place, known in enumerate(table):
        others = _best([each for each in table if each is not known])
        patience = min(_SHARE * others, longest)
        again = patience > _AGAIN * tried.get(known.name, 0.0)
        if others > _NO_TRY and again and (known.seconds is None or known.seconds > patience):
            tried[known.name] = patience
            table[place] = explore(make(known.name), patience) or known


def _best(table: Sequence[Candidate]) -> float:
    return min((c.seconds for c in table if c.seconds is not None), default=math.inf)


def ranking(
    compiled: CompiledCircuit, table: Sequence[Candidate], exact: Callable[[str], bool]
) -> tuple[list[str], str] | None:
    """Return the engines that can do a run, cheapest first, and the reason.

    What is saved as an average is sampled by some engines and exact with others, which is worth
    some time.

    Args:
        compiled: What is run.
        table: The engines' answers.
        exact: Whether an engine of that name averages exactly.

    Returns:
        None if none of them predicts how long it takes.
    """
    seconds = {c.name: c.seconds for c in table if c.seconds is not None}
    if not seconds:
        return None
    ranked = sorted(seconds, key=lambda name: seconds[name])
    best = ranked[0]
    averages = has_channels(compiled) and any(isinstance(s, SaveStep) for s in compiled.steps)
    if averages and not exact(best):
        better = next((name for name in ranked if exact(name)), None)
        if better is not None and pays_exactness(seconds[better], seconds[best]):
            ranked.sort(key=lambda name: name != better)
            why = f"gives what is saved exactly (predicted {seconds[better]:.2g} s)"
            return ranked, why
    times = ", ".join(f"{name} {seconds[name]:.2g} s" for name in ranked)
    return ranked, f"predicted to be the fastest ({times})"


def pays_exactness(exact: float, sampled: float) -> bool:
    """Return whether exact averages are worth their seconds, given those of sampled ones."""
    return exact <= max(_PATIENCE * sampled, _SOON)

"""What a circuit must be to run here, and pytket's passes that make it so."""

from __future__ import annotations

from functools import cache

from pytket.circuit import OpType
from pytket.passes import (
    AutoRebase,
    BasePass,
    CustomPass,
    DecomposeBoxes,
    FullPeepholeOptimise,
    GreedyPauliSimp,
    RemoveBarriers,
    SequencePass,
    SynthesiseTket,
)
from pytket.predicates import GateSetPredicate, NoSymbolsPredicate, Predicate

from quasim_backend.errors import OptionError
from quasim_pytket.boxes import BOX_TYPES
from quasim_pytket.classical import CLASSICAL_TYPES
from quasim_pytket.gates import GATE_TYPES

__all__ = ["GATE_SET", "compilation_pass", "rebase_pass", "required_predicates"]

GATE_SET = {
    *GATE_TYPES,
    *BOX_TYPES,
    *CLASSICAL_TYPES,
    OpType.Barrier,
    OpType.Collapse,
    OpType.Conditional,
    OpType.Measure,
    OpType.Reset,
}
"""Everything that runs: all but WebAssembly, a device's random numbers, and place holders."""

_BASIS = {OpType.CX, OpType.TK1}
"""Gates that `GreedyPauliSimp` reads."""


@cache
def required_predicates() -> tuple[Predicate, ...]:
    """Return what a circuit must satisfy to run."""
    return (NoSymbolsPredicate(), GateSetPredicate(GATE_SET))


def rebase_pass() -> BasePass:
    """Return a pass that changes nothing: every gate runs as it is."""
    return CustomPass(lambda circuit: circuit, "QuASIM runs every gate as it is")


def compilation_pass(level: int, named: frozenset[OpType] = frozenset()) -> BasePass:
    """Return pytket's passes of an optimisation level.

    Args:
        level: 0 opens only boxes that do not run as they are; 1 merges gates (``SynthesiseTket``);
            2 searches longer (``FullPeepholeOptimise``); 3 resynthesises everything as Pauli
            rotations (``GreedyPauliSimp``), which loses the global phase.
        named: Gates that a noise model names. From level 1 on circuits end in these, as far as they
            suffice, so that the model finds them.

    Raises:
        OptionError: If there is no such level.
    """
    passes: dict[int, list[BasePass]] = {
        0: [DecomposeBoxes(excluded_types=set(BOX_TYPES))],
        1: [DecomposeBoxes(), SynthesiseTket()],
        2: [DecomposeBoxes(), FullPeepholeOptimise()],
        3: [DecomposeBoxes(), RemoveBarriers(), AutoRebase(_BASIS), GreedyPauliSimp()],
    }
    if level not in passes:
        raise OptionError(f"Optimisation levels are 0, 1, 2 and 3; got {level!r}.")
    chosen = passes[level]
    if level > 0 and named:
        chosen.append(_rebase_to(named))
    return SequencePass(chosen)


def _rebase_to(named: frozenset[OpType]) -> BasePass:
    """Return a pass into gates, and as few others as pytket can do with."""
    others: tuple[set[OpType], ...] = (set(), {OpType.TK1}, {OpType.CX}, _BASIS)
    for more in others:
        try:
            return AutoRebase({*named, *more})
        except RuntimeError:  # pytket knows no way into these
            continue
    return AutoRebase(_BASIS)

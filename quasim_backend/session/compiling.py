"""Compilation for a session: passes, then the compiler, with a cache."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from weakref import WeakKeyDictionary

from quasim_backend.compile.code import CompiledCircuit
from quasim_backend.compile.compiler import CompileOptions, compile_circuit
from quasim_backend.compile.noise import canonical_noise, seen
from quasim_backend.compile.planner import PlanOptions
from quasim_backend.errors import CircuitError, PluginError, QuasimError
from quasim_backend.forks import renew_in_child
from quasim_backend.ir.circuit import Circuit
from quasim_backend.ir.instructions import Instruction
from quasim_backend.ir.validate import validate
from quasim_backend.noise.model import NoiseModel
from quasim_backend.options import Config
from quasim_backend.plugins.manager import PluginManager
from quasim_backend.session.noise import on_qubits_of

__all__ = ["CircuitCompiler", "extended", "source_of"]

_CACHED = 32
"""Circuits a session remembers."""

_sources: WeakKeyDictionary[CompiledCircuit, Circuit] = WeakKeyDictionary()
_sources_lock = threading.RLock()
renew_in_child(sys.modules[__name__], "_sources_lock")


def source_of(compiled: CompiledCircuit) -> Circuit:
    """Return the circuit that a session of this process compiled.

    Raises:
        CircuitError: If none did.
    """
    with _sources_lock:
        source = _sources.get(compiled)
    if source is None:
        raise CircuitError(
            "The compiled circuit does not fit this run: it leaves idle qubits out, starts in "
            "|0...0>, or lacks measurements or saves. Give the circuit itself, or what "
            "Runtime.compile returned."
        )
    return source


def extended(circuit: Circuit, more: Sequence[Instruction] = ()) -> Circuit:
    """Return a copy with more instructions at the end; the instructions themselves are shared."""
    result = Circuit(circuit.num_qubits, circuit.num_clbits, circuit.name)
    result.instructions = [*circuit.instructions, *more]
    result.rule_qubits = circuit.rule_qubits
    return result


class CircuitCompiler:
    """Compiles the circuits of one session and remembers the latest.

    A circuit is recognised by its instructions, which are values: changing a circuit in any way
    makes it another one.
    """

    def __init__(self, config: Config, plugins: PluginManager) -> None:
        """Take the session's settings."""
        size = 16 if config.simulation_precision == "fp64" else 8
        plan = replace(config.plan or PlanOptions(), amplitude_bytes=size)
        self._options = CompileOptions(plan=plan)
        self._plugins = plugins
        self._cache: OrderedDict[object, CompiledCircuit] = OrderedDict()
        self._lock = threading.RLock()
        renew_in_child(self, "_lock")

    def __call__(
        self,
        circuit: Circuit,
        *,
        keep_idle: bool = False,
        kept: frozenset[int] = frozenset(),
        starts_at_zero: bool = True,
        noise: NoiseModel | None = None,
        keep_state: bool = False,
    ) -> CompiledCircuit:
        """Check, rewrite and compile a circuit, or return what an equal call returned.

        Args:
            circuit: Not changed.
            keep_idle: Simulate idle qubits too.
            kept: Qubits that are simulated even if idle.
            starts_at_zero: Whether runs start in ``|0...0>``.
            noise: Put into the circuit before the passes.
            keep_state: Keep noise that no measurement sees: the final state is wanted. Always so
                with ``keep_idle``.

        Raises:
            CircuitError: If the circuit is not legal.
            UnsupportedError: If it is too wide.
            PluginError: If a pass fails by accident; the message names it.
        """
        key = (
            circuit.name,
            circuit.num_qubits,
            circuit.num_clbits,
            keep_idle,
            kept,
            starts_at_zero,
            noise,
            keep_state,
            None if circuit.rule_qubits is None else tuple(circuit.rule_qubits.items()),
            tuple(circuit.instructions),
        )
        with self._lock:
            found = self._cache.get(key)
            if found is not None:
                self._cache.move_to_end(key)
                return found
        validate(circuit)
        source = extended(circuit)
        unseen = 0
        if noise is not None:
            circuit = on_qubits_of(circuit, noise).applied(circuit)
            validate(circuit)
            if starts_at_zero:
                circuit = canonical_noise(circuit, keep_last=True)
            if starts_at_zero and not (keep_idle or keep_state):
                visible = seen(circuit.instructions)
                unseen = len(circuit.instructions) - len(visible)
                circuit.instructions = visible
        # A pass may put parameters in another order or drop some; callers count on the circuit's.
        parameters = circuit.parameters
        passes = self._plugins.passes.specs
        for name in passes:
            circuit = self._rewritten(circuit, name)
        options = replace(
            self._options,
            keep_idle=keep_idle,
            kept=kept,
            starts_at_zero=starts_at_zero,
            # Where the circuit had none, a pass may bring its own.
            parameters=parameters or (circuit.parameters if passes else ()),
        )
        compiled = compile_circuit(circuit, options)
        compiled.notes["passes"] = list(passes)
        if unseen:
            compiled.notes["channels_left_out"] = unseen
        with _sources_lock:
            _sources[compiled] = source
        with self._lock:
            self._cache[key] = compiled
            if len(self._cache) > _CACHED:
                self._cache.popitem(last=False)
        return compiled

    def part(self, circuit: Circuit, whole: CompiledCircuit) -> CompiledCircuit:
        """Compile a part of a circuit that was compiled already, with its parameter vector."""
        options = replace(self._options, parameters=whole.parameters)
        return compile_circuit(circuit, options)

    def _rewritten(self, circuit: Circuit, name: str) -> Circuit:
        table = self._plugins.passes
        where = f"Pass '{name}' of plug-in '{table.owners[name]}'"
        try:
            result = table[name].run(circuit)
        except QuasimError:
            raise
        except Exception as cause:
            raise PluginError(f"{where} failed: {type(cause).__name__}: {cause}") from cause
        if not isinstance(result, Circuit):
            raise PluginError(f"{where} must return a Circuit; it returned {result!r}.")
        if (result.num_qubits, result.num_clbits) != (circuit.num_qubits, circuit.num_clbits):
            raise PluginError(f"{where} changed the number of qubits or classical bits.")
        try:
            validate(result)
        except QuasimError as cause:
            raise PluginError(f"{where} returned a circuit that is not legal: {cause}") from cause
        return result

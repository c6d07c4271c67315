"""What our simulators share: circuits made ready to run, with the noise put in, and kept."""

from __future__ import annotations

from typing import Any

import cirq
import numpy as np

from quasim_backend import Config, Runtime, runtime
from quasim_cirq.cache import CircuitCache
from quasim_cirq.noise_models import noise_key
from quasim_cirq.parameters import NeedsValues, UnsupportedOperationError
from quasim_cirq.programs import Program, Values

__all__ = ["Prepares"]


class _NeedsValues:
    """Marks a circuit that is translated anew at each point of a sweep."""


_NEEDS_VALUES = _NeedsValues()


class Prepares:
    """A simulator of Cirq's that makes programs of circuits; mixed in before Cirq's class."""

    _dtype: type[np.complexfloating[Any, Any]]
    _config: Config
    _programs: CircuitCache
    _runtime: Runtime | None = None
    noise: Any

    @property
    def _is_noisy(self) -> bool:
        return self.noise is not cirq.NO_NOISE

    def _program(
        self, circuit: cirq.AbstractCircuit, qubit_order: Any = cirq.QubitOrder.DEFAULT
    ) -> Program | _NeedsValues | None:
        """Return a circuit made ready to run, from the cache if it was run before.

        Returns:
            None for a circuit that Cirq has to simulate, `_NEEDS_VALUES` for one that can be
            translated when its symbols have values.
        """
        if self._dtype not in (np.complex64, np.complex128):
            return None
        model = None
        if self._is_noisy:
            model = noise_key(self.noise)
            if cirq.is_parameterized(circuit):
                # What a model adds may depend on the values.
                return _NEEDS_VALUES
            if model is None:
                return self._made(circuit, _ordered(circuit, qubit_order))
        key = None
        if qubit_order is not cirq.QubitOrder.DEFAULT:
            key = _ordered(circuit, qubit_order)
        return self._programs.get(
            circuit,
            (key, model),
            lambda: self._made(circuit, key or _ordered(circuit, qubit_order)),
        )

    def _made(
        self, circuit: cirq.AbstractCircuit, qubits: tuple[cirq.Qid, ...]
    ) -> Program | _NeedsValues | None:
        if not qubits:
            return None
        if self._runtime is None:
            self._runtime = runtime(self._config)
        layers: Any = tuple(circuit.moments)
        if self._is_noisy:
            noisy = self.noise.noisy_moments(circuit, sorted(circuit.all_qubits()))
            layers = [list(cirq.flatten_to_ops(moment)) for moment in noisy]
        try:
            return Program(self._runtime, layers, qubits)
        except NeedsValues:
            return _NEEDS_VALUES
        except UnsupportedOperationError:
            return None

    def _program_at(
        self,
        circuit: cirq.AbstractCircuit,
        resolver: cirq.ParamResolver,
        qubit_order: Any = cirq.QubitOrder.DEFAULT,
    ) -> tuple[Program, Values] | None:
        """Return a program and the values of its parameters; None if Cirq has to simulate."""
        program = self._program(circuit, qubit_order)
        if program is _NEEDS_VALUES:
            resolved = cirq.resolve_parameters(circuit, resolver)
            if cirq.is_parameterized(resolved):
                return None
            program = self._made(resolved, _ordered(circuit, qubit_order))
        if not isinstance(program, Program):
            return None
        values = program.values(resolver)
        if values is None:
            return None
        fixed = program.at(values, resolver)
        # A program for one point has no parameters left.
        return fixed, values if fixed is program else {}

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what belongs to this process."""
        return {**self.__dict__, "_runtime": None, "_programs": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Start with an empty cache."""
        self.__dict__.update(state, _programs=CircuitCache())


def _ordered(circuit: cirq.AbstractCircuit, qubit_order: Any) -> tuple[cirq.Qid, ...]:
    return cirq.QubitOrder.as_qubit_order(qubit_order).order_for(circuit.all_qubits())

"""Exact execution of dynamic circuits: one density matrix for each value of classical memory.

Measurements, resets, channels and classical control are followed without sampling, so the result is
the exact joint distribution of classical memory. Meant for at most about five qubits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from quasim_backend.ir.circuit import Circuit
from quasim_backend.ir.expr import Bit, Bits, Expr, Value, Var
from quasim_backend.ir.instructions import (
    Assign,
    Barrier,
    Break,
    ChannelOp,
    Continue,
    Delay,
    For,
    GateOp,
    If,
    Initialize,
    Instruction,
    Measure,
    Reset,
    Save,
    SetState,
    Switch,
    While,
)
from quasim_backend.ir.parameters import Parameter
from quasim_backend.testing.classical_oracle import evaluate
from quasim_backend.testing.oracles import apply_matrix

__all__ = ["exact_branches", "exact_distribution"]

Matrix = NDArray[np.complex128]
Memory: TypeAlias = tuple[int, frozenset[tuple[Var, Value]]]
Branches: TypeAlias = dict[Memory, Matrix]
"""Density matrix for each classical memory; its trace is the memory's probability."""

_NEGLIGIBLE = 1e-13
_MAX_ROUNDS = 10_000


def exact_distribution(
    circuit: Circuit, parameters: Mapping[Parameter, float] | None = None
) -> dict[int, float]:
    """Return the exact probability of each final value of the classical bits.

    Args:
        circuit: Any circuit; save points do nothing.
        parameters: Value of every symbolic parameter.

    Raises:
        RuntimeError: If a ``while`` loop still runs with non-negligible probability after 10,000
            rounds.
    """
    return {
        bits: float(np.trace(rho).real) for bits, rho in exact_branches(circuit, parameters).items()
    }


def exact_branches(
    circuit: Circuit, parameters: Mapping[Parameter, float] | None = None
) -> dict[int, Matrix]:
    """Return the final density matrix for each value of the classical bits.

    Each ``(2**n, 2**n)`` matrix has the value's probability as its trace; their sum is the final
    state when classical memory is ignored.
    """
    rho = np.zeros((1 << circuit.num_qubits,) * 2, np.complex128)
    rho[0, 0] = 1
    run = _Run(circuit.num_qubits, dict(parameters or {}))
    final = run.block(circuit.instructions, {(0, frozenset()): rho}).through
    result: dict[int, Matrix] = {}
    for (bits, _), matrix in final.items():
        result[bits] = result.get(bits, 0) + matrix
    return result


@dataclass
class _Flow:
    """Where branches are at the end of a block: past it, or leaving or continuing a loop."""

    through: Branches = field(default_factory=dict)
    broken: Branches = field(default_factory=dict)
    continued: Branches = field(default_factory=dict)


def _add(into: Branches, branches: Branches) -> None:
    for memory, rho in branches.items():
        into[memory] = into[memory] + rho if memory in into else rho


def _weight(branches: Branches) -> float:
    return sum(float(np.trace(rho).real) for rho in branches.values())


def _split(branches: Branches, key: Callable[[Memory], Any]) -> dict[Any, Branches]:
    parts: dict[Any, Branches] = {}
    for memory, rho in branches.items():
        parts.setdefault(key(memory), {})[memory] = rho
    return parts


def _matches(subject: Expr, values: tuple[int, ...] | None) -> Callable[[Memory], bool]:
    """Return whether a memory's subject is among a case's values; None matches everything."""
    return lambda memory: values is None or int(evaluate(subject, *memory)) in values


@dataclass
class _Run:
    num_qubits: int
    values: dict[Parameter, Any]

    # --- control flow -------------------------------------------------------------------------

    def block(self, instructions: Iterable[Instruction], branches: Branches) -> _Flow:
        flow = _Flow(through=branches)
        for instruction in instructions:
            if not flow.through:
                break
            step = self.instruction(instruction, flow.through)
            flow.through = step.through
            _add(flow.broken, step.broken)
            _add(flow.continued, step.continued)
        return flow

    def instruction(self, instruction: Instruction, branches: Branches) -> _Flow:
        match instruction:
            case If(condition, body, orelse):
                parts = _split(branches, lambda m: bool(evaluate(condition, *m)))
                return self._join([(body, parts.get(True, {})), (orelse, parts.get(False, {}))], {})
            case Switch(subject, cases):
                blocks: list[tuple[Sequence[Instruction], Branches]] = []
                rest = branches
                for values, body in cases:
                    parts = _split(rest, _matches(subject, values))
                    blocks.append((body, parts.get(True, {})))
                    rest = parts.get(False, {})
                return self._join(blocks, rest)
            case For():
                return self._for(instruction, branches)
            case While(condition, body):
                return self._while(condition, body, branches)
            case Break():
                return _Flow(broken=branches)
            case Continue():
                return _Flow(continued=branches)
            case Assign(target, value):
                result: Branches = {}
                for memory, rho in branches.items():
                    _add(result, {_stored(memory, target, evaluate(value, *memory)): rho})
                return _Flow(through=result)
        result = {}
        for memory, rho in branches.items():
            _add(result, self.quantum(instruction, memory, rho))
        return _Flow(through=result)

    def _join(
        self, blocks: Sequence[tuple[Sequence[Instruction], Branches]], untouched: Branches
    ) -> _Flow:
        """Run each block on its branches and put the pieces together again."""
        flow = _Flow(through=dict(untouched))
        for body, branches in blocks:
            if branches:
                part = self.block(body, branches)
                _add(flow.through, part.through)
                _add(flow.broken, part.broken)
                _add(flow.continued, part.continued)
        return flow

    def _for(self, loop: For, branches: Branches) -> _Flow:
        done: Branches = {}
        outer = dict(self.values)
        for value in loop.values:
            if loop.variable is not None:
                assigned: Branches = {}
                for memory, rho in branches.items():
                    _add(assigned, {_stored(memory, loop.variable, value): rho})
                branches = assigned
            if loop.parameter is not None:
                self.values[loop.parameter] = float(value)
            flow = self.block(loop.body, branches)
            _add(done, flow.broken)
            branches = {}
            _add(branches, flow.through)
            _add(branches, flow.continued)
        self.values = outer
        _add(done, branches)
        return _Flow(through=done)

    def _while(self, condition: Expr, body: Sequence[Instruction], branches: Branches) -> _Flow:
        done: Branches = {}
        for _ in range(_MAX_ROUNDS):
            parts = _split(branches, lambda m: bool(evaluate(condition, *m)))
            _add(done, parts.get(False, {}))
            if _weight(parts.get(True, {})) < _NEGLIGIBLE:
                return _Flow(through=done)
            flow = self.block(body, parts[True])
            _add(done, flow.broken)
            branches = {}
            _add(branches, flow.through)
            _add(branches, flow.continued)
        raise RuntimeError(f"A while loop still runs after {_MAX_ROUNDS} rounds.")

    # --- quantum ------------------------------------------------------------------------------

    def quantum(self, instruction: Instruction, memory: Memory, rho: Matrix) -> Branches:
        match instruction:
            case GateOp(gate, qubits):
                return {memory: self._kraus(rho, [gate.bound(self.values).matrix()], qubits)}
            case ChannelOp(channel, qubits):
                return {memory: self._kraus(rho, channel.kraus_operators(), qubits)}
            case Reset(qubits):
                zero = np.zeros(1 << len(qubits), np.complex128)
                zero[0] = 1
                return {memory: self._prepare(rho, zero, qubits)}
            case Initialize(amplitudes, qubits):
                return {memory: self._prepare(rho, amplitudes, qubits)}
            case SetState(amplitudes):
                pure = np.outer(amplitudes, amplitudes.conj())
                return {memory: np.trace(rho) * pure}
            case Measure():
                return self._measure(instruction, memory, rho)
            case Barrier() | Delay() | Save():
                return {memory: rho}
        raise TypeError(f"Not an instruction: {instruction!r}.")

    def _kraus(self, rho: Matrix, operators: Iterable[Matrix], qubits: Sequence[int]) -> Matrix:
        """Return ``sum K rho K^dagger``: the bits of the row index come after the column's."""
        rows = [q + self.num_qubits for q in qubits]
        total = np.zeros(rho.size, np.complex128)
        for operator in operators:
            once = apply_matrix(rho.reshape(-1), operator, rows)
            total += apply_matrix(once, np.conj(operator), qubits)
        return total.reshape(rho.shape)

    def _prepare(self, rho: Matrix, amplitudes: Matrix, qubits: Sequence[int]) -> Matrix:
        """Discard ``qubits`` and put ``amplitudes`` there: Kraus operators ``|amplitudes><o|``."""
        basis = np.eye(len(amplitudes))
        return self._kraus(rho, [np.outer(amplitudes, row) for row in basis], qubits)

    def _measure(self, measure: Measure, memory: Memory, rho: Matrix) -> Branches:
        result: Branches = {}
        size = 1 << len(measure.qubits)
        readout = np.eye(size) if measure.readout is None else measure.readout.matrix
        for outcome in range(size):
            projector = np.zeros((size, size), np.complex128)
            projector[outcome, outcome] = 1
            collapsed = self._kraus(rho, [projector], measure.qubits)
            if np.trace(collapsed).real < 1e-15:
                continue
            for read in np.flatnonzero(readout[outcome]).tolist():
                stored = _stored(memory, Bits(measure.clbits), read)
                _add(result, {stored: readout[outcome, read] * collapsed})
        return result


def _stored(memory: Memory, target: Var | Bit | Bits, value: Value) -> Memory:
    """Return the memory after storing a value."""
    bits, variables = memory
    if isinstance(target, Var):
        others = {pair for pair in variables if pair[0] != target}
        return bits, frozenset(others | {(target, value)})
    clbits = (target.index,) if isinstance(target, Bit) else target.indices
    for place, clbit in enumerate(clbits):
        bits = bits & ~(1 << clbit) | (int(value) >> place & 1) << clbit
    return bits, variables

"""An interpreter of pytket circuits, slow and on its own, as the oracle of dynamic circuits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pytket")

from pytket.circuit import Circuit, ClBitVar, ClExpr, ClRegVar, OpType

Branch = tuple[float, np.ndarray, tuple[int, ...]]
"""Probability, state with an axis for each qubit, bits."""

WORD = 1 << 64


@pytest.fixture
def distribution() -> Callable[[Circuit], dict[tuple[int, ...], float]]:
    """Return a function from a circuit to the exact distribution of its bits."""
    return exact_distribution


def exact_distribution(circuit: Circuit) -> dict[tuple[int, ...], float]:
    start = np.zeros((2,) * circuit.n_qubits, complex)
    start[(0,) * circuit.n_qubits] = 1
    branches: list[Branch] = [(1.0, start, (0,) * circuit.n_bits)]
    for command in circuit.get_commands():
        qubits = [circuit.qubits.index(q) for q in command.qubits]
        # Bits in the order of the arguments; a bit may be an input and an output.
        bits = [circuit.bits.index(u) for u in command.args if u in circuit.bits]
        branches = [n for b in branches for n in step(command.op, qubits, bits, b)]
    found: dict[tuple[int, ...], float] = defaultdict(float)
    for probability, _, outcome in branches:
        found[outcome] += probability
    return dict(found)


def step(op: Any, qubits: list[int], bits: list[int], branch: Branch) -> list[Branch]:
    probability, state, memory = branch
    kind = op.type
    if kind == OpType.Conditional:
        value = sum(memory[b] << i for i, b in enumerate(bits[: op.width]))
        return step(op.op, qubits, bits[op.width :], branch) if value == op.value else [branch]
    if kind == OpType.Barrier:
        return [branch]
    if kind in (OpType.Measure, OpType.Collapse, OpType.Reset):
        return list(project(kind, qubits[0], bits, branch))
    if kind in CLASSICAL:
        values = CLASSICAL[kind](op, [memory[b] for b in bits])
        changed = list(memory)
        for bit, value in zip(bits[len(bits) - len(values) :], values, strict=True):
            changed[bit] = int(value)
        return [(probability, state, tuple(changed))]
    if kind == OpType.ClExpr:
        return [(probability, state, evaluate(op.expr, bits, memory))]
    matrix = op.get_unitary().reshape((2,) * (2 * len(qubits)))
    width = len(qubits)
    state = np.tensordot(matrix, state, (range(width, 2 * width), qubits))
    return [(probability, np.moveaxis(state, range(width), qubits), memory)]


def project(kind: OpType, qubit: int, bits: list[int], branch: Branch):
    probability, state, memory = branch
    for outcome in (0, 1):
        part = np.zeros_like(state)
        place = (slice(None),) * qubit
        target = 0 if kind == OpType.Reset else outcome
        part[(*place, target)] = state[(*place, outcome)]
        weight = float(np.sum(np.abs(part) ** 2))
        if weight > 1e-14:
            seen = list(memory)
            for bit in bits:
                seen[bit] = outcome
            yield probability * weight, part / np.sqrt(weight), tuple(seen)


def number(bits: list[int]) -> int:
    return sum(bit << place for place, bit in enumerate(bits))


def table(op: Any, count: int) -> Mapping[str, Any]:
    written = Circuit(0, count).add_gate(op, list(range(count))).to_dict()
    return written["commands"][0]["op"]["classical"]


def multi(op: Any, values: list[int]) -> list[int]:
    step = len(values) // op.multiplier
    chunks = [values[i : i + step] for i in range(0, len(values), step)]
    inner = CLASSICAL[op.basic_op.type]
    # Only for operations that read every bit and write the last one of a chunk.
    return [v for chunk in chunks for v in (*chunk[:-1], *inner(op.basic_op, chunk))]


CLASSICAL: dict[OpType, Callable[[Any, list[int]], list[int]]] = {
    OpType.SetBits: lambda op, values: op.values,
    OpType.CopyBits: lambda op, values: values[: len(values) // 2],
    OpType.RangePredicate: lambda op, values: [op.lower <= number(values[:-1]) <= op.upper],
    OpType.ExplicitPredicate: lambda op, values: [
        table(op, len(values))["values"][number(values[:-1])]
    ],
    OpType.ExplicitModifier: lambda op, values: [table(op, len(values))["values"][number(values)]],
    OpType.ClassicalTransform: lambda op, values: [
        table(op, len(values))["values"][number(values)] >> i & 1 for i in range(len(values))
    ],
    OpType.MultiBit: multi,
}


def evaluate(wired: Any, bits: list[int], memory: tuple[int, ...]) -> tuple[int, ...]:
    def value(node: Any) -> int:
        if isinstance(node, ClBitVar):
            return memory[bits[wired.bit_posn[node.index]]]
        if isinstance(node, ClRegVar):
            return number([memory[bits[p]] for p in wired.reg_posn[node.index]])
        if isinstance(node, ClExpr):
            return int(OPERATIONS[node.op.name](*map(value, node.args))) % WORD
        return int(node)

    changed = list(memory)
    result = value(wired.expr)
    for place, position in enumerate(wired.output_posn):
        changed[bits[position]] = result >> place & 1
    return tuple(changed)


OPERATIONS: dict[str, Callable[..., int]] = {
    "BitAnd": lambda a, b: a & b,
    "BitOr": lambda a, b: a | b,
    "BitXor": lambda a, b: a ^ b,
    "BitEq": lambda a, b: a == b,
    "BitNeq": lambda a, b: a != b,
    "BitNot": lambda a: 1 - a,
    "BitZero": lambda: 0,
    "BitOne": lambda: 1,
    "RegAnd": lambda a, b: a & b,
    "RegOr": lambda a, b: a | b,
    "RegXor": lambda a, b: a ^ b,
    "RegEq": lambda a, b: a == b,
    "RegNeq": lambda a, b: a != b,
    "RegNot": lambda a: ~a,
    "RegZero": lambda: 0,
    "RegOne": lambda: -1,
    "RegLt": lambda a, b: a < b,
    "RegGt": lambda a, b: a > b,
    "RegLeq": lambda a, b: a <= b,
    "RegGeq": lambda a, b: a >= b,
    "RegAdd": lambda a, b: a + b,
    "RegSub": lambda a, *b: a - b[0] if b else -a,
    "RegMul": lambda a, b: a * b,
    "RegDiv": lambda a, b: a // b,
    "RegPow": lambda a, b: a**b,
    "RegLsh": lambda a, b: a << b,
    "RegRsh": lambda a, b: a >> b,
    "RegNeg": lambda a: -a,
}

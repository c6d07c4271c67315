"""Random dynamic circuits: measurement, reset and every form of classical control."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from quasim_backend.ir.channels import Channel
from quasim_backend.ir.circuit import Circuit
from quasim_backend.ir.expr import Binary, Bit, Bits, Const, Expr, Unary, Var, uint
from quasim_backend.testing.generators import (
    Choices,
    QuarterTurns,
    RandomChoices,
    draw_gate,
    haar_unitary,
    random_state,
)

__all__ = [
    "DYNAMIC_KINDS",
    "draw_dynamic_circuit",
    "random_dynamic_circuit",
    "random_dynamic_clifford",
]

DYNAMIC_KINDS = ("measure", "reset", "if", "for", "while", "switch", "break")
"""Kinds that SDK circuits can express too; the default."""

EXTRA_KINDS = ("assign", "initialize", "channel")
"""Kinds that `random_dynamic_circuit` draws when asked to."""

_PLAIN_GATES = ("named", "alias", "controlled", "pauli_rotation")
_MOST_DEPTH = 2


def random_dynamic_circuit(
    rng: np.random.Generator,
    num_qubits: int,
    num_clbits: int,
    num_instructions: int,
    kinds: Sequence[str] = DYNAMIC_KINDS,
    gate_kinds: Sequence[str] = _PLAIN_GATES,
) -> Circuit:
    """Return a random circuit of gates, measurements, resets and classical control.

    About every second instruction is a gate. Every ``while`` loop ends with certainty and after two
    rounds on average. The circuit ends by measuring its first qubits into its first classical bits.

    Args:
        rng: Source of randomness; advanced.
        num_qubits: At least 1.
        num_clbits: At least 1.
        num_instructions: On the top level; blocks hold one to three each.
        kinds: A selection of `DYNAMIC_KINDS` and of ``assign``, ``initialize`` and ``channel``.
        gate_kinds: A selection of `GATE_KINDS`.
    """
    choose = RandomChoices(rng)
    return draw_dynamic_circuit(choose, num_qubits, num_clbits, num_instructions, kinds, gate_kinds)


def random_dynamic_clifford(
    rng: np.random.Generator,
    num_qubits: int,
    num_clbits: int,
    num_instructions: int,
    kinds: Sequence[str] = (*DYNAMIC_KINDS, "assign"),
) -> Circuit:
    """Return a random circuit as `random_dynamic_circuit`, with Clifford gates only."""
    choose = QuarterTurns(RandomChoices(rng))
    return draw_dynamic_circuit(
        choose, num_qubits, num_clbits, num_instructions, kinds, ("clifford",)
    )


def draw_dynamic_circuit(
    choose: Choices,
    num_qubits: int,
    num_clbits: int,
    num_instructions: int,
    kinds: Sequence[str] = DYNAMIC_KINDS,
    gate_kinds: Sequence[str] = _PLAIN_GATES,
) -> Circuit:
    """Draw a dynamic circuit from any source of choices; see `random_dynamic_circuit`."""
    draw = _Drawing(choose, num_qubits, num_clbits, tuple(kinds), tuple(gate_kinds))
    circuit = draw.block(num_instructions, depth=0, in_loop=False)
    last = min(num_qubits, num_clbits)
    return circuit.measure(range(last), range(last))


class _Drawing:
    """One circuit being drawn; a method for each kind of instruction appends it."""

    def __init__(
        self,
        choose: Choices,
        num_qubits: int,
        num_clbits: int,
        kinds: tuple[str, ...],
        gate_kinds: tuple[str, ...],
    ) -> None:
        self.choose = choose
        self.num_qubits = num_qubits
        self.num_clbits = num_clbits
        self.kinds = kinds
        self.gate_kinds = gate_kinds
        self.appends: dict[str, Callable[[Circuit, int, bool], None]] = {
            "measure": self.measure,
            "reset": self.reset,
            "if": self.if_,
            "for": self.for_,
            "while": self.while_,
            "switch": self.switch,
            "break": self.break_,
            "assign": self.assign,
            "initialize": self.initialize,
            "channel": self.channel,
        }

    def block(self, length: int, depth: int, in_loop: bool) -> Circuit:
        circuit = Circuit(self.num_qubits, self.num_clbits)
        for _ in range(length):
            if self.choose.integer(0, 1):
                self.gate(circuit)
            else:
                self.appends[self.choose.pick(self.kinds)](circuit, depth, in_loop)
        return circuit

    def inner(self, depth: int, in_loop: bool) -> Circuit:
        return self.block(self.choose.integer(1, 3), depth + 1, in_loop)

    def qubits(self, count: int) -> list[int]:
        return self.choose.sample(self.num_qubits, count)

    def some_qubits(self, most: int = 2) -> list[int]:
        return self.qubits(self.choose.integer(1, min(most, self.num_qubits)))

    def condition(self) -> Expr:
        form = self.choose.integer(0, 3)
        bit = Bit(self.choose.integer(0, self.num_clbits - 1))
        if form == 0:
            return bit
        if form == 1:
            return Unary("not", bit)
        if form == 2:
            other = Bit(self.choose.integer(0, self.num_clbits - 1))
            return Binary(self.choose.pick(["and", "or", "^"]), bit, other)
        return Binary(self.choose.pick(["==", "!=", "<", ">="]), self.register(), self.constant())

    def register(self) -> Bits:
        """Return all classical bits as one number, as SDKs compare whole registers."""
        return Bits(tuple(range(self.num_clbits)))

    def constant(self) -> Const:
        return Const(
            self.choose.integer(0, (1 << self.num_clbits) - 1), uint(max(1, self.num_clbits))
        )

    # --- instructions -------------------------------------------------------------------------

    def gate(self, circuit: Circuit) -> None:
        gate = draw_gate(self.choose, self.num_qubits, self.gate_kinds)
        circuit.append(gate, self.qubits(gate.num_qubits))

    def measure(self, circuit: Circuit, depth: int, in_loop: bool) -> None:
        qubits = self.some_qubits(min(2, self.num_clbits))
        # A measurement of a basis state tests nothing: turn one of the qubits away from it.
        circuit.ry(self.choose.real(0.5, 2.5), qubits[0])
        circuit.measure(qubits, self.choose.sample(self.num_clbits, len(qubits)))

    def reset(self, circuit: Circuit, depth: int, in_loop: bool) -> None:
        circuit.reset(*self.some_qubits())

    def if_(self, circuit: Circuit, depth: int, in_loop: bool) -> None:
        if depth >= _MOST_DEPTH:
            return self.measure(circuit, depth, in_loop)
        orelse = self.inner(depth, in_loop) if self.choose.integer(0, 1) else None
        circuit.if_(self.condition(), self.inner(depth, in_loop), orelse)
        return None

    def switch(self, circuit: Circuit, depth: int, in_loop: bool) -> None:
        if depth >= _MOST_DEPTH:
            return self.measure(circuit, depth, in_loop)
        values = self.choose.sample(1 << min(self.num_clbits, 4), min(3, 1 << self.num_clbits))
        cases: list[tuple[Sequence[int] | None, Circuit]] = [
            (values[:1], self.inner(depth, in_loop)),
            (values[1:], self.inner(depth, in_loop)),
        ]
        if self.choose.integer(0, 1):
            cases.append((None, self.inner(depth, in_loop)))
        circuit.switch(self.register(), [c for c in cases if c[0] is None or c[0]])
        return None

    def for_(self, circuit: Circuit, depth: int, in_loop: bool) -> None:
        if depth >= _MOST_DEPTH:
            return self.measure(circuit, depth, in_loop)
        values = [self.choose.integer(0, 5) for _ in range(self.choose.integer(0, 3))]
        circuit.for_(values, self.inner(depth, True))
        return None

    def while_(self, circuit: Circuit, depth: int, in_loop: bool) -> None:
        """Append a loop whose last act decides afresh, on a qubit just reset, whether to go on."""
        if depth >= _MOST_DEPTH:
            return self.measure(circuit, depth, in_loop)
        body = self.block(self.choose.integer(1, 2), depth + 1, False)
        qubit = self.choose.integer(0, self.num_qubits - 1)
        bit = self.choose.integer(0, self.num_clbits - 1)
        body.reset(qubit).ry(self.choose.real(math.pi / 4, math.pi / 2), qubit)
        body.measure([qubit], [bit])
        circuit.while_(Bit(bit), body)
        return None

    def break_(self, circuit: Circuit, depth: int, in_loop: bool) -> None:
        """Append a conditional break or continue, or a measurement outside of loops."""
        if not in_loop:
            return self.measure(circuit, depth, in_loop)
        body = Circuit(self.num_qubits, self.num_clbits)
        if self.choose.integer(0, 1):
            body.break_loop()
        else:
            body.continue_loop()
        circuit.if_(self.condition(), body)
        return None

    def assign(self, circuit: Circuit, depth: int, in_loop: bool) -> None:
        """Count in a variable, copy it to bits or store a condition in a bit."""
        counter = Var("counter", uint(2))
        form = self.choose.integer(0, 2)
        if form == 0:
            circuit.assign(counter, Binary("+", counter, Const(1, uint(2))))
        elif form == 1 and self.num_clbits >= 2:
            circuit.assign(Bits(tuple(self.choose.sample(self.num_clbits, 2))), counter)
        else:
            circuit.assign(Bit(self.choose.integer(0, self.num_clbits - 1)), self.condition())

    def initialize(self, circuit: Circuit, depth: int, in_loop: bool) -> None:
        qubits = self.some_qubits()
        rng = np.random.default_rng(self.choose.integer(0, 2**32 - 1))
        circuit.initialize(random_state(rng, len(qubits)), qubits)

    def channel(self, circuit: Circuit, depth: int, in_loop: bool) -> None:
        """Append a mixture of unitaries or general Kraus operators."""
        qubits = self.some_qubits()
        rng = np.random.default_rng(self.choose.integer(0, 2**32 - 1))
        if self.choose.integer(0, 1):
            unitaries = [haar_unitary(rng, len(qubits)) for _ in range(2)]
            channel = Channel.mixture([0.7, 0.3], unitaries)
        else:
            # The blocks of an isometry's column are Kraus operators.
            wide = haar_unitary(rng, len(qubits) + 1)[:, : 1 << len(qubits)]
            channel = Channel.kraus(np.split(wide, 2))
        circuit.channel(channel, qubits)

"""The circuit: qubits, classical memory and a tree of instructions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from quasim_backend.errors import CircuitError, QubitError
from quasim_backend.ir.array_observables import AnyObservable
from quasim_backend.ir.channels import Channel, ReadoutError
from quasim_backend.ir.expr import Bit, Bits, Expr, Var
from quasim_backend.ir.gates import Gate
from quasim_backend.ir.instructions import (
    Assign,
    Barrier,
    Block,
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
    blocks_of,
)
from quasim_backend.ir.numbering import complex_array, whole_number, whole_numbers
from quasim_backend.ir.observables import PauliString
from quasim_backend.ir.parameters import Affine, Parameter, parameters_of

__all__ = ["Circuit"]


class Circuit:
    """A quantum circuit with classical memory.

    Qubit ``q`` is bit ``q`` of a basis-state index and classical bit ``c`` is bit ``c`` of a
    memory value (little-endian). Everything starts at zero. The methods append and return the
    circuit, so calls can be chained:

    >>> Circuit(2, 2).h(0).cx(0, 1).measure([0, 1], [0, 1]).num_clbits
    2

    Attributes:
        num_qubits: Number of qubits.
        num_clbits: Number of classical bits.
        name: For results and messages.
        instructions: The tree, in the order it runs.
        registers: Classical registers as ``(name, size)``, the first one in the lowest bits; empty
            when the bits have no names. They change nothing but how results are shown.
        qregisters: The same for qubits.
        rule_qubits: A noise rule for qubit ``q`` is about the qubit ``rule_qubits[q]``; None for
            ``q`` itself. Set by translators that turn the order of qubits; empty if the qubits
            have names that are no numbers.
    """

    def __init__(self, num_qubits: int, num_clbits: int = 0, name: str = "circuit") -> None:
        """Start an empty circuit.

        Args:
            num_qubits: Number of qubits, at least 0.
            num_clbits: Number of classical bits.
            name: For results and messages.

        Raises:
            CircuitError: If a number is negative or not whole.
        """
        self.num_qubits = whole_number(num_qubits, "The number of qubits", CircuitError)
        self.num_clbits = whole_number(num_clbits, "The number of classical bits", CircuitError)
        if self.num_qubits < 0 or self.num_clbits < 0:
            raise CircuitError(
                f"Numbers of qubits and bits cannot be negative; got {num_qubits}, {num_clbits}."
            )
        self.name = name
        self.instructions: list[Instruction] = []
        self.registers: tuple[tuple[str, int], ...] = ()
        self.qregisters: tuple[tuple[str, int], ...] = ()
        self.rule_qubits: Mapping[int, int] | None = None

    # --- gates --------------------------------------------------------------------------------

    def append(self, gate: Gate, qubits: Sequence[int]) -> Circuit:
        """Append a gate on qubits: its controls first, then its targets.

        Raises:
            QubitError: If a qubit repeats, is no whole number or out of range, or their number is
                wrong.
        """
        what = f"gate '{gate.name}'"
        placed = whole_numbers(qubits, "qubits", what, QubitError)
        if len(placed) != gate.num_qubits:
            raise QubitError(f"Gate '{gate.name}' acts on {gate.num_qubits} qubits; got {placed}.")
        self.instructions.append(GateOp(gate, self._in_range(placed, what)))
        return self

    def gate(
        self,
        name: str,
        qubits: Sequence[int],
        params: Sequence[object] = (),
        *,
        controls: int = 0,
        control_state: int | None = None,
    ) -> Circuit:
        """Append a gate of the table by name; see `Gate.named`."""
        gate = Gate.named(name, params, controls=controls, control_state=control_state)
        return self.append(gate, qubits)

    def x(self, qubit: int) -> Circuit:
        """Append X."""
        return self.gate("x", (qubit,))

    def y(self, qubit: int) -> Circuit:
        """Append Y."""
        return self.gate("y", (qubit,))

    def z(self, qubit: int) -> Circuit:
        """Append Z."""
        return self.gate("z", (qubit,))

    def h(self, qubit: int) -> Circuit:
        """Append a Hadamard gate."""
        return self.gate("h", (qubit,))

    def s(self, qubit: int) -> Circuit:
        """Append S."""
        return self.gate("s", (qubit,))

    def t(self, qubit: int) -> Circuit:
        """Append T."""
        return self.gate("t", (qubit,))

    def rx(self, theta: object, qubit: int) -> Circuit:
        """Append ``exp(-i theta/2 X)``."""
        return self.gate("rx", (qubit,), (theta,))

    def ry(self, theta: object, qubit: int) -> Circuit:
        """Append ``exp(-i theta/2 Y)``."""
        return self.gate("ry", (qubit,), (theta,))

    def rz(self, theta: object, qubit: int) -> Circuit:
        """Append ``exp(-i theta/2 Z)``."""
        return self.gate("rz", (qubit,), (theta,))

    def p(self, lam: object, qubit: int) -> Circuit:
        """Append the phase gate ``diag(1, exp(i lam))``."""
        return self.gate("p", (qubit,), (lam,))

    def u(self, theta: object, phi: object, lam: object, qubit: int) -> Circuit:
        """Append Qiskit's and OpenQASM 3's ``U``."""
        return self.gate("u", (qubit,), (theta, phi, lam))

    def cx(self, control: int, target: int) -> Circuit:
        """Append a controlled X."""
        return self.gate("cx", (control, target))

    def cz(self, control: int, target: int) -> Circuit:
        """Append a controlled Z."""
        return self.gate("cz", (control, target))

    def cp(self, lam: object, control: int, target: int) -> Circuit:
        """Append a controlled phase."""
        return self.gate("cp", (control, target), (lam,))

    def swap(self, first: int, second: int) -> Circuit:
        """Append a swap."""
        return self.gate("swap", (first, second))

    def ccx(self, first: int, second: int, target: int) -> Circuit:
        """Append a Toffoli gate."""
        return self.gate("ccx", (first, second, target))

    def mcx(self, controls: Sequence[int], target: int) -> Circuit:
        """Append an X with any number of controls."""
        return self.gate("x", (*controls, target), controls=len(controls))

    def global_phase(self, gamma: object) -> Circuit:
        """Multiply the state by ``exp(i gamma)``."""
        return self.gate("gphase", (), (gamma,))

    def unitary(self, matrix: ArrayLike, qubits: Sequence[int]) -> Circuit:
        """Append a unitary ``(2**k, 2**k)``; ``qubits[0]`` is its lowest index bit."""
        return self.append(Gate.unitary(matrix), qubits)

    def diagonal(self, entries: ArrayLike, qubits: Sequence[int]) -> Circuit:
        """Append a diagonal unitary ``(2**k,)``."""
        return self.append(Gate.diagonal(entries), qubits)

    def pauli_rotation(self, pauli: str, theta: object, qubits: Sequence[int]) -> Circuit:
        """Append ``exp(-i theta/2 P)``; the leftmost letter acts on the last of ``qubits``."""
        return self.append(Gate.pauli_rotation(pauli, theta), qubits)

    # --- non-unitary --------------------------------------------------------------------------

    def channel(self, channel: Channel, qubits: Sequence[int]) -> Circuit:
        """Append a channel."""
        what = f"channel '{channel.name}'"
        placed = whole_numbers(qubits, "qubits", what, QubitError)
        if len(placed) != channel.num_qubits:
            raise QubitError(
                f"Channel '{channel.name}' acts on {channel.num_qubits} qubits; got {placed}."
            )
        self.instructions.append(ChannelOp(channel, self._in_range(placed, what)))
        return self

    def measure(
        self,
        qubits: int | Sequence[int],
        clbits: int | Sequence[int],
        readout: ReadoutError | None = None,
    ) -> Circuit:
        """Measure qubits into as many classical bits."""
        one = int | np.integer
        qs = (qubits,) if isinstance(qubits, one) else qubits
        cs = (clbits,) if isinstance(clbits, one) else clbits
        qs = whole_numbers(qs, "qubits", "measure", QubitError)
        cs = whole_numbers(cs, "classical bits", "measure", CircuitError)
        if len(qs) != len(cs):
            raise CircuitError(f"measure needs as many bits as qubits; got {len(qs)}, {len(cs)}.")
        if len(set(cs)) != len(cs):
            raise CircuitError(f"A classical bit repeats in measure: {cs}.")
        self._check_clbits(cs)
        self.instructions.append(Measure(self._in_range(qs, "measure"), cs, readout))
        return self

    def measure_all(self) -> Circuit:
        """Measure every qubit ``q`` into bit ``q``; adds classical bits if there are too few."""
        self.num_clbits = max(self.num_clbits, self.num_qubits)
        every = range(self.num_qubits)
        return self.measure(every, every)

    def reset(self, *qubits: int) -> Circuit:
        """Bring qubits to ``|0>``."""
        self.instructions.append(Reset(self._qubits(qubits, "reset")))
        return self

    def barrier(self, *qubits: int) -> Circuit:
        """Append a barrier, on all qubits by default."""
        self.instructions.append(
            Barrier(self._qubits(qubits or tuple(range(self.num_qubits)), "barrier"))
        )
        return self

    def delay(self, duration: float, *qubits: int) -> Circuit:
        """Let qubits idle for ``duration`` seconds.

        Raises:
            CircuitError: If the duration is negative or not finite.
        """
        if not 0 <= duration < math.inf:
            raise CircuitError(f"A delay lasts 0 seconds or more; got {duration}.")
        self.instructions.append(Delay(self._qubits(qubits, "delay"), float(duration)))
        return self

    def initialize(self, amplitudes: ArrayLike, qubits: Sequence[int]) -> Circuit:
        """Reset qubits and prepare ``amplitudes`` ``(2**k,)`` on them, ``qubits[0]`` lowest.

        Raises:
            CircuitError: If the shape is wrong or the norm is not 1.
        """
        placed = whole_numbers(qubits, "qubits", "initialize", QubitError)
        array = _amplitudes(amplitudes, len(placed))
        self.instructions.append(Initialize(array, self._in_range(placed, "initialize")))
        return self

    def set_state(self, amplitudes: ArrayLike) -> Circuit:
        """Replace the state by ``amplitudes`` ``(2**n,)``."""
        self.instructions.append(SetState(_amplitudes(amplitudes, self.num_qubits)))
        return self

    def save(
        self,
        kind: str,
        label: str | None = None,
        *,
        qubits: Sequence[int] = (),
        observable: AnyObservable | PauliString | str | Mapping[str, complex] | None = None,
        indices: Sequence[int] = (),
        subtype: str = "single",
        conditional: bool = False,
    ) -> Circuit:
        """Keep something of the state here; see `Save`. The default label is the kind."""
        from quasim_backend.ir.validate import check_save

        save = Save(
            kind,
            label or kind,
            self._qubits(qubits, "save"),
            observable,
            tuple(indices),
            subtype,
            conditional,
        )
        check_save(save, self.num_qubits)
        self.instructions.append(save)
        return self

    # --- classical control --------------------------------------------------------------------

    def assign(self, target: Var | Bit | Bits, value: Expr) -> Circuit:
        """Store a classical value."""
        self.instructions.append(Assign(target, value))
        return self

    def if_(self, condition: Expr, body: Circuit, orelse: Circuit | None = None) -> Circuit:
        """Run ``body``, or ``orelse``; their qubits and bits are this circuit's."""
        other = () if orelse is None else self._block(orelse)
        self.instructions.append(If(condition, self._block(body), other))
        return self

    def switch(
        self, subject: Expr, cases: Sequence[tuple[Sequence[int] | None, Circuit]]
    ) -> Circuit:
        """Run the first case that holds the subject's value; ``None`` is the default case."""
        self.instructions.append(
            Switch(
                subject,
                tuple((None if v is None else tuple(v), self._block(b)) for v, b in cases),
            )
        )
        return self

    def for_(
        self,
        values: Iterable[int],
        body: Circuit,
        parameter: Parameter | None = None,
        variable: Var | None = None,
    ) -> Circuit:
        """Run ``body`` once for each value."""
        self.instructions.append(For(tuple(values), self._block(body), parameter, variable))
        return self

    def while_(self, condition: Expr, body: Circuit) -> Circuit:
        """Run ``body`` as long as the condition holds."""
        self.instructions.append(While(condition, self._block(body)))
        return self

    def break_loop(self) -> Circuit:
        """Leave the innermost loop."""
        self.instructions.append(Break())
        return self

    def continue_loop(self) -> Circuit:
        """Go on with the next round of the innermost loop."""
        self.instructions.append(Continue())
        return self

    # --- whole circuits -----------------------------------------------------------------------

    def walk(self) -> Iterator[Instruction]:
        """Return an iterator over every instruction, blocks included, outer before inner."""
        return _walk(self.instructions)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Unbound parameters, each once, in the order they appear; loop parameters excluded."""
        found: dict[Parameter, None] = {}
        loop: set[Parameter] = set()
        _collect_parameters(self.instructions, found, loop)
        return tuple(p for p in found if p not in loop)

    @property
    def is_unitary(self) -> bool:
        """Whether the circuit holds gates only (barriers and delays aside)."""
        return all(isinstance(i, GateOp | Barrier | Delay) for i in self.instructions)

    def inverse(self) -> Circuit:
        """Return the inverse of a unitary circuit.

        Raises:
            CircuitError: If the circuit is not unitary; the instruction is named.
        """
        result = self._empty_like(f"{self.name}_dg")
        for instruction in reversed(self.instructions):
            if isinstance(instruction, GateOp):
                gate = instruction.gate.inverse()
                result.instructions.append(GateOp(gate, instruction.qubits))
            elif isinstance(instruction, Barrier | Delay):
                result.instructions.append(instruction)
            else:
                raise CircuitError(f"'{type(instruction).__name__}' has no inverse.")
        return result

    def bind(self, values: Mapping[Parameter | str, object]) -> Circuit:
        """Return a copy with parameters replaced by numbers or other affine expressions."""
        table: dict[Parameter, Any] = {
            (Parameter(k) if isinstance(k, str) else k): v for k, v in values.items()
        }
        result = self._empty_like(self.name)
        result.instructions = list(_bound(self.instructions, table))
        return result

    def _empty_like(self, name: str) -> Circuit:
        result = Circuit(self.num_qubits, self.num_clbits, name)
        result.registers, result.qregisters = self.registers, self.qregisters
        return result

    def __len__(self) -> int:
        """Return the number of top-level instructions."""
        return len(self.instructions)

    def __repr__(self) -> str:
        """Show name and size."""
        return (
            f"Circuit(name={self.name!r}, num_qubits={self.num_qubits}, "
            f"num_clbits={self.num_clbits}, instructions={len(self.instructions)})"
        )

    # --- checks -------------------------------------------------------------------------------

    def _qubits(self, qubits: Sequence[int], what: str) -> tuple[int, ...]:
        return self._in_range(whole_numbers(qubits, "qubits", what, QubitError), what)

    def _in_range(self, qubits: tuple[int, ...], what: str) -> tuple[int, ...]:
        for q in qubits:
            if not 0 <= q < self.num_qubits:
                raise QubitError(
                    f"Qubit {q} of {what} is out of range: the circuit has {self.num_qubits} "
                    f"qubits (0..{self.num_qubits - 1})."
                )
        if len(set(qubits)) != len(qubits):
            raise QubitError(f"A qubit repeats in {what}: {qubits}.")
        return qubits

    def _check_clbits(self, clbits: tuple[int, ...]) -> None:
        for c in clbits:
            if not 0 <= c < self.num_clbits:
                raise CircuitError(
                    f"Classical bit {c} is out of range: the circuit has {self.num_clbits} "
                    f"classical bits."
                )

    def _block(self, body: Circuit) -> Block:
        if body.num_qubits > self.num_qubits or body.num_clbits > self.num_clbits:
            raise CircuitError(
                f"A block with {body.num_qubits} qubits and {body.num_clbits} bits does not fit a "
                f"circuit with {self.num_qubits} and {self.num_clbits}."
            )
        return tuple(body.instructions)


def _walk(instructions: Iterable[Instruction]) -> Iterator[Instruction]:
    for instruction in instructions:
        yield instruction
        if type(instruction) is GateOp:  # holds no blocks, and is what most are
            continue
        for block in blocks_of(instruction):
            yield from _walk(block)


def _collect_parameters(
    instructions: Iterable[Instruction], found: dict[Parameter, None], loop: set[Parameter]
) -> None:
    for instruction in instructions:
        if isinstance(instruction, GateOp):
            for value in instruction.gate.params:
                if isinstance(value, Affine):
                    found.update(dict.fromkeys(parameters_of(value)))
            continue
        if isinstance(instruction, For) and instruction.parameter is not None:
            loop.add(instruction.parameter)
        for block in blocks_of(instruction):
            _collect_parameters(block, found, loop)


def _bound(
    instructions: Iterable[Instruction], values: dict[Parameter, Any]
) -> Iterator[Instruction]:
    for instruction in instructions:
        if isinstance(instruction, GateOp) and instruction.gate.params:
            yield GateOp(instruction.gate.bound(values), instruction.qubits)
        elif isinstance(instruction, If):
            yield replace(
                instruction,
                body=tuple(_bound(instruction.body, values)),
                orelse=tuple(_bound(instruction.orelse, values)),
            )
        elif isinstance(instruction, For | While):
            inner = values
            if isinstance(instruction, For) and instruction.parameter in values:
                inner = {k: v for k, v in values.items() if k != instruction.parameter}
            yield replace(instruction, body=tuple(_bound(instruction.body, inner)))
        elif isinstance(instruction, Switch):
            yield replace(
                instruction,
                cases=tuple((v, tuple(_bound(b, values))) for v, b in instruction.cases),
            )
        else:
            yield instruction


def _amplitudes(amplitudes: ArrayLike, num_qubits: int) -> np.ndarray[Any, np.dtype[np.complex128]]:
    array = complex_array(amplitudes, "Amplitudes")
    if array.shape != (1 << num_qubits,):
        raise CircuitError(
            f"{num_qubits} qubits have {1 << num_qubits} amplitudes; got the shape {array.shape}."
        )
    norm = float(np.linalg.norm(array))
    if not abs(norm - 1) < 1e-6:
        raise CircuitError(f"Amplitudes must have norm 1; got {norm:.9g}.")
    array.setflags(write=False)
    return array

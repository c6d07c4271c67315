"""The rules of a noise model, as data: which channel or readout error goes where."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from quasim_backend.errors import CircuitError, OptionError, QubitError, near_matches
from quasim_backend.ir.channels import Channel, ReadoutError
from quasim_backend.ir.gate_table import ALIASES, RECORDS
from quasim_backend.ir.gates import ARRAY_GATES
from quasim_backend.noise.channels import check_relaxation_times

__all__ = [
    "OPERATIONS",
    "GateKey",
    "GateNoise",
    "MomentNoise",
    "ReadoutNoise",
    "Relaxation",
    "Rule",
    "gate_key",
]

OPERATIONS = ("measure", "reset", "delay", "initialize")
"""Names in rules for what is no gate. Noise goes before a measurement and after the others."""


GateKey: TypeAlias = str | tuple[str, int]
"""One of `OPERATIONS`, or record and number of controls of a gate."""


def gate_key(name: str) -> tuple[str, int] | None:
    """Return what identifies a gate of the table, record and controls, or None for other names.

    Besides the table's names, a record's name after one ``c`` for each control is known.
    """
    if name in RECORDS or name in ARRAY_GATES:
        return name, 0
    base = name.lstrip("c")
    if name not in ALIASES and base in RECORDS:
        return base, len(name) - len(base)
    return ALIASES.get(name)


@dataclass(frozen=True, eq=False)
class GateNoise:
    """A channel wherever a gate or another operation acts.

    A channel as wide as the gate acts on the gate's qubits, in their order; a 1-qubit channel on a
    wider gate acts on each of them. ``on`` overrides both.

    Attributes:
        channel: What acts.
        gates: Names of gates or `OPERATIONS` it belongs to; empty: any gate.
        labels: Labels it belongs to, besides ``gates``. An operation that has a label is known by
            that alone.
        qubits: The operation's qubits, in order; None: any.
        num_qubits: Width of the operation; None: any.
        on: Qubits the channel acts on instead of the operation's own (crosstalk).
        before: Whether it acts before the operation. Always so for measurements.
        fallback: Whether it is left out where a rule that is no fallback, with ``qubits`` of its
            own, matches the operation.
    """

    channel: Channel
    gates: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    qubits: tuple[int, ...] | None = None
    num_qubits: int | None = None
    on: tuple[int, ...] | None = None
    before: bool = False
    fallback: bool = False

    def __post_init__(self) -> None:
        """Check the names and that the rule can match.

        Raises:
            CircuitError: If a gate is unknown.
            QubitError: If qubits repeat, are negative, or can never fit the channel.
        """
        for name in self.gates:
            if gate_key(name) is None and name not in OPERATIONS:
                known = [*RECORDS, *ALIASES, *ARRAY_GATES, *OPERATIONS]
                raise CircuitError(
                    f"A noise rule names the unknown gate '{name}'. {near_matches(name, known)} "
                    f"Names of your own go into labels=."
                )
        width = self.channel.num_qubits
        for what, qubits in (("qubits", self.qubits), ("on", self.on)):
            if qubits is not None:
                check_qubits(f"The rule for channel '{self.channel.name}': {what}", qubits)
        if self.on is not None and len(self.on) != width:
            raise QubitError(f"A channel on {width} qubits cannot act on={self.on}.")
        if None not in (self.num_qubits, self.qubits) and self.num_qubits != len(self.qubits or ()):
            raise QubitError(
                f"A rule for operations on {self.num_qubits} qubits never matches the qubits "
                f"{self.qubits}."
            )
        operand = self.num_qubits if self.qubits is None else len(self.qubits)
        widths = {w for name in self.gates if (w := _width(name)) is not None}
        if len(widths) == 1 and not self.labels and len(widths) == len(self.gates):
            given = widths.pop()
            if operand is not None and operand != given:
                raise QubitError(
                    f"The rule can never match: {', '.join(self.gates)} acts on {given} qubits, "
                    f"the rule is for {operand}."
                )
            operand = given
        if self.on is None and width > 1 and operand is not None and operand != width:
            raise QubitError(
                f"The rule can never match: channel '{self.channel.name}' acts on {width} qubits, "
                f"the operations it is for on {operand}."
            )


@dataclass(frozen=True, eq=False)
class MomentNoise:
    """A 1-qubit channel on every qubit after every moment.

    A moment is a layer of operations on different qubits, each as early as it can be; a barrier,
    a save point and a control-flow block begin a new one.

    Attributes:
        channel: What acts.
        qubits: Which qubits; None: all that the circuit has.
        before: Whether it acts before the moment.
        measured: True: only in moments that measure; False: only in the others; None: in all.
    """

    channel: Channel
    qubits: tuple[int, ...] | None = None
    before: bool = False
    measured: bool | None = None

    def __post_init__(self) -> None:
        """Check the channel's width and the qubits."""
        if self.channel.num_qubits != 1:
            raise QubitError(
                f"Noise in every moment needs a 1-qubit channel; '{self.channel.name}' acts on "
                f"{self.channel.num_qubits}."
            )
        if self.qubits is not None:
            check_qubits("The rule for every moment: qubits", self.qubits)


@dataclass(frozen=True, eq=False)
class Relaxation:
    """Thermal relaxation for as long as operations, delays and waiting take.

    Attributes:
        t1: Relaxation time in seconds; ``math.inf`` for none.
        t2: Coherence time in seconds, at most ``2 * t1``.
        excited: Equilibrium population of ``|1>``.
        qubits: Which qubits; None: all.
        gate_times: Seconds by gate name, by ``"single_qubit"`` and ``"two_qubit"`` for gates that
            are not named (wider ones take the two-qubit time), and by ``"measure"``, ``"reset"``.
        idle: Whether qubits relax while they wait for others. Everything begins as early as it can.
        delays_only: Only delays relax.
        moments: Whether every qubit relaxes after each moment (see `MomentNoise`) for as long as
            the moment's longest operation takes, whatever it does in it.
        measured: Whether qubits relax in what measures them.
    """

    t1: float
    t2: float
    excited: float = 0.0
    qubits: tuple[int, ...] | None = None
    gate_times: tuple[tuple[str, float], ...] = ()
    idle: bool = False
    delays_only: bool = False
    moments: bool = False
    measured: bool = True
    _times: dict[object, float] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        """Check the times.

        Raises:
            ShapeError: If T1 or T2 is not positive, or ``t2 > 2 * t1``.
            OptionError: If a duration is negative or a population no probability.
        """
        check_relaxation_times(self.t1, self.t2)
        if not 0 <= self.excited <= 1:
            raise OptionError(f"The excited population must be in [0, 1]; got {self.excited}.")
        for name, seconds in self.gate_times:
            if not isinstance(seconds, int | float):
                raise OptionError(f"The time of '{name}' must be a number; got {seconds!r}.")
            if not (seconds >= 0 and math.isfinite(seconds)):
                raise OptionError(f"The time of '{name}' must be at least 0 s; got {seconds}.")
        if self.qubits is not None:
            check_qubits("The rule for relaxation: qubits", self.qubits)
        for name, seconds in self.gate_times:
            key = gate_key(name) or name
            named = isinstance(key, str) and not key.startswith("label:")
            if named and key not in (*OPERATIONS, "single_qubit", "two_qubit"):
                known = [*RECORDS, *ALIASES, *OPERATIONS, "single_qubit", "two_qubit"]
                raise CircuitError(
                    f"There is a time for the unknown gate '{name}'. {near_matches(name, known)}"
                )
            self._times[key] = seconds

    def seconds(self, name: GateKey, num_qubits: int, label: str | None = None) -> float:
        """Return how long an operation takes; those without a time take none."""
        found = None if label is None else self._times.get(f"label:{label}")
        if found is None:
            found = self._times.get(name)
        if found is None and not isinstance(name, str):
            found = self._times.get("single_qubit" if num_qubits == 1 else "two_qubit")
        return found or 0.0


@dataclass(frozen=True, eq=False)
class ReadoutNoise:
    """A readout error of measurements.

    Attributes:
        error: The confusion matrix.
        qubits: The qubits it belongs to, in order; None: every single qubit.
        fallback: As in `GateNoise`, among readout errors.
    """

    error: ReadoutError
    qubits: tuple[int, ...] | None = None
    fallback: bool = False

    def __post_init__(self) -> None:
        """Check the width.

        Raises:
            QubitError: If the error does not fit its qubits.
        """
        width = len(self.error.matrix).bit_length() - 1
        if self.qubits is not None:
            check_qubits("The rule for readout: qubits", self.qubits)
        if width != (1 if self.qubits is None else len(self.qubits)):
            raise QubitError(
                f"A readout error of {width} qubits does not fit qubits={self.qubits}"
                f"{'; name its qubits' if self.qubits is None else ''}."
            )


Rule: TypeAlias = GateNoise | MomentNoise | Relaxation | ReadoutNoise


def check_qubits(what: str, qubits: Iterable[int]) -> None:
    """Refuse negative and repeated qubits.

    Raises:
        QubitError: As described.
    """
    found = tuple(qubits)
    if any(not isinstance(q, int) or q < 0 for q in found) or len(set(found)) != len(found):
        raise QubitError(f"{what} must be different numbers from 0; got {found}.")


def _width(name: str) -> int | None:
    """Return how many qubits a gate of the table acts on, if its name says."""
    key = gate_key(name)
    if key is None or key[0] not in RECORDS:
        return None
    return RECORDS[key[0]].num_qubits + key[1]

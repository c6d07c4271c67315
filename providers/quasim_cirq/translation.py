"""What is known of a translated circuit: measurements, random choices, joined qubits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import cirq
import numpy as np
from numpy.typing import NDArray

from quasim_backend.ir import Circuit
from quasim_cirq.conditions import Record
from quasim_cirq.parameters import Symbols

__all__ = ["Join", "Measurement", "Translation"]


@dataclass(frozen=True, eq=False, slots=True)
class Measurement:
    """One measurement operation.

    Attributes:
        key: Cirq's key.
        qubits: Our qubits, in Cirq's order.
        record: Where its bits are.
        confusion: Cirq's confusion map as ``(positions, matrix)`` pairs.
    """

    key: str
    qubits: tuple[int, ...]
    record: Record
    confusion: tuple[tuple[tuple[int, ...], NDArray[np.float64]], ...]


class Join(NamedTuple):
    """An operation on several qubits, which makes Cirq track them in one state.

    Attributes:
        qubits: Our qubits, in the operation's order.
        is_swap: Whether it is a plain swap, which exchanges two qubits' places instead.
        at: Number of its first instruction.
    """

    qubits: tuple[int, ...]
    is_swap: bool
    at: int


@dataclass(eq=False)
class Translation:
    """A translated circuit.

    Attributes:
        circuit: Our circuit, measurements included.
        qubits: Cirq's qubits in order, first one most significant.
        symbols: The symbolic parameters.
        measurements: In the order they happen.
        draws: Cirq's random choices in the order they happen, each ``"measure"``, ``"confuse"``,
            ``"reset"`` or ``"channel"``.
        joins: Operations on several qubits, in order.
        index: Our qubit of each of Cirq's.
        is_unitary: Whether there are gates only.
        is_terminal: Whether every measurement may be sampled from the final state.
        is_static: Whether the same random choices are made whatever was measured.
    """

    circuit: Circuit
    qubits: tuple[cirq.Qid, ...]
    symbols: Symbols = field(default_factory=Symbols)
    measurements: list[Measurement] = field(default_factory=list)
    draws: list[str] = field(default_factory=list)
    joins: list[Join] = field(default_factory=list)
    index: dict[cirq.Qid, int] = field(default_factory=dict)
    is_unitary: bool = True
    is_terminal: bool = True
    is_static: bool = True

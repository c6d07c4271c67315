"""Hypothesis strategies of circuits. Needs ``hypothesis``; `quasim_backend.testing` does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from quasim_backend.ir.circuit import Circuit
from quasim_backend.ir.gates import Gate
from quasim_backend.testing.dynamic_generators import DYNAMIC_KINDS, draw_dynamic_circuit
from quasim_backend.testing.generators import GATE_KINDS, draw_circuit, draw_gate

try:
    from hypothesis import strategies as st
except ImportError as cause:
    raise ImportError(
        "quasim_backend.testing.strategies needs Hypothesis: pip install hypothesis. The seeded "
        "generators in quasim_backend.testing.generators work without it."
    ) from cause

__all__ = ["circuits", "dynamic_circuits", "gates"]

T = TypeVar("T")


class _Drawn:
    """`Choices` that Hypothesis makes, and shrinks."""

    def __init__(self, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self._draw = draw

    def integer(self, low: int, high: int) -> int:
        return int(self._draw(st.integers(low, high)))

    def real(self, low: float, high: float) -> float:
        return float(self._draw(st.floats(low, high, allow_nan=False)))

    def pick(self, options: Sequence[T]) -> T:
        chosen: T = self._draw(st.sampled_from(options))
        return chosen

    def sample(self, population: int, count: int) -> list[int]:
        order: list[int] = self._draw(st.permutations(range(population)))
        return order[:count]


@st.composite
def gates(
    draw: Callable[[st.SearchStrategy[Any]], Any],
    max_qubits: int = 4,
    kinds: Sequence[str] = GATE_KINDS,
) -> Gate:
    """Draw a gate on at most ``max_qubits`` qubits."""
    return draw_gate(_Drawn(draw), max_qubits, kinds)


@st.composite
def circuits(
    draw: Callable[[st.SearchStrategy[Any]], Any],
    min_qubits: int = 1,
    max_qubits: int = 6,
    max_gates: int = 20,
    kinds: Sequence[str] = GATE_KINDS,
) -> Circuit:
    """Draw a circuit of gates.

    Args:
        draw: Given by Hypothesis.
        min_qubits: Smallest width.
        max_qubits: Largest width.
        max_gates: Largest number of gates.
        kinds: A selection of `quasim_backend.testing.GATE_KINDS`.
    """
    width = draw(st.integers(min_qubits, max_qubits))
    return draw_circuit(_Drawn(draw), width, draw(st.integers(0, max_gates)), kinds)


@st.composite
def dynamic_circuits(
    draw: Callable[[st.SearchStrategy[Any]], Any],
    max_qubits: int = 3,
    max_clbits: int = 3,
    max_instructions: int = 8,
    kinds: Sequence[str] = DYNAMIC_KINDS,
) -> Circuit:
    """Draw a circuit with measurements and classical control."""
    qubits, bits = draw(st.integers(1, max_qubits)), draw(st.integers(1, max_clbits))
    length = draw(st.integers(1, max_instructions))
    return draw_dynamic_circuit(_Drawn(draw), qubits, bits, length, kinds)

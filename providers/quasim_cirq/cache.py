"""What was derived from a circuit, kept as long as the circuit lives and does not change."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import cirq

__all__ = ["CircuitCache"]

T = TypeVar("T")


class _Entry:
    """Products of one circuit, for the moments it had."""

    def __init__(self, circuit: cirq.AbstractCircuit, forget: Callable[[Any], None]) -> None:
        self.moments = tuple(circuit.moments)
        self.products: dict[Hashable, Any] = {}
        self.reference = weakref.ref(circuit, forget)


class CircuitCache:
    """A cache keyed by circuit identity.

    A `cirq.Circuit` is mutable and has no hash, but its moments are immutable: comparing the tuples
    of moments, which Python does by identity first, shows any change at little cost.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._entries: dict[int, _Entry] = {}

    def get(self, circuit: cirq.AbstractCircuit, key: Hashable, make: Callable[[], T]) -> T:
        """Return the product ``key`` of a circuit, made on the first call."""
        number = id(circuit)
        entry = self._entries.get(number)
        if (
            entry is None
            or entry.reference() is not circuit
            or entry.moments != tuple(circuit.moments)
        ):
            entry = _Entry(circuit, lambda reference: self._forget(number, reference))
            self._entries[number] = entry
        if key not in entry.products:
            entry.products[key] = make()
        product: T = entry.products[key]
        return product

    def _forget(self, number: int, reference: Any) -> None:
        entry = self._entries.get(number)
        if entry is not None and entry.reference is reference:
            del self._entries[number]

    def __len__(self) -> int:
        """Return the number of circuits remembered."""
        return len(self._entries)

"""Mid-circuit measurements: classical bits, and conditions on them as IR expressions."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pennylane.exceptions import DeviceError

from quasim_backend.ir import Circuit
from quasim_backend.ir.expr import Binary, Bit, Bits, Const, Expr, Unary, uint
from quasim_pennylane.translate import Places, append_operator

__all__ = ["McmTable", "append_conditional", "append_measurement"]

_MAX_READ = 16
"""Most measurements one condition may read: it becomes a table of their outcomes."""


class McmTable:
    """The mid-circuit measurements of a tape, each with its classical bit."""

    def __init__(self) -> None:
        """Start empty."""
        self.operations: list[Any] = []
        self._bits: dict[Any, int] = {}

    def __len__(self) -> int:
        """Return the number of measurements."""
        return len(self.operations)

    def add(self, op: Any) -> int:
        """Give a measurement the next bit."""
        self.operations.append(op)
        return self._bits.setdefault(op.hash, len(self._bits))

    def bit(self, op: Any) -> int:
        """Return the bit of a measurement.

        Raises:
            DeviceError: If the circuit does not hold it.
        """
        found = self._bits.get(op.hash)
        if found is None:
            raise DeviceError(f"{op} is read, but the circuit does not hold that measurement.")
        return found

    def condition(self, value: Any) -> tuple[tuple[int, ...], tuple[bool, ...]]:
        """Return a measurement value as bits and its truth for each of their outcomes.

        Outcome ``v`` has bit ``i`` of ``v`` as the value of the ``i``-th of the bits.
        """
        bits = tuple(self.bit(m) for m in value.measurements)
        if len(bits) > _MAX_READ:
            raise DeviceError(
                f"A condition reads {len(bits)} measurements; this device takes at most "
                f"{_MAX_READ}. Split the condition, or use mcm_method='deferred'."
            )
        outcomes = (branch[::-1] for branch in product((0, 1), repeat=len(bits)))
        return bits, tuple(bool(value.processing_fn(*branch)) for branch in outcomes)

    def values(self, value: Any, bits: NDArray[np.uint8]) -> NDArray[Any]:
        """Evaluate a measurement value for each shot.

        Args:
            value: PennyLane's measurement value.
            bits: uint8 ``(shots, len(self))``.
        """
        columns = bits[:, [self.bit(m) for m in value.measurements]]
        rows, place = np.unique(columns, axis=0, return_inverse=True)
        known = [np.asarray(value.processing_fn(*map(int, row))) for row in rows]
        if not known:
            return np.zeros(0, np.int64)
        result: NDArray[Any] = np.stack(known)[place.ravel()]
        return result.astype(np.int64) if result.dtype == bool else result

    def valid(self, bits: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return which shots saw every outcome that is postselected."""
        kept = np.ones(len(bits), bool)
        for op in self.operations:
            if op.postselect is not None:
                kept &= bits[:, self.bit(op)] == op.postselect
        return kept

    @property
    def postselects(self) -> bool:
        """Whether any measurement is postselected."""
        return any(op.postselect is not None for op in self.operations)


def append_measurement(circuit: Circuit, op: Any, places: Places, mcms: McmTable) -> None:
    """Append a mid-circuit measurement, with the reset that may follow it."""
    qubits = places.qubits(op.wires.labels)
    circuit.measure(qubits, (mcms.bit(op),))
    if op.reset:
        circuit.reset(*qubits)


def append_conditional(
    circuit: Circuit, op: Any, parameters: Sequence[Any] | None, places: Places, mcms: McmTable
) -> None:
    """Append an operator that acts if a measurement value is true."""
    body = Circuit(circuit.num_qubits, circuit.num_clbits)
    append_operator(body, op.base, places, parameters)
    bits, truth = mcms.condition(op.meas_val)
    if all(truth):
        circuit.instructions.extend(body.instructions)
    elif any(truth):
        circuit.if_(_expression(bits, truth), body)


def _expression(bits: tuple[int, ...], truth: tuple[bool, ...]) -> Expr:
    """Return a truth table as an expression."""
    if len(bits) == 1:
        return Bit(bits[0]) if truth[1] else Unary("not", Bit(bits[0]))
    # The rarer value has the shorter list.
    wanted = sum(truth) * 2 <= len(truth)
    listed: list[Expr] = [
        Binary("==", Bits(bits), Const(v, uint(len(bits))))
        for v, value in enumerate(truth)
        if value == wanted
    ]
    while len(listed) > 1:  # a balanced tree stays shallow
        pairs = [listed[i : i + 2] for i in range(0, len(listed), 2)]
        listed = [Binary("or", *pair) if len(pair) == 2 else pair[0] for pair in pairs]
    return listed[0] if wanted else Unary("not", listed[0])

"""Exact expectation values: Pauli strings taken backward through a circuit, all at once.

``<P>`` after a gate is ``<U^dagger P U>`` before it, and a Clifford gate leaves a string a string.
A mixture of Paulis multiplies it by an eigenvalue, a measurement that averages over its outcomes
takes it to zero if it does not commute with Z, a reset to its value in ``|0>``. Every qubit has two
integers, whose bit ``t`` says whether string ``t`` has X, or Z, on it, so that a gate on all
strings costs a few operations of integers (Aaronson and Gottesman 2004, for the signs).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.pauli_moves import bits_of_mask
from quasim_backend.engines.stabilizer.channels import ChannelForm, channel_form
from quasim_backend.engines.stabilizer.clifford import CliffordForm
from quasim_backend.engines.stabilizer.trace import Event, Gates, Measured, Pauli, Reset
from quasim_backend.ir.instructions import ChannelOp
from quasim_backend.ir.observables import PauliString
from quasim_backend.kernels.base import CancelToken

__all__ = ["string_values"]

Reals: TypeAlias = NDArray[np.float64]


def string_values(
    strings: Sequence[PauliString],
    num_qubits: int,
    events: Sequence[Event],
    cancel: CancelToken,
) -> Reals:
    """Return the expectation value of each string after the events, from ``|0...0>``.

    Args:
        strings: On simulated qubits.
        num_qubits: Simulated qubits.
        events: What happens, in order; channels have eigenvalues.
        cancel: Stops the work.

    Returns:
        float64 ``(strings,)``.

    Raises:
        Cancelled: If the token was set.
    """
    columns = _Columns(strings, num_qubits)
    done = sum(len(event.qubits) for event in events if isinstance(event, Measured))
    for event in reversed(events):
        cancel.check()
        match event:
            case Gates(step):
                forms: dict[object, CliffordForm] = {}
                for operation in reversed(step.operations):
                    if isinstance(operation, ChannelOp):
                        noise = channel_form(operation.channel)
                        assert noise is not None, "the engine refuses other channels"
                        columns.channel(noise, operation.qubits)
                        columns.gate(noise.gate, operation.qubits)
                        continue
                    form = forms.get(operation.gate)
                    if form is None:
                        form = forms[operation.gate] = event.form(operation.gate)
                    columns.gate(form, operation.qubits)
            case Measured(qubits, flips):
                done -= len(qubits)
                for number, (qubit, flip) in enumerate(zip(qubits, flips, strict=True)):
                    columns.measure(qubit, done + number, flip)
            case Reset(qubits):
                for qubit in qubits:
                    columns.reset(qubit)
            case Pauli(letter, qubit, records):
                columns.pauli(letter, qubit, records)
    return columns.values()


class _Columns:
    """Strings by qubit: bit ``t`` of ``x[q]`` and ``z[q]`` belongs to string ``t``.

    Attributes:
        sign: Bit ``t`` is set if string ``t`` has turned its sign.
        lost: Bit ``t`` is set if its value is zero.
        seen: Bits by record: whether the sign depends on it.
    """

    def __init__(self, strings: Sequence[PauliString], num_qubits: int) -> None:
        self.x = [0] * num_qubits
        self.z = [0] * num_qubits
        for column, masks in ((self.x, [s.x for s in strings]), (self.z, [s.z for s in strings])):
            for number, mask in enumerate(masks):
                for q in bits_of_mask(mask):
                    column[q] |= 1 << number
        self.sign = 0
        self.lost = 0
        self.seen: dict[int, int] = {}
        self.count = len(strings)
        self.factors: Reals = np.ones(self.count)

    def gate(self, form: CliffordForm, qubits: Sequence[int]) -> None:
        """Replace ``P`` by ``U^dagger P U``."""
        x, z, sign = self.x, self.z, self.sign
        for name, own in reversed(form.steps):
            a = qubits[own[0]]
            if name == "CX":
                b = qubits[own[1]]
                sign ^= x[a] & z[b] & ~(x[b] ^ z[a])
                x[b] ^= x[a]
                z[a] ^= z[b]
            elif name == "H":
                sign ^= x[a] & z[a]
                x[a], z[a] = z[a], x[a]
            elif name == "S":  # S^dagger X S = -Y
                z[a] ^= x[a]
                sign ^= x[a] & z[a]
            elif name == "S_DAG":
                sign ^= x[a] & z[a]
                z[a] ^= x[a]
            else:
                sign ^= self.anticommuting(name, a)
        self.sign = sign

    def anticommuting(self, letter: str, qubit: int) -> int:
        """Return which strings do not commute with a Pauli on a qubit."""
        if letter == "X":
            return self.z[qubit]
        return self.x[qubit] if letter == "Z" else self.x[qubit] ^ self.z[qubit]

    def channel(self, form: ChannelForm, qubits: Sequence[int]) -> None:
        """Multiply by the eigenvalues of a mixture of Paulis."""
        assert form.eigenvalues is not None
        touched = 0
        for q in qubits:
            touched |= self.x[q] | self.z[q]
        if not touched:
            return
        index = np.zeros(self.count, np.int64)
        for place, q in enumerate(qubits):
            x, z = self.bits(self.x[q]), self.bits(self.z[q])
            index += (2 * z + (x ^ z)).astype(np.int64) << 2 * place  # I, X, Y, Z are 0, 1, 2, 3
        self.factors *= form.eigenvalues[index]

    def pauli(self, letter: str, qubit: int, records: Sequence[int]) -> None:
        """Apply a Pauli that records decide on, or one that always acts."""
        turned = self.anticommuting(letter, qubit)
        if not records:
            self.sign ^= turned
        for record in records:
            self.seen[record] = self.seen.get(record, 0) ^ turned

    def measure(self, qubit: int, record: int, flip: float) -> None:
        """Average over outcomes; a sign that depends on the outcome is a Z on the qubit."""
        self.lost |= self.x[qubit]
        turned = self.seen.pop(record, 0)
        self.z[qubit] ^= turned
        if turned and flip:
            self.factors *= np.where(self.bits(turned), 1 - 2 * flip, 1.0)

    def reset(self, qubit: int) -> None:
        """Take the value in ``|0>``: of Z 1, of X and Y 0."""
        self.lost |= self.x[qubit]
        self.x[qubit] = self.z[qubit] = 0

    def values(self) -> Reals:
        """Return the values in ``|0...0>``, where a string with X or Y has none."""
        lost = self.lost
        for x in self.x:
            lost |= x
        signs = 1.0 - 2.0 * self.bits(self.sign)
        return np.where(self.bits(lost), 0.0, signs * self.factors)

    def bits(self, mask: int) -> NDArray[np.uint8]:
        """Return a mask as 0 and 1, uint8 ``(strings,)``."""
        size = -(-self.count // 8)
        mask &= (1 << self.count) - 1  # a complement has ones above
        raw = np.frombuffer(mask.to_bytes(size, "little"), np.uint8)
        return np.unpackbits(raw, count=self.count, bitorder="little")

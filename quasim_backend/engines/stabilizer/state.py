"""A stabilizer state for the tree of shots: Stim's tableau, with the CH form where phases count."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.ch_form import ChForm
from quasim_backend.engines.digits import Digits
from quasim_backend.engines.pauli_images import words_of
from quasim_backend.engines.stabilizer.channels import OperatorForm, operator_form
from quasim_backend.engines.stabilizer.clifford import CliffordForm, clifford_form, preparation
from quasim_backend.engines.stabilizer.exact_saves import assembled, strings_of
from quasim_backend.ir.channels import Channel
from quasim_backend.ir.gates import Gate
from quasim_backend.ir.instructions import Save
from quasim_backend.ir.observables import PauliString
from quasim_backend.ir.tableaus import StabilizerTableau

__all__ = ["PHASED_KINDS", "StabilizerState"]

PHASED_KINDS = ("statevector", "amplitudes", "ch_form")
"""Kinds of saves that show the global phase."""


class StabilizerState:
    """``|0...0>``, which Clifford gates and projections change in place."""

    def __init__(self, num_qubits: int, *, phased: bool) -> None:
        """Begin in ``|0...0>``.

        Args:
            num_qubits: Simulated qubits.
            phased: Whether to follow the global phase, which costs more.
        """
        self.num_qubits = num_qubits
        self._phases = ChForm(num_qubits) if phased else None
        self._simulator = _fresh(num_qubits)
        self._waiting: list[str] = []
        self._forms: dict[Gate, CliffordForm] = {}

    @property
    def nbytes(self) -> int:
        """Bytes that a copy takes."""
        return _bytes(self.num_qubits, phased=self._phases is not None)

    def copy(self) -> StabilizerState:
        """Return an independent copy."""
        result = StabilizerState.__new__(StabilizerState)
        result.num_qubits = self.num_qubits
        result._phases = None if self._phases is None else self._phases.copy()
        result._simulator = self._now().copy()
        result._waiting = []
        result._forms = self._forms
        return result

    # --- changes ------------------------------------------------------------------------------

    def apply(self, gate: Gate, qubits: tuple[int, ...]) -> None:
        """Apply a Clifford gate without unbound parameters."""
        form = self._forms.get(gate)
        if form is None:
            found = clifford_form(gate)
            assert found is not None, "the engine refuses other gates"
            form = self._forms[gate] = found
        self._apply(form, qubits)

    def _apply(self, form: CliffordForm, qubits: Sequence[int]) -> None:
        self._waiting.append(form.template.format(*qubits))
        if self._phases is not None:
            self._phases.apply(form, qubits)

    def _now(self) -> Any:
        """Return Stim's simulator with every gate applied: it takes many at a time."""
        if self._waiting:
            import stim

            self._simulator.do(stim.Circuit("".join(self._waiting)))
            self._waiting.clear()
        return self._simulator

    def channel_weights(self, channel: Channel, qubits: tuple[int, ...]) -> NDArray[np.float64]:
        """Return ``<K^dagger K>`` of each Kraus operator, float64 ``(operators,)``."""
        weights = []
        for operator in channel.operators:
            form = _operator(operator)
            one = self.probability_of_one(qubits[0]) if form.bit is not None else 0.0
            kept = 1.0 if form.bit is None else one if form.bit else 1 - one
            weights.append(form.weight * kept)
        return np.array(weights)

    def apply_operator(self, channel: Channel, number: int, qubits: tuple[int, ...]) -> None:
        """Apply one operator of a channel, and normalise."""
        form = _operator(channel.operators[number])
        if form.bit is not None:
            self.project(qubits[0], form.bit)
        self._apply(form.gate, qubits)

    def probability_of_one(self, qubit: int) -> float:
        """Return the probability to read 1: 0, 1/2 or 1."""
        return float((1 - self._now().peek_z(qubit)) / 2)

    def project(self, qubit: int, outcome: int) -> None:
        """Project a qubit onto an outcome of probability above 0."""
        self._now().postselect_z(qubit, desired_value=bool(outcome))
        if self._phases is not None:
            self._phases.project(qubit, outcome)

    def prepare(self, amplitudes: NDArray[np.complex128], qubits: tuple[int, ...]) -> None:
        """Bring qubits that are surely ``|0...0>`` to a stabilizer state, first lowest."""
        form = preparation(amplitudes)
        assert form is not None, "the engine refuses other states"
        self._apply(form, qubits)

    def set_state(self, amplitudes: NDArray[np.complex128]) -> None:
        """Replace the whole state by a stabilizer state."""
        self._simulator = _fresh(self.num_qubits)
        self._waiting.clear()
        if self._phases is not None:
            self._phases = ChForm(self.num_qubits)
        self.prepare(amplitudes, tuple(range(self.num_qubits)))

    # --- what is asked of it ------------------------------------------------------------------

    def sample(self, qubits: Sequence[int], digits: Digits) -> NDArray[np.uint8]:
        """Measure qubits for each shot; the state stays as it is.

        The outcomes are ``x + sum_j m_j g_j`` modulo 2, all of them alike. The highest bit of
        ``g_j`` is in no other ``g`` and not in x, so that it is ``m_j``: drawn from the highest
        on, outcomes come in ascending order with the uniforms.

        Returns:
            0 or 1, uint8 ``(len(qubits), shots)``.
        """
        directions = self._directions()
        simulator = self._now().copy()
        found = simulator.measure_many(*range(self.num_qubits))
        offset = int.from_bytes(np.packbits(found, bitorder="little").tobytes(), "little")
        shots = len(digits)
        size = -(-shots // 8)
        columns = {q: 0 for q in qubits}
        for direction in directions:
            if offset >> direction.bit_length() - 1 & 1:
                offset ^= direction
            drawn = np.packbits(digits.decide(0.5), bitorder="little").tobytes()
            column = int.from_bytes(drawn, "little")
            for q in columns:
                if direction >> q & 1:
                    columns[q] ^= column
        rows = np.empty((len(qubits), shots), np.uint8)
        for row, q in zip(rows, qubits, strict=True):
            raw = np.frombuffer(columns[q].to_bytes(size, "little"), np.uint8)
            row[:] = np.unpackbits(raw, count=shots, bitorder="little") ^ (offset >> q & 1)
        return rows

    def _directions(self) -> list[int]:
        """Return the differences of basis states in the support: reduced, the highest first."""
        tableau = self._now().current_inverse_tableau().inverse()
        packed = tableau.to_numpy(bit_packed=True)[2]
        basis: dict[int, int] = {}  # by the highest bit
        for row in packed:
            mask = int.from_bytes(row.tobytes(), "little")
            while mask:
                other = basis.get(mask.bit_length())
                if other is None:
                    basis[mask.bit_length()] = mask
                    break
                mask ^= other
        reduced: dict[int, int] = {}
        for top in sorted(basis):
            mask = basis[top]
            for low, other in reduced.items():
                if mask >> low - 1 & 1:
                    mask ^= other
            reduced[top] = mask
        return [reduced[top] for top in sorted(reduced, reverse=True)]

    def value(self, save: Save) -> Any:
        """Return what a save point asks for, as `quasim_backend.engines.saves.save_value`."""
        if save.kind in PHASED_KINDS:
            assert self._phases is not None, "the engine follows phases for these kinds"
            if save.kind == "statevector":
                return self._phases.state_vector()
            if save.kind == "ch_form":
                return self._phases.arrays()
            return self._phases.amplitudes(words_of(save.indices, self.num_qubits))
        if save.kind == "stabilizer":
            return self.tableau()
        strings = strings_of(save, self.num_qubits)
        values = np.array([self._expectation(string) for string in strings], np.float64)
        return assembled(save, self.num_qubits, strings, values)

    def tableau(self) -> StabilizerTableau:
        """Return stabilizers and destabilizers."""
        tableau = self._now().current_inverse_tableau().inverse()
        xx, xz, zx, zz, x_signs, z_signs = tableau.to_numpy()
        return StabilizerTableau(
            np.concatenate([xx, zx]), np.concatenate([xz, zz]), np.concatenate([x_signs, z_signs])
        )

    def _expectation(self, string: PauliString) -> int:
        import stim

        size = -(-self.num_qubits // 8)
        xs, zs = (
            np.frombuffer(mask.to_bytes(size, "little"), np.uint8) for mask in (string.x, string.z)
        )
        pauli = stim.PauliString.from_numpy(xs=xs, zs=zs, num_qubits=self.num_qubits)
        return int(self._now().peek_observable_expectation(pauli))


def _fresh(num_qubits: int) -> Any:
    import stim

    simulator = stim.TableauSimulator(seed=0)  # what it draws itself is never used
    simulator.set_num_qubits(num_qubits)
    return simulator


@lru_cache(maxsize=1024)
def _named_operator(key: bytes, size: int) -> OperatorForm:
    form = operator_form(np.frombuffer(key, np.complex128).reshape(size, size))
    assert form is not None, "the engine refuses channels with other operators"
    return form


def _operator(matrix: NDArray[np.complex128]) -> OperatorForm:
    return _named_operator(matrix.tobytes(), len(matrix))


def _bytes(num_qubits: int, *, phased: bool) -> int:
    padded = -(-num_qubits // 256) * 256
    return padded * padded // 2 + (3 * num_qubits * (num_qubits // 8 + 40) if phased else 0)

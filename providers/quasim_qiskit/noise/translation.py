"""Noise models of Qiskit as ours, remembered until they change.

Rules carry the instruction's name twice: as a gate, for circuits of any SDK, and as a label, for
Qiskit circuits in which two of its names are one gate of ours (``u1`` and ``p``).
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from quasim_backend.ir import Channel
from quasim_backend.ir.channels import ReadoutError
from quasim_backend.ir.gate_table import RECORDS
from quasim_backend.noise import GateNoise, NoiseModel, ReadoutNoise, Relaxation, pauli_lindblad
from quasim_backend.noise.rules import OPERATIONS, Rule, gate_key
from quasim_qiskit.errors import QuasimQiskitError
from quasim_qiskit.noise.tables import Tables, error_width, read_tables, version
from quasim_qiskit.noise.terms import error_channel, generators, wire_form

__all__ = ["TranslatedNoise", "translated_noise"]

_KEPT = 32
_KEPT_PARTS = 64
_WIDEST_CUSTOM = 3
"""Aer puts an error on the first qubits of a wider gate; up to this width we write that down."""
_WIDE_LINDBLAD = 4
"""Wider Pauli-Lindblad errors are one channel a generator and not their ``4**n`` products."""

Qubits = tuple[int, ...]


class TranslatedNoise:
    """A snapshot of a noise model of Qiskit; channels are made when they are first needed."""

    def __init__(self, tables: Tables) -> None:
        """Take what the model holds."""
        self.tables = tables
        self._channels: dict[int, Channel] = {}
        self._parts: dict[frozenset[int] | None, NoiseModel] = {}
        gates: dict[tuple[str, int], str] = {}
        for name in tables.names:
            key = gate_key(name)
            if key is not None and (key not in gates or name == key[0]):
                gates[key] = name
        self._gates = set(gates.values())

    def part(self, qubits: frozenset[int] | None = None) -> NoiseModel:
        """Return the rules that can act on some qubits, None for all, as our noise model.

        Raises:
            QuasimQiskitError: If the model holds something that has no translation.
        """
        found = self._parts.get(qubits)
        if found is None:
            if len(self._parts) >= _KEPT_PARTS:
                self._parts.clear()
            found = self._parts[qubits] = NoiseModel(tuple(self._rules(qubits)), "qiskit")
        return found

    def whole(self) -> NoiseModel:
        """Return all rules.

        Raises:
            QuasimQiskitError: If there are noise passes that no rule can say.
        """
        if self.other_passes:
            names = ", ".join(type(p).__name__ for p in self.other_passes)
            raise QuasimQiskitError(
                f"The noise model has passes that change circuits ({names}). Only Qiskit's backend "
                f"of QuASIM runs them; relaxation during delays is the one that has a translation."
            )
        return self.part()

    @property
    def dt(self) -> float | None:
        """Seconds in the unit ``dt`` of delays, if a noise pass knows."""
        return next((dt for p in self.tables.passes if (dt := getattr(p, "_dt", None))), None)

    @property
    def other_passes(self) -> list[Any]:
        """Noise passes that are no rules: they have to see the circuit itself."""
        return [p for p in self.tables.passes if not is_delay_relaxation(p)]

    # --- rules --------------------------------------------------------------------------------

    def _rules(self, qubits: frozenset[int] | None) -> Iterator[Rule]:
        tables = self.tables

        def wanted(places: Qubits) -> bool:
            return qubits is None or qubits.issuperset(places)

        for name in tables.names:
            for error in tables.everywhere.get(name, ()):
                yield from self._default(name, error)
            places = tables.somewhere.get(name, {})
            for where, errors in places.items():
                if wanted(where):
                    for error in errors:
                        yield from self._local(name, where, error)
        for (name, where, on), errors in tables.elsewhere.items():
            if wanted(where):
                replaced = where in tables.somewhere.get(name, {})
                for error in errors:
                    channel = self._channel(error, len(on))
                    yield self._gate(name, channel, where, on=on, fallback=not replaced)
        if tables.readout is not None:
            yield ReadoutNoise(_confusion(tables.readout), None, True)
        for where, matrix in tables.readouts.items():
            if wanted(where):
                yield ReadoutNoise(_confusion(matrix), where)
        for noise_pass in tables.passes:
            yield from _relaxation(noise_pass, qubits)

    def _default(self, name: str, error: Any) -> Iterator[Rule]:
        channel = self._channel(error)
        yield self._gate(name, channel, width=channel.num_qubits, fallback=True)
        key = gate_key(name)
        fixed = name in OPERATIONS[:3] or (key is not None and key[0] in RECORDS)
        for width in range(channel.num_qubits + 1, 1 if fixed else _WIDEST_CUSTOM + 1):
            wide = _widened(channel, width)
            yield self._gate(name, wide, width=width, fallback=True)

    def _local(self, name: str, where: Qubits, error: Any) -> Iterator[Rule]:
        data = None if error_width(error) <= _WIDE_LINDBLAD else wire_form(error)
        if data is None or data["type"] != "plerror":
            yield self._gate(name, self._channel(error, len(where)), where)
            return
        for label, rate in generators(data).items():
            letters = [(c, q) for c, q in zip(reversed(label), where, strict=True) if c != "I"]
            if letters:
                part = "".join(c for c, _ in reversed(letters))
                on = tuple(q for _, q in letters)
                yield self._gate(name, pauli_lindblad({part: rate}), where, on=on)

    def _gate(
        self,
        name: str,
        channel: Channel,
        where: Qubits | None = None,
        *,
        width: int | None = None,
        on: Qubits | None = None,
        fallback: bool = False,
    ) -> GateNoise:
        gates = (name,) if name in OPERATIONS or name in self._gates else ()
        labels = () if name in OPERATIONS else (name,)
        return GateNoise(channel, gates, labels, where, width, on, False, fallback)

    def _channel(self, error: Any, width: int | None = None) -> Channel:
        found = self._channels.get(id(error))  # the tables keep the error, so its id is its own
        if found is None or (width is not None and found.num_qubits != width):
            found = self._channels[id(error)] = error_channel(error, width)
        return found


def translated_noise(model: Any) -> TranslatedNoise:
    """Return the snapshot of a model as it is now; the same one as long as it does not change."""
    now = version(model)
    key = now if isinstance(model, Mapping) else id(model)
    found = _known.get(key)
    if found is not None and found[1] == now and (found[0] is None or found[0]() is model):
        return found[2]
    snapshot = TranslatedNoise(read_tables(model))
    if len(_known) >= _KEPT:
        _known.pop(next(iter(_known)), None)
    _known[key] = (None if isinstance(model, Mapping) else weakref.ref(model), now, snapshot)
    return snapshot


_known: dict[Any, tuple[Any, Any, TranslatedNoise]] = {}


def is_delay_relaxation(noise_pass: Any) -> bool:
    """Return whether a noise pass relaxes qubits during delays and does nothing else."""
    if not all(hasattr(noise_pass, name) for name in ("_t1s", "_t2s", "_p1s", "_ops")):
        return False
    return [kind.__name__ for kind in noise_pass._ops] == ["Delay"]


def _relaxation(noise_pass: Any, qubits: Iterable[int] | None) -> Iterator[Relaxation]:
    if not is_delay_relaxation(noise_pass):
        return
    t1s, t2s, populations = noise_pass._t1s, noise_pass._t2s, noise_pass._p1s
    for q in range(len(t1s)) if qubits is None else sorted(qubits):
        if q >= len(t1s):
            raise QuasimQiskitError(
                f"The circuit has qubit {q}, but the noise model knows T1 and T2 of "
                f"{len(t1s)} qubits only."
            )
        t1, t2 = float(t1s[q]), float(t2s[q])
        if not (np.isinf(t1) and np.isinf(t2)):
            yield Relaxation(t1, t2, float(populations[q]), (q,), delays_only=True)


def _widened(channel: Channel, width: int) -> Channel:
    """Return a channel as one on more qubits, of which the further ones are left alone."""
    rest = np.eye(1 << width - channel.num_qubits)
    operators = [np.kron(rest, operator) for operator in channel.operators]
    if channel.probabilities is not None:
        return Channel.mixture(channel.probabilities, operators, channel.name)
    return Channel.kraus(operators, channel.name)


def _confusion(matrix: Any) -> ReadoutError:
    return ReadoutError.of(np.asarray(matrix, float))

"""Channels that keep stabilizer states: random Paulis, and random Clifford gates.

A mixture of Paulis, alone or after a Clifford gate, can be a line of a Stim circuit. It multiplies
the expectation value of a Pauli string by an eigenvalue. Other mixtures of Clifford gates are drawn
for each shot.
"""

from __future__ import annotations

import cmath
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import CompiledCircuit, GatesStep, Step
from quasim_backend.engines.stabilizer.clifford import (
    TOLERANCE,
    CliffordForm,
    clifford_form,
    pauli_form,
)
from quasim_backend.ir.channels import Channel
from quasim_backend.ir.gates import Gate
from quasim_backend.ir.instructions import ChannelOp, GateOp
from quasim_backend.noise.representations import (
    pauli_matrix,
    pauli_probabilities,
    pauli_transfer_matrix,
)

__all__ = ["ChannelForm", "OperatorForm", "as_mixtures", "channel_form", "operator_form"]

Reals: TypeAlias = NDArray[np.float64]

_ROUNDING = 1e-14
"""Probabilities below this come from rounding."""
_WIDEST = 4
"""Most qubits of a channel that is looked at: its transfer matrix has ``16**k`` entries."""
_REMEMBERED = 1024
"""Channels whose form is kept; beyond, all are forgotten."""
_IDENTITY = CliffordForm((), (), 0.0, "")


@dataclass(frozen=True, eq=False, slots=True)
class ChannelForm:
    """A channel on its own qubits, the first one number 0.

    Attributes:
        gate: What acts first, for sure.
        probabilities: float64 ``(4**k,)``: of each Pauli that acts then; digit ``i`` of the index
            in base 4 is the Pauli on qubit ``i``, 0..3 for I, X, Y, Z. None if the channel is no
            such mixture; then each of its operators has an `operator_form`.
        eigenvalues: float64 ``(4**k,)``: what the mixture multiplies each Pauli by; or None.
        template: Lines of a Stim circuit, for ``str.format`` with the qubits; or None.
        off: How far from the channel it is: the largest difference of an entry of a gate's matrix,
            or of the Pauli transfer matrix.
    """

    gate: CliffordForm
    probabilities: Reals | None = None
    eigenvalues: Reals | None = None
    template: str | None = None
    off: float = 0.0


_known: dict[Channel, ChannelForm | None] = {}


def channel_form(channel: Channel) -> ChannelForm | None:
    """Return the form of a channel; None if it leads out of the stabilizer states."""
    try:
        return _known[channel]
    except KeyError:
        pass
    if len(_known) >= _REMEMBERED:
        _known.clear()
    form = _known[channel] = _recognised(channel)
    return form


@dataclass(frozen=True, eq=False, slots=True)
class OperatorForm:
    """A Kraus operator: a number times a Clifford gate, perhaps after a projection of its qubit.

    Attributes:
        gate: The gate, with the operator's phase.
        weight: The squared modulus of the number.
        bit: What the qubit is projected onto; None for no projection.
    """

    gate: CliffordForm
    weight: float
    bit: int | None


def operator_form(matrix: NDArray[np.complex128]) -> OperatorForm | None:
    """Return the form of a Kraus operator; None if it leads out of the stabilizer states."""
    weight = float(np.linalg.norm(matrix) ** 2) / len(matrix)
    if weight < _ROUNDING:
        return OperatorForm(_IDENTITY, 0.0, None)
    scaled = matrix / weight**0.5
    if np.abs(scaled.conj().T @ scaled - np.eye(len(matrix))).max() < TOLERANCE:
        gate = clifford_form(Gate.unitary(scaled, check=False))
        return None if gate is None else OperatorForm(gate, weight, None)
    places = np.argwhere(matrix)
    if len(matrix) > 2 or len(places) > 1:
        return None
    after, before = places[0].tolist()
    flip = pauli_form("X" if after != before else "I")
    entry = complex(matrix[after, before])
    turned = CliffordForm(flip.moves, flip.steps, cmath.phase(entry), flip.template)
    return OperatorForm(turned, abs(entry) ** 2, before)


def _recognised(channel: Channel) -> ChannelForm | None:
    if channel.num_qubits > _WIDEST:
        return None
    mixed = channel.probabilities
    if mixed is None:
        found = _pauli_mixture(_IDENTITY, channel)
        if found is None:
            operators = [operator_form(k) for k in channel.operators]
            if None not in operators:
                return ChannelForm(_IDENTITY, off=max(o.gate.off for o in operators if o))
        return found
    drawn = [u for p, u in zip(mixed, channel.operators, strict=True) if p > 0]
    forms = [clifford_form(Gate.unitary(u, check=False)) for u in drawn]
    if any(form is None for form in forms):
        return _pauli_mixture(_IDENTITY, channel)
    first = forms[0]
    assert first is not None
    if first.is_pauli:
        first, rest = _IDENTITY, channel
    else:
        undone = drawn[0].conj().T
        rest = Channel(tuple(u @ undone for u in channel.operators), mixed, channel.name)
    off = max(form.off for form in forms if form)
    return _pauli_mixture(first, rest) or ChannelForm(_IDENTITY, off=off)


def as_mixtures(code: CompiledCircuit) -> CompiledCircuit:
    """Return gate code in which Kraus channels that are mixtures of Paulis are given as such.

    Their own operators may lead out of the stabilizer states where the channel does not: those of
    dephasing, for one.
    """
    changed = False
    steps: list[Step] = []
    for step in code.steps:
        if isinstance(step, GatesStep) and step.has_channels:
            operations = tuple(map(_as_mixture, step.operations))
            if any(a is not b for a, b in zip(operations, step.operations, strict=True)):
                step, changed = replace(step, operations=operations), True
        steps.append(step)
    return replace(code, steps=tuple(steps)) if changed else code


def _as_mixture(operation: GateOp | ChannelOp) -> GateOp | ChannelOp:
    if isinstance(operation, GateOp):
        return operation
    channel = operation.channel
    form = channel_form(channel)
    if form is None or form.probabilities is None:
        return operation
    if channel.probabilities is not None and all(
        clifford_form(Gate.unitary(u, check=False)) for u in channel.operators
    ):
        return operation
    drawn = np.flatnonzero(form.probabilities).tolist()
    width = channel.num_qubits
    labels = ["".join("IXYZ"[a >> 2 * q & 3] for q in reversed(range(width))) for a in drawn]
    weights = form.probabilities[drawn].tolist()
    mixture = Channel.mixture(weights, [pauli_matrix(label) for label in labels], channel.name)
    return ChannelOp(mixture, operation.qubits)


def _pauli_mixture(gate: CliffordForm, channel: Channel) -> ChannelForm | None:
    probabilities = pauli_probabilities(channel)
    if probabilities is None:
        return None
    probabilities = np.where(probabilities < _ROUNDING, 0.0, probabilities)
    probabilities /= probabilities.sum()
    template = gate.template + "".join(_lines(probabilities.tolist(), channel.num_qubits))
    transfer = pauli_transfer_matrix(channel)
    off = max(gate.off, float(np.abs(transfer - np.diag(np.diag(transfer))).max()))
    return ChannelForm(gate, probabilities, _eigenvalues(probabilities), template, off)


def _eigenvalues(probabilities: Reals) -> Reals:
    """Return ``sum_a p_a (+-1)`` for each Pauli: + for the ``P_a`` that commute with it."""
    signs = np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]], np.float64)
    width = (len(probabilities).bit_length() - 1) // 2
    result = probabilities.reshape((4,) * width)
    for axis in range(width):
        result = np.moveaxis(np.tensordot(signs, result, (1, axis)), 0, axis)
    return np.ascontiguousarray(result.reshape(-1))


def _lines(probabilities: list[float], width: int) -> Iterator[str]:
    """Yield the lines of a mixture of Paulis."""
    errors = probabilities[1:]
    total = sum(errors)
    places = " ".join(f"{{{q}}}" for q in range(width))
    if total == 0.0:
        return
    even = max(errors) - min(errors) < _ROUNDING
    if width <= 2 and even and total <= 1 - 4.0**-width:
        yield f"DEPOLARIZE{width}({total!r}) {places}\n"
    elif width == 1:
        yield f"PAULI_CHANNEL_1({', '.join(map(repr, errors))}) {places}\n"
    elif width == 2:
        # Stim counts the second qubit's Pauli fastest, we the first's.
        swapped = [probabilities[a + 4 * b] for a in range(4) for b in range(4)][1:]
        yield f"PAULI_CHANNEL_2({', '.join(map(repr, swapped))}) {places}\n"
    else:
        yield from _chain(probabilities, width)


def _chain(probabilities: list[float], width: int) -> Iterator[str]:
    """Yield one line for each Pauli: its probability given that none before it has acted."""
    name, left = "CORRELATED_ERROR", 1.0
    for index, probability in enumerate(probabilities):
        if index == 0 or probability == 0.0:
            continue
        letters = ["IXYZ"[index >> 2 * q & 3] for q in range(width)]
        targets = " ".join(f"{c}{{{q}}}" for q, c in enumerate(letters) if c != "I")
        yield f"{name}({min(probability / left, 1.0)!r}) {targets}\n"
        name, left = "ELSE_CORRELATED_ERROR", left - probability

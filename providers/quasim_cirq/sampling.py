"""Samples as Cirq draws them: which states are sampled apart, and from which random numbers.

Cirq draws a sample by inverse transform from one uniform number. When qubits are tracked apart
(``split_untangled_states=True``, the default) each group of qubits that ever met takes its own
numbers. Doing the same makes a seed give the same samples; and smaller groups are faster.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quasim_backend.ir import Circuit
from quasim_backend.ir.instructions import GateOp, Measure
from quasim_cirq.translation import Join, Measurement, Translation

__all__ = ["SampledGroup", "assemble_terminal", "read_records", "sampled_groups", "untangled"]

Bits = NDArray[np.uint8]
Confusion = tuple[tuple[tuple[int, ...], NDArray[np.float64]], ...]


@dataclass(frozen=True, eq=False)
class SampledGroup:
    """Qubits that are simulated and sampled together.

    Attributes:
        circuit: Their circuit; classical bit ``c`` reads the qubit ``measured[-1 - c]``. The
            measured qubits are its highest, in order, so that sampling basis states in the order of
            their index consumes a uniform number exactly as sampling the measured qubits does.
        measured: The whole circuit's numbers of the measured qubits, most significant first.
    """

    circuit: Circuit
    measured: tuple[int, ...]


def sampled_groups(translation: Translation, *, split: bool) -> list[SampledGroup]:
    """Cut a circuit with final measurements into the groups that Cirq samples one by one.

    Args:
        translation: A circuit with ``is_terminal``.
        split: Whether untangled qubits are sampled apart.

    Returns:
        The groups with measured qubits, in the order in which Cirq draws.
    """
    num_qubits = translation.circuit.num_qubits
    seen = dict.fromkeys(q for m in translation.measurements for q in m.qubits)
    if split:
        states = untangled(num_qubits, translation.joins)
        swaps = {join.at: join.qubits for join in translation.joins if join.is_swap}
    else:
        states = [[*seen, *(q for q in range(num_qubits) if q not in seen)]]
        swaps = {}
    # Plain swaps only relabel: qubit q of the circuit ends on wire wires[q].
    wires = list(range(num_qubits))
    placed: list[GateOp] = []
    for number, instruction in enumerate(translation.circuit.instructions):
        if number in swaps:
            first, second = swaps[number]
            wires[first], wires[second] = wires[second], wires[first]
        elif isinstance(instruction, GateOp) and instruction.qubits:
            placed.append(GateOp(instruction.gate, tuple([wires[q] for q in instruction.qubits])))
    group_of = [0] * num_qubits
    for number, state in enumerate(states):
        for qubit in state:
            group_of[wires[qubit]] = number
    parts: list[list[GateOp]] = [[] for _ in states]
    for operation in placed:
        parts[group_of[operation.qubits[0]]].append(operation)
    return [
        _group([q for q in state if q in seen], state, wires, gates)
        for state, gates in zip(states, parts, strict=True)
        if any(q in seen for q in state)
    ]


def untangled(num_qubits: int, joins: Sequence[Join]) -> list[list[int]]:
    """Return the groups of qubits Cirq ends with, each in the order it grew in.

    Cirq creates the qubits' states last qubit first, which is our order.
    """
    state_of: list[list[int]] = [[q] for q in range(num_qubits)]
    for join in joins:
        first, *others = join.qubits
        grown = state_of[first]
        if join.is_swap:
            other = state_of[others[0]]
            here, there = grown.index(first), other.index(others[0])
            grown[here], other[there] = others[0], first
            state_of[first], state_of[others[0]] = other, grown
            continue
        for qubit in others:
            joining = state_of[qubit]
            if joining is not grown:
                grown.extend(joining)
                for member in joining:
                    state_of[member] = grown
    return list({id(state): state for state in state_of}.values())


def _group(
    measured: list[int], state: list[int], wires: list[int], gates: list[GateOp]
) -> SampledGroup:
    """Renumber a group's qubits: measured ones on top, the first one highest."""
    chosen = set(measured)
    order = [*measured, *(q for q in state if q not in chosen)]
    local = {wires[q]: len(order) - 1 - i for i, q in enumerate(order)}
    width = len(measured)
    circuit = Circuit(len(order), width, "cirq")
    circuit.instructions = [
        *(GateOp(g.gate, tuple([local[q] for q in g.qubits])) for g in gates),
        Measure(tuple(range(len(order) - width, len(order))), tuple(range(width))),
    ]
    return SampledGroup(circuit, tuple(measured))


# --- records ------------------------------------------------------------------------------------


def assemble_terminal(
    measurements: Sequence[Measurement],
    groups: Sequence[SampledGroup],
    samples: Sequence[Bits],
    prng: Any,
) -> dict[str, NDArray[Any]]:
    """Turn the groups' samples into Cirq's records.

    Readout confusion is applied to what was measured, and the result is inverted; Cirq's own order
    for terminal measurements is the reverse, which contradicts its documentation.

    Args:
        measurements: What was measured.
        groups: The groups, as `sampled_groups` gave them.
        samples: For each group uint8 ``(repetitions, bits)``, column ``c`` being bit ``c``.
        prng: Draws the confusion.

    Returns:
        For each key int8 ``(repetitions, instances, qubits)``.
    """
    columns: dict[int, Bits] = {}
    for group, bits in zip(groups, samples, strict=True):
        for place, qubit in enumerate(group.measured):
            columns[qubit] = bits[:, len(group.measured) - 1 - place]
    repetitions = len(samples[0])
    records: dict[str, list[NDArray[np.int8]]] = {}
    for measurement in measurements:
        out = np.empty((repetitions, len(measurement.qubits)), np.int8)
        for place, qubit in enumerate(measurement.qubits):
            out[:, place] = columns[qubit]
        if measurement.confusion:
            _confuse(out, measurement.confusion, prng)
        out ^= _flips(measurement)
        records.setdefault(measurement.key, []).append(out)
    return _stacked(records)


def read_records(measurements: Sequence[Measurement], samples: Bits) -> dict[str, NDArray[Any]]:
    """Read Cirq's records out of classical memory; readout confusion is in it already.

    Args:
        measurements: What was measured.
        samples: uint8 ``(repetitions, bits)``.

    Returns:
        For each key uint8 ``(repetitions, instances, qubits)``.
    """
    records: dict[str, list[NDArray[Any]]] = {}
    for measurement in measurements:
        first, width = measurement.record.first, measurement.record.width
        out = samples[:, first : first + width][:, ::-1] ^ _flips(measurement).astype(np.uint8)
        records.setdefault(measurement.key, []).append(out)
    return _stacked(records)


def _stacked(records: Mapping[str, list[NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    return {
        key: outs[0][:, None, :] if len(outs) == 1 else np.stack(outs, axis=1)
        for key, outs in records.items()
    }


def _flips(measurement: Measurement) -> NDArray[np.int8]:
    record = measurement.record
    return np.array(
        [record.flips >> place & 1 for place in range(record.width - 1, -1, -1)], np.int8
    )


def _confuse(bits: NDArray[np.int8], confusion: Confusion, prng: Any) -> None:
    """Replace bits by what is read, one uniform number a repetition and entry; in place."""
    uniforms = prng.random_sample((len(bits), len(confusion)))
    for number, (positions, matrix) in enumerate(confusion):
        ladder = np.cumsum(matrix, axis=1)
        ladder /= ladder[:, -1:]
        weights = 1 << np.arange(len(positions) - 1, -1, -1)
        rows = bits[:, list(positions)] @ weights
        values = (ladder[rows] <= uniforms[:, number, None]).sum(axis=1)
        bits[:, list(positions)] = values[:, None] // weights & 1

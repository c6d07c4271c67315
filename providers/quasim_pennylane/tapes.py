"""Whole tapes for QuASIM's own API: expanded, numbers bound."""

from __future__ import annotations

from typing import Any

import numpy as np
import pennylane as qml

from quasim_backend.errors import UnsupportedError
from quasim_backend.ir import Circuit, Parameter
from quasim_pennylane.programs import ProgramCache, places_of

__all__ = ["translate_tape"]


def translate_tape(tape: Any) -> Circuit:
    """Translate a tape with numbers for its parameters.

    Raises:
        UnsupportedError: If an operator has no translation, or the tape holds a batch.
    """
    from quasim_pennylane.preprocess import expand

    if tape.batch_size is not None:
        raise UnsupportedError(
            f"The tape holds a batch of {tape.batch_size} circuits; split it with "
            f"qml.transforms.broadcast_expand."
        )
    try:
        expanded = expand(tape)
        places = places_of(expanded)
        prepared = ProgramCache().prepare(expanded.operations, places)
    except qml.exceptions.DeviceError as cause:
        raise UnsupportedError(f"QuASIM has no translation: {cause}") from cause
    if prepared.projections:
        raise UnsupportedError("A Projector in the circuit is not unitary and has no translation.")
    part = prepared.parts[0]
    numbers = part.vector(None).tolist()
    bound = part.program.circuit.bind(
        dict[Parameter | str, object](zip(part.program.circuit.parameters, numbers, strict=True))
    )
    start = prepared.initial_state(None)
    result = Circuit(bound.num_qubits, bound.num_clbits, bound.name)
    if start is not None:
        result.initialize(np.asarray(start), range(bound.num_qubits))
    result.instructions.extend(bound.instructions)
    # Noise rules go by the wires' numbers, where all of them have one.
    numbered = all(isinstance(wire, int) for wire in places.order)
    places_of_wires = zip(places.order, places.qubits(places.order), strict=True)
    result.rule_qubits = dict(places_of_wires) if numbered else {}  # type: ignore[arg-type]
    return result

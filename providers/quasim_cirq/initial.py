"""Cirq's forms of an initial state as amplitudes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cirq
import numpy as np
from numpy.typing import NDArray

__all__ = ["Start", "initial_amplitudes"]

_NORM_TOLERANCE = 1e-7


@dataclass(frozen=True, eq=False, slots=True)
class Start:
    """Where a simulation starts.

    Attributes:
        amplitudes: complex ``(2**n,)``; None means all zeros.
    """

    amplitudes: NDArray[Any] | None


def initial_amplitudes(
    state: Any, qubits: Sequence[cirq.Qid], dtype: type[np.complexfloating[Any, Any]]
) -> Start | None:
    """Read an initial state.

    Args:
        state: None, a basis state's number, one value a qubit, amplitudes of any shape, or a
            `cirq.ProductState`; not changed.
        qubits: The qubits in order.
        dtype: What Cirq would compute in.

    Returns:
        The state; None if Cirq has to read it: a state object of Cirq's, or amplitudes that are not
        normalised or otherwise wrong.
    """
    size = 1 << len(qubits)
    if state is None or (type(state) is int and state == 0):
        return Start(None)
    if type(state) is int:
        if not 0 < state < size:
            return None
        amplitudes = np.zeros(size, dtype)
        amplitudes[state] = 1
        return Start(amplitudes)
    if isinstance(state, cirq.SimulationStateBase):
        return None
    if not isinstance(state, np.ndarray):
        try:
            state = cirq.to_valid_state_vector(state, len(qubits), dtype=dtype)
        except (TypeError, ValueError):
            return None
    if state.size != size:
        return None
    # The precision that was given is kept: small circuits are computed in it.
    single = state.dtype == np.complex64
    amplitudes = state.reshape(size).astype(np.complex64 if single else np.complex128, copy=False)
    # Cirq carries a wrong norm through to the result and warns there.
    tolerance = float(np.finfo(amplitudes.dtype).eps) * 4 if single else _NORM_TOLERANCE
    return Start(amplitudes) if abs(np.linalg.norm(amplitudes) - 1) < tolerance else None

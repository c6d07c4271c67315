"""PennyLane's channels as channels of the IR, and back.

PennyLane's first wire is the highest bit of an operator's index, ours the lowest; operators keep
their matrices when the qubits are named in the opposite order, which `Places.lowest_first` does.
Here the order of the qubits is kept and the matrices are turned.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pennylane as qml
from numpy.typing import NDArray
from pennylane.exceptions import DeviceError

from quasim_backend.ir import Channel

__all__ = ["channel_of", "channel_signature", "is_channel", "operator_of", "turned"]

_PREPARED_WIRES = 3
"""Most wires of a `QubitDensityMatrix`: it becomes a channel of up to ``4**k`` operators."""

_PLAIN = (
    qml.AmplitudeDamping,
    qml.BitFlip,
    qml.DepolarizingChannel,
    qml.GeneralizedAmplitudeDamping,
    qml.PauliError,
    qml.PhaseDamping,
    qml.PhaseFlip,
    qml.QubitChannel,
    qml.QubitDensityMatrix,
    qml.ResetError,
    qml.ThermalRelaxationError,
)
"""Channels that their class, wires and data determine."""


def is_channel(op: Any) -> bool:
    """Return whether an operator is a channel or prepares a mixed state."""
    return isinstance(op, qml.operation.Channel | qml.QubitDensityMatrix)


def channel_of(op: Any) -> Channel:
    """Return a channel whose first qubit, the lowest index bit, is the operator's last wire.

    Operators proportional to unitaries become a mixture, which is sampled without the state.

    Raises:
        DeviceError: If a mixed state to prepare is too wide or no density matrix, or a channel has
            a batch of values.
        ShapeError: If the operators preserve no trace.
    """
    if isinstance(op, qml.QubitDensityMatrix):
        return _prepared(op)
    _refuse_batch(op)
    kraus = [np.asarray(k, np.complex128) for k in op.kraus_matrices()]
    kraus = [k for k in kraus if np.abs(k).max() > 0] or kraus
    weights = [float(np.vdot(k, k).real) / len(k) for k in kraus]
    one = np.eye(len(kraus[0]))
    if (
        all(
            np.abs(k.conj().T @ k - w * one).max() < 1e-12 * w
            for k, w in zip(kraus, weights, strict=True)
        )
        and abs(sum(weights) - 1) < 1e-12
    ):
        unitaries = [k / np.sqrt(w) for k, w in zip(kraus, weights, strict=True)]
        return Channel.mixture([w / sum(weights) for w in weights], unitaries, op.name)
    return Channel.kraus(kraus, op.name)


def channel_signature(op: Any) -> Hashable:
    """Return what identifies a channel, numbers included."""
    if type(op) in _PLAIN:
        data = (d if isinstance(d, float | str) else np.asarray(d).tobytes() for d in op.data)
        return (op.name, op.wires.labels, *data)
    arrays = [np.asarray(k, np.complex128) for k in op.kraus_matrices()]
    return (op.name, op.wires.labels, *(a.tobytes() for a in arrays))


def turned(operator: NDArray[Any]) -> NDArray[Any]:
    """Return an operator ``(2**k, 2**k)`` with the order of its qubits reversed."""
    width = len(operator).bit_length() - 1
    axes = tuple(reversed(range(width)))
    tensor = operator.reshape((2,) * (2 * width))
    return tensor.transpose(*axes, *(a + width for a in axes)).reshape(operator.shape)


def operator_of(channel: Channel, wires: Sequence[Any]) -> Any:
    """Return a channel on wires, its first qubit on the first wire."""
    return qml.QubitChannel([turned(k) for k in channel.kraus_operators()], wires=list(wires))


def _refuse_batch(op: Any) -> None:
    """Refuse an array where a channel has a number: PennyLane has no batches of channels.

    Raises:
        DeviceError: As described.
    """
    if type(op) not in _PLAIN or isinstance(op, qml.QubitChannel):
        return
    for value in op.data:
        if np.ndim(value):
            raise DeviceError(
                f"{op.name} on wires {op.wires.tolist()} has {np.size(value)} values for one "
                f"parameter; PennyLane's channels take one number each. Run the circuit once for "
                f"each value."
            )


def _prepared(op: Any) -> Channel:
    """Return what replaces the state of some wires: operators ``sqrt(p_i) |v_i><j|``."""
    rho = np.asarray(op.data[0], np.complex128)
    width = len(op.wires)
    if width > _PREPARED_WIRES:
        raise DeviceError(
            f"QubitDensityMatrix on {width} wires is not supported; at most {_PREPARED_WIRES} are. "
            f"Prepare a purification on twice the wires with StatePrep."
        )
    values, vectors = np.linalg.eigh(rho)
    if np.abs(rho - rho.conj().T).max() > 1e-8 or values[0] < -1e-8 or abs(sum(values) - 1) > 1e-8:
        raise DeviceError(
            f"QubitDensityMatrix needs a Hermitian, positive matrix of trace 1; got trace "
            f"{np.trace(rho):.6g} and the lowest eigenvalue {values[0]:.3g}."
        )
    kept = [(v / sum(values), vectors[:, i]) for i, v in enumerate(values) if v > 1e-14]
    basis = np.eye(len(rho))
    return Channel.kraus(
        [np.sqrt(value) * np.outer(vector, row) for value, vector in kept for row in basis],
        op.name,
    )

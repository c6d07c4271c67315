"""One noisy shot after the other on dense states, from given uniforms; nothing is shared or fused.

Every choice takes the shot's next uniform and draws by inverse transform over the outcomes in
their order. That is the law of every trajectory engine, so the same uniforms must give the same
bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from quasim_backend.ir.circuit import Circuit
from quasim_backend.ir.instructions import (
    Barrier,
    ChannelOp,
    GateOp,
    If,
    Instruction,
    Measure,
    Reset,
)
from quasim_backend.testing.classical_oracle import evaluate
from quasim_backend.testing.oracles import apply_matrix

__all__ = ["sampled_memory"]

Matrix = NDArray[np.complex128]


def sampled_memory(circuit: Circuit, uniforms: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the classical bits of each shot as one number, int64 ``(shots,)``.

    Args:
        circuit: Gates, channels, measurements without readout error, resets and ``if``. Its last
            instruction measures all qubits; they are drawn with one uniform as one basis state. A
            reset draws even if its qubit is known to be zero, unlike in compiled code: let no
            circuit begin with one.
        uniforms: float64 ``(shots, draws)``.
    """
    return np.array([_shot(circuit, iter(row.tolist())) for row in uniforms], np.int64)


def _shot(circuit: Circuit, uniforms: Iterator[float]) -> int:
    state = np.zeros(1 << circuit.num_qubits, np.complex128)
    state[0] = 1
    state, bits = _run(circuit.instructions[:-1], state, 0, uniforms)
    last = circuit.instructions[-1]
    assert isinstance(last, Measure)
    index = _draw(np.abs(state) ** 2, next(uniforms))
    return _written(bits, last, sum((index >> q & 1) << i for i, q in enumerate(last.qubits)))


def _run(
    block: Iterable[Instruction], state: Matrix, bits: int, uniforms: Iterator[float]
) -> tuple[Matrix, int]:
    for instruction in block:
        match instruction:
            case GateOp(gate, qubits):
                state = apply_matrix(state, gate.matrix(), qubits)
            case ChannelOp(channel, qubits):
                state = _chosen(state, channel.kraus_operators(), qubits, next(uniforms))[1]
            case Measure(qubits):
                projectors = _outcomes(len(qubits), flipped=False)
                value, state = _chosen(state, projectors, qubits, next(uniforms))
                bits = _written(bits, instruction, value)
            case Reset(qubits):
                operators = _outcomes(len(qubits), flipped=True)
                state = _chosen(state, operators, qubits, next(uniforms))[1]
            case If(condition, body, orelse):
                taken = body if evaluate(condition, bits, frozenset()) else orelse
                state, bits = _run(taken, state, bits, uniforms)
            case Barrier():
                pass
            case _:
                raise TypeError(f"Not for this oracle: {instruction!r}.")
    return state, bits


def _chosen(
    state: Matrix, operators: Iterable[Matrix], qubits: tuple[int, ...], uniform: float
) -> tuple[int, Matrix]:
    """Return the number of the operator that is drawn, and the normalised state after it."""
    results = [apply_matrix(state, operator, qubits) for operator in operators]
    weights = np.array([np.vdot(r, r).real for r in results])
    number = _draw(weights, uniform)
    return number, results[number] / np.sqrt(weights[number])


def _draw(weights: NDArray[np.float64], uniform: float) -> int:
    ladder = np.cumsum(weights)
    return int(np.argmax(uniform * ladder[-1] < ladder))


def _outcomes(width: int, *, flipped: bool) -> list[Matrix]:
    """Return the projectors on each value of ``width`` qubits, with a flip to zero after or not."""
    operators = np.zeros((1 << width, 1 << width, 1 << width), np.complex128)
    for value in range(1 << width):
        operators[value, 0 if flipped else value, value] = 1
    return list(operators)


def _written(bits: int, measure: Measure, value: int) -> int:
    for place, clbit in enumerate(measure.clbits):
        bits = bits & ~(1 << clbit) | (value >> place & 1) << clbit
    return bits

"""Oracles shared by the tests of the Qiskit adapter."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("qiskit")

from qiskit import QuantumCircuit

from quasim_backend.ir.instructions import Barrier, Delay, GateOp
from quasim_qiskit.translate import translate

DENSE = Callable[[QuantumCircuit], np.ndarray]


def dense_unitary(circuit: QuantumCircuit) -> np.ndarray:
    """Translate a circuit and multiply its gates out, column by column."""
    width = circuit.num_qubits
    total = np.eye(1 << width, dtype=complex)
    for instruction in translate(circuit).circuit.instructions:
        if isinstance(instruction, Barrier | Delay):
            continue
        assert isinstance(instruction, GateOp), instruction
        matrix, qubits = instruction.gate.matrix(), instruction.qubits
        full = np.zeros_like(total)
        for column in range(1 << width):
            inner = sum((column >> q & 1) << i for i, q in enumerate(qubits))
            rest = column & ~sum(1 << q for q in qubits)
            for row in range(len(matrix)):
                full[rest | sum((row >> i & 1) << q for i, q in enumerate(qubits)), column] = (
                    matrix[row, inner]
                )
        total = full @ total
    return total


@pytest.fixture(scope="session", name="dense_unitary")
def _dense_unitary() -> DENSE:
    return dense_unitary


def chi_square(counts: dict[str, int], expected: dict[str, float], shots: int) -> None:
    """Fail if counts contradict probabilities, with a false-alarm rate of 1e-6.

    Cells with less than 5 expected counts are merged.
    """
    assert sum(counts.values()) == shots
    unexpected = [key for key in counts if expected.get(key, 0.0) < 1e-12]
    assert not unexpected, unexpected
    pairs = [(counts.get(key, 0), p * shots) for key, p in expected.items() if p > 1e-12]
    small = [pair for pair in pairs if pair[1] < 5]
    cells = [pair for pair in pairs if pair[1] >= 5]
    if small:
        cells.append((sum(o for o, _ in small), sum(e for _, e in small)))
    statistic = sum((o - e) ** 2 / e for o, e in cells)
    _check_statistic(statistic, len(cells) - 1)


def same_distribution(left: dict[str, int], right: dict[str, int]) -> None:
    """Fail if two samples of one size contradict each other, with a false-alarm rate of 1e-6."""
    assert sum(left.values()) == sum(right.values())
    pairs = [(left.get(key, 0), right.get(key, 0)) for key in {*left, *right}]
    small = [pair for pair in pairs if sum(pair) < 10]
    cells = [pair for pair in pairs if sum(pair) >= 10]
    if small:
        cells.append((sum(a for a, _ in small), sum(b for _, b in small)))
    statistic = sum((a - b) ** 2 / (a + b) for a, b in cells)
    _check_statistic(statistic, len(cells) - 1)


def _check_statistic(statistic: float, freedom: int) -> None:
    """Compare with Wilson and Hilferty's approximation of a quantile of chi-square."""
    if freedom < 1:
        return
    quantile = 4.7534  # of the normal distribution at 1 - 1e-6
    cube = 1 - 2 / (9 * freedom) + quantile * (2 / (9 * freedom)) ** 0.5
    assert statistic < freedom * cube**3, (statistic, freedom)


@pytest.fixture(scope="session", name="chi_square")
def _chi_square() -> Callable[[dict[str, int], dict[str, float], int], None]:
    return chi_square


@pytest.fixture(scope="session", name="same_distribution")
def _same_distribution() -> Callable[[dict[str, int], dict[str, int]], None]:
    return same_distribution

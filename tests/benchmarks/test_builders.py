"""Every simulator's builder makes the circuit that the operations say."""

from __future__ import annotations

import warnings

import dense
import numpy as np
import pytest
from harness.agreement import difference
from harness.families import FAMILIES, random_gates
from harness.families.random import special_unitary
from harness.operations import NAMES, Operation
from harness.simulators import PEERS, QUASIM

QUBITS = 5
SIMULATORS = {"QuASIM": QUASIM, **PEERS}
TOLERANCE = {"complex64": 3e-6, "complex128": 1e-12}
CASES = [(name, dtype) for name, s in SIMULATORS.items() for dtype in s.DTYPES]


def runners(name, ops, dtype):
    simulator = SIMULATORS[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other people's packages, at import
        try:
            simulator.available()
        except ImportError as cause:
            pytest.skip(f"{name}: {cause}")
        return simulator.runners(ops, QUBITS, dtype, 1)


def every_operation() -> list[Operation]:
    """Each gate once on qubits out of order, between rotations that make every mistake visible."""
    rng = np.random.default_rng(8)
    width = {"mcz": 4, "unitary": 2, "cx": 2, "cz": 2, "cp": 2, "swap": 2}
    width |= {"rxx": 2, "ryy": 2, "rzz": 2}
    angles = {"rx": 1, "ry": 1, "rz": 1, "cp": 1, "rxx": 1, "ryy": 1, "rzz": 1, "u": 3}
    ops = []
    for name in NAMES:
        for q in range(QUBITS):
            ops += [Operation(r, (q,), (float(rng.uniform(0, 6)),)) for r in ("ry", "rz")]
        qubits = tuple(int(q) for q in rng.choice(QUBITS, width.get(name, 1), replace=False))
        values = tuple(float(a) for a in rng.uniform(0, 6, angles.get(name, 0)))
        matrix = special_unitary(4, rng) if name == "unitary" else None
        ops.append(Operation(name, qubits, values, matrix))
    return ops


@pytest.mark.parametrize(("simulator", "dtype"), CASES)
def test_a_builder_knows_every_operation(simulator, dtype):
    ops = every_operation()
    assert {op.name for op in ops} == set(NAMES)
    expected = dense.simulate(ops, QUBITS)
    for runner in runners(simulator, ops, dtype):
        assert difference(runner(), expected) < TOLERANCE[dtype], runner.setting


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("simulator", "dtype"), CASES)
def test_a_family_is_the_same_circuit_everywhere(simulator, dtype, family):
    ops = FAMILIES[family](QUBITS)
    expected = dense.simulate(ops, QUBITS)
    for runner in runners(simulator, ops, dtype):
        assert difference(runner(), expected) < TOLERANCE[dtype], runner.setting


def test_quasim_again_runs_the_same_circuit():
    from harness.simulators.quasim import planned_runner

    ops = random_gates(QUBITS, 60)
    again = planned_runner(ops, QUBITS, "complex128", 1)
    expected = dense.simulate(ops, QUBITS)
    assert difference(again(), expected) < 1e-12
    assert difference(again(), expected) < 1e-12

"""Which expressions become affine angles, and what the others are evaluated to."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("qiskit")

from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector

from quasim_backend.ir import Affine
from quasim_qiskit.errors import QuasimQiskitError
from quasim_qiskit.translate import translate

A, B = Parameter("a"), Parameter("b")
V = ParameterVector("v", 3)

AFFINE = [A, -A, 2 * A + 1, (A + B) / 3 - 1, A - A + B, V[2] - V[0]]
OTHERS = [A * B, A.sin(), abs(A), A**2, A / B, (A + B) ** 2, A.exp(), abs(A) + abs(B)]


def _angle(expression):
    circuit = QuantumCircuit(1)
    circuit.rx(expression, 0)
    translation = translate(circuit)
    return circuit, translation, translation.circuit.instructions[0].gate.params[0]


@pytest.mark.parametrize("expression", [*AFFINE, *OTHERS], ids=str)
def test_angles_have_qiskits_values(expression) -> None:
    circuit, translation, angle = _angle(expression)
    parameters = list(circuit.parameters)
    values = np.random.default_rng(1).uniform(-2, 2, (6, len(parameters)))
    vectors = translation.parameters.vectors(translation.circuit.parameters, parameters, values)
    assert isinstance(angle, Affine)
    for numbers, vector in zip(values, vectors, strict=True):
        bound = dict(zip(translation.circuit.parameters, vector, strict=True))
        ours = angle.offset + sum(w * bound[p] for p, w in angle.terms)
        theirs = float(expression.bind(dict(zip(parameters, numbers, strict=True))).numeric())
        assert ours == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("expression", AFFINE, ids=str)
def test_affine_expressions_share_the_circuits_parameters(expression) -> None:
    circuit, translation, _ = _angle(expression)
    names = {p.name for p in circuit.parameters}
    assert {p.name for p in translation.circuit.parameters} <= names


def test_bound_expressions_are_numbers() -> None:
    _, _, angle = _angle((A + 1).bind({A: 0.25}))
    assert angle == 1.25


def test_symbolic_global_phase() -> None:
    circuit = QuantumCircuit(1, global_phase=2 * A)
    circuit.h(0)
    assert [p.name for p in translate(circuit).circuit.parameters] == ["a"]


def test_complex_and_infinite_angles_are_refused() -> None:
    for value in (float("nan"), float("inf")):
        circuit = QuantumCircuit(1)
        circuit.rx(value, 0)
        with pytest.raises(QuasimQiskitError, match="finite"):
            translate(circuit)
    circuit = QuantumCircuit(1)
    circuit.rx(A.log(), 0)
    translation = translate(circuit)
    with pytest.raises(QuasimQiskitError):
        translation.parameters.vectors(translation.circuit.parameters, [A], np.array([[-1.0]]))

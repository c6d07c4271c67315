"""Code that holds gates in place of plans: the form of wide circuits."""

from __future__ import annotations

import pytest

import quasim_backend as quasim
from quasim_backend.compile.code import AssignStep, GatesStep, SampleStep, SaveStep
from quasim_backend.compile.compiler import compile_circuit, gate_code
from quasim_backend.errors import UnsupportedError
from quasim_backend.ir.instructions import ChannelOp, GateOp, Save
from quasim_backend.noise import depolarizing


def test_wide_circuits_are_compiled_without_plans() -> None:
    circuit = quasim.Circuit(200, 200).h(3)
    for qubit in range(3, 199):
        circuit.cx(qubit, qubit + 1)
    compiled = compile_circuit(circuit.measure_all())
    assert compiled.holds_gates
    assert compiled.num_qubits == 197
    idle, gates, sample = compiled.steps
    assert isinstance(idle, AssignStep)
    assert isinstance(gates, GatesStep)
    assert isinstance(sample, SampleStep)
    assert [o.qubits for o in gates.operations][:3] == [(0,), (0, 1), (1, 2)]


def test_gates_keep_order_places_and_parameters() -> None:
    theta = quasim.Parameter("theta")
    circuit = quasim.Circuit(9).h(4).channel(depolarizing(0.1), [4]).rx(theta, 8).cx(8, 4)
    compiled = compile_circuit(circuit)
    code = gate_code(compiled)
    assert code is gate_code(compiled)
    (step,) = code.steps
    assert isinstance(step, GatesStep)
    assert step.has_channels
    assert step.sources == {theta: 0}
    kinds = [o.gate.name if isinstance(o, GateOp) else "channel" for o in step.operations]
    assert kinds == ["h", "channel", "rx", "x"]
    assert [o.qubits for o in step.operations] == [(0,), (0,), (1,), (1, 0)]
    assert isinstance(step.operations[1], ChannelOp)


def test_steps_that_follow_are_in_both_forms() -> None:
    save = SaveStep(Save("statevector", "state"))
    compiled = compile_circuit(quasim.Circuit(2).h(0).cx(0, 1)).followed_by(save)
    assert gate_code(compiled).steps[-1] is save


def test_a_circuit_that_changes_later_leaves_the_code_as_it_was() -> None:
    circuit = quasim.Circuit(2).h(0)
    compiled = compile_circuit(circuit)
    circuit.cx(0, 1)
    assert len(gate_code(compiled).steps[0].operations) == 1  # type: ignore[union-attr]


def test_engines_of_amplitudes_refuse_wide_circuits() -> None:
    circuit = quasim.Circuit(80)
    for qubit in range(80):
        circuit.rx(0.1 + qubit, qubit)
    with (
        quasim.runtime(method="statevector") as session,
        pytest.raises(UnsupportedError, match="at most 63 qubits, and the circuit has 80"),
    ):
        session.run(circuit.measure_all(), shots=3)

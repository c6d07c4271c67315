"""The circuit: chaining, blocks, parameters, inverse."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from quasim_backend.errors import CircuitError, ParameterError, QubitError
from quasim_backend.ir import Channel, Circuit, Gate, Parameter, PauliString, PauliSum
from quasim_backend.ir.expr import BOOL, Bit, Bits, Const, Var, uint
from quasim_backend.ir.instructions import For, GateOp, If, Measure, Save, Switch, While

A, B, K = (Parameter(n) for n in "abk")


def every_shortcut():
    circuit = Circuit(4, 4)
    circuit.x(0).y(1).z(2).h(3).s(0).t(1).rx(0.1, 0).ry(0.2, 1).rz(0.3, 2).p(0.4, 3)
    circuit.u(0.1, 0.2, 0.3, 0).cx(0, 1).cz(1, 2).cp(0.5, 2, 3).swap(3, 0).ccx(0, 1, 2)
    circuit.mcx((0, 1, 2), 3).global_phase(0.7).unitary(np.eye(4)[::-1], (2, 0))
    return circuit.diagonal([1, 1j], (1,)).pauli_rotation("XYZ", 0.9, (3, 1, 0)).barrier()


def test_the_inverse_circuit_undoes_it(dense):
    circuit = every_shortcut()
    circuit.registers, circuit.qregisters = (("c", 4),), (("q", 4),)
    inverse = circuit.inverse()
    product = dense.circuit(inverse) @ dense.circuit(circuit)
    assert np.abs(product - np.eye(16)).max() < 1e-12
    assert (inverse.registers, inverse.qregisters) == (circuit.registers, circuit.qregisters)
    assert circuit.is_unitary


def test_shortcuts_act_on_the_named_qubits(dense):
    assert dense.circuit(Circuit(3).cx(2, 0))[5, 4] == 1
    assert dense.circuit(Circuit(3).ccx(0, 2, 1))[7, 5] == 1
    assert dense.circuit(Circuit(2).swap(0, 1))[2, 1] == 1
    rotated = dense.circuit(Circuit(2).pauli_rotation("XZ", np.pi, (0, 1)))
    assert np.allclose(rotated, -1j * dense.pauli("XZ"))


def test_parameters_are_listed_once_without_loop_parameters():
    body = Circuit(1).rx(K * 0.5, 0).rz(B, 0)
    circuit = Circuit(1, 1).ry(A, 0).for_(range(3), body, parameter=K).rx(A + B, 0)
    assert circuit.parameters == (A, B)


def test_binding_reaches_every_block_but_not_a_loops_own_parameter():
    leaf = Circuit(1).rx(A, 0)
    circuit = Circuit(1, 2).if_(Bit(0), leaf, leaf).while_(Bit(1), leaf)
    circuit.switch(Bits((0, 1)), [((1, 2), leaf), (None, leaf)])
    circuit.for_((1, 2), Circuit(1).rx(A, 0).rx(K, 0), parameter=K)
    circuit.registers = (("c", 2),)
    bound = circuit.bind({"a": 0.5, K: 9.0})
    angles = [i.gate.params[0] for i in bound.walk() if isinstance(i, GateOp)]
    assert angles[:-1] == [0.5] * 6
    assert angles[-1] == K * 1.0
    assert bound.parameters == ()
    assert bound.registers == circuit.registers
    assert circuit.parameters == (A,), "the original stays as it was"
    with pytest.raises(ParameterError, match="finite"):
        circuit.bind({A: float("nan")})


def test_walk_goes_outer_before_inner():
    inner = Circuit(1, 1).measure(0, 0)
    circuit = Circuit(1, 1).h(0).while_(Bit(0), Circuit(1, 1).if_(Bit(0), inner)).x(0)
    kinds = [type(i) for i in circuit.walk()]
    assert kinds == [GateOp, While, If, Measure, GateOp]


def test_blocks_are_kept_as_values():
    body = Circuit(1).x(0)
    circuit = Circuit(1, 1).if_(Bit(0), body)
    body.y(0)
    assert len(circuit.instructions[0].body) == 1


def test_control_flow_and_classical_shortcuts():
    variable = Var("v", uint(4))
    loop = Circuit(1, 1).break_loop().continue_loop().assign(variable, Const(3, uint(4)))
    circuit = Circuit(1, 1).for_([1, 2], loop, variable=variable).while_(Bit(0), loop)
    circuit.switch(variable, [((1,), loop), (None, Circuit(1))])
    assert [type(i) for i in circuit.instructions] == [For, While, Switch]
    assert circuit.instructions[2].cases[1] == (None, ())


def test_measure_all_adds_the_bits_it_needs():
    circuit = Circuit(3, 1).measure_all()
    assert circuit.num_clbits == 3
    assert circuit.instructions[0].clbits == (0, 1, 2)


def test_repr_and_len():
    circuit = Circuit(2, 1, "bell").h(0).cx(0, 1)
    assert len(circuit) == 2
    assert repr(circuit) == "Circuit(name='bell', num_qubits=2, num_clbits=1, instructions=2)"


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Circuit(-1), CircuitError, ["-1", "negative"]),
        (lambda: Circuit("a"), CircuitError, ["number of qubits", "'a'", "whole"]),
        (lambda: Circuit(2.5), CircuitError, ["number of qubits", "2.5"]),
        (lambda: Circuit(2, None), CircuitError, ["number of classical bits", "None"]),
        (lambda: Circuit(2).cx(0, "a"), QubitError, ["gate 'x'", "whole numbers", "(0, 'a')"]),
        (lambda: Circuit(2).rx(0.1, 0.5), QubitError, ["gate 'rx'", "(0.5,)"]),
        (lambda: Circuit(2).gate("h", 1), QubitError, ["gate 'h'", "got 1"]),
        (lambda: Circuit(2).reset("a"), QubitError, ["reset", "'a'"]),
        (lambda: Circuit(2, 2).measure(None, 0), QubitError, ["measure", "None"]),
        (lambda: Circuit(2, 2).measure(0, "b"), CircuitError, ["classical bits", "'b'"]),
        (lambda: Circuit(2).initialize([1, 0], 0), QubitError, ["initialize", "got 0"]),
        (lambda: Circuit(2).x(2), QubitError, ["Qubit 2", "2 qubits", "0..1", "'x'"]),
        (lambda: Circuit(2).x(-1), QubitError, ["Qubit -1"]),
        (lambda: Circuit(2).cx(1, 1), QubitError, ["repeats", "(1, 1)"]),
        (lambda: Circuit(2).append(Gate.named("cx"), (0,)), QubitError, ["2 qubits", "(0,)"]),
        (lambda: Circuit(2).gate("xc", (0,)), CircuitError, ["'xc'"]),
        (lambda: Circuit(2, 1).measure([0, 1], 0), CircuitError, ["2, 1"]),
        (lambda: Circuit(2, 1).measure(0, 1), CircuitError, ["bit 1", "1 classical"]),
        (lambda: Circuit(2).reset(5), QubitError, ["Qubit 5", "reset"]),
        (lambda: Circuit(2).channel(Channel.kraus([np.eye(2)]), (0, 1)), QubitError, ["1 qubits"]),
        (lambda: Circuit(2).initialize([1, 0], (0, 1)), CircuitError, ["4 amplitudes", "(2,)"]),
        (lambda: Circuit(1).initialize([1, 1], (0,)), CircuitError, ["norm 1", "1.414"]),
        (lambda: Circuit(1).set_state([1, 0, 0, 0]), CircuitError, ["2 amplitudes", "(4,)"]),
        (lambda: Circuit(1).set_state([np.nan, 0]), CircuitError, ["norm 1", "nan"]),
        (lambda: Circuit(1).if_(Bit(0), Circuit(2)), CircuitError, ["2 qubits", "does not fit"]),
        (lambda: Circuit(1).reset(0).inverse(), CircuitError, ["'Reset'", "no inverse"]),
        (
            lambda: Circuit(1).save("state"),
            CircuitError,
            ["'state'", "Did you mean", "statevector"],
        ),
        (lambda: Circuit(1).save("expectation"), CircuitError, ["observable"]),
        (lambda: Circuit(1).save("expectation", observable="XX"), QubitError, ["qubit 1"]),
        (lambda: Circuit(1).save("amplitudes"), CircuitError, ["indices"]),
        (lambda: Circuit(1).save("amplitudes", indices=(2,)), QubitError, ["state 2"]),
        (lambda: Circuit(1).delay(-1.0, 0), CircuitError, ["-1.0"]),
        (lambda: Circuit(1).delay(float("nan"), 0), CircuitError, ["nan"]),
    ],
)
def test_wrong_calls_are_refused_with_what_is_possible(make, error, words):
    with pytest.raises(error) as caught:
        make()
    for word in words:
        assert word in str(caught.value)


def test_numbers_of_numpy_are_numbers_of_qubits_and_bits():
    circuit = Circuit(np.int64(2), np.int8(2)).cx(*np.arange(2)).measure(np.int64(1), np.uint8(0))
    gate, measure = circuit.instructions
    for number in (circuit.num_qubits, *gate.qubits, *measure.qubits, *measure.clbits):
        assert type(number) is int


@pytest.mark.parametrize("observable", ["ZX", PauliString.from_label("ZX"), {"ZX": 1.0}])
def test_a_save_reads_its_observable_as_a_circuit_does(observable):
    saves = [
        Circuit(2).save("expectation", "a", observable=observable).instructions[0],
        Save("expectation", "a", observable=observable),
    ]
    for save in saves:
        assert save.observable == PauliSum.of("ZX")
    renamed = replace(saves[1], label="b")
    assert (renamed.label, renamed.observable) == ("b", PauliSum.of("ZX"))
    for made in (Save, Circuit(2).save):
        for impossible in (["ZX"], 5):
            with pytest.raises(CircuitError, match=r"An observable is .* got (list|int)"):
                made("expectation", "a", observable=impossible)


def test_an_assignment_needs_a_value_of_some_type():
    circuit = Circuit(1, 1).assign(Bit(0), Const(True, BOOL))
    assert circuit.instructions[0].value.type == BOOL

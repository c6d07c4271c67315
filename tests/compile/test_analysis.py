"""Which qubits are simulated and which measurements wait for the end."""

from __future__ import annotations

from quasim_backend.compile.analysis import active_qubits, final_measurements, live_bits
from quasim_backend.ir import Circuit
from quasim_backend.ir.expr import Bit


def test_untouched_qubits_are_idle() -> None:
    circuit = Circuit(127, 127).h(5).cx(5, 9).measure_all()
    assert active_qubits(circuit) == (5, 9)


def test_identities_and_resets_leave_a_qubit_idle() -> None:
    circuit = Circuit(3).gate("id", [0]).reset(1).barrier().x(2)
    assert active_qubits(circuit) == (2,)


def test_saving_the_state_keeps_every_qubit() -> None:
    assert active_qubits(Circuit(3).x(1).save("statevector")) == (0, 1, 2)
    assert active_qubits(Circuit(3).x(1).save("probabilities", qubits=[0])) == (0, 1)
    assert active_qubits(Circuit(3).x(1).save("expectation", observable="ZII")) == (1, 2)


def test_gates_inside_blocks_count() -> None:
    circuit = Circuit(2, 1).h(0).measure(0, 0).if_(Bit(0), Circuit(2, 1).x(1))
    assert active_qubits(circuit) == (0, 1)
    assert live_bits(circuit) == {0}


def test_last_measurements_wait() -> None:
    circuit = Circuit(2, 2).h(0).measure(0, 0).h(1).measure(1, 1)
    assert final_measurements(circuit.instructions) == {1, 3}


def test_a_measurement_followed_by_a_gate_on_its_qubit_does_not_wait() -> None:
    circuit = Circuit(1, 2).h(0).measure(0, 0).h(0).measure(0, 1)
    assert final_measurements(circuit.instructions) == {3}


def test_a_bit_that_is_read_or_rewritten_does_not_wait() -> None:
    read = Circuit(2, 1).h(0).measure(0, 0).if_(Bit(0), Circuit(2, 1).x(1))
    assert final_measurements(read.instructions) == frozenset()
    rewritten = Circuit(2, 1).h(0).measure(0, 0).measure(1, 0)
    assert final_measurements(rewritten.instructions) == {2}


def test_a_save_sees_the_collapsed_state() -> None:
    circuit = Circuit(1, 1).h(0).measure(0, 0).save("statevector")
    assert final_measurements(circuit.instructions) == frozenset()


def test_a_qubit_measured_twice_waits_twice() -> None:
    circuit = Circuit(1, 2).h(0).measure(0, 0).measure(0, 1)
    assert final_measurements(circuit.instructions) == {1, 2}

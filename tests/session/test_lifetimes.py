"""States are gone with their last user: no cycle of references keeps them until a collection."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import numpy as np
import pytest

import quasim_backend as quasim

WIDTH = 20  # wider than what takes the short way for small states


def _circuit() -> quasim.Circuit:
    circuit = quasim.Circuit(WIDTH).h(0)
    for q in range(WIDTH - 1):
        circuit.cx(q, q + 1)
    return circuit


def _measured() -> quasim.Circuit:
    circuit = quasim.Circuit(WIDTH, 2).h(0).measure(0, 0).h(1)
    return circuit.measure(1, 1).cx(0, 2)


def _with_parameters() -> quasim.Circuit:
    circuit = _circuit()
    for q in range(WIDTH):
        circuit.rx(quasim.Parameter(f"t{q}"), q)
    return circuit


RUNS: dict[str, Callable[[quasim.Runtime], object]] = {
    "simulate": lambda rt: rt.simulate(_circuit()),
    "bind": lambda rt: rt.simulate(_with_parameters(), parameters=[0.1] * WIDTH),
    "run": lambda rt: rt.run(_measured(), shots=20, save="statevector"),
    "sample": lambda rt: rt.sample(_circuit(), 20),
    "measure": lambda rt: rt.measure(_circuit(), ["Z" * WIDTH, "X" * WIDTH]),
    "gradient": lambda rt: rt.gradient(_with_parameters(), "Z" * WIDTH, [0.1] * WIDTH),
    "submit_async": lambda rt: rt.submit_async(_circuit(), shots=20).result(),
}


def _qiskit() -> object:
    qiskit = pytest.importorskip("qiskit")
    import quasim_qiskit

    circuit = qiskit.QuantumCircuit(WIDTH)
    circuit.h(range(WIDTH))
    simulator = quasim_qiskit.AerSimulator()
    circuit.save_statevector()  # a method that the import adds
    return simulator.run(circuit).result().get_statevector()


def _cirq() -> object:
    cirq = pytest.importorskip("cirq")
    import quasim_cirq

    circuit = cirq.Circuit(cirq.H.on_each(cirq.LineQubit.range(WIDTH)))
    return quasim_cirq.Simulator().simulate(circuit).final_state_vector


def _pennylane() -> object:
    qml = pytest.importorskip("pennylane")

    @qml.qnode(qml.device("quasim.cpu", wires=WIDTH))
    def node() -> object:
        qml.Hadamard(0)
        return qml.state()

    return node()


def _pytket() -> object:
    pytket = pytest.importorskip("pytket")
    import quasim_pytket

    circuit = pytket.Circuit(WIDTH).H(0)
    return quasim_pytket.QuasimBackend().run_circuit(circuit).get_state()


ADAPTERS = {"qiskit": _qiskit, "cirq": _cirq, "pennylane": _pennylane, "pytket": _pytket}


@pytest.fixture
def no_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


def _kept_states() -> list[np.ndarray]:
    """Arrays as large as a state that only garbage refers to."""
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    gc.set_debug(0)
    held = [thing for garbage in gc.garbage for thing in gc.get_referents(garbage)]
    return [x for x in held if isinstance(x, np.ndarray) and x.size >= 1 << WIDTH]


def test_a_kept_state_is_found(no_collection: None) -> None:
    cycle: list[object] = [np.zeros(1 << WIDTH)]
    cycle.append(cycle)
    del cycle
    assert len(_kept_states()) == 1


@pytest.mark.parametrize("name", RUNS)
def test_no_state_outlives_its_last_user(name: str, no_collection: None) -> None:
    with quasim.runtime() as rt:
        RUNS[name](rt)
        assert _kept_states() == []


@pytest.mark.parametrize("name", ADAPTERS)
def test_no_state_outlives_an_sdks_result(name: str, no_collection: None) -> None:
    ADAPTERS[name]()
    assert _kept_states() == []

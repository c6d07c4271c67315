"""Speed, coarsely: CPU time against Cirq's own, with wide margins."""

from __future__ import annotations

import time

import pytest

cirq = pytest.importorskip("cirq")

import quasim_cirq  # noqa: E402

Q = cirq.LineQubit.range(10)


def seconds(work, rounds: int) -> float:
    """Return the least CPU time of a call, after one that may compile."""
    work()
    times = []
    for _ in range(rounds):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


@pytest.mark.parametrize("name", ["simulate", "run", "mid-circuit", "noisy"])
def test_ten_qubits_take_at_most_half_of_cirqs_time(name):
    layers = cirq.testing.random_circuit(Q, 14, 0.9, random_state=1)
    if name == "mid-circuit":
        layers += cirq.measure(Q[3], key="early")
        layers += cirq.testing.random_circuit(Q, 5, 0.9, random_state=2)
    if name == "noisy":
        layers = layers.with_noise(cirq.depolarize(0.01))
    circuit = layers if name == "simulate" else layers + cirq.measure(*Q, key="m")

    def work(simulator):
        if name == "simulate":
            return lambda: simulator.simulate(circuit).final_state_vector
        return lambda: simulator.run(circuit, repetitions=20)

    assert 2 * seconds(work(quasim_cirq.Simulator()), 3) < seconds(work(cirq.Simulator()), 1)

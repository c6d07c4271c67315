"""What a run tells of how much of it is done."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import quasim_backend as quasim
from quasim_backend.engines.progress import Progress
from quasim_backend.ir.instructions import Save
from quasim_backend.ir.observables import PauliString, PauliSum
from quasim_backend.noise.channels import amplitude_damping, depolarizing


def layers(width: int, depth: int, noise: Any = None) -> quasim.Circuit:
    rng = np.random.default_rng(depth)
    circuit = quasim.Circuit(width, width)
    for layer in range(depth):
        for q in range(width):
            circuit.ry(rng.uniform(0, 3), q)
            if noise is not None:
                circuit.channel(noise, [q])
        for q in range(layer % 2, width - 1, 2):
            circuit.cx(q, q + 1)
    return circuit


def means(width: int) -> quasim.Circuit:
    circuit = layers(width, 3)
    for q in range(width):
        circuit.save("expectation", f"z{q}", observable=PauliSum.of(PauliString(0, 1 << q)))
    return circuit


def entangled() -> quasim.Circuit:
    rng = np.random.default_rng(1)
    circuit = quasim.Circuit(20)
    for _ in range(10):
        for q in range(20):
            circuit.ry(rng.uniform(0, 3), q).rz(rng.uniform(0, 3), q)
        order = [int(q) for q in rng.permutation(20)]
        for a, b in zip(order[::2], order[1::2], strict=True):
            circuit.cz(a, b)
    return circuit.save("amplitudes", "a", indices=(7,))


def two_parts() -> quasim.Circuit:
    circuit = quasim.Circuit(60)
    for start in (0, 30):
        for q in range(start, start + 29):
            circuit.h(q).t(q).cx(q, q + 1)
    return circuit.measure_all()


ALL = tuple(range(6))
CASES: list[tuple[str, quasim.Circuit, int, int, dict[str, Any]]] = [
    ("tensor_network", means(30), 0, 20, {}),
    ("tensor_network", entangled(), 0, 4, {"max_workspace_mb": 1}),
    ("tensor_network", layers(24, 3).measure(range(24), range(24)), 50, 10, {}),
    ("tensor_network", layers(30, 4, depolarizing(0.01)).measure(range(30), range(30)), 30, 5, {}),
    ("matrix_product_state", means(30), 0, 20, {}),
    ("matrix_product_state", layers(6, 2, depolarizing(0.05)).measure(ALL, ALL), 100, 10, {}),
    ("trajectories", layers(6, 2, amplitude_damping(0.2)).measure(ALL, ALL), 100, 10, {}),
    ("statevector", layers(6, 2).measure(ALL, ALL), 100, 1, {}),
    ("auto", two_parts(), 10, 2, {}),
]


@pytest.mark.parametrize(("method", "circuit", "shots", "least", "options"), CASES)
def test_fractions_grow_to_one(
    method: str, circuit: quasim.Circuit, shots: int, least: int, options: dict[str, Any]
) -> None:
    told: list[float] = []
    with quasim.runtime(method=method, seed=1, **options) as rt:
        result = rt.run(circuit, shots, progress=told.append)
        again = rt.run(circuit, shots)
    assert len(told) >= least
    assert told == sorted(set(told))
    assert told[0] > 0
    assert told[-1] == 1
    if shots:
        np.testing.assert_array_equal(result.packed, again.packed)


def test_what_the_listener_raises_ends_the_run_and_the_session_lives_on() -> None:
    def listener(fraction: float) -> None:
        if fraction > 0.3:
            raise KeyError("enough")

    with quasim.runtime(method="tensor_network", max_workspace_mb=1, num_threads=2) as rt:
        with pytest.raises(KeyError, match="enough"):
            rt.run(entangled(), 0, progress=listener)
        assert rt.run(entangled(), 0).saved["a"].shape == (1,)


def test_runs_to_a_target_tell_their_end() -> None:
    told: list[float] = []
    circuit = layers(4, 2, amplitude_damping(0.2))
    save = Save("expectation", "e", observable=PauliSum.of("ZZII"), subtype="average")
    with quasim.runtime(seed=1, target_error=0.05) as rt:
        rt.run(circuit, save=save, progress=told.append)
    assert told == [1.0]


def test_threads_tell_one_at_a_time() -> None:
    told: list[float] = []
    progress = Progress(told.append)
    threads = [
        threading.Thread(target=lambda: [progress.at(k / 500) for k in range(501)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == sorted(set(told))
    assert told[-1] == 1
    assert told.count(1.0) == 1
    half = progress.within(0.0, 0.5)
    assert half is not None
    half(1.0)
    assert told[-1] == 1
    assert Progress().within(0, 1) is None

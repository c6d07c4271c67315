"""Many parameter sets of one circuit in one call, and the short way of small circuits."""

import threading
import weakref

import numpy as np
import pytest

import quasim_backend as quasim
from quasim_backend.engines.shot_tree import ShotTree
from quasim_backend.errors import Cancelled, MemoryLimitError, ParameterError
from quasim_backend.ir.observables import PauliString
from quasim_backend.kernels.base import CancelToken
from quasim_backend.plugins.hooks import hookimpl
from quasim_backend.plugins.manager import PluginManager
from quasim_backend.plugins.specs import EngineSpec
from quasim_backend.session.straight import StraightRun
from quasim_backend.testing.generators import random_circuit, random_values
from quasim_backend.testing.oracles import dense_state, pauli_matrix

A, B = quasim.Parameter("a"), quasim.Parameter("b")


def ansatz(width: int) -> quasim.Circuit:
    """Return an asymmetric circuit that takes b before a."""
    circuit = quasim.Circuit(width)
    for q in range(width):
        circuit.ry((q + 1) * B, q).rz(A - 0.3 * q, q)
    for q in range(width - 1):
        circuit.cx(q, q + 1)
    return circuit.rx(0.7 * A + 0.1, 0)


def rows_of(circuit: quasim.Circuit, members: int, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(members, len(circuit.parameters)))


@pytest.fixture(params=["fp64", "fp32"])
def rt(request):
    with quasim.runtime(simulation_precision=request.param) as session:
        yield session


@pytest.mark.parametrize("width", [1, 2, 5, 9, 10, 12])
def test_a_batch_is_what_its_members_are_alone(rt, width):
    circuit = ansatz(width)
    rows = rows_of(circuit, 7)
    states = rt.simulate(circuit, parameters=rows)
    alone = np.array([rt.simulate(circuit, parameters=row) for row in rows])
    assert states.shape == (7, 1 << width)
    assert states.dtype == alone.dtype
    np.testing.assert_array_equal(states, alone)
    values = rt.expectations(
        circuit, ["Z" * width, {"X" * width: 1 + 2j, "Y" * width: 3}], parameters=rows
    )
    alone = [
        rt.expectations(
            circuit, ["Z" * width, {"X" * width: 1 + 2j, "Y" * width: 3}], parameters=row
        )
        for row in rows
    ]
    np.testing.assert_array_equal(values, alone)


def test_random_circuits_agree_with_dense_matrices():
    rng = np.random.default_rng(21)
    with quasim.runtime(simulation_precision="fp64") as rt:
        for width in (1, 3, 6, 8):
            circuit = random_circuit(rng, width, 30)
            values = [random_values(rng, circuit) for _ in range(3)]
            rows = np.array([[v[p] for p in circuit.parameters] for v in values])
            wanted = np.array([dense_state(circuit, v) for v in values])
            np.testing.assert_allclose(rt.simulate(circuit, parameters=rows), wanted, atol=1e-12)
            for row, state in zip(rows, wanted, strict=True):
                np.testing.assert_allclose(rt.simulate(circuit, parameters=row), state, atol=1e-12)


def test_expectations_of_a_batch_agree_with_matrices():
    circuit = ansatz(4)
    rows = rows_of(circuit, 5)
    with quasim.runtime(simulation_precision="fp64") as rt:
        values = rt.expectations(circuit, ["XIZY", {"ZZII": 0.5, "IIXX": 2j}], parameters=rows)
    matrices = [
        pauli_matrix(PauliString.from_label(label), 4) for label in ("XIZY", "ZZII", "IIXX")
    ]
    for row, got in zip(rows, values, strict=True):
        state = dense_state(circuit, dict(zip(circuit.parameters, row, strict=True)))
        xizy, zzii, iixx = (np.vdot(state, m @ state) for m in matrices)
        np.testing.assert_allclose(got, [xizy, 0.5 * zzii + 2j * iixx], atol=1e-12)


def test_values_may_come_by_name_and_numbers_hold_for_all(rt):
    circuit = ansatz(3)
    a = np.linspace(0, 1, 4)
    rows = np.array([{"a": x, "b": 0.25}[p.name] for x in a for p in circuit.parameters])
    rows = rows.reshape(4, 2)
    wanted = rt.simulate(circuit, parameters=rows)
    np.testing.assert_array_equal(rt.simulate(circuit, parameters={A: a, "b": 0.25}), wanted)
    np.testing.assert_array_equal(rt.simulate(circuit, parameters=rows.tolist()), wanted)


@pytest.mark.parametrize("width", [3, 10])
def test_samples_of_a_member_are_those_of_its_own_seed(rt, width):
    circuit = ansatz(width)
    rows = rows_of(circuit, 6)
    seed = 2**64 - 3  # members wrap around
    samples = rt.sample(circuit, 40, seed, parameters=rows)
    assert samples.shape == (6, 40, width)
    for m, row in enumerate(rows):
        alone = rt.sample(circuit, 40, (seed + m) % 2**64, parameters=row)
        np.testing.assert_array_equal(samples[m], alone)
    assert (samples[0] != rt.sample(circuit, 40, seed, parameters=rows[::-1])[0]).any()


def test_circuits_that_branch_are_run_member_by_member(rt):
    circuit = ansatz(2)
    circuit.num_clbits = 2
    circuit.measure(0, 0).rx(A, 1).measure(1, 1)
    rows = rows_of(circuit, 3)
    samples = rt.sample(circuit, 30, 11, parameters=rows)
    for m, row in enumerate(rows):
        np.testing.assert_array_equal(samples[m], rt.sample(circuit, 30, 11 + m, parameters=row))


def test_measured_bits_keep_their_places(rt):
    circuit = quasim.Circuit(3, 5).rx(A, 0).x(2)
    circuit.measure([2, 0], [4, 1])
    samples = rt.sample(circuit, 10, 1, parameters=[[0.0], [np.pi]])
    np.testing.assert_array_equal(samples[0], np.tile([0, 0, 0, 0, 1], (10, 1)))
    np.testing.assert_array_equal(samples[1], np.tile([0, 1, 0, 0, 1], (10, 1)))


def test_batches_start_where_they_are_told(rt):
    circuit = ansatz(2)
    rows = rows_of(circuit, 3)
    start = np.array([0, 0.6, 0.8j, 0])
    states = rt.simulate(circuit, parameters=rows, initial_state=start)
    values = rt.expectations(circuit, ["ZX"], parameters=rows, initial_state=start)
    for m, row in enumerate(rows):
        alone = rt.simulate(circuit, parameters=row, initial_state=start)
        np.testing.assert_array_equal(states[m], alone)
        alone = rt.expectations(circuit, ["ZX"], parameters=row, initial_state=start)
        np.testing.assert_array_equal(values[m], alone)


def test_the_number_of_threads_changes_nothing():
    circuit = ansatz(6)
    rows = rows_of(circuit, 33)
    found = []
    for threads in (1, 2, 4):
        with quasim.runtime(num_threads=threads) as rt:
            found.append(rt.simulate(circuit, parameters=rows))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


@pytest.mark.parametrize("kernels", ["reference", "native"])
def test_every_kernel_set_runs_batches(kernels):
    circuit = ansatz(3)
    rows = rows_of(circuit, 3)
    with quasim.runtime(kernels=kernels, simulation_precision="fp64") as rt:
        states = rt.simulate(circuit, parameters=rows)
        samples = rt.sample(circuit, 20, 3, parameters=rows)
    for m, row in enumerate(rows):
        values = dict(zip(circuit.parameters, row, strict=True))
        np.testing.assert_allclose(states[m], dense_state(circuit, values), atol=1e-12)
        assert set(samples[m] @ [1, 2, 4]) <= set(np.flatnonzero(abs(states[m]) > 1e-9))


def test_an_empty_batch_gives_empty_results(rt):
    circuit = ansatz(2)
    none = np.empty((0, 2))
    assert rt.simulate(circuit, parameters=none).shape == (0, 4)
    assert rt.expectations(circuit, ["ZZ"], parameters=none).shape == (0, 1)
    assert rt.sample(circuit, 5, parameters=none).shape == (0, 5, 2)


def test_a_circuit_without_gates_has_batches_too(rt):
    states = rt.simulate(quasim.Circuit(2), parameters=np.empty((3, 0)))
    np.testing.assert_array_equal(states, [[1, 0, 0, 0]] * 3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((2, 3)), r"needs the shape \(batch, 2\), got \(2, 3\)"),
        (np.zeros((2, 2, 2)), r"got \(2, 2, 2\)"),
        ({"a": [1.0, 2.0], "b": [1.0, 2.0, 3.0]}, "sequences of one length"),
        ({"a": [1.0, 2.0]}, "No value for the parameter 'b'"),
        ({"a": [1.0], "b": 0, "c": 1}, "no parameter 'c'"),
        ([[0.0, np.nan]], "'a' is not finite"),
        ([[0.0, 1.0], [2.0]], "must be real numbers"),
    ],
)
def test_impossible_batches_are_refused(rt, values, message):
    with pytest.raises(ParameterError, match=message):
        rt.simulate(ansatz(2), parameters=values)


def test_run_says_where_batches_go(rt):
    with pytest.raises(ParameterError, match="simulate, expectations and sample"):
        rt.run(ansatz(2), parameters=np.zeros((3, 2)))


def test_memory_is_checked_before_a_batch_starts():
    with quasim.runtime(max_memory_mb=1, simulation_precision="fp64") as rt:
        circuit = ansatz(10)
        with pytest.raises(MemoryLimitError, match=r"1000 needs 15.6 MiB.*at most 64 members"):
            rt.simulate(circuit, parameters=rows_of(circuit, 1000))
        rt.simulate(circuit, parameters=rows_of(circuit, 60))


def test_a_token_stops_a_batch(rt):
    token = CancelToken()
    token.cancel()
    circuit = ansatz(3)
    for call in (
        lambda: rt.simulate(circuit, parameters=rows_of(circuit, 4), cancel=token),
        lambda: rt.simulate(circuit, parameters=[0.1, 0.2], cancel=token),
        lambda: rt.expectations(circuit, ["ZZZ"], parameters=rows_of(circuit, 4), cancel=token),
        lambda: rt.sample(circuit, 4, parameters=rows_of(circuit, 4), cancel=token),
    ):
        with pytest.raises(Cancelled):
            call()


def test_another_thread_stops_a_running_batch():
    circuit = ansatz(12)
    token = CancelToken()
    with quasim.runtime() as rt:
        rows = rows_of(circuit, 200_000)  # about a minute's work
        timer = threading.Timer(0.3, token.cancel)
        timer.start()
        with pytest.raises(Cancelled):
            rt.expectations(circuit, ["Z" * 12], parameters=rows, cancel=token)
        timer.join()


def test_many_threads_may_share_a_session():
    circuit = ansatz(5)
    rows = rows_of(circuit, 8)
    with quasim.runtime() as rt:
        compiled = rt.compile(circuit)
        wanted = rt.simulate(compiled, parameters=rows)
        found = [None] * 6

        def work(i):
            for _ in range(20):
                found[i] = rt.simulate(compiled, parameters=rows)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for states in found:
        np.testing.assert_array_equal(states, wanted)


def test_members_too_wide_for_states_go_to_the_engine_that_is_chosen():
    names = [quasim.Parameter(f"p{i}") for i in range(30)]
    circuit = quasim.Circuit(60)
    for pair, name in enumerate(names):
        circuit.rx(name, 2 * pair).cx(2 * pair, 2 * pair + 1)
    for q in range(1, 59, 2):
        circuit.cz(q, q + 1)  # one part, of small bonds
    rows = np.random.default_rng(3).uniform(0, 3, (3, 30))
    strings = [PauliString.from_letters({2: "Z", 3: "Z"}), PauliString.from_letters({7: "Z"})]
    with quasim.runtime(seed=2) as rt:
        values = rt.expectations(circuit, strings, parameters=rows)
        bits = rt.sample(circuit, 500, parameters=rows)
    np.testing.assert_allclose(values, np.stack([np.ones(3), np.cos(rows[:, 3])], 1), atol=1e-5)
    assert bits.shape == (3, 500, 60)
    np.testing.assert_array_equal(bits[:, :, ::2], bits[:, :, 1::2])
    ones = np.sin(rows / 2) ** 2
    assert (np.abs(bits[:, :, ::2].mean(1) - ones) < 5 * np.sqrt(0.25 / 500)).all()


def test_a_batch_holds_one_share_of_states_at_a_time(monkeypatch):
    alive, most = set(), 0
    inner = StraightRun.states

    def states(self, values, cancel=None):
        nonlocal most
        made = inner(self, values, cancel)
        alive.add(number := len(calls))
        calls.append(number)
        weakref.finalize(made, alive.discard, number)
        most = max(most, len(alive))
        return made

    calls: list[int] = []
    monkeypatch.setattr(StraightRun, "states", states)
    circuit = ansatz(22)
    with quasim.runtime(method="statevector") as rt:
        rt.expectations(circuit, ["Z" * 22], parameters=rows_of(circuit, 3))
        rt.sample(circuit, 10, parameters=rows_of(circuit, 3))
    assert len(calls) == 6
    assert most == 1


# --- the short way ----------------------------------------------------------------------------


class Watcher:
    """Remembers the runs it is told of."""

    def __init__(self):
        self.seen = 0

    @hookimpl
    def quasim_run_finished(self, run):
        self.seen += 1


class OtherEngine:
    """The state-vector engine under a higher priority."""

    def __init__(self):
        self.runs = 0

    @hookimpl
    def quasim_engines(self):
        yield EngineSpec("other", lambda: self, priority=9)

    name = "other"

    def refuses(self, compiled, request):
        return None

    def memory_bytes(self, compiled, request):
        return 0

    def run(self, compiled, request):
        self.runs += 1
        return ShotTree(compiled, request).run()


@pytest.mark.parametrize("late", [False, True])
def test_observers_and_other_engines_see_every_run(late):
    for plugin, seen in ((Watcher(), "seen"), (OtherEngine(), "runs")):
        plugins = PluginManager(entry_points=False)
        if not late:
            plugins.register(plugin, "mine")
        with quasim.runtime(plugins=plugins) as rt:
            compiled = rt.compile(ansatz(2))
            if late:
                rt.simulate(compiled, parameters=[0.1, 0.2])
                plugins.register(plugin, "mine")
            rt.simulate(compiled, parameters=[0.1, 0.2])
            rt.expectations(compiled, ["ZZ"], parameters=[0.1, 0.2])
            rt.simulate(compiled, parameters=[[0.1, 0.2], [0.3, 0.4]])
        assert getattr(plugin, seen) == 4


def test_the_short_way_gives_what_the_long_one_gives(rt):
    circuit = ansatz(4)
    values = [0.4, -1.1]
    with quasim.runtime(rt.config.copy(max_memory_mb=1000)) as long:
        np.testing.assert_array_equal(
            rt.simulate(circuit, parameters=values), long.simulate(circuit, parameters=values)
        )
        np.testing.assert_allclose(
            rt.expectations(circuit, ["ZXYZ"], parameters=values),
            long.expectations(circuit, ["ZXYZ"], parameters=values),
            atol=1e-12,
        )


def test_each_result_is_its_own_array(rt):
    compiled = rt.compile(ansatz(2))
    first = rt.simulate(compiled, parameters=[0.1, 0.2])
    kept = first.copy()
    rt.simulate(compiled, parameters=[0.7, 0.9])
    np.testing.assert_array_equal(first, kept)

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

import quasim_backend as quasim
from quasim_backend.errors import MemoryLimitError
from quasim_backend.plugins import PluginManager
from quasim_backend.session import memory

GIB = 1 << 30


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1536, "1.5 KiB"),
        (32 * GIB, "32 GiB"),
        (1000 * GIB, "1000 GiB"),
        (16 << 62, "64 EiB"),
        (16 << 1000, "2**1004 bytes"),
    ],
)
def test_bytes_are_written_for_people(count: int, text: str) -> None:
    assert memory.format_bytes(count) == text


def test_free_memory_is_plausible() -> None:
    free = memory.free_memory()
    assert free is None or 1 << 20 < free < 1 << 50


def test_control_groups_limit_free_memory(tmp_path: Path) -> None:
    proc, root = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "self" / "cgroup").write_text("0::/user/job\n")
    job = root / "user" / "job"
    job.mkdir(parents=True)
    (job / "memory.max").write_text("max\n")
    (job / "memory.current").write_text("1\n")
    assert list(memory._cgroup(proc, root)) == []
    (root / "user" / "memory.max").write_text("1000\n")
    (root / "user" / "memory.current").write_text("700\n")
    (root / "user" / "memory.stat").write_text("anon 300\ninactive_file 200\n")
    assert list(memory._cgroup(proc, root)) == [500]
    # In a container the limit stands at the mount's root.
    (root / "memory.max").write_text("600\n")
    (root / "memory.current").write_text("200\n")
    assert sorted(memory._cgroup(proc, root)) == [400, 500]


def test_control_groups_of_the_first_version_count(tmp_path: Path) -> None:
    proc, root = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (proc / "self" / "cgroup").write_text("5:cpu:/x\n4:memory:/docker/abc\n0::/\n")
    (root / "memory").mkdir(parents=True)
    (root / "memory" / "memory.limit_in_bytes").write_text("4096\n")
    (root / "memory" / "memory.usage_in_bytes").write_text("1024\n")
    (root / "memory" / "memory.stat").write_text("total_inactive_file 24\n")
    assert list(memory._cgroup(proc, root)) == [4096 - 1000]
    (root / "memory" / "memory.limit_in_bytes").write_text("9223372036854771712\n")
    assert list(memory._cgroup(proc, root)) == []


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: 23 * GIB)


def session(**options: object) -> quasim.Runtime:
    # The null kernels allocate nothing, should the check fail.
    plugins = PluginManager(entry_points=False)
    return quasim.runtime(plugins=plugins, kernels="null", **options)


@pytest.mark.usefixtures("little_memory")
def test_too_large_a_run_is_refused_before_it_starts_with_the_alternatives() -> None:
    wide = quasim.Circuit(31, 1).h(30).measure(30, 0)
    for q in range(30):
        wide.h(q)
    named = {"method": "statevector", "simulation_precision": "fp64"}  # else it runs in parts
    with session(**named) as rt, pytest.raises(MemoryLimitError) as error:
        rt.run(wide, 1)
    assert str(error.value) == (
        "Engine 'statevector' needs 32 GiB for 31 qubits in complex128; 23 GiB are free. Try "
        "simulation_precision='fp32' (16 GiB) or a circuit of at most 30 qubits or method='auto', "
        "which may take another engine."
    )
    with session(method="statevector", simulation_precision="fp32") as rt:
        assert rt.run(wide, 1).shots == 1


@pytest.mark.usefixtures("little_memory")
def test_every_way_to_run_is_checked() -> None:
    wide = quasim.Circuit(45).h(0)
    with session() as rt:
        for call in (
            lambda: rt.simulate(wide),
            lambda: rt.unitary(quasim.Circuit(20).h(0)),
            lambda: rt.run(wide, save="statevector"),
            lambda: rt.sample(quasim.Circuit(1).h(0), 10**11),
            lambda: rt.submit_async(wide, save="probabilities").result(),
        ):
            with pytest.raises(MemoryLimitError, match=r"GiB are free\."):
                call()


def test_a_limit_of_the_user_counts() -> None:
    with session(max_memory_mb=1) as rt:
        assert rt.simulate(quasim.Circuit(10).h(0)) is not None
        with pytest.raises(MemoryLimitError, match=r"1 MiB are allowed by max_memory_mb.*17 qubit"):
            rt.simulate(quasim.Circuit(18).h(0))
    with session(method="statevector", max_memory_mb=64, max_workspace_mb=512) as rt:
        circuit = quasim.Circuit(20, 1).h(0).measure(0, 0).h(0).measure(0, 0)
        for q in range(20):
            circuit.h(q)
        with pytest.raises(MemoryLimitError, match="smaller max_workspace_mb"):
            rt.run(circuit, 10)


def test_without_any_information_runs_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: None)
    with session() as rt:
        assert len(rt.simulate(quasim.Circuit(40).h(0))) == 1 << 40


BELL = quasim.Circuit(2).h(0).cx(0, 1).measure_all()


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize(
    "method", ["statevector", "density_matrix", "matrix_product_state", "tensor_network"]
)
def test_shots_that_do_not_fit_are_the_reason_that_is_named(method: str) -> None:
    with (
        quasim.runtime(method=method) as rt,
        pytest.raises(MemoryLimitError, match=r"at most \S+ of its 1e\+09 shots at a time"),
    ):
        rt.run(BELL, shots=10**9)
    with quasim.runtime(method=method, max_memory_mb=1) as rt:
        with pytest.raises(MemoryLimitError, match="shots at a time"):
            rt.run(BELL, shots=10**5)
        assert rt.run(BELL, shots=100).shots == 100


@pytest.mark.parametrize(
    ("method", "branches"),
    [
        ("statevector", False),
        ("statevector", True),
        ("density_matrix", False),
        ("matrix_product_state", False),
        ("tensor_network", False),
        ("stabilizer", False),
        ("extended_stabilizer", False),
    ],
)
def test_the_memory_of_shots_is_predicted(method: str, branches: bool) -> None:
    shots, width = 1_000_000, 12
    circuit = quasim.Circuit(width, width).h(0)
    for q in range(width - 1):
        circuit.cx(q, q + 1)
    if branches:
        circuit.measure(0, 0).h(0)
    circuit.measure(range(width), range(width))
    with quasim.runtime(method=method) as rt:
        rt.run(circuit, 10)
        compiled = rt.compile(circuit)
        tracemalloc.start()
        rt.run(compiled, shots, seed=1)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        engine = rt._executor._engine(method)
        request = rt._executor._sketch(compiled, shots)
        predicted = engine.memory_bytes(compiled, request)
    assert most < 1.2 * predicted
    assert predicted < 6 * most

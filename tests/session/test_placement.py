"""Where runs compute, through the public API; the GPU is a toy, see `toy_gpu`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from toy_gpu import ToyGpu, ToyPlugin

import quasim_backend as quasim
from quasim_backend.errors import DeviceError, OptionError
from quasim_backend.kernels.cuda import availability
from quasim_backend.plugins import PluginManager
from quasim_backend.session import placement

WIDTH = 4
THETA = quasim.Parameter("theta")
CIRCUIT = quasim.Circuit(WIDTH).rx(THETA, 0).cx(0, 1).cx(1, 2).cx(2, 3)
ANGLES = np.linspace(0.1, 1.0, 8)
VALUES = {"theta": 0.3}
STATE = np.zeros(1 << WIDTH)
STATE[[1, 6]] = 0.6, 0.8


@pytest.fixture(autouse=True)
def crossover(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of four qubits goes to the GPU, one of three does not."""
    monkeypatch.setattr(placement, "CROSSOVER", 1 << WIDTH)
    monkeypatch.delenv(placement.CROSSOVER_VARIABLE, raising=False)
    monkeypatch.setattr(ToyGpu, "free", 1 << 40)


@pytest.fixture
def toy() -> ToyPlugin:
    return ToyPlugin()


def session(plugin: ToyPlugin | None, **options: object) -> quasim.Runtime:
    plugins = PluginManager(entry_points=False, plugins={"toy": plugin} if plugin else None)
    return quasim.runtime(plugins=plugins, **options)


def facts(rt: quasim.Runtime, width: int) -> dict[str, object]:
    circuit = quasim.Circuit(width, 1)
    for qubit in range(width):
        circuit.h(qubit)
    return rt.run(circuit.measure(0, 0), 10, 1).metadata


def test_auto_takes_the_gpu_from_the_crossover_up_and_says_why(toy: ToyPlugin) -> None:
    with session(toy) as rt:
        small, large = facts(rt, WIDTH - 1), facts(rt, WIDTH)
        assert (small["device"], small["kernels"]) == ("cpu", "native")
        assert small["placement"] == "CPU: below the crossover of 16 amplitudes"
        assert (large["device"], large["kernels"]) == ("gpu", "toy_gpu")
        assert large["placement"] == "GPU: 16 amplitudes, from the crossover of 16 up"
        assert large["notes"] == small["notes"]
        assert "placement: GPU: 16 amplitudes" in rt.explain(CIRCUIT)
        assert len(toy.made) == 1


def test_the_predicted_crossover_is_where_it_is_documented(
    toy: ToyPlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    assert placement.CROSSOVER == 1 << 18
    assert "2**18" in (Path(__file__).parents[2] / "docs" / "gpu.md").read_text()
    with session(toy) as rt:
        assert facts(rt, 17)["device"] == "cpu"
        assert facts(rt, 18)["placement"] == "GPU: 2**18 amplitudes, from the crossover of 2**18 up"


RUNS: dict[str, Callable[[quasim.Runtime], object]] = {
    "simulate": lambda rt: rt.simulate(CIRCUIT, parameters=VALUES),
    "simulate from": lambda rt: rt.simulate(CIRCUIT, parameters=VALUES, initial_state=STATE),
    "run": lambda rt: rt.run(CIRCUIT, parameters=VALUES, save="statevector").state,
    "sample": lambda rt: rt.sample(CIRCUIT, 20, 1, parameters=VALUES),
    "expectations": lambda rt: rt.expectations(CIRCUIT, ["ZZII", "XXXX"], parameters=VALUES),
    "variances": lambda rt: rt.variances(CIRCUIT, ["ZZII", "XIIX"], parameters=VALUES),
    "probabilities": lambda rt: rt.probabilities(CIRCUIT, [0, 3], parameters=VALUES),
    "density": lambda rt: rt.reduced_density_matrix(CIRCUIT, [1], parameters=VALUES),
    "gradient": lambda rt: rt.gradient(CIRCUIT, ["ZIII", "ZZII"], VALUES)[1],
    "vjp": lambda rt: rt.vjp(CIRCUIT, ["ZIII"], [2.0], VALUES)[1],
    "jvp": lambda rt: rt.jvp(CIRCUIT, ["ZIII"], [2.0], VALUES)[1],
    "overlap": lambda rt: rt.overlap(CIRCUIT, STATE, parameters=VALUES),
    "job": lambda rt: (
        rt.submit_async(CIRCUIT, parameters=VALUES, save="statevector").result().state
    ),
}


@pytest.mark.parametrize("run", RUNS)
def test_everything_that_is_large_runs_on_the_gpu_and_gives_the_same(
    toy: ToyPlugin, run: str
) -> None:
    with session(None, device="cpu") as rt:
        wanted = RUNS[run](rt)
    with session(toy) as rt:
        np.testing.assert_allclose(RUNS[run](rt), wanted, atol=1e-6)  # type: ignore[arg-type]
        assert len(toy.made) == 1
    with session(toy, device="cpu") as rt:
        RUNS[run](rt)
    assert len(toy.made) == 1


BATCHES: dict[str, Callable[[quasim.Runtime, quasim.Circuit, np.ndarray], np.ndarray]] = {
    "simulate": lambda rt, c, p: rt.simulate(c, parameters=p),
    "expectations": lambda rt, c, p: rt.expectations(c, ["ZZ", "YI"], parameters=p),
    "sample": lambda rt, c, p: rt.sample(c, 20, 1, parameters=p),
}


@pytest.mark.parametrize("run", BATCHES)
def test_a_batch_counts_with_all_its_amplitudes(toy: ToyPlugin, run: str) -> None:
    circuit = quasim.Circuit(2).rx(THETA, 0).cx(0, 1)
    call, few, many = BATCHES[run], ANGLES[:3, None], ANGLES[:4, None]
    with session(None, device="cpu") as rt:
        wanted = call(rt, circuit, many)
    with session(toy) as rt:
        call(rt, circuit, few)
        assert not toy.made
        np.testing.assert_allclose(call(rt, circuit, many), wanted, atol=1e-6)
        assert len(toy.made) == 1
        # The same code in turn on both.
        np.testing.assert_allclose(call(rt, circuit, few), wanted[:3], atol=1e-6)
        assert len(call(rt, circuit, many[:0])) == 0


def test_a_unitary_counts_with_its_whole_matrix(toy: ToyPlugin) -> None:
    with session(toy) as rt:
        rt.unitary(quasim.Circuit(1).h(0))
        assert not toy.made
        np.testing.assert_allclose(rt.unitary(quasim.Circuit(2).x(0)), np.eye(4)[[1, 0, 3, 2]])
        assert len(toy.made) == 1


def test_the_crossover_can_be_pinned(toy: ToyPlugin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(placement.CROSSOVER_VARIABLE, "4")
    with session(toy) as rt:
        assert facts(rt, 1)["device"] == "cpu"
        assert facts(rt, 2)["device"] == "gpu"
    monkeypatch.setenv(placement.CROSSOVER_VARIABLE, "0")
    with session(toy) as rt:
        assert facts(rt, 1)["device"] == "gpu"
    monkeypatch.setenv(placement.CROSSOVER_VARIABLE, "2**10")
    with pytest.raises(OptionError, match=r"QUASIM_GPU_CROSSOVER.*'2\*\*10'"):
        session(toy)
    with session(toy, device="cpu") as rt:  # not asked
        assert facts(rt, WIDTH)["device"] == "cpu"


def test_without_a_usable_gpu_auto_is_the_cpu_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(availability, "is_available", lambda: "no driver")
    with session(ToyPlugin("it is away.")) as rt:
        found = facts(rt, WIDTH)
        assert (found["device"], found["notes"]) == ("cpu", facts(rt, WIDTH - 1)["notes"])
        assert "'toy_gpu': it is away; kernel set 'cuda': no driver" in str(found["placement"])


def test_a_gpu_that_fails_leaves_later_runs_to_the_cpu(
    toy: ToyPlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(availability, "is_available", lambda: "no driver")
    with session(toy) as rt:
        assert facts(rt, WIDTH)["device"] == "gpu"
        toy.reason = "it was lost"
        found = facts(rt, WIDTH)
        assert found["device"] == "cpu"
        assert "it was lost" in str(found["placement"])


def test_a_gpu_that_cannot_be_opened_is_noted_by_auto_and_an_error_when_asked_for() -> None:
    plugin = ToyPlugin(error=DeviceError("There is no GPU of the number device_id=7."))
    with session(plugin, device_id=7) as rt:
        found = facts(rt, WIDTH)
        assert found["device"] == "cpu"
        assert any("device_id=7" in note for note in found["notes"])  # type: ignore[attr-defined]
    with session(plugin, device="gpu") as rt, pytest.raises(DeviceError, match="device_id=7"):
        facts(rt, 1)


def test_what_does_not_fit_on_the_gpu_runs_on_the_cpu_with_a_note(
    toy: ToyPlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ToyGpu, "free", 255)
    with session(toy) as rt:
        found = facts(rt, WIDTH)
        assert found["device"] == "cpu"
        assert "255 bytes of memory free, 256 bytes are needed" in str(found["notes"])


@pytest.mark.parametrize("options", [{"device": "gpu"}, {"kernels": "toy_gpu"}])
def test_a_device_that_is_asked_for_gets_runs_of_every_size(
    toy: ToyPlugin, options: dict[str, object]
) -> None:
    with session(toy, **options) as rt:
        for width in (1, WIDTH):
            found = facts(rt, width)
            assert found["device"] == "gpu"
            [(name, value)] = options.items()
            assert found["placement"] == f"GPU: {name}={value!r}"


def test_sessions_that_stay_small_never_look_for_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def never() -> str:
        raise AssertionError("looked for a GPU")

    monkeypatch.setattr(availability, "is_available", never)
    with session(None) as rt:
        assert facts(rt, WIDTH - 1)["device"] == "cpu"
        rt.overlap(STATE, STATE)


@pytest.mark.parametrize(("count", "text"), [(0, "0"), (24, "24"), (512, "512"), (1024, "2**10")])
def test_numbers_are_written_for_people(count: int, text: str) -> None:
    assert placement.in_powers(count) == text

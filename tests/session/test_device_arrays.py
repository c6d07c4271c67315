"""Arrays in a GPU's memory, in and out, and how much of that memory runs may take; on a toy GPU."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from toy_gpu import DeviceArray, ToyGpu, ToyPlugin

import quasim_backend as quasim
from quasim_backend.errors import MemoryLimitError, ShapeError, UnsupportedError
from quasim_backend.plugins import PluginManager
from quasim_backend.session import arrays, memory

MIB = 1 << 20
THETA = quasim.Parameter("theta")
CIRCUIT = quasim.Circuit(2).rx(THETA, 0).cx(0, 1)
START = np.array([0, 0.6, 0, 0.8j])
ANGLES = np.linspace(0.1, 1.0, 5)


@pytest.fixture(params=["gpu", "cpu"])
def rt(request: pytest.FixtureRequest, toy: ToyPlugin):
    with session(toy, device=request.param) as runtime:
        yield runtime


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> ToyPlugin:
    monkeypatch.setattr(ToyGpu, "free", 1 << 40)
    monkeypatch.setattr(DeviceArray, "downloads", 0)
    return ToyPlugin()


def session(toy: ToyPlugin, **options: object) -> quasim.Runtime:
    return quasim.runtime(plugins=PluginManager(entry_points=False, plugins={"t": toy}), **options)


def inner(result: object, rt: quasim.Runtime) -> np.ndarray:
    """The numbers of a result that had to stay on its device."""
    if rt.config.device == "cpu":
        assert type(result) is np.ndarray
        return result
    assert isinstance(result, DeviceArray)
    return result.inner


# --- out ----------------------------------------------------------------------------------------


def test_amplitudes_can_stay_where_they_are(rt: quasim.Runtime, toy: ToyPlugin) -> None:
    for parameters in ({"theta": 0.3}, ANGLES[:, None]):
        for start in (None, START):
            given = {"parameters": parameters, "initial_state": start}
            wanted = rt.simulate(CIRCUIT, **given)
            before = [gpu.downloads for gpu in toy.made]
            found = rt.simulate(CIRCUIT, **given, on_device=True)
            if start is None or isinstance(parameters, dict):
                assert [gpu.downloads for gpu in toy.made] == before
            assert found.dtype == np.complex64
            np.testing.assert_array_equal(inner(found, rt), wanted)


def test_results_come_to_the_host_unless_asked_to_stay(rt: quasim.Runtime) -> None:
    assert type(rt.simulate(CIRCUIT, parameters={"theta": 0.3})) is np.ndarray
    assert type(rt.run(CIRCUIT.bind({"theta": 1.0}), save="statevector").state) is np.ndarray


# --- in -----------------------------------------------------------------------------------------


def test_a_device_array_is_an_initial_state(rt: quasim.Runtime, toy: ToyPlugin) -> None:
    given = {"parameters": {"theta": 0.3}}
    wanted = rt.simulate(CIRCUIT, **given, initial_state=START)
    uploads = [gpu.uploads for gpu in toy.made]
    start = DeviceArray(START.astype(np.complex64))
    np.testing.assert_allclose(
        rt.simulate(CIRCUIT, **given, initial_state=start), wanted, atol=1e-6
    )
    values = rt.expectations(CIRCUIT, ["ZZ"], **given, initial_state=start)
    np.testing.assert_allclose(
        values, rt.expectations(CIRCUIT, ["ZZ"], **given, initial_state=START), atol=1e-6
    )
    run = rt.differentiate(CIRCUIT, **given, initial_state=start)
    same = rt.differentiate(CIRCUIT, **given, initial_state=START)
    np.testing.assert_allclose(run.jacobian([quasim.PauliSum.of("ZI")]),
                               same.jacobian([quasim.PauliSum.of("ZI")]), atol=1e-6)  # fmt: skip
    np.testing.assert_allclose(run.tangent([1.0]), same.tangent([1.0]), atol=1e-6)
    np.testing.assert_array_equal(start.inner, START.astype(np.complex64))
    if rt.config.device == "gpu":
        # Two of the checks above gave a NumPy array, one of them twice.
        assert [gpu.uploads - before for gpu, before in zip(toy.made, uploads, strict=True)] == [3]
        assert DeviceArray.downloads == 0
    else:
        assert DeviceArray.downloads > 0


def test_a_wrong_initial_state_is_refused_wherever_it_is(rt: quasim.Runtime) -> None:
    circuit = quasim.Circuit(2).h(0)
    with pytest.raises(ShapeError, match=r"the shape \(8,\)"):
        rt.simulate(circuit, initial_state=DeviceArray(np.ones(8)))
    with pytest.raises(ShapeError, match=r"norm 1; it has 1\.41421"):
        rt.simulate(circuit, initial_state=DeviceArray(np.array([1.0, 1, 0, 0])))


def test_device_arrays_are_parameters(rt: quasim.Runtime) -> None:
    wanted = rt.simulate(CIRCUIT, parameters=ANGLES[:, None])
    for given in (DeviceArray(ANGLES[:, None]), {"theta": DeviceArray(ANGLES)}):
        np.testing.assert_array_equal(rt.simulate(CIRCUIT, parameters=given), wanted)
    single = rt.simulate(CIRCUIT, parameters=DeviceArray(ANGLES[:1]))
    np.testing.assert_allclose(single, wanted[0], atol=1e-6)


def test_device_arrays_are_circuits_states_and_cotangents(rt: quasim.Runtime) -> None:
    flip = DeviceArray(np.eye(2)[::-1].copy())
    np.testing.assert_array_equal(rt.simulate(flip), [0, 1])
    assert abs(rt.overlap(DeviceArray(START), START) - 1) < 1e-12
    run = rt.differentiate(CIRCUIT, parameters={"theta": 0.3})
    bra = np.array([1, 2, 3, 4j])
    np.testing.assert_array_equal(run.pullback(DeviceArray(bra)), run.pullback(bra))


def test_an_array_that_nobody_can_copy_is_refused_with_advice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Stubborn(DeviceArray):
        def __dlpack__(self, **options: object) -> object:
            raise BufferError("no")

    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(UnsupportedError, match=r"Stubborn is in a GPU's memory.*Install CuPy"):
        arrays.on_host(Stubborn(ANGLES))


def test_arrays_of_the_host_are_left_alone() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    tensor = torch.ones(3)
    assert arrays.on_host(tensor) is tensor


def test_everything_else_is_left_alone() -> None:
    class Elsewhere:
        def __dlpack_device__(self) -> tuple[int, int]:
            return 1, 0  # the host

    for value in (None, 1, 2.5, "text", [1, 2], {"a": 1}, ANGLES, np.float64(2), Elsewhere()):
        assert arrays.on_host(value) is value


# --- memory -------------------------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, toy: ToyPlugin):
    """A session on a GPU with 10 MiB, in a host with 200 MiB."""
    monkeypatch.setattr(ToyGpu, "free", 10 * MIB)
    monkeypatch.setattr(memory, "free_memory", lambda: 200 * MIB)
    with session(toy, device="gpu", simulation_precision="fp64") as runtime:
        yield runtime


def wide(width: int) -> quasim.Circuit:
    circuit = quasim.Circuit(width)
    for qubit in range(width):
        circuit.x(qubit)
    return circuit


def test_a_run_must_fit_into_the_gpus_memory(small: quasim.Runtime) -> None:
    with pytest.raises(MemoryLimitError) as error:
        small.simulate(wide(20))
    assert str(error.value) == (
        "Engine 'statevector' needs 16 MiB for 20 qubits in complex128; 10 MiB are free on the "
        "GPU. Try simulation_precision='fp32' (8 MiB) or device='cpu' or a circuit of at most 19 "
        "qubits."
    )
    with pytest.raises(MemoryLimitError, match="free on the GPU"):
        small.run(wide(20), save="probabilities")
    with pytest.raises(MemoryLimitError, match=r"1 more state .*10 MiB are free on the GPU"):
        small.gradient(wide(20), ["Z" * 20])
    with pytest.raises(MemoryLimitError, match=r"need 16 MiB.* free on the GPU"):
        small.differentiate(wide(19)).jacobian([quasim.PauliSum.of("Z" * 19)])


def test_results_must_fit_into_the_hosts_memory(
    small: quasim.Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: 5 * MIB)
    circuit = wide(19)
    with pytest.raises(MemoryLimitError, match=r"results.*8 MiB of the host's.*5 MiB are free"):
        small.simulate(circuit)
    with pytest.raises(MemoryLimitError, match="of the host's"):
        small.run(circuit, save="statevector")
    with pytest.raises(MemoryLimitError, match="of the host's"):
        small.sample(quasim.Circuit(1).h(0), 10**8)
    # Nothing of the state comes to the host here.
    assert small.simulate(circuit, on_device=True).shape == (1 << 19,)
    assert small.run(circuit, save=quasim.Save("probabilities", "p", (0,))).saved["p"].shape == (2,)


def test_results_that_the_host_has_room_for_do_not_count_on_the_gpu(
    small: quasim.Runtime,
) -> None:
    # The density matrix of 10 qubits takes 16 MiB, twice; their state 16 KiB.
    assert small.reduced_density_matrix(wide(10), range(10)).shape == (1024, 1024)


def test_a_limit_of_the_user_counts_on_the_gpu(toy: ToyPlugin) -> None:
    with (
        session(toy, device="gpu", max_memory_mb=1) as runtime,
        pytest.raises(MemoryLimitError, match="1 MiB are allowed by max_memory_mb on the GPU"),
    ):
        runtime.simulate(wide(18))


def test_batches_must_fit_too(small: quasim.Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    circuit = wide(16).rx(THETA, 0)
    values = np.linspace(0, 1, 15)[:, None]  # a state takes 1 MiB
    with pytest.raises(MemoryLimitError, match="15 needs 15 MiB on the GPU, where 10 MiB"):
        small.simulate(circuit, parameters=values, on_device=True)
    monkeypatch.setattr(memory, "free_memory", lambda: 5 * MIB)
    with pytest.raises(MemoryLimitError, match="A batch of 8 needs 8 MiB, 8 MiB of it for"):
        small.simulate(circuit, parameters=values[:8])
    few = values[:3]
    found = small.simulate(circuit, parameters=few, on_device=True)
    assert found.shape == (3, 1 << 16)


def test_a_gpu_that_does_not_say_is_checked_like_the_host(
    small: quasim.Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ToyGpu, "free", None)
    with pytest.raises(MemoryLimitError, match=r"200 MiB are free\. Try"):
        small.simulate(wide(24))

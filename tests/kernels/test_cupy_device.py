"""`CupyDevice` and the reasons why a GPU cannot be used; on a fake CuPy, see `fake_cupy`.

The tests marked ``gpu`` do the same work on a card.
"""

from __future__ import annotations

import os
import re
import types
from pathlib import Path

import numpy as np
import pytest
from fake_cupy import GIB, CompileException, CUDADriverError, CUDARuntimeError, FakeCupy, ndarray
from fake_cupy import OutOfMemoryError as OutOfMemory

from quasim_backend.errors import DeviceError, MemoryLimitError
from quasim_backend.kernels.cuda import availability, compile_log, cupy_device, emulated, sources
from quasim_backend.kernels.cuda.cupy_device import CupyDevice

needs_emulation = pytest.mark.skipif(
    emulated.is_available() is not None, reason=str(emulated.is_available())
)

both_precisions = pytest.mark.parametrize(
    ("real", "dtype"), [(np.float32, np.complex64), (np.float64, np.complex128)]
)


@pytest.fixture
def machine(monkeypatch):
    """A machine with a driver, CuPy and two GPUs, the first one too old."""
    cupy = FakeCupy()
    monkeypatch.setattr(availability, "_driver_version", lambda: 13000)
    monkeypatch.setattr(availability, "find_spec", lambda name: name)
    monkeypatch.setattr(availability, "cupy", lambda: cupy)
    monkeypatch.setattr(availability, "_failed", None)
    monkeypatch.setattr(availability, "_process", None)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    availability._probe.cache_clear()
    yield cupy
    availability._probe.cache_clear()


@pytest.fixture
def device(machine):
    return CupyDevice(1)


def broken_import():
    raise ImportError("\n=======\nlibcublas.so is missing.\n=======")


# --- whether there is a GPU -------------------------------------------------------------------


def test_a_machine_with_everything_has_gpus(machine):
    assert availability.is_available() is None
    assert [gpu.number for gpu in availability.gpus()] == [0, 1]
    assert str(availability.gpus()[1]) == "1: Toy GPU (compute capability 9.0, 16 GiB)"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"find_spec": None}, r"CuPy is not installed: pip install 'quasim-backend\[cuda13\]'"),
        ({"find_spec": None, "driver": 12080}, r"pip install 'quasim-backend\[cuda12\]'"),
        ({"find_spec": None, "driver": 11080}, "driver is too old; install 525 or newer"),
        ({"find_spec": None, "driver": None}, "no NVIDIA driver .* and no CuPy"),
        ({"driver": None}, r"no NVIDIA driver \(libcuda.so.1 cannot be loaded\)$"),
        ({"driver": 12040}, r"CUDA 13, .* serves CUDA 12.4: update .* to 580 .*\[cuda12\]'"),
        ({"driver": 11080}, "serves CUDA 11.8: update the driver to 580 or newer$"),
        ({"devices": []}, "CUDA shows no device$"),
        ({"devices": [(b"V100", 7, 0)]}, r"V100 has compute capability 7.0; 7.5 .* is needed"),
        ({"nvrtc_missing": True}, r"compiler or headers are missing: .*\[cuda13\]'"),
        ({"fail": CUDARuntimeError(100, "cudaErrorNoDevice")}, "cudaErrorNoDevice: something$"),
        ({"sources": False}, "sources are not installed"),
        ({"import": broken_import}, "CuPy cannot be imported: libcublas.so is missing$"),
        ({"hip": True}, "built for ROCm"),
    ],
)
def test_what_is_missing_is_said_with_what_to_do(machine, monkeypatch, change, reason):
    for name, value in change.items():
        if name == "driver":
            monkeypatch.setattr(availability, "_driver_version", lambda value=value: value)
        elif name == "find_spec":
            monkeypatch.setattr(availability, "find_spec", lambda name: None)
        elif name == "sources":
            monkeypatch.setattr(sources, "are_installed", lambda: False)
        elif name == "import":
            monkeypatch.setattr(availability, "cupy", value)
        elif name == "hip":
            machine.cuda.runtime.is_hip = True
        else:
            setattr(machine, name, value)
    found = availability.is_available()
    assert found is not None
    assert re.search(reason, found), found
    assert availability.is_available() == found
    with pytest.raises(DeviceError, match=r"^No GPU can be used: "):
        CupyDevice()


def test_hidden_devices_are_said_to_be_hidden(machine, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    machine.devices = []
    assert availability.is_available() == "CUDA shows no device (CUDA_VISIBLE_DEVICES='')"


def test_this_machine_is_asked_without_an_accident(interpreter):
    code = """
        import sys
        from quasim_backend.kernels.cuda import availability
        reason = availability.is_available()
        print(reason)
        print("cupy" in sys.modules)
        for _ in range(2):
            assert availability.is_available() == reason
    """
    reason, imported = interpreter(code).split("\n")[:2]
    # Without a driver CuPy is not even imported.
    if "driver (libcuda" in reason:
        assert imported == "False"
    if reason == "None":
        assert availability.gpus()


def test_a_wrong_device_is_refused_with_the_list(machine):
    assert CupyDevice(1).name == "Toy GPU"
    with pytest.raises(DeviceError, match=r"device_id=2\. Devices: 0: Old GPU .*; 1: Toy GPU"):
        CupyDevice(2)
    with pytest.raises(DeviceError, match=r"Old GPU has .* 7\.0; 7\.5 .*Devices: 0: Old GPU"):
        CupyDevice(0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_leaves_the_gpu_alone(device, monkeypatch):
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert "spawn" in str(availability.is_available())
    with pytest.raises(DeviceError, match="spawn"):
        device.zeros(3, np.float32)


# --- arrays -----------------------------------------------------------------------------------


def test_arrays_go_to_the_gpu_and_back(device):
    host = np.arange(6, dtype=np.complex64).reshape(2, 3)
    array = device.upload(host)
    again = device.copy(array)
    array[...] = 0
    back = device.download(again)
    assert type(back) is np.ndarray
    np.testing.assert_array_equal(back, host)
    assert not device.download(device.zeros((2, 2), np.float64)).any()
    assert device.empty(5, np.int64).shape == (5,)
    taken = device.take(host, np.complex128)
    assert taken.dtype == np.complex128
    np.testing.assert_array_equal(device.download(taken), host)
    device.synchronize()


@pytest.mark.parametrize("size", [1, 1 << 17])
def test_an_array_may_change_as_soon_as_it_is_copied(device, machine, monkeypatch, size):
    # What is in pinned memory, or on the GPU, is read after the call for the copy returned.
    begun = []

    def finish():
        while begun:
            copy, source = begun.pop()
            copy[...] = source

    def array(source, dtype, order):
        copy = np.empty(source.shape, dtype, order).view(ndarray)
        begun.append((copy, source))
        return copy

    monkeypatch.setattr(ndarray, "set", lambda copy, host: begun.append((copy, host)))
    machine.array = array
    machine.cuda.get_current_stream = lambda: types.SimpleNamespace(synchronize=finish)
    for copied in (device.upload, lambda given: device.take(given, np.float64)):
        given = np.ones(size)
        copy = copied(given)
        given[:] = 2
        finish()
        np.testing.assert_array_equal(copy, np.ones(size))


def test_memory_is_what_the_driver_and_the_pool_have(device):
    assert device.free_bytes() == 11 * GIB


def test_too_large_an_array_is_refused_before_it_is_allocated(device, machine):
    def never(shape, dtype):
        raise AssertionError("allocated")

    machine.empty = machine.zeros = never
    for make in (device.empty, device.zeros):
        with pytest.raises(MemoryLimitError, match=r"16 GiB are needed on Toy GPU, 11 GiB"):
            make(2 * GIB, np.complex64)


def test_a_pool_that_cannot_give_is_the_same_error(device, machine):
    for make in (lambda: device.empty(8, np.float64), lambda: device.zeros(8, np.float64)):
        machine.fail = OutOfMemory()
        with pytest.raises(MemoryLimitError, match=r"device='cpu'"):
            make()
    device.zeros(8, np.float64)


def test_arrays_own_operators_work_on_the_gpu_and_fail_as_its_calls_do(machine):
    device = CupyDevice(1)
    with device.computing():
        assert machine.current == [1]
    assert machine.current == []
    problem = r"memory of Toy GPU does not suffice, 11 GiB"
    with pytest.raises(MemoryLimitError, match=problem), device.computing():
        raise OutOfMemory
    problem = "Failed in computing with arrays on Toy GPU"
    with pytest.raises(DeviceError, match=problem), device.computing():
        raise CUDARuntimeError(1)


# --- kernels ----------------------------------------------------------------------------------


@needs_emulation
@pytest.mark.parametrize(
    ("real", "dtype"), [(np.float32, np.complex64), (np.float64, np.complex128)]
)
def test_a_kernel_is_fetched_once_and_gets_its_arguments(device, machine, real, dtype):
    state = device.empty((3, 8), dtype)
    device.launch("prepare_zero", real, 1, 32, [state, 3], members=3)
    device.launch("prepare_zero", real, 1, 32, [state, np.int64(3)], members=3)
    np.testing.assert_array_equal(device.download(state), np.eye(8)[[0, 0, 0]])
    device.launch("collapse", real, 1, 32, [state[1], 3, 1, 0, 0.5])
    assert device.download(state)[:, 0].tolist() == [1, 0.5, 1]
    name = "float" if real is np.float32 else "double"
    options = ("-std=c++17", f"-DQUASIM_REAL={name}")
    assert machine.compiled == [("prepare_zero", options), ("collapse", options)]


@needs_emulation
def test_nothing_is_launched_for_nothing(device, machine):
    device.launch("prepare_zero", np.float32, 0, 32, [None, 0])
    device.launch("prepare_zero", np.float32, 1, 32, [None, 0], members=0)
    assert not machine.launched


@needs_emulation
def test_much_shared_memory_is_asked_for(device, machine):
    state = device.zeros(8, np.complex64)
    for size in (0, 100 << 10, 64 << 10):
        device.launch("prepare_zero", np.float32, 1, 32, [state, 3], shared_bytes=size)
    assert [launch[3] for launch in machine.launched] == [0, 100 << 10, 64 << 10]


@needs_emulation
def test_a_mask_may_use_every_bit_and_a_pointer_may_be_null(device):
    assert device._word("k", 2**64 - 1) == -1
    assert device._word("k", 2**63) == -(2**63)
    assert device._word("k", None) is None


@pytest.mark.parametrize(
    ("blocks", "members", "argument", "reason"),
    [
        (2**31, 1, None, "at most 2147483647 blocks"),
        (1, 65536, None, "65535 members"),
        (1, 1, np.zeros(4), "not on the GPU"),
        (1, 1, "columns", "not contiguous"),
    ],
)
def test_impossible_launches_are_refused(device, blocks, members, argument, reason):
    if isinstance(argument, str):
        argument = device.zeros((4, 4), np.complex64)[:, 0]
    with pytest.raises(DeviceError, match=reason):
        device.launch("prepare_zero", np.float32, blocks, 32, [argument, 2], members=members)


# --- failures ---------------------------------------------------------------------------------


@needs_emulation
def test_a_launch_that_fails_names_the_kernel_and_the_gpu_lives_on(device, machine):
    state = device.zeros(8, np.complex64)
    device.launch("prepare_zero", np.float32, 1, 32, [state, 3])
    machine.fail = CUDADriverError(1, "CUDA_ERROR_INVALID_VALUE")
    with pytest.raises(DeviceError, match=r"kernel 'prepare_zero' on Toy GPU: CUDA_ERROR_INVALID"):
        device.launch("prepare_zero", np.float32, 1, 32, [state, 3])
    assert availability.is_available() is None
    device.launch("prepare_zero", np.float32, 1, 32, [state, 3])


@pytest.mark.parametrize("status", [700, 719, 214])
def test_after_a_sticky_error_the_process_has_no_gpu(device, machine, status):
    array = device.zeros(8, np.complex64)
    calls = [device.synchronize, lambda: device.download(array), lambda: device.zeros(3, np.int64)]
    for call in calls:
        machine.fail = CUDARuntimeError(status, "cudaErrorIllegalAddress")
        with pytest.raises(DeviceError, match="restart the process"):
            call()
        assert "cudaErrorIllegalAddress" in str(availability.is_available())
        with pytest.raises(DeviceError, match="restart the process"):
            CupyDevice(1)


def test_a_compilation_that_fails_keeps_its_log(device, machine, monkeypatch, tmp_path):
    monkeypatch.setenv("CUPY_CACHE_DIR", str(tmp_path))
    log = "\n".join(f"tile.cuh({i}): error: no" for i in range(20))
    machine.fail = CompileException(log, "the source", "kernels.cu", ("-std=c++17",))
    with pytest.raises(DeviceError, match=r"tile\.cuh\(4\): error") as error:
        device.launch("prepare_zero", np.float32, 1, 32, [None, 3])
    message = str(error.value)
    assert "tile.cuh(5)" not in message
    [kept] = tmp_path.glob("*.log")
    assert str(kept) in message
    for part in (log, "-std=c++17", "the source"):
        assert part in kept.read_text()


def test_a_log_that_cannot_be_kept_is_still_told(monkeypatch, tmp_path):
    monkeypatch.setenv("CUPY_CACHE_DIR", str(tmp_path / "absent"))
    monkeypatch.setattr(compile_log.tempfile, "gettempdir", lambda: str(tmp_path / "absent"))
    message = compile_log.write_log("error: no", "", ())
    assert "error: no" in message
    assert "could not be written" in message


def test_headers_that_cupy_misses_are_said_to_be_missing(device, machine):
    machine.fail = RuntimeError("Failed to find CUDA headers.")
    with pytest.raises(DeviceError, match="CuPy cannot compile: Failed to find CUDA headers"):
        device.launch("prepare_zero", np.float32, 1, 32, [None, 3])


# --- the real CuPy ----------------------------------------------------------------------------


def test_cupy_has_every_name_that_is_used():
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    text = Path(cupy_device.__file__).read_text() + Path(availability.__file__).read_text()
    used = re.findall(r"(?:_cupy|module|cupy)\.((?:cuda\.)?[a-zA-Z_]+(?:\.[a-zA-Z_]+)*)", text)
    assert len(used) > 15
    for path in used:
        found = cupy
        for part in path.split("."):
            found = getattr(found, part)
    runtime = cupy.cuda.runtime
    for name in ("CUDARuntimeError", "getDeviceCount", "getDeviceProperties", "memGetInfo"):
        assert hasattr(runtime, name)
    assert hasattr(cupy.RawKernel, "max_dynamic_shared_size_bytes")
    assert hasattr(cupy.RawModule, "get_function")
    for name in ("set", "get", "copy", "astype", "flags", "nbytes"):
        assert hasattr(cupy.ndarray, name)
    failure = cupy.cuda.compiler.CompileException("log", "source", "name", ("-std=c++17",))
    assert (str(failure), failure.source, failure.options) == ("log", "source", ("-std=c++17",))
    assert runtime.CUDARuntimeError(700).status == 700
    assert issubclass(cupy.cuda.memory.OutOfMemoryError, MemoryError)


def test_cupy_is_imported_by_one_name_only():
    folder = Path(availability.__file__).parent
    for file in folder.glob("*.py"):
        assert not re.search(r"^\s*(import|from) cupy", file.read_text(), re.MULTILINE), file


@pytest.mark.gpu
@pytest.mark.parametrize(
    ("real", "dtype"), [(np.float32, np.complex64), (np.float64, np.complex128)]
)
def test_a_gpu_does_what_the_emulation_does(real, dtype):
    assert availability.is_available() is None
    device = CupyDevice(next(g.number for g in availability.gpus() if g.capability >= (7, 5)))
    state = device.empty((3, 1 << 12), dtype)
    device.launch("prepare_zero", real, 1, 256, [state, 12], members=3)
    device.launch("collapse", real, 1, 256, [state[1], 12, 1, 0, 0.5])
    device.synchronize()
    wanted = np.eye(1 << 12)[[0, 0, 0]]
    wanted[1] *= 0.5
    np.testing.assert_array_equal(device.download(state), wanted)
    host = np.arange(1 << 18, dtype=dtype)
    np.testing.assert_array_equal(device.download(device.copy(device.upload(host))), host)
    np.testing.assert_array_equal(device.download(device.take(device.upload(host), dtype)), host)
    free = device.free_bytes()
    assert free is not None
    with pytest.raises(MemoryLimitError):
        device.empty(free + (1 << 30), np.uint8)
    with pytest.raises(DeviceError):
        device.launch("no_such_kernel", real, 1, 32, [])

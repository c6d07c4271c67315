"""cuStateVec as a kernel set, on a library in NumPy; calls of the real one need a GPU."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
from custatevec_library import CuStateVecError, NumPyLibrary

from quasim_backend.compile.lowering import lower
from quasim_backend.compile.planner import PlanOptions, plan, trivial_plan
from quasim_backend.errors import Cancelled, DeviceError, MemoryLimitError, OptionError
from quasim_backend.ir.circuit import Circuit
from quasim_backend.ir.instructions import GateOp
from quasim_backend.ir.program import ProgramBuilder
from quasim_backend.kernels.base import CancelToken
from quasim_backend.kernels.custatevec import CuStateVecKernels, availability, gpu, is_available
from quasim_backend.kernels.custatevec.calls import Calls
from quasim_backend.kernels.custatevec.fusion import fused
from quasim_backend.kernels.custatevec.operations import (
    Dense,
    Diagonal,
    Permutation,
    Rotation,
    dense_product,
    operations_of,
)
from quasim_backend.options import Config
from quasim_backend.plugins import default_manager
from quasim_backend.testing import check_kernel_set
from quasim_backend.testing.generators import random_circuit, random_values
from quasim_backend.testing.kernel_checks import KERNEL_CHECKS

NONE = np.empty(0)


def program_of(circuit):
    gates = [i for i in circuit.instructions if isinstance(i, GateOp)]
    return lower(gates, circuit.num_qubits, circuit.parameters)


def kernels(max_qubits=5, **settings):
    library = NumPyLibrary(**settings)
    return CuStateVecKernels(max_qubits, calls=Calls(library, np)), library


# --- the contract, on the library in NumPy ----------------------------------------------------


@pytest.mark.parametrize(("max_qubits", "dtype"), [(1, np.complex64), (5, np.complex128)])
def test_the_battery_passes(max_qubits, dtype):
    ours, _ = kernels(max_qubits)
    assert check_kernel_set(ours, dtype).passed == list(KERNEL_CHECKS)


@pytest.mark.parametrize("check", ["primitives", "circuits"])
def test_either_meaning_of_a_permutations_table_is_found_out(check):
    ours, _ = kernels(1, tables_name_sources=False)
    KERNEL_CHECKS[check](ours, np.dtype(np.complex128))


def test_the_battery_sees_a_wrong_meaning_of_tables():
    ours, library = kernels(1)
    library.tables_name_sources = False  # after it was found out
    with pytest.raises(AssertionError, match="permutation"):
        KERNEL_CHECKS["primitives"](ours, np.dtype(np.complex128))


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_members_of_a_batch_are_aligned_where_they_run(dtype):
    ours, library = kernels()
    addresses = []
    original = library._state
    library._state = lambda name, handle, sv, *rest: (
        addresses.append(sv) or original(name, handle, sv, *rest)
    )
    schedule = trivial_plan(program_of(Circuit(1).h(0)))
    states = ours.zero_states(3, 1, np.dtype(dtype))
    ours.run_batch(schedule, states, np.empty((3, 0)))
    first = states.ctypes.data
    inside = {a for a in addresses if first < a < first + states.nbytes}
    assert addresses
    assert not inside, "rows of 16 or 32 bytes are no states the library takes"
    assert abs(states - np.sqrt(0.5)).max() < 1e-6


def test_a_plan_is_translated_once_for_the_same_parameters():
    ours, _ = kernels()
    circuit = random_circuit(np.random.default_rng(1), 4, 30)
    program = program_of(circuit)
    schedule = plan(program)
    first = np.linspace(0.1, 0.9, len(program.parameters))
    assert ours.operations(schedule, first) is ours.operations(schedule, first.copy())
    assert len(first) > 0
    assert ours.operations(schedule, first) is not ours.operations(schedule, first + 0.1)


def test_a_set_token_stops_a_run_before_its_first_call():
    ours, library = kernels()
    state = ours.zero_state(2, np.dtype(np.complex128))
    done, token = len(library.log), CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        ours.run(trivial_plan(program_of(Circuit(2).h(0))), state, NONE, token)
    assert len(library.log) == done


def test_handles_are_given_back():
    ours, library = kernels()
    assert len(library.handles) == 1
    del ours
    assert not library.handles
    assert not library.samplers


def test_samplers_are_destroyed_when_sampling_fails():
    ours, library = kernels()

    def fail(*arguments):
        raise CuStateVecError("EXECUTION_FAILED")

    library.sampler_sample = fail
    with pytest.raises(CuStateVecError):
        ours.sample(ours.zero_state(2, np.dtype(np.complex64)), np.array([0.5]))
    assert not library.samplers


@pytest.mark.parametrize("width", [0, 11])
def test_impossible_widths_of_fusion_are_refused(width):
    with pytest.raises(OptionError, match="1 to 10"):
        CuStateVecKernels(width, calls=Calls(NumPyLibrary(), np))


def test_arrays_of_other_libraries_are_copied_into_states():
    ours, _ = kernels()
    source = np.array([0.6, 0.8j])
    state = ours.from_device(source, np.dtype(np.complex64))
    source[:] = 0
    assert ours.to_device(state).dtype == np.complex64
    assert abs(ours.to_host(state) - [0.6, 0.8j]).max() < 1e-7
    assert ours.free_bytes() is None


# --- translation ------------------------------------------------------------------------------


def test_every_kind_of_primitive_is_one_call():
    builder = ProgramBuilder(5)
    builder.matrix((1,), np.array([[0, 1], [1, 0]], complex), 0b100, 0b000)
    builder.diagonal((0, 2), np.exp(1j * np.arange(4)))
    builder.permutation((0, 1), np.array([1, 2, 3, 0]))
    builder.rotation(0b01, 0b11, 0.3, 0b10000, 0b10000)
    builder.rotation(0, 0, 0.3)
    builder.phase(0.7, 0b110, 0b010)
    builder.phase(0.2)
    program = builder.build()
    made = list(operations_of(trivial_plan(program), program.angles(NONE)))
    kinds = [Dense, Diagonal, Permutation, Rotation, Diagonal, Diagonal, Diagonal]
    assert [type(operation) for operation in made] == kinds
    assert (made[0].controls, made[0].values) == ((2,), (0,))
    assert (made[3].targets, made[3].paulis, made[3].controls) == ((0, 1), (2, 3), (4,))
    assert (made[5].targets, made[5].controls, made[5].values) == ((1,), (2,), (0,))
    assert made[5].entries.tolist() == [1, np.exp(0.7j)]
    assert made[6].entries.tolist() == [np.exp(0.2j)] * 2


def test_fused_operations_of_a_plan_are_one_call_each():
    circuit = Circuit(3).h(0).cx(0, 1).ry(0.3, 1).h(2).cz(1, 2).t(2)
    program = program_of(circuit)
    schedule = plan(program, PlanOptions(max_fused=3))
    ours, library = kernels(1)
    done = len(library.log)
    ours.start(schedule, np.dtype(np.complex128), NONE)
    assert len(library.log) - done == schedule.num_ops


# --- fusion -----------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("fuse", [False, True], ids=["primitives", "planned"])
def test_fusion_keeps_the_product_and_its_limits(width, fuse):
    rng = np.random.default_rng(width)
    for number in range(12):
        qubits = number % 6 + 1
        circuit = random_circuit(rng, qubits, 25)
        values = random_values(rng, circuit)
        program = program_of(circuit)
        schedule = plan(program, PlanOptions(max_fused=2, max_diagonal=3, fuse=fuse))
        angles = program.angles(np.array([values[p] for p in program.parameters], float))
        before = list(operations_of(schedule, angles))
        after = fused(before, width, max_diagonal=6)
        everything = tuple(range(qubits))
        wanted, got = dense_product(before, everything), dense_product(after, everything)
        assert abs(got - wanted).max() < 1e-12
        assert len(after) <= len(before)
        known = set(map(id, before))
        for operation in after:
            limit = 6 if isinstance(operation, Diagonal) else width
            alone = id(operation) in known
            assert alone or len(operation.targets) <= limit


def test_fusion_moves_operations_past_others_only_where_they_commute():
    x, cycle = np.array([[0, 1], [1, 0]], complex), np.eye(4)[[1, 2, 3, 0]].astype(complex)
    pair, apart, wall = (Dense(q, (), (), cycle) for q in ((0, 1), (2, 3), (1, 2)))
    after = fused([pair, apart, Dense((1,), (), (), x)], 2)
    assert [operation.targets for operation in after] == [(0, 1), (2, 3)]
    assert after[1] is apart
    after = fused([pair, wall, Dense((1,), (), (), x)], 2)
    assert [operation.targets for operation in after] == [(0, 1), (1, 2)]
    assert after[0] is pair
    t = np.array([1, 1j])
    phases = [Diagonal((q,), (), (), t) for q in range(6)]
    assert len(fused(phases, 2)) == 1
    assert len(fused(phases, 2, max_diagonal=3)) == 2


def test_single_gates_fill_matrices_of_the_full_width():
    layer = [Dense((q,), (), (), np.eye(2, dtype=complex)) for q in range(20)]
    assert [len(operation.targets) for operation in fused(layer, 5)] == [5, 5, 5, 5]


# --- where it can run -------------------------------------------------------------------------


def test_it_is_registered_below_our_own_kernels():
    spec = default_manager().kernels["custatevec"]
    assert (spec.device, spec.priority) == ("gpu", 5)
    if (reason := is_available()) is not None:
        assert spec.is_available() == reason
        with pytest.raises(DeviceError, match="cuStateVec cannot be used"):
            spec.make(Config())


def test_reasons_name_what_is_missing(monkeypatch):
    found = {}

    def version(name):
        if name not in found:
            raise importlib.metadata.PackageNotFoundError(name)
        return found[name]

    monkeypatch.setattr(availability, "version", version)
    assert "not installed: pip install" in is_available()
    found["cuquantum-python-cu12"] = "24.11.0"
    assert is_available() == (
        "cuquantum-python-cu12 is 24.11.0; 26.9 or newer is needed: "
        "pip install -U cuquantum-python-cu12"
    )
    found["cuquantum-python-cu12"] = "26.9.0"
    modules = {}

    def load(name):
        if isinstance(modules.get(name), Exception):
            raise modules[name]
        return modules[name]

    monkeypatch.setattr(availability, "importlib", SimpleNamespace(import_module=load))
    modules["cupy"] = ImportError("no CuPy")
    assert is_available() == "CuPy cannot be imported: no CuPy"

    class NoDriver(Exception):
        pass

    def count():
        raise NoDriver("insufficient driver")

    runtime = SimpleNamespace(getDeviceCount=count, CUDARuntimeError=NoDriver)
    card = SimpleNamespace(compute_capability="70")
    modules["cupy"] = SimpleNamespace(
        cuda=SimpleNamespace(runtime=runtime, Device=lambda number: card)
    )
    assert is_available() == "No CUDA driver or GPU: insufficient driver"
    runtime.getDeviceCount = lambda: 1
    assert is_available(1) == "There is no GPU number 1; GPUs found: 1"
    assert is_available() == "The GPU has compute capability 70; cuStateVec needs 75"
    card.compute_capability = "90"
    modules["cuquantum.bindings.custatevec"] = RuntimeError("libcublasLt\n is missing")
    assert is_available() == "cuStateVec cannot be loaded: libcublasLt is missing"
    modules["cuquantum.bindings.custatevec"] = SimpleNamespace(get_version=lambda: 11400)
    assert "version 11400; 11500 or newer" in is_available()
    modules["cuquantum.bindings.custatevec"] = SimpleNamespace(get_version=lambda: 11500)
    assert is_available() is None


class OutOfMemory(MemoryError):
    pass


class FakeCuPy:
    """NumPy with the few names of CuPy that tell it from NumPy."""

    def __init__(self):
        self.inside = 0
        self.alloc = lambda size: SimpleNamespace(ptr=512 + size)
        self.cuda = SimpleNamespace(
            Device=self.device,
            get_current_stream=lambda: SimpleNamespace(ptr=77),
            memory=SimpleNamespace(OutOfMemoryError=OutOfMemory),
            alloc=lambda size: self.alloc(size),
            runtime=SimpleNamespace(memGetInfo=lambda: (100, 200)),
        )

    def __getattr__(self, name):
        return getattr(np, name)

    @contextmanager
    def entered(self):
        self.inside += 1
        yield
        self.inside -= 1

    def device(self, number):
        class Device:
            def __init__(self, cupy):
                self.cupy, self.stack = cupy, []

            def __enter__(self):
                self.stack.append(self.cupy.entered())
                self.stack[-1].__enter__()

            def __exit__(self, *error):
                self.stack.pop().__exit__(None, None, None)

        return Device(self)

    def asnumpy(self, array):
        return np.array(array)

    def get_default_memory_pool(self):
        return SimpleNamespace(free_bytes=lambda: 11)


@pytest.fixture
def fake_gpu(monkeypatch):
    cupy, library = FakeCuPy(), NumPyLibrary()
    library.set_stream = lambda handle, stream: library.log.append(("stream", stream))
    library.set_device_mem_handler = lambda handle, given: setattr(library, "memory", given)
    modules = {"cupy": cupy, "cuquantum.bindings.custatevec": library}
    monkeypatch.setattr(gpu, "is_available", lambda number: None)
    monkeypatch.setattr(gpu, "importlib", SimpleNamespace(import_module=modules.__getitem__))
    return cupy, library


def test_on_a_gpu_every_call_has_its_device_stream_and_memory(fake_gpu):
    cupy, library = fake_gpu
    ours = CuStateVecKernels()
    inside = []
    original = library.apply_matrix
    library.apply_matrix = lambda *given: (inside.append(cupy.inside), original(*given))
    state = ours.start(trivial_plan(program_of(Circuit(2).h(0))), np.dtype(np.complex64), NONE)
    assert abs(ours.to_host(state)[:2] - np.sqrt(0.5)).max() < 1e-7
    assert inside
    assert min(inside) > 0
    assert cupy.inside == 0
    assert ("stream", 77) in library.log
    assert ours.free_bytes() == 111
    take, give, name = library.memory
    address = take(1024, 77)
    assert (address, name) == (1536, "cupy")
    give(address, 1024, 77)
    with pytest.raises(KeyError):
        give(address, 1024, 77)


def test_errors_of_a_gpu_become_ours(fake_gpu):
    cupy, _ = fake_gpu
    ours = CuStateVecKernels()
    state = ours.zero_state(2, np.dtype(np.complex64))
    with pytest.raises(DeviceError, match="cuStateVec failed: INVALID_VALUE"):
        ours.probabilities(state, [5])

    def full(*given):
        raise OutOfMemory("Out of memory allocating 8 bytes")

    cupy.zeros = full
    with pytest.raises(MemoryLimitError, match="not enough memory: Out of memory allocating 8"):
        ours.zero_state(2, np.dtype(np.complex64))


def test_the_library_in_numpy_has_the_parameters_of_the_real_one():
    pytest.importorskip("cuquantum", reason="cuQuantum is not installed", exc_type=ImportError)
    real = importlib.import_module("cuquantum.bindings.custatevec")
    for name, function in inspect.getmembers(NumPyLibrary(), inspect.ismethod):
        if not name.startswith("_"):
            ours = list(inspect.signature(function).parameters)
            assert list(inspect.signature(getattr(real, name)).parameters) == ours, name
    assert (int(real.MatrixLayout.ROW), int(real.Pauli.I), int(real.Pauli.Z)) == (1, 0, 3)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("max_qubits", [1, 4, 6])
def test_the_battery_passes_on_a_gpu(max_qubits, dtype):
    if (reason := is_available()) is not None:
        pytest.skip(reason)
    assert check_kernel_set(CuStateVecKernels(max_qubits), dtype).passed == list(KERNEL_CHECKS)

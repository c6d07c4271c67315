"""Networks contracted on a device: a strict stand-in, the emulated GPU, and CuPy where it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import numpy as np
import pytest

from quasim_backend import Circuit, Config, Runtime
from quasim_backend.errors import DeviceError, MemoryLimitError
from quasim_backend.ir.instructions import Save
from quasim_backend.ir.observables import PauliString, PauliSum
from quasim_backend.ir.parameters import Parameter
from quasim_backend.kernels.base import ArrayKernels
from quasim_backend.kernels.cuda import availability
from quasim_backend.kernels.reference import ReferenceKernels
from quasim_backend.plugins import KernelSpec, PluginManager, hookimpl
from quasim_backend.testing.density_oracle import exact_branches
from quasim_backend.testing.generators import random_circuit, random_values
from quasim_backend.testing.noisy_generators import random_noisy_circuit
from quasim_backend.testing.oracles import dense_state, observable_matrix, reduced_density_matrix

GOAL = 1e-10
BUILT = "quasim_backend.kernels._device"


class StrictArray:
    """What CuPy's arrays and NumPy's have in common; becomes a NumPy array for nobody.

    Operands are numbers or arrays of this kind, and the device has to be the current one.
    """

    __array_ufunc__ = None
    current = 0

    def __init__(self, inner):
        assert StrictArray.current, "the device is not the current one"
        assert isinstance(inner, np.ndarray)
        assert inner.ndim <= 25, "CuPy's arrays have 25 axes at most"
        self._inner = inner

    shape = property(lambda self: self._inner.shape)
    ndim = property(lambda self: self._inner.ndim)
    size = property(lambda self: self._inner.size)
    dtype = property(lambda self: self._inner.dtype)

    def __dlpack_device__(self):
        return 2, 0

    def __array__(self, *arguments, **options):
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def _operand(self, other):
        if isinstance(other, StrictArray):
            assert other.dtype == self.dtype
            return other._inner
        assert isinstance(other, int | float | complex), type(other)
        assert not isinstance(other, np.generic)
        return other

    def reshape(self, shape):
        assert isinstance(shape, int | tuple)
        return StrictArray(self._inner.reshape(shape))

    def transpose(self, axes):
        assert isinstance(axes, tuple)
        return StrictArray(self._inner.transpose(axes))

    def swapaxes(self, first, second):
        return StrictArray(self._inner.swapaxes(first, second))

    def copy(self):
        return StrictArray(self._inner.copy())

    def __matmul__(self, other):
        assert isinstance(other, StrictArray)
        return StrictArray(np.asarray(self._inner @ self._operand(other)))

    def __mul__(self, other):
        return StrictArray(np.asarray(self._inner * self._operand(other)))

    def __add__(self, other):
        return StrictArray(np.asarray(self._inner + self._operand(other)))

    def __radd__(self, other):
        return self + other

    def __iadd__(self, other):
        self._inner += self._operand(other)
        return self

    def __getitem__(self, key):
        for part in key if isinstance(key, tuple) else (key,):
            assert part is None or isinstance(part, int | slice), part
        found = self._inner[key]
        return StrictArray(found if isinstance(found, np.ndarray) else np.array(found))

    def __setitem__(self, key, value):
        self._inner[key] = self._operand(value)


class StrictGpu(ReferenceKernels):
    """The reference kernels, with device arrays of their own, counting what crosses over."""

    name = "strict"

    def __init__(self, free=1 << 30):
        self.free = free
        self.uploads, self.downloads, self.brought = 0, 0, 0

    @contextmanager
    def computing(self) -> Iterator[None]:
        StrictArray.current += 1
        try:
            yield
        finally:
            StrictArray.current -= 1

    def from_host(self, amplitudes, dtype):
        assert isinstance(amplitudes, np.ndarray)
        self.uploads += 1
        self.brought += amplitudes.size
        return np.array(amplitudes, dtype)

    def from_device(self, array, dtype):
        return array._inner.astype(dtype)

    def to_device(self, state):
        with self.computing():
            return StrictArray(state)

    def to_host(self, state):
        self.downloads += 1
        return np.array(state._inner if isinstance(state, StrictArray) else state)

    def free_bytes(self):
        return self.free


class StrictPlugin:
    def __init__(self, gpu):
        self.gpu = gpu

    @hookimpl
    def quasim_kernels(self):
        yield KernelSpec("strict", "gpu", lambda config: self.gpu, lambda: None, priority=99)


def session(gpu=None, **options):
    options = {"method": "tensor_network", "simulation_precision": "fp64", "seed": 5} | options
    if gpu is not None:
        plugins = PluginManager(entry_points=False, plugins={"strict": StrictPlugin(gpu)})
        options = {"device": "gpu", "plugins": plugins} | options
    return Runtime(Config(**options))


@pytest.fixture(
    params=[
        "strict",
        pytest.param(
            "emulate",
            marks=pytest.mark.skipif(
                find_spec(BUILT) is None, reason="the emulated kernels are not built"
            ),
        ),
        pytest.param("cuda", marks=pytest.mark.gpu),
    ],
)
def make(request):
    """Return a function that opens sessions on a device."""
    if request.param == "strict":
        return lambda **options: session(StrictGpu(), **options)
    return lambda **options: session(kernels=request.param, **options)


def brickwork(width, depth, names=None):
    rng = np.random.default_rng(0)
    circuit = Circuit(width)
    for d in range(depth):
        for q in range(width):
            angle = rng.uniform(0, 6) if names is None else names[(d * width + q) % len(names)]
            circuit.ry(angle, q).rz(float(rng.uniform(0, 6)), q)
        for q in range(d % 2, width - 1, 2):
            circuit.cx(q, q + 1)
    return circuit


def entangled(width, depth, names=None):
    """Layers of rotations and CZ on random pairs, which do not fit into small memory."""
    rng = np.random.default_rng(0)
    circuit = Circuit(width)
    for d in range(depth):
        for q in range(width):
            angle = float(rng.uniform(0, 6))
            circuit.ry(angle if names is None else names[(d * width + q) % len(names)], q)
        order = rng.permutation(width)
        for a, b in zip(order[::2], order[1::2], strict=True):
            circuit.cz(int(a), int(b))
    return circuit


# --- the same battery of questions --------------------------------------------------------------


def test_every_output(make):
    rng = np.random.default_rng(1)
    with make() as rt:
        for number in range(5):
            width = number + 2
            circuit = random_circuit(rng, width, int(rng.integers(10, 50)))
            values = random_values(rng, circuit)
            state = dense_state(circuit, values)
            rho = np.outer(state, state.conj())
            some = tuple(int(q) for q in rng.permutation(width)[:2])
            masks = rng.integers(0, 1 << width, (4, 2))
            observable = PauliSum(
                tuple((float(rng.normal()), PauliString(int(x), int(z))) for x, z in masks)
            )
            matrix = observable_matrix(observable, width)
            simulated = rt.simulate(circuit, parameters=values)
            np.testing.assert_allclose(simulated, state, rtol=0, atol=GOAL)
            index = tuple(int(i) for i in rng.integers(0, 1 << width, 5))
            circuit.save("amplitudes", indices=index).save("probabilities", qubits=some)
            circuit.save("density_matrix", qubits=some).save("expectation", observable=observable)
            result = rt.run(circuit, parameters=values, shots=0)
            small = reduced_density_matrix(rho, some)
            wanted = {
                "amplitudes": state[list(index)],
                "probabilities": small.diagonal().real,
                "density_matrix": small,
                "expectation": np.vdot(state, matrix @ state).real,
            }
            for label, value in wanted.items():
                np.testing.assert_allclose(result.saved[label], value, rtol=0, atol=GOAL)
            assert result.metadata["contracted_on"] == "gpu"


def test_noise_initial_states_and_samples(make):
    rng = np.random.default_rng(3)
    with make() as rt, session() as host:
        circuit = random_noisy_circuit(rng, 3, 6)
        values = random_values(rng, circuit)
        rho = np.asarray(sum(exact_branches(circuit, values).values()))
        wanted = np.trace(observable_matrix(PauliSum.of("ZXZ"), 3) @ rho).real
        assert abs(rt.measure(circuit, ["ZXZ"], parameters=values)[0] - wanted) < GOAL
        start = rng.normal(size=32) + 1j * rng.normal(size=32)
        start /= np.linalg.norm(start)
        found = rt.simulate(brickwork(5, 3), initial_state=start)
        wanted = session(method="statevector").simulate(brickwork(5, 3), initial_state=start)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=GOAL)
        wide = brickwork(24, 3)
        np.testing.assert_array_equal(rt.sample(wide, 50, 7), host.sample(wide, 50, 7))


def test_derivatives(make):
    names = [Parameter(f"t{k}") for k in range(6)]
    point = np.linspace(0.2, 2.4, 6)
    circuit = brickwork(8, 4, names)
    _, wanted = session(method="statevector").gradient(circuit, "IIIZXIII", point)
    with make() as rt:
        _, found = rt.gradient(circuit, "IIIZXIII", point)
    assert np.abs(wanted).max() > 0.01
    np.testing.assert_allclose(found, wanted, rtol=0, atol=GOAL)


# --- what crosses over ----------------------------------------------------------------------------


def test_the_stand_in_is_as_strict_as_it_says():
    gpu = StrictGpu()
    assert isinstance(gpu, ArrayKernels)
    array = gpu.to_device(np.ones(4, complex))
    with gpu.computing():
        for wrong in (lambda: np.asarray(array), lambda: np.einsum("a->", array)):
            with pytest.raises(TypeError):
                wrong()
        with pytest.raises(AssertionError):
            array + np.ones(4)
    with pytest.raises(AssertionError, match="not the current one"):
        array * 2


def test_constants_cross_once_and_new_parameters_only_bring_what_they_change():
    names = [Parameter("t")]
    circuit = brickwork(12, 4)
    circuit.ry(names[0], 5)
    for q in range(4, 8):
        circuit.cx(q, q + 1)
    gpu = StrictGpu()
    with session(gpu, contraction_strategy="greedy") as rt:
        counts = []
        for value in (0.1, 0.2, 0.3):
            before = gpu.uploads, gpu.downloads, gpu.brought
            mean = rt.measure(circuit, ["IIIZXIIIIIII"], parameters=[value])[0]
            state = dense_state(circuit, {names[0]: value})
            matrix = observable_matrix(PauliSum.of("IIIZXIIIIIII"), 12)
            assert abs(mean - np.vdot(state, matrix @ state).real) < GOAL
            after = gpu.uploads, gpu.downloads, gpu.brought
            counts.append(tuple(b - a for a, b in zip(before, after, strict=True)))
    assert counts[0][:2] == (2, 1)
    assert counts[1][:2] == counts[2][:2] == (1, 1)
    assert counts[1][2] < counts[0][2] / 2


def test_slices_share_what_was_brought():
    circuit = entangled(12, 10)
    gpu = StrictGpu(free=4 << 20)
    with session(gpu, contraction_strategy="greedy") as rt:
        result = rt.run(circuit.save("expectation", observable="ZXIIIIIIIIIX"), shots=0)
    assert result.metadata["slices"] > 1
    assert (gpu.uploads, gpu.downloads) == (1, 1)
    with session() as host:
        wanted = host.run(circuit, shots=0).saved["expectation"]
    assert abs(wanted) > 1e-3
    assert abs(result.saved["expectation"] - wanted) < GOAL


def test_sliced_derivatives():
    names = [Parameter(f"t{k}") for k in range(4)]
    circuit = entangled(12, 8, names)
    point = np.linspace(0.2, 2.4, 4)
    gpu = StrictGpu(free=4 << 20)
    with session(gpu, contraction_strategy="greedy") as rt:
        _, found = rt.gradient(circuit, "ZXIIIIIIIIIX", point)
    _, wanted = session(method="statevector").gradient(circuit, "ZXIIIIIIIIIX", point)
    assert np.abs(wanted).max() > 1e-3
    np.testing.assert_allclose(found, wanted, rtol=0, atol=GOAL)


# --- memory, devices ------------------------------------------------------------------------------


def test_the_limit_is_the_devices_free_memory():
    circuit = entangled(40, 12)
    save = Save("amplitudes", "a", indices=(0,))
    options = {"contraction_strategy": "greedy", "contraction_seconds": 0.1}
    with (
        session(StrictGpu(free=1 << 22), **options) as rt,
        pytest.raises(MemoryLimitError, match="the 2 MiB of"),
    ):
        rt.run(circuit, save=save)
    with (
        session(StrictGpu(free=1 << 30), max_workspace_mb=3, **options) as rt,
        pytest.raises(MemoryLimitError, match="the 3 MiB of max_workspace_mb"),
    ):
        rt.run(circuit, save=save)


def test_an_automatic_device_takes_long_contractions_only():
    gpu = StrictGpu()
    with session(gpu, device="auto") as rt:
        result = rt.run(brickwork(20, 2), save=Save("amplitudes", "a", indices=(0,)))
        assert result.metadata["placement"].startswith("GPU")
        assert result.metadata["contracted_on"] == "cpu"
    assert gpu.uploads == 0


def test_states_can_stay_on_the_device_and_come_from_it():
    gpu = StrictGpu()
    circuit = brickwork(6, 2)
    wanted = dense_state(circuit)
    with session(gpu) as rt:
        stayed = rt.simulate(circuit, on_device=True)
        assert isinstance(stayed, StrictArray)
        np.testing.assert_allclose(gpu.to_host(stayed), wanted, rtol=0, atol=GOAL)
        back = rt.simulate(circuit.inverse(), initial_state=stayed)
    np.testing.assert_allclose(back, np.eye(64)[0], rtol=0, atol=GOAL)


def test_without_a_gpu_there_is_a_warning_or_an_error():
    circuit = brickwork(6, 2)
    if availability.is_available() is None:
        pytest.skip("a GPU is usable here")
    with pytest.warns(RuntimeWarning, match="no GPU is usable"):
        result = session(device="gpu").run(circuit, save=Save("amplitudes", "a", indices=(0,)))
    assert result.metadata["contracted_on"] == "cpu"
    np.testing.assert_allclose(result.saved["a"], dense_state(circuit)[:1], rtol=0, atol=GOAL)
    with pytest.raises(DeviceError, match="No GPU is usable"):
        session(require_gpu=True).run(circuit, save=Save("amplitudes", "a", indices=(0,)))

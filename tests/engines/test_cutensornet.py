"""Networks handed to cuTensorNet: a stand-in that contracts as told, and the library's own checks.

The stand-in has the methods that the library has and refuses what it would. Where the library is
installed, it plans the same networks, which takes no GPU; contracting takes one.
"""

from __future__ import annotations

import gc
from collections import Counter
from importlib.util import find_spec
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

from quasim_backend import Circuit, Config, Runtime
from quasim_backend.engines.tensor_network import cutensornet
from quasim_backend.engines.tensor_network.costs import Problem, path_cost
from quasim_backend.engines.tensor_network.cutensornet import linear_path
from quasim_backend.engines.tensor_network.program import subscripts
from quasim_backend.errors import (
    Cancelled,
    DeviceError,
    MemoryLimitError,
    OptionError,
    UnsupportedError,
)
from quasim_backend.ir.instructions import Save
from quasim_backend.ir.observables import PauliString, PauliSum
from quasim_backend.ir.parameters import Parameter
from quasim_backend.kernels.base import CancelToken
from quasim_backend.noise.channels import amplitude_damping
from quasim_backend.testing.density_oracle import exact_distribution
from quasim_backend.testing.generators import random_circuit, random_values
from quasim_backend.testing.oracles import dense_state, observable_matrix
from quasim_backend.testing.statistics import FALSE_ALARM, goodness_of_fit

GOAL = 1e-10


class Network:
    """Contracts along the path it is given, slice by slice."""

    made: ClassVar[list[Network]] = []
    failure: ClassVar[Exception | None] = None
    freed: ClassVar[int] = 0

    def __init__(self, *given, options):
        *pairs, output = given
        assert options == {"device_id": 0}
        self.modes = [tuple(modes) for modes in pairs[1::2]]
        self.output = tuple(output)
        self.path = None
        self.asked = (given, options)
        self.resets = 0
        self._take(pairs[::2])
        every = {m for modes in self.modes for m in modes}
        assert set(self.output) <= every
        assert len(self.modes) > 1
        Network.made.append(self)

    def _take(self, operands):
        for operand, modes in zip(operands, self.modes, strict=True):
            assert type(operand) is np.ndarray
            assert operand.shape == (2,) * len(modes) != ()
            assert operand.flags.c_contiguous
            assert operand.dtype == operands[0].dtype
        self.operands = operands

    def reset_operands(self, *operands):
        before = [o.dtype for o in self.operands]
        self._take(list(operands))
        assert before == [o.dtype for o in self.operands]
        self.resets += 1

    def contract_path(self, *, optimize):
        assert set(optimize) == {"path", "slicing"}
        assert len(optimize["path"]) == len(self.modes) - 1
        self.path = optimize["path"]
        self.sliced = [mode for mode, extent in optimize["slicing"] if extent == 1]
        assert len(self.sliced) == len(optimize["slicing"])
        assert not set(self.sliced) & set(self.output)

    def free(self):
        Network.freed += 1

    def contract(self, *, slices=None, release_workspace=False):
        assert self.path is not None
        if Network.failure is not None:
            raise Network.failure
        count = 1 << len(self.sliced)
        slices = range(count) if slices is None else slices
        assert slices.stop <= count
        return sum(self._slice(number) for number in slices)

    def _slice(self, number):
        chosen = {mode: number >> i & 1 for i, mode in enumerate(self.sliced)}
        here = []
        for operand, modes in zip(self.operands, self.modes, strict=True):
            key = tuple(chosen.get(m, slice(None)) for m in modes)
            here.append((operand[key], tuple(m for m in modes if m not in chosen)))
        for i, j in self.path:
            assert i < j
            b, a = here.pop(j), here.pop(i)
            rest = {m for _, modes in here for m in modes} | set(self.output)
            kept = tuple(sorted((set(a[1]) | set(b[1])) & rest))
            here.append((np.einsum(subscripts((a[1], b[1]), kept), a[0], b[0]), kept))
        ((array, modes),) = here
        return np.einsum(subscripts((modes,), self.output), array)


@pytest.fixture
def library(monkeypatch):
    Network.made.clear()
    Network.failure = None
    Network.freed = 0
    monkeypatch.setattr(cutensornet, "refusal", lambda: None)
    fake = SimpleNamespace(import_module=lambda name: SimpleNamespace(Network=Network))
    monkeypatch.setattr(cutensornet, "importlib", fake)
    return Network


def session(**options):
    options = {
        "method": "tensor_network",
        "simulation_precision": "fp64",
        "seed": 5,
        "contraction_library": "cutensornet",
    } | options
    return Runtime(Config(**options))


def test_every_output_of_random_circuits(library):
    for seed in range(12):
        rng = np.random.default_rng(seed)
        circuit = random_circuit(rng, 6, 30)
        circuit = circuit.bind(random_values(rng, circuit))
        state = dense_state(circuit)
        observable = PauliSum.of({"XXIIZZ": 0.7, "IIYZII": -1.2, "ZIIIII": 0.4})
        matrix = observable_matrix(observable, 6)
        with session() as rt:
            np.testing.assert_allclose(rt.simulate(circuit), state, rtol=0, atol=GOAL)
            found = rt.measure(circuit, [observable])[0]
            np.testing.assert_allclose(found, np.vdot(state, matrix @ state).real, atol=GOAL)
            save = Save("amplitudes", "a", indices=(1, 2, 40, 63))
            found = rt.run(circuit, save=save).saved["a"]
            np.testing.assert_allclose(found, state[[1, 2, 40, 63]], rtol=0, atol=GOAL)
            save = Save("probabilities", "p", (0, 3))
            found = rt.run(circuit, save=save)
            wanted = np.abs(state.reshape((2,) * 6)) ** 2
            wanted = wanted.sum(axis=(0, 1, 3, 4)).reshape(-1)  # qubits 3 and 0
            np.testing.assert_allclose(found.saved["p"], wanted, rtol=0, atol=GOAL)
    assert library.made


def entangled(width=20, layers=8):
    """Random pairs, so that amplitudes need large tensors."""
    rng = np.random.default_rng(1)
    circuit = Circuit(width)
    for _ in range(layers):
        for q in range(width):
            circuit.ry(rng.uniform(0, 3), q).rz(rng.uniform(0, 3), q)
        order = [int(q) for q in rng.permutation(width)]
        for a, b in zip(order[::2], order[1::2], strict=True):
            circuit.cz(a, b)
    return circuit


def ssa_of(path, count):
    """Return a path of places in a list as pairs of tensor numbers."""
    here, found = list(range(count)), []
    for i, j in path:
        found.append((here[i], here[j]))
        del here[j], here[i]
        here.append(count + len(found) - 1)
    return found


def test_slices_add_up(library):
    circuit, save = entangled(), Save("amplitudes", "a", indices=(3, 5000))
    with Runtime(Config(method="statevector", simulation_precision="fp64")) as rt:
        wanted = rt.run(circuit, save=save).saved["a"]
    with session(max_workspace_mb=1) as rt:
        found = rt.run(circuit, save=save).saved["a"]
    np.testing.assert_allclose(found, wanted, rtol=0, atol=GOAL)
    assert all(network.sliced for network in library.made)


def test_new_parameters_and_other_bits_take_the_same_plan(library):
    names = [Parameter(f"t{i}") for i in range(8)]
    circuit = Circuit(8)
    for q, name in enumerate(names):
        circuit.ry(name, q)
    for q in range(7):
        circuit.cx(q, q + 1)
    save = Save("amplitudes", "a", indices=(0, 0b11110000, 0b10101010, 0b1111))
    with session() as rt:
        for seed in (1, 2):
            values = random_values(np.random.default_rng(seed), circuit)
            state = dense_state(circuit.bind(values))
            result = rt.run(circuit, save=save, parameters=values)
            np.testing.assert_allclose(
                result.saved["a"], state[list(save.indices)], rtol=0, atol=GOAL
            )
            assert result.metadata["contracted_on"] == "cutensornet"
            if seed == 2:
                assert result.metadata["search_seconds"] == 0


def test_samples_of_a_noisy_circuit(library):
    circuit = Circuit(4, 4).h(0).cx(0, 1).ry(0.7, 2).cx(1, 2).h(3)
    circuit.channel(amplitude_damping(0.3), [1]).cx(2, 3).measure(range(4), range(4))
    with session() as rt:
        counts = Counter(int(row[0]) for row in rt.run(circuit, 4000).packed)
    exact = {m: p for m, p in exact_distribution(circuit, None).items() if p > 1e-15}
    assert set(counts) <= set(exact)
    assert goodness_of_fit(counts, exact) > FALSE_ALARM
    assert library.made
    gc.collect()
    assert library.freed == len(library.made)


def test_derivatives_are_contracted_by_us(library):
    theta = Parameter("theta")
    circuit = Circuit(3).ry(theta, 0).cx(0, 1).cx(1, 2)
    with session() as rt:
        values, slopes = rt.gradient(circuit, ["ZII"], {theta: 0.4})
    np.testing.assert_allclose([values[0], slopes[0, 0]], [np.cos(0.4), -np.sin(0.4)], atol=GOAL)
    assert not library.made


@pytest.mark.parametrize(
    ("failure", "becomes", "says"),
    [
        (RuntimeError("No GPU device detected, operation aborted"), DeviceError, "No GPU device"),
        (type("MemoryLimitExceeded", (Exception,), {})("x"), MemoryLimitError, "max_workspace_mb"),
        (type("cuTensorNetError", (Exception,), {})("BAD (3)\nmore"), DeviceError, r"BAD \(3\)"),
        (Cancelled("stop"), Cancelled, "stop"),
    ],
)
def test_its_errors_are_ours(library, failure, becomes, says):
    library.failure = failure
    circuit = Circuit(3).h(0).ry(0.3, 1).cx(0, 1).ry(0.2, 2).cx(1, 2).ry(0.4, 1)
    with session() as rt, pytest.raises(becomes, match=says):
        rt.simulate(circuit)


def test_errors_of_a_listener_are_its_own(library):
    def listener(fraction):
        raise RuntimeError(f"seen {fraction}")

    with session(max_workspace_mb=1) as rt, pytest.raises(RuntimeError, match="seen 0"):
        rt.run(entangled(), save=Save("amplitudes", "a", indices=(1,)), progress=listener)


def test_a_token_stops_it_between_slices(library):
    token = CancelToken()
    library.failure = None
    circuit = Circuit(5).h(0).cx(0, 1).ry(0.2, 2).cx(1, 2)
    token.cancel()
    with session() as rt, pytest.raises(Cancelled):
        rt.run(circuit, save=Save("amplitudes", "a", indices=(0,)), cancel=token)


def test_without_the_library_the_refusal_says_what_to_install(monkeypatch):
    nothing = SimpleNamespace(find_spec=lambda name: None)
    monkeypatch.setattr(cutensornet, "importlib", SimpleNamespace(util=nothing))
    circuit = Circuit(2).h(0).cx(0, 1)
    with session() as rt, pytest.raises(UnsupportedError, match="cuquantum13"):
        rt.simulate(circuit)
    with session(method="auto") as rt:  # another engine does it
        assert rt.run(circuit.measure_all(), 10).metadata["engine"] == "statevector"


def test_other_libraries_are_unknown():
    with pytest.raises(OptionError, match="cutensornet"):
        Config(contraction_library="cublas")


def test_paths_are_rewritten_without_numbers():
    # Tensors 1 and 3 are numbers.
    assert linear_path(4, ((0, 1), (2, 3), (4, 5)), (0, 2)) == [(0, 1)]
    assert linear_path(3, ((0, 2), (1, 3)), (0, 1, 2)) == [(0, 2), (0, 1)]
    assert linear_path(2, ((0, 1),), ()) == []


@pytest.mark.skipif(find_spec("cuquantum") is None, reason="cuQuantum is not installed")
def test_the_library_plans_what_we_hand_it(library):
    from cuquantum.tensornet import Network as TheirNetwork

    observable = PauliSum.of(PauliString.from_letters({3: "Z", 7: "X"}))
    with session(max_workspace_mb=1) as rt:
        rt.measure(entangled(10, 6), [observable])
        rt.run(entangled(), save=Save("amplitudes", "a", indices=(5,)))
    assert any(network.sliced for network in library.made)
    assert any(np.bincount(sum(network.modes, ())).max() > 2 for network in library.made)
    for network in library.made:
        given, options = network.asked
        theirs = TheirNetwork(
            *given, options={**options, "memory_limit": 1 << 30}, allow_cpu_pathfinder=True
        )
        slicing = [(mode, 1) for mode in network.sliced]
        # To prepare a contraction takes a GPU.
        path, facts = theirs.contract_path(
            optimize={"path": network.path, "slicing": slicing}, prepare_contraction=False
        )
        masks = [sum(1 << mode for mode in modes) for modes in (*network.modes, network.output)]
        problem, sliced = Problem(tuple(masks[:-1]), masks[-1]), sum(1 << m for m in network.sliced)
        cost = path_cost(problem, ssa_of(network.path, len(network.modes)), sliced)
        assert facts.largest_intermediate == 1 << cost.width
        # Theirs counts additions, of which there is one less than products.
        assert 1.9 < facts.opt_cost / (cost.multiplications * cost.slices) <= 2
        assert list(path) == list(network.path)
        assert facts.num_slices == 1 << len(network.sliced)
        theirs.free()

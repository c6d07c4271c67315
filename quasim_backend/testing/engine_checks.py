"""What an engine must do: one function a law, each raising `AssertionError` when it is broken.

A check raises `Refused` where the engine says itself that it cannot do what the check needs.
Statistics use fixed seeds; an engine that is right fails one of them with probability
`quasim_backend.testing.FALSE_ALARM`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile import CompileOptions, compile_circuit
from quasim_backend.compile.planner import PlanOptions, is_available
from quasim_backend.engines.base import Engine, EngineOutput, EngineRequest
from quasim_backend.errors import Cancelled
from quasim_backend.ir.channels import ReadoutError
from quasim_backend.ir.circuit import Circuit
from quasim_backend.ir.expr import Bit, literal
from quasim_backend.ir.instructions import SetState
from quasim_backend.ir.observables import PauliSum
from quasim_backend.ir.parameters import Parameter
from quasim_backend.kernels.base import CancelToken, KernelSet
from quasim_backend.testing.density_oracle import exact_branches, exact_distribution
from quasim_backend.testing.dynamic_generators import (
    DYNAMIC_KINDS,
    EXTRA_KINDS,
    random_dynamic_circuit,
)
from quasim_backend.testing.generators import random_circuit, random_state, random_values
from quasim_backend.testing.goals import Goals, goals_of
from quasim_backend.testing.kernel_checks import assert_close
from quasim_backend.testing.noisy_generators import random_noisy_circuit
from quasim_backend.testing.oracles import (
    dense_state,
    dense_unitary,
    observable_matrix,
    reduced_density_matrix,
)
from quasim_backend.testing.statistics import FALSE_ALARM, goodness_of_fit

__all__ = ["ENGINE_CHECKS", "Refused", "Subject"]


class Refused(Exception):
    """The engine refused a run, with its reason."""


@dataclass(frozen=True)
class Subject:
    """What a check looks at: an engine on a kernel set, at a dtype.

    Attributes:
        engine: The engine.
        kernels: Array routines it is given.
        dtype: complex64 or complex128.
    """

    engine: Engine
    kernels: KernelSet
    dtype: np.dtype[Any]

    @property
    def goals(self) -> Goals:
        """Largest accepted errors."""
        return goals_of(self.dtype)

    def run(
        self,
        circuit: Circuit,
        *,
        values: Mapping[Parameter, float] | None = None,
        keep_idle: bool = False,
        **request: Any,
    ) -> EngineOutput:
        """Compile with small tiles and run.

        Raises:
            Refused: If the engine cannot do it.
        """
        plan = PlanOptions(tile_qubits=4, low_qubits=1, fuse=is_available() is None)
        from_zero = request.get("initial_state") is None
        options = CompileOptions(plan=plan, keep_idle=keep_idle, starts_at_zero=from_zero)
        compiled = compile_circuit(circuit, options)
        vector = np.array([(values or {})[p] for p in compiled.parameters], np.float64)
        asked = EngineRequest(self.kernels, self.dtype, vector, **request)
        reason = self.engine.refuses(compiled, asked)
        if reason is not None:
            raise Refused(reason)
        needed = self.engine.memory_bytes(compiled, asked)
        assert needed > 0, f"memory_bytes must be positive; got {needed}."
        return self.engine.run(compiled, asked)

    def samples(self, circuit: Circuit, shots: int, seed: int = 0, **request: Any) -> Any:
        """Return the memory value of each shot as a list of integers."""
        packed = self.run(circuit, shots=shots, seed=seed, **request).packed
        words = max(1, -(-circuit.num_clbits // 64))
        assert packed is not None, "A run with shots must give packed samples."
        assert packed.shape == (shots, words), f"packed has shape {packed.shape}."
        assert packed.dtype == np.uint64, f"packed has dtype {packed.dtype}."
        return [sum(int(w) << 64 * i for i, w in enumerate(row)) for row in packed]


Check: TypeAlias = Callable[[Subject], None]


def _fits(samples: list[int], probabilities: Mapping[int, float], what: str) -> None:
    p_value = goodness_of_fit(Counter(samples), probabilities)
    assert p_value > FALSE_ALARM, (
        f"{what}: samples do not follow the exact distribution (p = {p_value:.3g}). "
        f"Counts {Counter(samples).most_common(8)}, exact "
        f"{ {k: round(v, 4) for k, v in sorted(probabilities.items())[:8]} }."
    )


def _entangler(num_qubits: int) -> Circuit:
    """Return a circuit in which no two qubits or basis states look alike."""
    circuit = Circuit(num_qubits, num_qubits)
    for q in range(num_qubits):
        circuit.ry(0.4 + 0.5 * q, q).rz(0.3 * q + 0.2, q)
    for q in range(num_qubits - 1):
        circuit.cx(q, q + 1).rx(0.7 - 0.3 * q, q + 1)
    return circuit


# --- states and unitaries ---------------------------------------------------------------------


def check_states(subject: Subject) -> None:
    """Final states of random circuits agree with dense matrices, global phase included."""
    rng = np.random.default_rng(1)
    for number in range(25):
        width = number % 7 + 1
        circuit = random_circuit(rng, width, int(rng.integers(0, 30)))
        values = random_values(rng, circuit)
        state = subject.run(circuit, values=values, keep_idle=True, want_state=True).state
        wanted = dense_state(circuit, values)
        assert state is not None, "want_state was set, but the output has no state."
        assert_close(state, wanted, subject.goals.amplitude, f"state of random circuit {number}")


def check_initial_state(subject: Subject) -> None:
    """A run starts in the given state, which is not overwritten."""
    rng = np.random.default_rng(2)
    for width in (1, 3, 5):
        circuit = random_circuit(rng, width, 12, ("named", "controlled", "unitary"))
        start = random_state(rng, width)
        kept = start.copy()
        output = subject.run(circuit, want_state=True, initial_state=start)
        assert_close(start, kept, 0.0, "the caller's initial state, after the run")
        wanted = dense_state(circuit, None, start)
        assert_close(output.state, wanted, subject.goals.amplitude, "state from an initial state")


def check_unitaries(subject: Subject) -> None:
    """Unitaries of random circuits agree with dense matrices."""
    rng = np.random.default_rng(3)
    for number in range(15):
        width = number % 5 + 1
        circuit = random_circuit(rng, width, int(rng.integers(0, 20)))
        values = random_values(rng, circuit)
        output = subject.run(circuit, values=values, keep_idle=True, want_unitary=True)
        wanted = dense_unitary(circuit, values)
        assert_close(output.unitary, wanted, subject.goals.amplitude, f"unitary {number}")


# --- samples ----------------------------------------------------------------------------------


def check_bit_order(subject: Subject) -> None:
    """Each classical bit holds the qubit measured into it; the memory's other bits stay zero."""
    circuit = Circuit(4, 70).x(1).x(2).measure([0, 1, 2, 3], [3, 66, 0, 1])
    assert set(subject.samples(circuit, 5)) == {1 << 66 | 1}, "measured bits are misplaced."


def check_sampling(subject: Subject) -> None:
    """Samples of a final measurement follow the state's probabilities, in any order of qubits."""
    rng = np.random.default_rng(4)
    for width in (1, 3, 5):
        circuit = _entangler(width)
        circuit.measure([int(q) for q in rng.permutation(width)], range(width))
        _fits(subject.samples(circuit, 4000, 11), _distribution(circuit), f"{width} qubits")


def check_dynamic(subject: Subject) -> None:
    """Measurement, reset, channels and classical control give the exact distribution of memory."""
    rng = np.random.default_rng(5)
    for number in range(40):
        qubits, bits = int(rng.integers(1, 4)), int(rng.integers(1, 4))
        kinds = DYNAMIC_KINDS if number % 2 else (*DYNAMIC_KINDS, *EXTRA_KINDS)
        circuit = random_dynamic_circuit(rng, qubits, bits, int(rng.integers(2, 9)), kinds)
        samples = subject.samples(circuit, 1000, number)
        _fits(samples, _distribution(circuit), f"random dynamic circuit {number}")


def check_assigned_bits(subject: Subject) -> None:
    """Bits that are assigned, not measured, are in every shot's memory, unless measured later."""
    circuit = Circuit(3, 70).h(0).cx(0, 1).assign(Bit(3), literal(True)).assign(Bit(0), Bit(3))
    circuit.assign(Bit(66), literal(True)).measure([0, 1], [0, 1]).assign(Bit(4), Bit(3))
    always = 1 << 3 | 1 << 4 | 1 << 66
    wanted = {always: 0.5, always | 0b11: 0.5}
    _fits(subject.samples(circuit, 1000, 4), wanted, "memory that is assigned and measured")
    circuit = Circuit(2, 3).h(0).assign(Bit(1), literal(True))
    assert set(subject.samples(circuit, 3)) == {2}, "assigned bits need no measurement."


def check_assigned_bits_at_saves(subject: Subject) -> None:
    """Conditional saves belong to the memory at their place."""
    circuit = Circuit(1, 70).ry(np.pi / 2, 0)
    for label, bit in (("none", None), ("low", 3), ("high", 66)):
        if bit is not None:
            circuit.assign(Bit(bit), literal(True))
        circuit.save("expectation", label, observable="X", conditional=True)
    saved = subject.run(circuit, keep_idle=True).saved
    for label, memory in (("none", 0), ("low", 1 << 3), ("high", 1 << 3 | 1 << 66)):
        assert set(saved[label]) == {memory}, f"'{label}' is of memory {set(saved[label])}."
        assert_close(saved[label][memory], 1.0, subject.goals.value, f"saved '{label}'")


def check_readout_errors(subject: Subject) -> None:
    """Readout errors reach final and mid-circuit measurements and leave the state alone."""
    error = ReadoutError.of([[0.9, 0.1], [0.35, 0.65]])
    pair = ReadoutError.of(np.random.default_rng(6).dirichlet([2, 1, 1, 1], 4))
    final = _entangler(3).measure([2], [0], error).measure([0, 1], [2, 1], pair)
    middle = _entangler(2).measure([1], [0], error)
    middle.if_(Bit(0), Circuit(2, 2).x(0)).measure([1, 0], [1, 0])
    for what, circuit in (("final", final), ("mid-circuit", middle)):
        samples = subject.samples(circuit, 4000, 3)
        _fits(samples, _distribution(circuit), f"{what} readout error")


def _distribution(circuit: Circuit) -> dict[int, float]:
    return {m: p for m, p in exact_distribution(circuit).items() if p > 1e-15}


# --- randomness -------------------------------------------------------------------------------


def _branching() -> Circuit:
    circuit = _entangler(3).measure([0], [0]).h(0).reset(1).ry(1.1, 1)
    circuit.if_(Bit(0), Circuit(3, 3).rx(0.8, 2))
    return circuit.measure([0, 1, 2], [0, 1, 2])


def check_seeds(subject: Subject) -> None:
    """A seed fixes every shot: it depends neither on the number of shots nor on anything else."""
    for circuit in (_entangler(3).measure([0, 1, 2], [0, 1, 2]), _branching()):
        samples = subject.samples(circuit, 200, 9)
        assert samples == subject.samples(circuit, 200, 9), "one seed gave two sets of samples."
        assert samples != subject.samples(circuit, 200, 10), "two seeds gave the same samples."
        few = subject.samples(circuit, 50, 9)
        assert samples[:50] == few, "the first 50 shots differ when only 50 are run."


def check_uniforms(subject: Subject) -> None:
    """Given uniforms decide the outcomes: 0 below the probability of 0, else 1; one row a shot."""
    circuit = Circuit(1, 2).h(0).measure(0, 0).h(0).measure(0, 1)
    uniforms = np.array([[0.1, 0.2], [0.1, 0.8], [0.9, 0.2], [0.9, 0.8]])
    samples = subject.samples(circuit, 4, uniforms=uniforms)
    assert samples == [0, 2, 1, 3], f"uniforms gave {samples}, expected [0, 2, 1, 3]."


def check_workspace(subject: Subject) -> None:
    """A run gives the same samples without any room for snapshots."""
    circuit = _branching()
    circuit.for_(range(3), Circuit(3, 3).ry(0.9, 0).cx(0, 1).measure([0], [1]).h(2))
    circuit.measure([0, 2, 1], [0, 1, 2])
    roomy = subject.samples(circuit, 300, 5)
    for room in (0, 3 * subject.dtype.itemsize << 3):
        tight = subject.samples(circuit, 300, 5, workspace_bytes=room)
        assert roomy == tight, f"samples change with a workspace of {room} bytes."


# --- save points ------------------------------------------------------------------------------


def check_saves(subject: Subject) -> None:
    """Every kind of save point agrees with the dense state of the circuit up to there."""
    rng = np.random.default_rng(8)
    observable = {"XIZY": 0.7, "ZZII": -1.3, "IIIX": 0.2, "YYXI": 0.45, "IIII": 0.1}
    for number in range(6):
        first, second = (random_circuit(rng, 4, 8, ("named", "unitary")) for _ in range(2))
        state = dense_state(first)
        circuit = Circuit(4)
        circuit.instructions += first.instructions
        circuit.save("statevector").save("density_matrix", qubits=(2, 0))
        circuit.save("probabilities").save("probabilities", "some", qubits=(3, 1, 0))
        circuit.save("amplitudes", indices=(5, 0, 15)).save("expectation", observable=observable)
        circuit.save("variance", observable=observable)
        circuit.instructions += second.instructions
        circuit.save("statevector", "end")
        saved = subject.run(circuit, keep_idle=True).saved
        _compare_saves(subject, saved, state, circuit, number)


def _compare_saves(
    subject: Subject, saved: Mapping[str, Any], state: Any, circuit: Circuit, number: int
) -> None:
    rho = np.outer(state, state.conj())
    save = next(i for i in circuit.instructions if getattr(i, "kind", "") == "expectation")
    observable = getattr(save, "observable", None)
    assert isinstance(observable, PauliSum), "the circuit saves an expectation value"
    matrix = observable_matrix(observable, 4)
    mean = float(np.vdot(state, matrix @ state).real)
    square = float(np.vdot(matrix @ state, matrix @ state).real)
    some = reduced_density_matrix(rho, (3, 1, 0)).diagonal().real
    wanted: dict[str, tuple[Any, float]] = {
        "statevector": (state, subject.goals.amplitude),
        "density_matrix": (reduced_density_matrix(rho, (2, 0)), subject.goals.value),
        "probabilities": (np.abs(state) ** 2, subject.goals.value),
        "some": (some, subject.goals.value),
        "amplitudes": (state[[5, 0, 15]], subject.goals.amplitude),
        "expectation": (mean, 4 * subject.goals.value),
        "variance": (square - mean**2, 40 * subject.goals.value),
        "end": (dense_state(circuit), subject.goals.amplitude),
    }
    assert set(saved) == set(wanted), f"saved labels are {sorted(saved)}."
    for label, (value, goal) in wanted.items():
        assert_close(saved[label], value, goal, f"saved '{label}' of circuit {number}")
    for label in ("statevector", "amplitudes", "end"):
        assert saved[label].dtype == subject.dtype, f"saved '{label}' is {saved[label].dtype}"


def check_save_subtypes(subject: Subject) -> None:
    """Averages, lists and conditional saves after a measurement belong to the right shots."""
    circuit = Circuit(2, 1).ry(1.2, 0).cx(0, 1).measure(0, 0).ry(0.3, 1)
    circuit.save("expectation", "last", observable="ZI")
    circuit.save("expectation", "average", observable="ZI", subtype="average")
    circuit.save("expectation", "list", observable="ZI", subtype="list")
    circuit.save("expectation", "each", observable="ZI", conditional=True)
    circuit.save("density_matrix", "rho", subtype="average", conditional=True)
    output = subject.run(circuit, shots=40, seed=2, keep_idle=True)
    assert output.packed is not None, "A run with shots must give packed samples."
    bits = [int(row[0]) & 1 for row in output.packed]
    value = {0: float(np.cos(0.3)), 1: -float(np.cos(0.3))}
    goal, saved = subject.goals.value, output.saved
    every = [value[b] for b in bits]
    assert_close(saved["list"], every, goal, "a list has one value a shot")
    assert_close(saved["average"], np.mean(every), goal, "an average is the mean over shots")
    assert_close(saved["last"], every[-1], goal, "a single value is the last shot's")
    assert set(saved["each"]) == set(bits), "a conditional save has one entry a memory value."
    branches = exact_branches(circuit)
    for memory in set(bits):
        assert_close(saved["each"][memory], value[memory], goal, f"memory {memory}")
        exact = branches[memory] / np.trace(branches[memory])
        assert_close(saved["rho"][memory], exact, goal, f"density matrix of memory {memory}")


# --- averages over chance -----------------------------------------------------------------------


def check_density_matrices(subject: Subject) -> None:
    """An engine with ``averages`` gives the density matrix of a noisy circuit without shots."""
    _needs_averages(subject)
    rng = np.random.default_rng(12)
    observable = PauliSum.of({"XZ": 0.7, "ZY": -1.3, "IX": 0.2, "YX": 0.45, "II": 0.1})
    for number in range(20):
        width = number % 5 + 1
        circuit = random_noisy_circuit(rng, width, int(rng.integers(1, 9)))
        values = random_values(rng, circuit)
        rho = np.asarray(sum(exact_branches(circuit, values).values()))
        some = tuple(int(q) for q in rng.permutation(width)[: width // 2 + 1])
        circuit.save("density_matrix").save("density_matrix", "some", qubits=some)
        circuit.save("probabilities")
        wanted: dict[str, tuple[Any, float]] = {
            "density_matrix": (rho, subject.goals.amplitude),
            "some": (reduced_density_matrix(rho, some), subject.goals.value),
            "probabilities": (rho.diagonal().real, subject.goals.value),
        }
        if width == 2:
            circuit.save("expectation", observable=observable)
            circuit.save("variance", observable=observable)
            matrix = observable_matrix(observable, width)
            mean = float(np.trace(matrix @ rho).real)
            square = float(np.trace(matrix @ matrix @ rho).real)
            wanted["expectation"] = (mean, 4 * subject.goals.value)
            wanted["variance"] = (square - mean**2, 40 * subject.goals.value)
        saved = subject.run(circuit, values=values, keep_idle=True).saved
        for label, (value, goal) in wanted.items():
            assert_close(saved[label], value, goal, f"saved '{label}' of noisy circuit {number}")


def check_unread_measurements(subject: Subject) -> None:
    """Without shots, a measurement that nothing reads leaves the average over its outcomes."""
    _needs_averages(subject)
    circuit = _entangler(3).measure([1, 0], [0, 2]).h(1).cx(1, 0).reset(2).ry(0.4, 2).cx(2, 1)
    rho = np.asarray(sum(exact_branches(circuit).values()))
    saved = subject.run(circuit.save("density_matrix"), keep_idle=True).saved
    assert_close(saved["density_matrix"], rho, subject.goals.amplitude, "the average state")


def check_superoperators(subject: Subject) -> None:
    """Superoperators take every ``|a><b|`` where the channels take it."""
    rng = np.random.default_rng(13)
    for number in range(8):
        width = number % 3 + 1
        circuit = random_noisy_circuit(rng, width, int(rng.integers(1, 8)))
        values = random_values(rng, circuit)
        output = subject.run(circuit, values=values, keep_idle=True, want_superop=True)
        assert output.superop is not None, "want_superop was set, but there is none."
        for _ in range(3):
            start = random_state(rng, width)
            begun = Circuit(width)
            begun.instructions += [SetState(start), *circuit.instructions]
            rho = np.asarray(sum(exact_branches(begun, values).values()))
            ended = output.superop @ np.kron(start.conj(), start)
            what = f"superoperator {number}"
            assert_close(ended, rho.reshape(-1, order="F"), subject.goals.amplitude, what)


def _needs_averages(subject: Subject) -> None:
    if not getattr(subject.engine, "averages", False):
        raise Refused("the engine follows one course of chance for each shot")


# --- the rest ---------------------------------------------------------------------------------


def check_loop_parameters(subject: Subject) -> None:
    """A loop's parameter takes each value in turn, beside parameters of the run."""
    theta, i = Parameter("theta"), Parameter("i")
    body = Circuit(2, 2).ry(i * 0.2 + theta, 0).cx(0, 1).rz(i * 0.5, 1).measure(1, 0)
    circuit = Circuit(2, 2).for_((3, 1, 4), body, parameter=i)
    circuit.rx(theta, 1).measure([0, 1], [0, 1])
    values = {theta: 0.7}
    wanted = {m: p for m, p in exact_distribution(circuit, values).items() if p > 1e-15}
    _fits(subject.samples(circuit, 3000, 4, values=values), wanted, "loop parameter")


def check_cancellation(subject: Subject) -> None:
    """A token that is set stops the run with `Cancelled`."""
    token = CancelToken()
    token.cancel()
    try:
        subject.run(_branching(), shots=10, cancel=token)
    except Cancelled:
        return
    raise AssertionError("the run went on although its token was set.")


def check_no_shots(subject: Subject) -> None:
    """A run without shots gives a state and no samples."""
    output = subject.run(_entangler(2), want_state=True, keep_idle=True)
    assert output.packed is None, "no shots were asked for, but packed samples came back."
    state: NDArray[Any] | None = output.state
    assert state is not None, "want_state was set, but the output has no state."
    assert state.dtype == subject.dtype, f"the state has dtype {state.dtype}."


ENGINE_CHECKS: dict[str, Check] = {
    name.removeprefix("check_"): check
    for name, check in list(globals().items())
    if name.startswith("check_")
}
"""Every check by name; each takes a `Subject`."""

"""What pytket asks of a backend, point by point."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest

pytest.importorskip("pytket")

import sympy
from pytket.backends import CircuitNotRunError, CircuitNotValidError, ResultHandle, StatusEnum
from pytket.backends.backend import ResultHandleTypeError
from pytket.backends.backendinfo import BackendInfo
from pytket.circuit import BasisOrder, Bit, Circuit, OpType, Qubit, StatePreparationBox
from pytket.passes import CliffordSimp
from pytket.pauli import Pauli, QubitPauliString
from pytket.utils import QubitPauliOperator
from pytket.utils.expectations import get_operator_expectation_value

from quasim_backend.errors import (
    Cancelled,
    CircuitError,
    DeviceError,
    MemoryLimitError,
    OptionError,
    QubitError,
    UnsupportedError,
)
from quasim_backend.testing.statistics import FALSE_ALARM, goodness_of_fit
from quasim_pytket import (
    QuasimBackend,
    QuasimDensityMatrixBackend,
    QuasimShotsBackend,
    QuasimStateBackend,
    QuasimUnitaryBackend,
)

LEVELS = range(4)


@pytest.fixture(scope="module")
def backend() -> QuasimBackend:
    return QuasimBackend()


def skewed(measure: bool = True) -> Circuit:
    """Return a circuit that no exchange of qubits leaves as it is."""
    circuit = Circuit(3).Ry(0.2, 0).Ry(0.5, 1).CX(1, 2).TK1(0.1, 0.7, 0.3, 2).CZ(0, 2)
    return circuit.measure_all() if measure else circuit


def dynamic() -> Circuit:
    circuit = Circuit(2, 2).H(0).Measure(0, 0)
    return circuit.X(1, condition_bits=[0], condition_value=1).Measure(1, 1)


# --- predicates and passes ----------------------------------------------------------------------


def test_predicates_ask_for_values_and_known_operations(backend):
    assert backend.valid_circuit(dynamic())
    assert not backend.valid_circuit(Circuit(1).Rx(sympy.Symbol("a"), 0))
    with pytest.raises(CircuitNotValidError, match="NoSymbolsPredicate"):
        backend.run_circuit(Circuit(1).Rx(sympy.Symbol("a"), 0))


def test_random_number_operations_are_refused_by_the_predicate(backend):
    circuit = Circuit(1)
    register = circuit.add_c_register("r", 32)
    circuit.get_rng_num(register)
    assert not backend.valid_circuit(circuit)
    with pytest.raises(CircuitNotValidError, match="GateSetPredicate"):
        backend.run_circuit(circuit, n_shots=1)
    with pytest.raises(UnsupportedError, match="RNGNum"):
        backend.run_circuit(circuit, n_shots=1, valid_check=False)


def test_webassembly_is_refused_by_the_predicate(backend):
    from pytket.wasm import WasmModuleHandler

    # (module (func (export "init"))
    #         (func (export "f") (param i32) (result i32) local.get 0))
    code = bytes.fromhex(
        "0061736d01000000 0109026000006001 7f017f 0303020001"
        "070c0204696e69740000016600010a09020200 0b040020000b"
    )
    module = WasmModuleHandler(code)
    circuit = Circuit(0)
    register = circuit.add_c_register("r", 4)
    circuit.add_wasm_to_reg("f", module, [register], [register])
    assert not backend.valid_circuit(circuit)


@pytest.mark.parametrize("level", LEVELS)
def test_compiled_circuits_are_valid_and_equal(level: int, backend):
    circuit = Circuit(3, 3).H(0).CX(0, 1).CSWAP(1, 0, 2).ZZPhase(0.84, 2, 0).add_barrier([0, 1])
    state = np.array([0.6, 0, 0.8j, 0])
    circuit.add_state_preparation_box(StatePreparationBox(state, with_initial_reset=False), [0, 1])
    compiled = backend.get_compiled_circuit(circuit.copy().measure_all(), level)
    assert all(predicate.verify(compiled) for predicate in backend.required_predicates)
    wanted = backend.run_circuit(circuit).get_state()
    found = backend.run_circuit(backend.get_compiled_circuit(circuit, level)).get_state()
    overlap = np.vdot(wanted, found)
    assert abs(overlap) == pytest.approx(1, abs=1e-10)
    if level < 3:  # GreedyPauliSimp loses the phase, as its documentation says
        assert overlap == pytest.approx(1, abs=1e-10)


def test_level_0_is_the_default_and_changes_nothing(backend):
    circuit = dynamic()
    assert backend.get_compiled_circuit(circuit) == circuit
    assert backend.get_compiled_circuits([circuit]) == [circuit]
    copied = circuit.copy()
    assert not backend.rebase_pass().apply(copied)
    assert copied == circuit
    with pytest.raises(OptionError, match="0, 1, 2 and 3"):
        backend.default_compilation_pass(4)


# --- handles, status, cancellation --------------------------------------------------------------


def test_handles_name_results_until_they_are_popped(backend):
    handles = backend.process_circuits([skewed(), skewed()], n_shots=[10, 20], seed=3)
    assert [len(backend.get_result(h).get_shots()) for h in handles] == [10, 20]
    assert backend.circuit_status(handles[0]).status == StatusEnum.COMPLETED
    assert all(len(h) == 1 and isinstance(h[0], str) for h in handles)
    assert backend.pop_result(handles[0]) is not None
    with pytest.raises(CircuitNotRunError):
        backend.get_result(handles[0])
    with pytest.raises(CircuitNotRunError):
        backend.circuit_status(handles[0])
    backend.empty_cache()
    with pytest.raises(CircuitNotRunError):
        backend.get_result(handles[1])
    with pytest.raises(ResultHandleTypeError):
        backend.get_result(ResultHandle(1, "a"))


def test_circuits_may_change_after_they_are_submitted(backend):
    circuit = Circuit(1).X(0)
    handle = backend.process_circuit(circuit)
    circuit.X(0)
    np.testing.assert_allclose(backend.get_result(handle).get_state(), [0, 1])


def test_running_circuits_can_be_cancelled(backend):
    circuit = Circuit(22)
    for _ in range(40):
        for qubit in range(22):
            circuit.TK1(0.1, 0.2, 0.3, qubit).CX(qubit, (qubit + 1) % 22)
    first, second = backend.process_circuits([circuit.copy().measure_all()] * 2, n_shots=10)
    assert backend.circuit_status(second).status in (StatusEnum.QUEUED, StatusEnum.RUNNING)
    backend.cancel(second)
    backend.cancel(first)
    for handle in (first, second):
        with pytest.raises(Cancelled):
            backend.get_result(handle, timeout=30)
        assert backend.circuit_status(handle).status == StatusEnum.CANCELLED
    with pytest.raises(CircuitNotRunError):
        backend.cancel(ResultHandle("unknown"))


def test_what_a_run_fails_with_is_raised_and_in_its_status():
    small = QuasimBackend(max_memory_mb=1)
    handle = small.process_circuit(Circuit(24).H(0))
    with pytest.raises(MemoryLimitError, match="24 qubits"):
        small.get_result(handle)
    status = small.circuit_status(handle)
    assert status.status == StatusEnum.ERROR
    assert "24 qubits" in status.message


# --- shots --------------------------------------------------------------------------------------


def test_numbers_of_shots_may_differ_between_circuits(backend):
    results = backend.run_circuits([skewed(), skewed(), skewed(False)], n_shots=[3, 0, None])
    assert results[0].get_shots().shape == (3, 3)
    assert results[1].get_shots().shape == (0, 3)
    assert not results[2].contains_measured_results
    with pytest.raises(ValueError, match="must match"):
        backend.run_circuits([skewed()], n_shots=[3, 4])


@pytest.mark.parametrize("seed", [0, 5, -1, 2**64 - 1, 2**70])
def test_the_same_seed_gives_the_same_shots(seed: int, backend):
    once, again = (
        backend.run_circuits([skewed(), dynamic(), skewed()], n_shots=200, seed=seed)
        for _ in range(2)
    )
    for left, right in zip(once, again, strict=True):
        np.testing.assert_array_equal(left.get_shots(), right.get_shots())
    assert not np.array_equal(once[0].get_shots(), once[2].get_shots())
    other = backend.run_circuit(skewed(), n_shots=200, seed=seed + 1)
    assert not np.array_equal(once[0].get_shots(), other.get_shots())


def test_without_a_seed_shots_differ(backend):
    once, again = (backend.run_circuit(skewed(), n_shots=200).get_shots() for _ in range(2))
    assert not np.array_equal(once, again)


def test_shots_follow_the_amplitudes(backend):
    state = backend.run_circuit(skewed(False)).get_state()
    counts = backend.run_circuit(skewed(), n_shots=20_000, seed=11).get_counts()
    seen = {int("".join(map(str, outcome)), 2): n for outcome, n in counts.items()}
    assert goodness_of_fit(seen, dict(enumerate(np.abs(state) ** 2))) > FALSE_ALARM


def test_bits_keep_their_places(backend):
    circuit = Circuit(3)
    circuit.add_c_register("b", 9)
    circuit.add_c_register("a", 2)
    circuit.X(0).Measure(Qubit(0), Bit("b", 8)).Measure(Qubit(1), Bit("a", 0))
    circuit.Measure(Qubit(0), Bit("a", 1))
    result = backend.run_circuit(circuit, n_shots=4)
    assert result.get_counts() == {(0, 1, *[0] * 8, 1): 4}
    assert result.get_counts([Bit("b", 8), Bit("a", 0)]) == {(1, 0): 4}
    assert result.get_counts(basis=BasisOrder.dlo) == {(1, *[0] * 8, 1, 0): 4}
    with pytest.raises(ValueError, match="not in result"):
        result.get_counts([Bit("c", 0)])


@pytest.mark.parametrize("bits", [0, 1, 7, 8, 9, 63, 64, 65, 130])
def test_counts_are_the_shots_counted(bits: int, backend):
    circuit = Circuit(3, bits).Ry(0.3, 0).Ry(0.7, 1).CX(0, 2)
    for place in range(min(bits, 3)):
        circuit.Measure(place, bits - 1 - place)
    result = backend.run_circuit(circuit, n_shots=100, seed=2)
    shots = result.get_shots()
    assert shots.shape == (100, bits)
    wanted: dict[tuple[int, ...], int] = {}
    for shot in shots.tolist():
        wanted[tuple(shot)] = wanted.get(tuple(shot), 0) + 1
    assert result.get_counts() == wanted
    if bits:
        first = result.get_counts([circuit.bits[-1]])
        assert first == {(v,): n for v, n in enumerate(np.bincount(shots[:, -1])) if n}


def test_shots_of_a_circuit_that_measures_nothing_are_zeros(backend):
    result = backend.run_circuit(Circuit(2, 2).H(0).CX(0, 1), n_shots=10)
    assert result.get_counts() == {(0, 0): 10}


def test_postprocessing_is_split_off_and_applied(backend):
    circuit = Circuit(2).Ry(0.3, 0).CX(0, 1).X(0).measure_all()
    plain = backend.run_circuit(circuit, n_shots=4000, seed=1).get_counts()
    result = backend.run_circuit(circuit, n_shots=4000, seed=1, postprocess=True)
    split = result.get_counts()
    assert set(plain) == set(split) == {(1, 0), (0, 1)}
    probabilities = {1: np.cos(0.15 * np.pi) ** 2, 0: np.sin(0.15 * np.pi) ** 2}
    assert goodness_of_fit({k[0]: n for k, n in split.items()}, probabilities) > FALSE_ALARM
    np.testing.assert_allclose(result.get_state(), backend.run_circuit(circuit).get_state())
    assert backend.supports_contextual_optimisation


# --- states, unitaries, density matrices --------------------------------------------------------


def test_states_are_big_endian_with_their_phase(backend):
    circuit = skewed(False).add_phase(0.37)
    state = backend.run_circuit(circuit).get_state()
    np.testing.assert_allclose(state, circuit.get_statevector(), atol=1e-12)
    assert state.dtype == np.complex128
    dlo = backend.run_circuit(circuit).get_state(basis=BasisOrder.dlo)
    np.testing.assert_allclose(dlo.reshape(2, 2, 2).transpose(2, 1, 0).ravel(), state)


def test_implicit_permutations_are_followed(backend):
    circuit = skewed(False).SWAP(0, 1).SWAP(1, 2)
    relabelled = circuit.copy()
    relabelled.replace_SWAPs()
    assert relabelled.has_implicit_wireswaps
    for measured in (False, True):
        if measured:
            circuit.measure_all()
            relabelled.measure_all()
        left, right = (backend.run_circuit(c).get_state() for c in (circuit, relabelled))
        np.testing.assert_allclose(left, right, atol=1e-12)
    unitary = QuasimBackend("unitary")
    left, right = (unitary.run_circuit(c).get_unitary() for c in (circuit, relabelled))
    np.testing.assert_allclose(left, right, atol=1e-12)
    for place in range(3):
        c = Circuit(3).X(place).SWAP(0, 1).SWAP(1, 2).measure_all()
        plain = backend.run_circuit(c, n_shots=5).get_counts()
        c.replace_SWAPs()
        assert backend.run_circuit(c, n_shots=5).get_counts() == plain
    c = Circuit(4).X(0).CX(0, 1).CX(1, 0)
    wanted = c.get_statevector()
    CliffordSimp(True).apply(c)
    np.testing.assert_allclose(backend.run_circuit(c).get_state(), wanted, atol=1e-12)


def test_a_result_with_shots_computes_the_state_when_asked(backend):
    result = backend.run_circuit(skewed(), n_shots=5)
    assert result.contains_state_results
    assert result.contains_measured_results
    np.testing.assert_allclose(result.get_state(), skewed(False).get_statevector(), atol=1e-12)
    assert not backend.run_circuit(dynamic(), n_shots=5).contains_state_results
    kept = pickle.loads(pickle.dumps(result))
    np.testing.assert_allclose(kept.get_state(), result.get_state())
    assert kept == result
    assert type(result).from_dict(result.to_dict()).get_counts() == result.get_counts()


def test_circuits_without_a_single_state_say_so(backend):
    reset = Circuit(2).H(0).CX(0, 1).Reset(0)
    for circuit in (dynamic(), reset, Circuit(1).H(0).add_gate(OpType.Collapse, [0])):
        with pytest.raises(UnsupportedError, match=r"no single state.*n_shots"):
            backend.run_circuit(circuit)
    for circuit in (dynamic(), reset):
        with pytest.raises(UnsupportedError, match=r"no single unitary.*n_shots"):
            QuasimUnitaryBackend().run_circuit(circuit)
        with pytest.raises(UnsupportedError, match=r"no single state.*n_shots"):
            QuasimDensityMatrixBackend().run_circuit(circuit)


def test_measurements_before_the_end_stay(backend):
    # The first measurement of a bit is at the end of its qubit, but the qubit goes on.
    circuit = Circuit(1, 1).H(0).Measure(0, 0).H(0)
    with pytest.raises(UnsupportedError, match="no single state"):
        backend.run_circuit(circuit)
    late = Circuit(2, 1).X(0).Measure(0, 0).add_barrier([0, 1]).H(1)
    np.testing.assert_allclose(
        backend.run_circuit(late).get_state(), [0, 0, 0.5**0.5, 0.5**0.5], atol=1e-12
    )


def test_state_preparations(backend):
    rng = np.random.default_rng(5)
    state = rng.normal(size=8) + 1j * rng.normal(size=8)
    state /= np.linalg.norm(state)
    fresh = Circuit(3).add_state_preparation_box(StatePreparationBox(state), [2, 0, 1])
    wanted = state.reshape(2, 2, 2).transpose(1, 2, 0).ravel()
    np.testing.assert_allclose(backend.run_circuit(fresh).get_state(), wanted, atol=1e-12)
    sampled = backend.run_circuit(fresh.copy().measure_all(), n_shots=3)
    np.testing.assert_allclose(sampled.get_state(), wanted, atol=1e-12)
    used = Circuit(3).H(0).CX(0, 1)
    used.add_state_preparation_box(StatePreparationBox(state), [2, 0, 1])
    np.testing.assert_allclose(
        backend.run_circuit(used).get_state(), used.get_statevector(), atol=1e-12
    )
    again = Circuit(3).X(0)
    box = StatePreparationBox(state, with_initial_reset=True)
    again.add_state_preparation_box(box, [0, 1, 2]).measure_all()
    counts = backend.run_circuit(again, n_shots=5000, seed=1).get_counts()
    seen = {int("".join(map(str, outcome)), 2): n for outcome, n in counts.items()}
    assert goodness_of_fit(seen, dict(enumerate(np.abs(state) ** 2))) > FALSE_ALARM


def test_unitaries_and_density_matrices():
    circuit = skewed(False).add_phase(0.2)
    unitary = QuasimUnitaryBackend()
    np.testing.assert_allclose(
        unitary.run_circuit(circuit).get_unitary(), circuit.get_unitary(), atol=1e-12
    )
    density = QuasimDensityMatrixBackend()
    state = circuit.get_statevector()
    np.testing.assert_allclose(
        density.run_circuit(circuit).get_density_matrix(),
        np.outer(state, state.conj()),
        atol=1e-12,
    )
    assert density.run_circuit(skewed(), n_shots=3).get_density_matrix().shape == (8, 8)


def test_flags_say_what_a_backend_supports(backend):
    def flags(b: QuasimBackend) -> tuple[bool, ...]:
        return (
            b.supports_shots,
            b.supports_counts,
            b.supports_state,
            b.supports_unitary,
            b.supports_density_matrix,
            b.supports_expectation,
            b.expectation_allows_nonhermitian,
        )

    assert flags(backend) == (True, True, True, False, False, True, True)
    assert flags(QuasimStateBackend()) == flags(backend)
    assert flags(QuasimShotsBackend()) == (True, True, False, False, False, True, True)
    assert flags(QuasimUnitaryBackend()) == (True, True, False, True, False, True, True)
    assert flags(QuasimDensityMatrixBackend()) == (True, True, False, False, True, True, True)
    assert not backend.persistent_handles
    assert backend.__extension_name__ is None


def test_the_backend_for_shots_needs_a_number_of_them():
    shots = QuasimShotsBackend()
    with pytest.raises(ValueError, match="n_shots is required"):
        shots.run_circuit(skewed())
    assert not shots.run_circuit(skewed(), n_shots=3).contains_state_results


@pytest.mark.parametrize("kind", [QuasimBackend, QuasimShotsBackend])
@pytest.mark.parametrize("wrong", [-1, 2.5, "10", True, [-1], [None, "x"]])
def test_impossible_numbers_of_shots_are_refused_before_anything_runs(kind, wrong):
    with pytest.raises(OptionError, match=r"'n_shots' must be a whole number from 0.*; got "):
        kind().process_circuits([skewed()] * (len(wrong) if isinstance(wrong, list) else 1), wrong)


def test_numbers_of_shots_may_be_numpys(backend):
    assert len(backend.run_circuit(skewed(), n_shots=np.int64(7)).get_shots()) == 7


# --- expectation values -------------------------------------------------------------------------


def dense(operator: QubitPauliOperator, circuit: Circuit) -> complex:
    return operator.state_expectation(circuit.get_statevector(), circuit.qubits)


def strings() -> list[QubitPauliString]:
    q = [Qubit(i) for i in range(3)]
    return [
        QubitPauliString(),
        QubitPauliString(q[0], Pauli.Z),
        QubitPauliString([q[0], q[2]], [Pauli.Y, Pauli.X]),
        QubitPauliString([q[1], q[2]], [Pauli.X, Pauli.Z]),
    ]


def test_expectation_values_with_any_coefficients(backend):
    circuit = skewed(False)
    weights = [0.3, sympy.Rational(1, 3), 0.2 - 1.5j, sympy.sqrt(2) * sympy.I]
    operator = QubitPauliOperator(dict(zip(strings(), weights, strict=True)))
    found = backend.get_operator_expectation_value(circuit, operator)
    assert found == pytest.approx(dense(operator, circuit), abs=1e-12)
    assert found.imag != 0
    assert backend.get_operator_expectation_value(circuit, QubitPauliOperator()) == 0
    measured = backend.get_operator_expectation_value(skewed(), operator)
    assert measured == pytest.approx(found)
    helped = get_operator_expectation_value(circuit, operator, backend)
    assert helped == pytest.approx(found)


def test_expectation_value_of_a_pauli_string(backend):
    circuit = skewed(False)
    circuit.SWAP(0, 2)
    circuit.replace_SWAPs()
    for string in strings():
        wanted = string.state_expectation(circuit.get_statevector(), circuit.qubits)
        found = backend.get_pauli_expectation_value(circuit, string)
        assert found == pytest.approx(wanted, abs=1e-12)


def test_expectation_values_that_do_not_exist(backend):
    string = QubitPauliString(Qubit(7), Pauli.Z)
    with pytest.raises(QubitError, match=r"q\[7\]"):
        backend.get_pauli_expectation_value(skewed(), string)
    symbolic = QubitPauliOperator({QubitPauliString(Qubit(0), Pauli.Z): sympy.Symbol("c")})
    with pytest.raises(CircuitError, match="Coefficient 'c'"):
        backend.get_operator_expectation_value(skewed(), symbolic)
    with pytest.raises(UnsupportedError, match="n_shots"):
        backend.get_pauli_expectation_value(dynamic(), QubitPauliString(Qubit(0), Pauli.Z))
    with pytest.raises(CircuitNotValidError):
        backend.get_pauli_expectation_value(
            Circuit(1).Rx(sympy.Symbol("a"), 0), QubitPauliString(Qubit(0), Pauli.Z)
        )


# --- description and options --------------------------------------------------------------------


def test_backend_info_survives_a_file(backend):
    info = backend.backend_info
    assert BackendInfo.from_dict(info.to_dict()) == info
    assert (info.name, info.device_name) == ("QuasimBackend", "auto")
    assert info.supports_midcircuit_measurement
    assert info.supports_fast_feedforward
    assert info.supports_reset
    assert OpType.CnX in info.gate_set
    names = [device.device_name for device in QuasimShotsBackend.available_devices()]
    assert names[0] == "cpu"
    assert QuasimShotsBackend.available_devices()[0].name == "QuasimShotsBackend"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"result_type": "states"}, "state_vector"),
        ({"device": "tpu"}, "gpu"),
        ({"precision": "float64"}, "complex64"),
        ({"precision": "double double"}, "complex64"),
        ({"num_threads": 0}, "num_threads"),
    ],
)
def test_impossible_options_are_refused(options: dict, message: str):
    with pytest.raises(OptionError, match=message):
        QuasimBackend(**options)


def test_unknown_arguments_of_a_call_are_refused(backend):
    with pytest.raises(OptionError, match="Did you mean 'seed'"):
        backend.run_circuit(skewed(), n_shots=1, seeds=3)
    with pytest.raises(OptionError, match="must be an integer"):
        backend.run_circuit(skewed(), n_shots=1, seed=0.5)
    with pytest.raises(OptionError, match="tensor_net"):
        QuasimBackend(method="tensor_net").run_circuit(skewed(), n_shots=1)


def test_single_precision():
    single = QuasimBackend(precision="complex64")
    state = single.run_circuit(skewed(False)).get_state()
    assert state.dtype == np.complex64
    np.testing.assert_allclose(state, skewed(False).get_statevector(), atol=1e-6)


def test_a_gpu_is_a_promise(monkeypatch):
    if any(d.device_name == "gpu" for d in QuasimBackend.available_devices()):
        pytest.skip("there is a GPU")
    monkeypatch.delenv("QUASIM_REQUIRE_GPU", raising=False)
    with pytest.warns(RuntimeWarning, match="no GPU is usable"):
        result = QuasimBackend(device="gpu").run_circuit(skewed(), n_shots=5)
    assert result.metadata["device"] == "cpu"
    assert any("gpu" in note for note in result.metadata["notes"])
    with pytest.raises(DeviceError, match="No GPU is usable"):
        QuasimBackend(device="gpu", require_gpu=True).run_circuit(skewed(), n_shots=5)


def test_results_say_how_they_were_made(backend):
    metadata = backend.run_circuit(skewed(), n_shots=5, seed=9).metadata
    assert metadata["seed"] == 9
    assert metadata["engine"] == "statevector"


def test_backends_can_be_pickled_and_used_by_name():
    backend = pickle.loads(pickle.dumps(QuasimBackend("unitary")))
    assert backend.run_circuit(Circuit(1).X(0)).get_unitary()[0, 1] == pytest.approx(1)


def test_nothing_is_warned_about(backend):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        backend.run_circuit(skewed(), n_shots=5).get_counts()
        backend.run_circuit(Circuit(1).H(0), n_shots=5)


def test_no_shots_are_no_counts(backend):
    circuit = Circuit(1, 1).H(0).Measure(0, 0)
    assert not backend.run_circuit(circuit, n_shots=0).get_counts()

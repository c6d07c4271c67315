"""The shot tree: outcomes, snapshots, recomputation, memory and save points."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from quasim_backend.compile import CompileOptions, compile_circuit
from quasim_backend.engines.base import EngineOutput, EngineRequest
from quasim_backend.engines.statevector import StateVectorEngine
from quasim_backend.engines.unitary import UnitaryEngine
from quasim_backend.errors import Cancelled, ShapeError
from quasim_backend.ir import Channel, Circuit, Parameter, ReadoutError
from quasim_backend.ir.expr import BOOL, Binary, Bit, Bits, Const, Unary, Var, uint
from quasim_backend.ir.random import philox_uniforms
from quasim_backend.kernels.base import CancelToken
from quasim_backend.kernels.reference import ReferenceKernels

FALSE_ALARM = 1e-6


def run(circuit: Circuit, shots: int = 0, **request: Any) -> EngineOutput:
    options = CompileOptions(keep_idle=request.get("want_state", False))
    request.setdefault("seed", 11)
    request.setdefault("parameters", np.empty(0))
    return StateVectorEngine().run(
        compile_circuit(circuit, options),
        EngineRequest(ReferenceKernels(), np.dtype(np.complex128), shots=shots, **request),
    )


def memory(output: EngineOutput) -> np.ndarray:
    assert output.packed is not None
    return output.packed[:, 0].astype(np.int64)


def assert_distribution(values: np.ndarray, expected: dict[int, float]) -> None:
    """Compare frequencies by chi-square at a false-alarm rate of 1e-6."""
    from scipy.stats import chisquare

    assert set(values.tolist()) <= set(expected)
    observed = [int((values == v).sum()) for v in expected]
    statistic = chisquare(observed, [p * len(values) for p in expected.values()])
    assert statistic.pvalue > FALSE_ALARM


def deep_circuit() -> Circuit:
    """Measure and reset thirty times on four entangled qubits."""
    rng = np.random.default_rng(3)
    circuit = Circuit(4, 30)
    for i in range(30):
        for q in range(4):
            circuit.ry(rng.uniform(0, 3), q)
        circuit.cx(i % 4, (i + 1) % 4).measure(i % 4, i)
        if i % 5 == 0:
            circuit.reset((i + 1) % 4)
    return circuit


def test_final_measurements_are_sampled_from_one_state() -> None:
    output = run(Circuit(2, 2).h(0).cx(0, 1).measure_all(), 2000)
    assert output.metadata["nodes"] == 1
    assert_distribution(memory(output), {0: 0.5, 3: 0.5})


def test_shots_follow_their_own_random_numbers() -> None:
    output = run(Circuit(1, 1).h(0).measure(0, 0), 50, seed=5)
    np.testing.assert_array_equal(memory(output), philox_uniforms(5, np.arange(50), 0) >= 0.5)


def test_fewer_shots_are_a_prefix_of_more_shots() -> None:
    many, few = run(deep_circuit(), 64), run(deep_circuit(), 9)
    np.testing.assert_array_equal(memory(many)[:9], memory(few))


@pytest.mark.parametrize("snapshots", [0, 1, 3])
def test_recomputed_states_equal_snapshots(snapshots: int) -> None:
    circuit = deep_circuit().save("statevector", "list", subtype="list")
    plenty = run(circuit, 60)
    scarce = run(circuit, 60, workspace_bytes=snapshots * 16 * 16)
    assert plenty.metadata["recomputations"] == 0
    assert scarce.metadata["recomputations"] > 0
    np.testing.assert_array_equal(memory(plenty), memory(scarce))
    np.testing.assert_allclose(plenty.saved["list"], scarce.saved["list"], atol=1e-12)


def test_given_uniforms_replace_the_generator() -> None:
    uniforms = np.array([[0.1, 0.9], [0.9, 0.1]])
    circuit = Circuit(1, 2).h(0).measure(0, 0).h(0).measure(0, 1)
    np.testing.assert_array_equal(memory(run(circuit, 2, uniforms=uniforms)), [2, 1])
    with pytest.raises(ShapeError, match="more than the 1 uniforms"):
        run(circuit, 2, uniforms=uniforms[:, :1])


def test_feed_forward_teleports() -> None:
    circuit = Circuit(3, 3).ry(1.1, 0).rz(0.4, 0).h(1).cx(1, 2).cx(0, 1).h(0)
    circuit.measure(0, 0).measure(1, 1)
    circuit.if_(Bit(1), Circuit(3, 3).x(2)).if_(Bit(0), Circuit(3, 3).z(2))
    circuit.rz(-0.4, 2).ry(-1.1, 2).measure(2, 2)
    assert_distribution(memory(run(circuit, 4000)), dict.fromkeys(range(4), 0.25))


def test_reset_of_an_entangled_qubit_leaves_the_other_mixed() -> None:
    output = run(Circuit(2, 2).h(0).cx(0, 1).reset(0).measure([0, 1], [0, 1]), 3000)
    assert_distribution(memory(output), {0: 0.5, 2: 0.5})


def test_while_counts_rounds_and_break_leaves() -> None:
    count = Var("n", uint(4))
    body = Circuit(1, 8).h(0).measure(0, 0)
    body.assign(count, Binary("+", count, Const(1, uint(4))))
    body.if_(Bit(0), Circuit(1, 8).break_loop())
    circuit = Circuit(1, 8).while_(Binary("<", count, Const(3, uint(4))), body)
    circuit.assign(Bits((1, 2, 3, 4)), count)
    assert_distribution(memory(run(circuit, 4000)), {3: 1 / 2, 5: 1 / 4, 7: 1 / 8, 6: 1 / 8})


def test_for_gives_values_and_continue_skips() -> None:
    i = Var("i", uint(4))
    body = Circuit(1, 8).if_(Binary("==", i, Const(2, uint(4))), Circuit(1, 8).continue_loop())
    body.x(0).measure(0, 0)
    output = run(Circuit(1, 8).for_(range(4), body, variable=i).measure(0, 1), 3)
    np.testing.assert_array_equal(memory(output), [3, 3, 3])


def test_loops_start_again_after_a_break() -> None:
    inner = Circuit(1, 8).x(0).measure(0, 0).if_(Bit(0), Circuit(1, 8).break_loop())
    outer = Circuit(1, 8).for_(range(3), inner)
    circuit = Circuit(1, 8).for_(range(2), outer).measure(0, 1)
    # Two outer rounds: the first breaks after one flip, the second flips 0 then 1 and breaks.
    np.testing.assert_array_equal(memory(run(circuit, 2)), [3, 3])


def test_loop_parameters_turn_angles() -> None:
    angle = Parameter("k")
    body = Circuit(1, 1).ry(0.2 * angle + 0.1, 0).measure(0, 0).reset(0)
    symbolic = Circuit(1, 1).for_((3, 5), body, parameter=angle).save("probabilities")
    assert run(symbolic, 10).saved["probabilities"][0] == pytest.approx(1)
    gates = Circuit(1).for_((1, 2, 4), Circuit(1).ry(0.2 * angle, 0), parameter=angle)
    state = run(gates, want_state=True).state
    np.testing.assert_allclose(state, [np.cos(0.7), np.sin(0.7)], atol=1e-12)


def test_switch_takes_the_first_matching_case() -> None:
    cases = [([0], Circuit(2, 4).x(1)), ([1, 2], Circuit(2, 4)), (None, Circuit(2, 4).x(0))]
    circuit = Circuit(2, 4).h(0).measure(0, 0).switch(Bits((0, 1)), cases).measure(1, 2)
    assert_distribution(memory(run(circuit, 2000)), {4: 0.5, 1: 0.5})


def test_bool_variables_start_false() -> None:
    flag = Var("flag", BOOL)
    circuit = Circuit(1, 1).if_(Unary("not", flag), Circuit(1, 1).x(0)).measure(0, 0)
    np.testing.assert_array_equal(memory(run(circuit, 2)), [1, 1])


def test_readout_errors_confuse_bits_but_not_states() -> None:
    readout = ReadoutError.of([[0.9, 0.1], [0.3, 0.7]])
    final = Circuit(1, 1).x(0).measure(0, 0, readout)
    assert_distribution(memory(run(final, 4000)), {0: 0.3, 1: 0.7})
    middle = Circuit(1, 2).x(0).measure(0, 0, readout).x(0).measure(0, 1)
    assert_distribution(memory(run(middle, 4000)), {0: 0.3, 1: 0.7})


def test_channels_act_as_their_density_matrix() -> None:
    gamma = 0.3
    damping = Channel.kraus(
        [[[1, 0], [0, np.sqrt(1 - gamma)]], [[0, np.sqrt(gamma)], [0, 0]]], "damping"
    )
    flip = Channel.mixture([0.8, 0.2], [np.eye(2), [[0, 1], [1, 0]]])
    circuit = Circuit(1, 1).x(0).channel(damping, [0]).channel(flip, [0]).measure(0, 0)
    one = 0.7 * 0.8 + 0.3 * 0.2
    assert_distribution(memory(run(circuit, 4000)), {0: 1 - one, 1: one})


def test_wide_measurements_agree_with_narrow_ones() -> None:
    circuit = Circuit(12, 24)
    for q in range(12):
        circuit.ry(0.3 + 0.1 * q, q)
    circuit.measure(range(12), range(12)).barrier().x(0).measure(range(12), range(12, 24))
    values = memory(run(circuit, 200))
    np.testing.assert_array_equal((values & 0xFFF) ^ 1, values >> 12)


def test_idle_qubits_read_zero_even_over_an_older_bit() -> None:
    circuit = Circuit(200, 1).x(7).measure(7, 0).measure(150, 0)
    np.testing.assert_array_equal(memory(run(circuit, 3)), [0, 0, 0])


def test_more_than_64_bits_are_packed() -> None:
    circuit = Circuit(2, 130).x(0).measure(0, 129).measure(0, 63).measure(1, 64)
    output = run(circuit, 2)
    assert output.packed is not None
    np.testing.assert_array_equal(output.packed[0], np.array([1 << 63, 0, 2], np.uint64))


def test_saves_by_subtype() -> None:
    circuit = Circuit(1, 1).h(0).measure(0, 0)
    circuit.save("expectation", "mean", observable="Z", subtype="average")
    circuit.save("expectation", "each", observable="Z", subtype="list")
    circuit.save("statevector", "by bit", conditional=True)
    output = run(circuit, 300)
    bits = memory(output)
    np.testing.assert_allclose(output.saved["each"], 1 - 2 * bits)
    assert output.saved["mean"] == pytest.approx(np.mean(1 - 2 * bits))
    np.testing.assert_allclose(output.saved["by bit"][1], [0, 1], atol=1e-12)


def test_density_matrices_trace_out_the_rest() -> None:
    circuit = Circuit(3).ry(0.7, 0).cx(0, 2).rx(0.3, 1)
    circuit.save("density_matrix", "pair", qubits=[2, 0]).save("statevector")
    saved = run(circuit).saved
    psi = saved["statevector"].reshape(2, 2, 2)  # axes: qubit 2, 1, 0
    rho = np.einsum("abc,dbf->cafd", psi, psi.conj()).reshape(4, 4)
    np.testing.assert_allclose(saved["pair"], rho, atol=1e-12)


def test_initialize_prepares_part_of_an_entangled_state() -> None:
    amplitudes = np.array([0.5, 0.5j, -0.5, 0.5])
    circuit = Circuit(3).x(1).initialize(amplitudes, [2, 0]).save("statevector")
    want = np.zeros(8, complex)
    for value, amplitude in enumerate(amplitudes):
        want[(value & 1) << 2 | 1 << 1 | value >> 1] = amplitude
    np.testing.assert_allclose(run(circuit).saved["statevector"], want, atol=1e-12)
    whole = Circuit(2).initialize(amplitudes, [1, 0]).save("statevector")
    np.testing.assert_allclose(run(whole).saved["statevector"], amplitudes[[0, 2, 1, 3]])


def test_cancelled_runs_stop() -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        run(Circuit(1, 1).h(0).measure(0, 0), 1, cancel=token)


def test_the_unitary_engine_gives_the_matrix_with_its_phase() -> None:
    circuit = Circuit(2).h(0).cx(0, 1).rz(0.3, 1).global_phase(0.2)
    request = EngineRequest(
        ReferenceKernels(), np.dtype(np.complex128), np.empty(0), want_unitary=True
    )
    engine = UnitaryEngine()
    compiled = compile_circuit(circuit, CompileOptions(keep_idle=True))
    assert engine.refuses(compiled, request) is None
    h = np.kron(np.eye(2), np.array([[1, 1], [1, -1]]) / np.sqrt(2))
    cx = np.eye(4)[[0, 3, 2, 1]]
    rz = np.kron(np.diag(np.exp([-0.15j, 0.15j])), np.eye(2))
    unitary = engine.run(compiled, request).unitary
    np.testing.assert_allclose(unitary, np.exp(0.2j) * rz @ cx @ h, atol=1e-12)
    measured = compile_circuit(Circuit(1, 1).h(0).measure(0, 0))
    assert "gates only" in str(engine.refuses(measured, request))

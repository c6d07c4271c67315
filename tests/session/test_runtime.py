from __future__ import annotations

import numpy as np
import pytest

import quasim_backend as quasim
from quasim_backend.compile import compile_circuit
from quasim_backend.errors import (
    CircuitError,
    OptionError,
    ParameterError,
    PluginError,
    QubitError,
    ShapeError,
    UnsupportedError,
)
from quasim_backend.ir.expr import Bit
from quasim_backend.plugins import PassSpec, PluginManager, RunRecord, hookimpl
from quasim_backend.session.states import in_double
from quasim_backend.testing import oracles


@pytest.fixture
def rt() -> quasim.Runtime:
    return quasim.runtime(
        simulation_precision="fp64", plugins=PluginManager(entry_points=False), device="cpu"
    )


def asymmetric() -> quasim.Circuit:
    """Three qubits, no symmetry between them."""
    return quasim.Circuit(3).ry(0.3, 0).ry(1.1, 1).cx(0, 2).rx(0.7, 2).cp(0.4, 2, 1).h(0)


def state_of(circuit: quasim.Circuit) -> np.ndarray:
    return oracles.dense_state(circuit)


def test_simulate_and_unitary_agree_with_the_dense_oracle(rt: quasim.Runtime) -> None:
    circuit = asymmetric()
    np.testing.assert_allclose(rt.simulate(circuit), state_of(circuit), atol=1e-12)
    np.testing.assert_allclose(rt.unitary(circuit), oracles.dense_unitary(circuit), atol=1e-12)


def test_an_initial_state_is_used_and_not_changed(rt: quasim.Runtime) -> None:
    circuit = asymmetric()
    start = np.random.default_rng(1).normal(size=8) + 1j
    start /= np.linalg.norm(start)
    before = start.copy()
    expected = oracles.dense_unitary(circuit) @ start
    np.testing.assert_allclose(rt.simulate(circuit, initial_state=start), expected, atol=1e-12)
    z = rt.expectations(circuit, ["IIZ"], initial_state=start)
    signs = np.array([1, -1] * 4)
    np.testing.assert_allclose(z, [(np.abs(expected) ** 2 * signs).sum()], atol=1e-12)
    np.testing.assert_array_equal(start, before)
    for wrong in (start[:4], 2 * start, np.full(8, np.nan)):
        with pytest.raises(ShapeError):
            rt.simulate(circuit, initial_state=wrong)


def test_the_leftmost_letter_is_the_highest_qubit(rt: quasim.Runtime) -> None:
    circuit = quasim.Circuit(3).x(0)
    assert rt.measure(circuit, ["IIZ", "ZII", "IZI"]) == [-1, 1, 1]
    assert rt.measure(circuit, "IIZ") == [-1]
    both = {"IIZ": 0.5, "ZII": 2.0}
    assert rt.measure(circuit, [both, quasim.PauliSum.of(both)]) == [1.5, 1.5]


@pytest.mark.parametrize("label", ["ZZ", "ZZZZ", ""])
def test_a_label_of_another_length_is_refused(rt: quasim.Runtime, label: str) -> None:
    with pytest.raises(CircuitError, match="3 qubits"):
        rt.measure(asymmetric(), [label])


def test_wrong_observables_are_refused(rt: quasim.Runtime) -> None:
    with pytest.raises(CircuitError, match="real weights"):
        rt.measure(asymmetric(), [{"ZZZ": 1j}])
    with pytest.raises(QubitError):
        rt.measure(asymmetric(), [quasim.PauliString(1 << 5)])
    with pytest.raises(CircuitError, match="I, X, Y, Z"):
        rt.measure(asymmetric(), ["ABC"])


def test_expectations_take_complex_weights_and_many_observables(rt: quasim.Runtime) -> None:
    circuit = asymmetric()
    state = state_of(circuit)
    labels = ["XYZ", "IXI", "YYI", "ZIZ"]
    matrices = [oracles.pauli_matrix(quasim.PauliString.from_label(p), 3) for p in labels]
    expected = [state.conj() @ matrix @ state for matrix in matrices]
    found = rt.expectations(circuit, [*labels, {"XYZ": 2j, "ZIZ": 1}])
    np.testing.assert_allclose(found, [*expected, 2j * expected[0] + expected[3]], atol=1e-12)
    assert rt.expectations(circuit, []).shape == (0,)


def test_idle_qubits_are_left_out_and_count_as_zero(rt: quasim.Runtime) -> None:
    circuit = quasim.Circuit(40, 40).h(7).cx(7, 30).measure([7, 30, 39], [0, 1, 2])
    result = rt.run(circuit, 200, 3)
    assert result.metadata["num_qubits"] == 2
    assert set(result.int_counts()) == {0, 3}
    bell = quasim.Circuit(40).h(7).cx(7, 30)
    string = {7: "Z", 30: "Z", 39: "Z"}
    observables = [
        quasim.PauliSum.of(quasim.PauliString.from_letters(letters))
        for letters in (string, {7: "X", 30: "X", 2: "X"}, {7: "X", 30: "X"}, {39: "Z"})
    ]
    np.testing.assert_allclose(rt.expectations(bell, observables), [1, 0, 1, 1], atol=1e-12)


def test_a_compiled_circuit_is_compiled_anew_where_a_run_needs_more(rt: quasim.Runtime) -> None:
    circuit = quasim.Circuit(4).reset(0).ry(0.3, 1).ry(0.5, 3).cx(1, 3)
    compiled = rt.compile(circuit)
    assert compiled.num_qubits == 2
    np.testing.assert_allclose(rt.simulate(compiled), rt.simulate(circuit), atol=1e-12)
    found = rt.run(compiled, save="statevector").state
    np.testing.assert_allclose(found, rt.simulate(circuit), atol=1e-12)
    np.testing.assert_array_equal(rt.sample(compiled, 9, 1), rt.sample(circuit, 9, 1))
    gates = quasim.Circuit(4).ry(0.3, 1).ry(0.5, 3).cx(1, 3)
    compiled = rt.compile(gates)
    np.testing.assert_allclose(rt.unitary(compiled), rt.unitary(gates), atol=1e-12)
    start = np.eye(16)[5]
    expected = rt.simulate(gates, initial_state=start)
    np.testing.assert_allclose(rt.simulate(compiled, initial_state=start), expected, atol=1e-12)
    with quasim.runtime(rt.config) as other:
        np.testing.assert_allclose(other.unitary(compiled), rt.unitary(gates), atol=1e-12)


def test_a_reset_acts_on_an_initial_state(rt: quasim.Runtime) -> None:
    circuit = quasim.Circuit(2, 2).reset(0).measure([0, 1], [0, 1])
    for form in (circuit, rt.compile(circuit), rt.compile(circuit, keep_idle=True)):
        result = rt.run(form, 5, initial_state=np.eye(4)[3])
        assert result.counts() == {"10": 5}


def test_code_compiled_elsewhere_is_refused_where_it_does_not_fit(rt: quasim.Runtime) -> None:
    compiled = compile_circuit(quasim.Circuit(2).ry(0.3, 1))
    assert rt.measure(compiled, ["IZ"]) == pytest.approx([1])
    for call in (
        lambda: rt.simulate(compiled),
        lambda: rt.simulate(compiled, initial_state=np.eye(4)[0]),
        lambda: rt.run(compiled, save="statevector"),
        lambda: rt.sample(compiled, 3),
    ):
        with pytest.raises(CircuitError, match="does not fit this run"):
            call()


def test_parameters_by_name_by_object_and_in_order(rt: quasim.Runtime) -> None:
    a, b = quasim.Parameter("a"), quasim.Parameter("b")
    circuit = quasim.Circuit(1).rx(b, 0).ry(2 * a + 0.1, 0)
    expected = rt.simulate(circuit.bind({a: 0.3, b: 0.7}))
    for values in ({"a": 0.3, "b": 0.7}, {a: 0.3, b: np.float32(0.7)}, [0.7, 0.3]):
        np.testing.assert_allclose(rt.simulate(circuit, parameters=values), expected, atol=1e-7)
    assert rt.measure(circuit, ["Z"], parameters=[0.0, -0.05]) == pytest.approx([1])


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (None, "'theta_1', 'theta_2'"),
        ({"theta_1": 1}, "'theta_2'"),
        ({"theta_1": 1, "theta_2": 2, "theta_3": 3}, "no parameter 'theta_3'.*Did you mean"),
        ([1], r"2 parameters \(theta_1, theta_2\).*\(1,\)"),
        ([1, np.inf], "'theta_2' is not finite"),
        ([1, "x"], "real numbers"),
        ([1, 1j], "real numbers"),
    ],
)
def test_wrong_parameters_are_named(rt: quasim.Runtime, values: object, text: str) -> None:
    circuit = quasim.Circuit(1).rx(quasim.Parameter("theta_1"), 0)
    circuit.rx(quasim.Parameter("theta_2"), 0)
    with pytest.raises(ParameterError, match=text):
        rt.simulate(circuit, parameters=values)


@pytest.mark.parametrize(
    ("circuit", "cause"),
    [
        (quasim.Circuit(1, 1).h(0).measure(0, 0), "measures"),
        (quasim.Circuit(2).h(0).cx(0, 1).reset(0), "resets qubits"),
        (
            quasim.Circuit(1).channel(quasim.Channel.kraus([np.eye(2)]), [0]).h(0),
            "has channels|depends",
        ),
    ],
)
def test_simulate_sends_what_depends_on_chance_to_run(
    rt: quasim.Runtime, circuit: quasim.Circuit, cause: str
) -> None:
    with pytest.raises(UnsupportedError, match=rf"({cause}).*run\(circuit, shots"):
        rt.simulate(circuit)
    with pytest.raises(UnsupportedError, match="gates only"):
        rt.unitary(circuit)


def test_shots_default_to_1024_where_chance_decides_and_to_none_elsewhere(
    rt: quasim.Runtime,
) -> None:
    assert rt.run(quasim.Circuit(1).h(0).measure_all()).shots == 1024
    result = rt.run(quasim.Circuit(1).h(0), save="statevector")
    assert (result.shots, result.packed) == (0, None)
    np.testing.assert_allclose(result.state, [np.sqrt(0.5)] * 2)


@pytest.mark.parametrize("shots", [-1, 1.5, True, "10"])
def test_wrong_shots_are_refused(rt: quasim.Runtime, shots: object) -> None:
    for method in (rt.run, rt.sample):
        with pytest.raises(OptionError, match="shots"):
            method(quasim.Circuit(1).h(0).measure_all(), shots)


def test_the_same_seed_gives_the_same_samples_and_a_fresh_one_is_reported(
    rt: quasim.Runtime,
) -> None:
    circuit = quasim.Circuit(8).h(0).measure_all()
    for q in range(1, 8):
        circuit.instructions.insert(0, quasim.Circuit(8).h(q).instructions[0])
    first = rt.run(circuit, 50)
    assert first.metadata["seed"] != rt.run(circuit, 50).metadata["seed"]
    again = rt.run(circuit, 50, first.metadata["seed"])
    np.testing.assert_array_equal(first.samples, again.samples)
    assert (first.samples != rt.run(circuit, 50, 1).samples).any()
    with quasim.runtime(rt.config.copy(seed=1)) as seeded:
        for _ in range(2):
            np.testing.assert_array_equal(
                seeded.run(circuit, 50).samples, rt.run(circuit, 50, 1).samples
            )
    with pytest.raises(OptionError, match="seed"):
        rt.run(circuit, 50, -1)


def test_uniforms_of_the_caller_replace_the_seed(rt: quasim.Runtime) -> None:
    circuit = quasim.Circuit(1).h(0).measure_all()
    uniforms = np.array([[0.1], [0.9], [0.2], [0.7]])
    result = rt.run(circuit, 4, uniforms=uniforms)
    assert result.samples[:, 0].tolist() == [0, 1, 0, 1]
    for wrong in (uniforms[:2], uniforms[:, 0], uniforms + 1):
        with pytest.raises(ShapeError, match="uniforms"):
            rt.run(circuit, 4, uniforms=wrong)


def test_dynamic_circuits_run(rt: quasim.Runtime) -> None:
    circuit = quasim.Circuit(3, 3).ry(0.7, 0).h(1).cx(1, 2).cx(0, 1).h(0)
    circuit.measure([0, 1], [0, 1])
    circuit.if_(Bit(1), quasim.Circuit(3).x(2)).if_(Bit(0), quasim.Circuit(3).z(2))
    circuit.ry(-0.7, 2).measure(2, 2)
    result = rt.run(circuit, 200, 1)
    assert {key[0] for key in result.counts()} == {"0"}
    assert len(result.counts()) == 4


def test_saves_by_name_and_by_record(rt: quasim.Runtime) -> None:
    circuit = asymmetric()
    saves = ["statevector", "probabilities", quasim.Save("amplitudes", "a", indices=(5, 1))]
    result = rt.run(circuit, save=saves)
    state = state_of(circuit)
    np.testing.assert_allclose(result.saved["statevector"], state, atol=1e-12)
    np.testing.assert_allclose(result.saved["probabilities"], np.abs(state) ** 2, atol=1e-12)
    np.testing.assert_allclose(result.saved["a"], state[[5, 1]], atol=1e-12)
    assert len(circuit) == len(asymmetric()), "the user's circuit is unchanged"
    with pytest.raises(OptionError, match="Did you mean 'statevector'"):
        rt.run(circuit, save="statevectr")
    with pytest.raises(CircuitError, match="used twice"):
        rt.run(circuit, save=["statevector", "statevector"])
    for impossible in (5, None, [5], [["statevector"]]):
        with pytest.raises(OptionError, match=r"save=.* is not possible\. Give one of 'statevec"):
            rt.run(circuit, save=impossible)


def test_a_save_takes_an_observable_in_any_form(rt: quasim.Runtime) -> None:
    circuit = quasim.Circuit(2).h(0).cx(0, 1)
    for observable in ("ZZ", quasim.PauliString.from_label("ZZ"), {"ZZ": 1.0}):
        save = quasim.Save("expectation", "a", observable=observable)
        assert rt.run(circuit, save=save).saved["a"] == pytest.approx(1)
    with pytest.raises(QubitError, match="qubit 2"):
        rt.run(circuit, save=quasim.Save("expectation", "a", observable="ZII"))


def test_a_circuit_without_parameters_says_so(rt: quasim.Runtime) -> None:
    with pytest.raises(ParameterError, match=r"no parameter 'x'\. There are none\."):
        rt.simulate(quasim.Circuit(1).h(0), parameters={"x": 0.1})


@pytest.mark.parametrize("promote", [True, False])
def test_fp32_is_returned_as_complex64_and_small_circuits_are_computed_in_double(
    promote: bool,
) -> None:
    with quasim.runtime(promote_small=promote) as rt:
        result = rt.run(quasim.Circuit(2).h(0), save="statevector")
        assert result.metadata["dtype"] == ("complex128" if promote else "complex64")
        assert result.state is not None
        assert result.state.dtype == np.complex64
        assert rt.simulate(quasim.Circuit(2).h(0)).dtype == np.complex64
        assert rt.unitary(quasim.Circuit(2).h(0)).dtype == np.complex64
        assert rt.run(quasim.Circuit(16).h(15), 0).metadata["dtype"] == "complex128" or not promote
        assert rt.simulate(quasim.Circuit(16).h(0)).dtype == np.complex64


def test_a_changed_circuit_is_compiled_again_and_an_equal_one_is_not(rt: quasim.Runtime) -> None:
    circuit = quasim.Circuit(1).x(0)
    first = rt.compile(circuit)
    assert rt.compile(circuit) is first
    circuit.instructions[0] = quasim.Circuit(1).h(0).instructions[0]
    assert rt.compile(circuit) is not first
    np.testing.assert_allclose(rt.simulate(circuit), [np.sqrt(0.5)] * 2)
    assert rt.simulate(quasim.Circuit(1).x(0))[1] == 1


def test_an_illegal_circuit_is_refused_with_the_instruction(rt: quasim.Runtime) -> None:
    circuit = quasim.Circuit(2).h(0)
    circuit.instructions += quasim.Circuit(5).x(4).instructions
    with pytest.raises(QubitError, match="Instruction 1"):
        rt.simulate(circuit)


def test_the_metadata_explains_the_run(rt: quasim.Runtime) -> None:
    facts = rt.run(asymmetric().measure_all(), 10).metadata
    for name in (
        "engine", "reason", "kernels", "device", "dtype", "precision", "passes", "bytes", "stages",
        "seed", "num_qubits", "notes", "time_compile", "time_run", "time_total",
    ):  # fmt: skip
        assert name in facts, name
    assert facts["engine"] == "statevector"
    assert facts["device"] == "cpu"


def test_sample_measures_everything_where_nothing_is_measured(rt: quasim.Runtime) -> None:
    samples = rt.sample(quasim.Circuit(3).x(1), 4, 1)
    assert samples.dtype == np.uint8
    assert samples.tolist() == [[0, 1, 0]] * 4
    some = quasim.Circuit(3, 2).x(1).measure(1, 1)
    assert rt.sample(some, 2).tolist() == [[0, 1]] * 2
    assert rt.sample(quasim.Circuit(1, 3).x(0), 1).tolist() == [[1, 0, 0]]
    assert rt.sample(rt.compile(quasim.Circuit(1).x(0)), 3).tolist() == [[1]] * 3


def test_an_empty_circuit_runs(rt: quasim.Runtime) -> None:
    assert rt.simulate(quasim.Circuit(2)).tolist() == [1, 0, 0, 0]
    assert rt.simulate(quasim.Circuit(0)).tolist() == [1]
    assert rt.run(quasim.Circuit(2, 1), 3).counts() == {"0": 3}
    np.testing.assert_allclose(rt.unitary(quasim.Circuit(1)), np.eye(2))


def test_a_closed_session_takes_no_work(rt: quasim.Runtime) -> None:
    rt.close()
    with pytest.raises(UnsupportedError, match="closed"):
        rt.simulate(quasim.Circuit(1))
    rt.close()


class Flip:
    """A pass that puts an X on qubit 0 in front, and an observer."""

    def __init__(self) -> None:
        self.seen: list[RunRecord] = []

    @hookimpl
    def quasim_passes(self) -> list[PassSpec]:
        return [PassSpec("flip", self.flip)]

    @hookimpl
    def quasim_run_finished(self, run: RunRecord) -> None:
        self.seen.append(run)
        raise RuntimeError("an observer's accident")

    def flip(self, circuit: quasim.Circuit) -> quasim.Circuit:
        result = quasim.Circuit(circuit.num_qubits, circuit.num_clbits).x(0)
        result.instructions += circuit.instructions
        return result


def test_passes_and_observers_of_plugins_take_part(caplog: pytest.LogCaptureFixture) -> None:
    flip = Flip()
    plugins = PluginManager(entry_points=False, plugins={"flip": flip})
    with quasim.runtime(plugins=plugins) as rt:
        result = rt.run(quasim.Circuit(2).measure_all(), 3)
        assert result.counts() == {"01": 3}
        assert result.metadata["passes"] == ["flip"]
        assert flip.seen[0].metadata["engine"] == "statevector"
        assert "Plug-in 'flip' failed in quasim_run_finished" in caplog.text
        flip.flip = lambda circuit: quasim.Circuit(9)  # type: ignore[method-assign]
    flip_plugins = PluginManager(entry_points=False, plugins={"flip": flip})
    with (
        quasim.runtime(plugins=flip_plugins) as rt,
        pytest.raises(PluginError, match="Pass 'flip' of plug-in 'flip' changed the number"),
    ):
        rt.run(quasim.Circuit(2).measure_all(), 3)


@pytest.mark.parametrize("width", [3, 20])
def test_amplitudes_are_widened_without_change(width):
    rng = np.random.default_rng(3)
    single = (rng.normal(size=1 << width) + 1j * rng.normal(size=1 << width)).astype(np.complex64)
    wide = in_double(single)
    assert wide.dtype == np.complex128
    assert wide.flags.writeable
    np.testing.assert_array_equal(wide, single)
    assert in_double(wide) is wide

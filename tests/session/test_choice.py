"""The automatic choice among all engines."""

from __future__ import annotations

from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import quasim_backend as quasim
from quasim_backend.engines.mps import MpsEngine
from quasim_backend.engines.mps import engine as mps
from quasim_backend.engines.mps.splitting import Truncation
from quasim_backend.errors import MemoryLimitError, QuasimError, UnsupportedError
from quasim_backend.ir.instructions import Save
from quasim_backend.noise.channels import depolarizing
from quasim_backend.session import choice
from quasim_backend.session.candidates import Candidate, candidate
from quasim_backend.session.choice import cost_table

needs_stim = pytest.mark.skipif(find_spec("stim") is None, reason="Stim is not installed")


def ising(width: int, steps: int, angle: float = 0.2) -> quasim.Circuit:
    circuit = quasim.Circuit(width)
    for _ in range(steps):
        for q in range(width - 1):
            circuit.gate("rzz", [q, q + 1], [angle])
        for q in range(width):
            circuit.rx(angle, q)
    return circuit


def random_clifford(width: int, gates: int, seed: int = 1) -> quasim.Circuit:
    rng = np.random.default_rng(seed)
    circuit = quasim.Circuit(width)
    for _ in range(gates):
        a, b = (int(q) for q in rng.permutation(width)[:2])
        (circuit.h(a), circuit.s(a), circuit.cx(a, b))[0]
    return circuit


def engine_of(circuit: quasim.Circuit, shots: int | None = None, **options: object) -> str:
    with quasim.runtime(seed=1, **options) as session:
        return str(session.run(circuit, shots).metadata["engine"])


def z_on(*qubits: int) -> quasim.PauliString:
    return quasim.PauliString.from_letters(dict.fromkeys(qubits, "Z"))


def mean_of(string: quasim.PauliString) -> Save:
    return Save("expectation", "z", observable=quasim.PauliSum.of(string))


def test_small_circuits_go_to_amplitudes_at_once() -> None:
    with quasim.runtime() as session:
        facts = session.run(random_clifford(4, 20).measure_all(), 10).metadata
    assert facts["engine"] == "statevector"
    assert [c["name"] for c in facts["candidates"]] == ["statevector"]


@needs_stim
@pytest.mark.parametrize("width", [26, 300])
def test_wide_clifford_circuits_go_to_stabilizers(width: int) -> None:
    assert engine_of(random_clifford(width, 20 * width).measure_all(), 10) == "stabilizer"


def test_little_entanglement_goes_to_matrix_product_states_exactly() -> None:
    circuit = ising(50, 3)
    with quasim.runtime(simulation_precision="fp64") as session:
        value = session.measure(circuit, z_on(25, 26))
        facts = session.run(circuit, 0, save=mean_of(z_on(25, 26))).metadata
        # What is out of the light cone does not matter.
        cone = session.measure(ising(16, 3), z_on(8, 9))
    np.testing.assert_allclose(value, cone, atol=1e-10)
    assert facts["engine"] != "statevector"
    assert facts["predicted_seconds"] is not None
    assert facts["time_run"] > 0


def test_few_gates_that_are_no_cliffords() -> None:
    circuit = random_clifford(60, 900)
    for q in (3, 30, 50):
        circuit.rx(0.4, q)
    circuit.measure_all()
    with quasim.runtime(seed=2) as session:
        result = session.run(circuit, 50)
    assert result.metadata["engine"] == "extended_stabilizer"
    assert result.samples.shape == (50, 60)


@needs_stim
def test_every_candidate_is_explained() -> None:
    with quasim.runtime() as session:
        text = session.explain(ising(45, 2).measure_all())
    assert "-> matrix_product_state" in text
    assert "statevector" in text
    assert "more than there is" in text
    assert "is no Clifford gate" in text


def test_limits_of_bonds_are_never_used_by_surprise() -> None:
    circuit = ising(40, 4)
    save = mean_of(z_on(20))
    cut = {"max_bond_dimension": 2, "max_truncation_error": 1.0}
    with quasim.runtime(simulation_precision="fp64") as session:
        exact = session.run(circuit, 0, save=save)
    with quasim.runtime(simulation_precision="fp64", **cut) as session:
        kept = session.run(circuit, 0, save=save)
    allowed = {**cut, "fallback": ("matrix_product_state",)}
    with quasim.runtime(simulation_precision="fp64", **allowed) as session:
        loose = session.run(circuit, 0, save=save)
    assert kept.saved["z"] == pytest.approx(exact.saved["z"], abs=1e-10)
    if loose.metadata["engine"] == "matrix_product_state":
        assert "may approximate, as fallback= allows" in loose.metadata["reason"]
        assert loose.metadata["max_bond"] <= 2


def test_exact_averages_of_wide_noisy_circuits() -> None:
    model = quasim.NoiseModel().on_gates(quasim.noise.depolarizing(0.01), "h")
    circuit = quasim.Circuit(70)
    for q in range(70):
        circuit.h(q)
    for q in range(69):
        circuit.cx(q, q + 1)
    with quasim.runtime(noise_model=model, simulation_precision="fp64") as session:
        (value,) = session.measure(circuit, quasim.PauliString.from_letters({69: "X"}))
    # X on the last qubit stays X on it, of which depolarising noise leaves 1 - 4p/3.
    left = 1 - 4 * 0.01 / 3
    assert value in (pytest.approx(left, abs=1e-12), pytest.approx(1 - 0.01, abs=1e-12))


def test_what_nothing_can_do_says_what_each_engine_lacks() -> None:
    rng = np.random.default_rng(5)
    circuit = quasim.Circuit(60)
    for _ in range(30):
        for q in range(60):
            circuit.u(*rng.uniform(0, 6, 3), q)
        order = rng.permutation(60)
        for a, b in zip(order[::2].tolist(), order[1::2].tolist(), strict=True):
            circuit.cx(a, b)
    circuit.measure_all()
    with (
        quasim.runtime() as session,
        pytest.raises((UnsupportedError, MemoryLimitError)) as caught,
    ):
        session.run(circuit, 10)
    text = str(caught.value)
    for name in ("statevector", "stabilizer", "matrix_product_state", "tensor_network"):
        assert name in text
    assert isinstance(caught.value, QuasimError)


# --- engines that find out by trying ----------------------------------------------------------


def fourier(circuit: quasim.Circuit) -> quasim.Circuit:
    """Append a Fourier transform without its swaps."""
    for target in reversed(range(circuit.num_qubits)):
        circuit.h(target)
        for control in range(target):
            circuit.gate("cp", [control, target], [np.pi / 2 ** (target - control)])
    return circuit


def grover(width: int, rounds: int) -> quasim.Circuit:
    """Search for 1...1."""
    circuit = quasim.Circuit(width)
    phase = quasim.Gate.named("z").controlled(width - 1)
    for q in range(width):
        circuit.h(q)
    for _ in range(rounds):
        circuit.append(phase, range(width))
        for q in range(width):
            circuit.h(q).x(q)
        circuit.append(phase, range(width))
        for q in range(width):
            circuit.x(q).h(q)
    return circuit


def test_a_wide_fourier_transform_is_tried_and_run_once() -> None:
    circuit = quasim.Circuit(40).h(0)
    for q in range(39):
        circuit.cx(q, q + 1)
    fourier(circuit)
    # Of |0...0> + |1...1>: 1 + exp(2 pi i k (2**40 - 1) / 2**40) = 1 + exp(-2 pi i k / 2**40).
    indices = (0, 1, 1 << 39, 0b1011 << 17, (1 << 40) - 1)
    save = Save("amplitudes", "a", indices=indices)
    wanted = []
    for index in indices:
        k = int(f"{index:040b}"[::-1], 2)
        wanted.append((1 + np.exp(-2j * np.pi * k / 2**40)) / 2**20.5)
    with quasim.runtime(simulation_precision="fp64") as session:
        assert "-> matrix_product_state" in session.explain(circuit)
        result = session.run(circuit, 0, save=save)
        facts = result.metadata
        again = session.run(circuit, 0, save=save).metadata
    np.testing.assert_allclose(result.saved["a"], wanted, rtol=0, atol=1e-12 * 2**-20)
    assert facts["engine"] == again["engine"] == "matrix_product_state"
    assert facts["predicted_seconds"] == again["predicted_seconds"] < 2
    assert facts["time_explored"] > 0  # by the explanation
    assert "time_explored" not in again
    assert facts["discarded_weight"] < 1e-20


def test_a_search_goes_to_matrix_product_states_where_amplitudes_take_longer() -> None:
    circuit = grover(26, 4)
    with quasim.runtime(seed=1) as session:
        ones = Save("amplitudes", "a", indices=((1 << 26) - 1, 0))
        result = session.run(circuit, 0, save=ones)
    assert result.metadata["engine"] == "matrix_product_state"
    angle = np.arcsin(2.0**-13)
    wanted = [np.sin(9 * angle), np.cos(9 * angle) / np.sqrt(2**26 - 1)]
    sign = np.sign(result.saved["a"][0].real)
    np.testing.assert_allclose(result.saved["a"] * sign, wanted, rtol=1e-4)


def test_a_hopeless_circuit_costs_a_short_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    patience: list[tuple[float, bool]] = []
    spent: list[Truncation] = []
    explore, limits = MpsEngine.explore, mps._truncation

    def counted(*arguments: Any) -> Truncation:
        spent.append(limits(*arguments))
        return spent[-1]

    monkeypatch.setattr(mps, "_truncation", counted)

    def spied(self: MpsEngine, compiled: object, request: object, limit: float) -> bool:
        found = explore(self, compiled, request, limit)  # type: ignore[arg-type]
        patience.append((limit, found))
        return found

    monkeypatch.setattr(MpsEngine, "explore", spied)
    rng = np.random.default_rng(2)
    circuit = quasim.Circuit(23)
    for layer in range(30):
        for q in range(layer % 2, 22, 2):
            circuit.u(*rng.uniform(0, 6, 3), q).u(*rng.uniform(0, 6, 3), q + 1).cx(q, q + 1)
    with quasim.runtime() as session:
        facts = session.run(circuit.measure_all(), 10).metadata
    assert facts["engine"] == "statevector"
    assert patience
    assert not any(found for _, found in patience)
    assert max(limit for limit, _ in patience) <= 0.51 * facts["predicted_seconds"]
    # What is hopeless is seen early.
    assert sum(truncation.seconds for truncation in spent) < 0.15 * facts["predicted_seconds"]


def test_single_values_without_shots_are_averages() -> None:
    string = quasim.PauliSum.of(quasim.PauliString.from_letters({0: "Z", 1: "Z"}))
    for width in (3, 24, 40, 70):
        circuit = quasim.Circuit(width).h(0)
        for q in range(width - 1):
            circuit.cx(q, q + 1).channel(depolarizing(0.5, 2), [q, q + 1])
        with quasim.runtime(seed=1) as session:
            (exact,) = session.measure(circuit, string)
            save = quasim.Save("expectation", "zz", observable=string)
            saved = session.run(circuit, 0, save=save).saved
        assert 0.2 < exact < 0.3
        assert saved["zz"] == pytest.approx(exact, abs=1e-6)


def test_one_course_is_said_to_be_one() -> None:
    circuit = quasim.Circuit(2, 1).h(0).measure(0, 0).save("expectation", "z", observable="IZ")
    with quasim.runtime(method="statevector", seed=1) as session:
        result = session.run(circuit, 0)
        assert abs(result.saved["z"]) == pytest.approx(1)
        assert any("one course" in note for note in result.metadata["notes"])
        assert not any("one course" in n for n in session.run(circuit, 5).metadata["notes"])


def test_one_course_of_outcomes_is_never_replaced_by_their_average() -> None:
    circuit = quasim.Circuit(24, 1)
    for q in range(24):
        circuit.h(q)
    circuit.measure(0, 0)
    circuit.save("expectation", "z", observable=quasim.PauliString.from_letters({0: "Z"}))
    found = set()
    for width in (24, 70):  # wide ones have no state vector
        wide = quasim.Circuit(width, 1)
        wide.instructions += circuit.instructions
        for q in range(width - 1):
            wide.cx(q, q + 1)
        wide.save("expectation", "end", observable=quasim.PauliString.from_letters({0: "Z"}))
        wide.save("amplitudes", "some", indices=(0, 1))  # these have no average
        for seed in range(8):
            with quasim.runtime(seed=seed) as session:
                saved = session.run(wide, 0).saved
                assert saved["z"] == pytest.approx(saved["end"], abs=1e-6)
                assert abs(saved["z"]) == pytest.approx(1, abs=1e-6)
                found.add(round(float(saved["z"])))
    assert found == {1, -1}


def test_a_wide_chain_with_few_errors_is_a_matrix_product_state() -> None:
    circuit = quasim.Circuit(40, 40)
    for layer in range(3):
        for q in range(40):
            circuit.ry(0.3 * q + layer, q)
        for q in range(layer % 2, 39, 2):
            circuit.cx(q, q + 1).channel(depolarizing(1e-3, 2), [q, q + 1])
    with quasim.runtime(seed=1) as session:
        facts = session.run(circuit.measure(range(40), range(40)), 1000).metadata
    assert facts["engine"] == "matrix_product_state"
    # Hundreds of shots without an error are one course.
    assert facts["predicted_seconds"] < 2


def test_engines_whose_answer_takes_time_are_asked_where_it_can_pay() -> None:
    asked: list[str] = []

    def ask(engine: Any) -> Candidate:
        asked.append(engine.name)
        return Candidate(engine.name, seconds={"statevector": 3.0, "quick": 2.0}.get(engine.name))

    engines = {
        name: SimpleNamespace(name=name) for name in ("statevector", "slow", "quick", "dear")
    }
    slowness = {"slow": 0.1, "quick": 0.0, "dear": 0.5}
    trials: list[float] = []
    cost_table(
        [*engines],
        lambda name: engines[name],  # type: ignore[arg-type,return-value]
        ask,
        lambda engine: slowness[engine.name],
        lambda engine, patience: trials.append(patience),
    )
    assert asked == ["statevector", "quick", "slow"]  # two seconds are not ten times half a second
    # Before the slow answers for five times as long as these take, at last for half of the best.
    assert trials[:2] == [pytest.approx(0.5)] * 2
    assert max(trials) == pytest.approx(1.5)


@pytest.mark.parametrize("collapse", ["measure", "reset", "channel"])
def test_averages_over_no_shots_are_exact_whichever_engine_is_fastest(
    collapse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    circuit = quasim.Circuit(2, 1).h(0).cx(0, 1)
    if collapse == "measure":
        circuit.measure(0, 0)
    elif collapse == "reset":
        circuit.reset(0)
    else:
        circuit.channel(depolarizing(0.75), [0])  # nothing is left
    circuit.h(0)
    # Bell pair: without its partner qubit 1 is fully mixed, and so is qubit 0 but for the reset.
    labels = ("IX", "IZ", "XI", "ZI")
    saves = [
        Save("expectation", s, observable=quasim.PauliSum.of(s), subtype="average") for s in labels
    ]
    for at_once in (0.02, 0.0):  # amplitudes at once, or all engines asked
        monkeypatch.setattr(choice, "_AT_ONCE", at_once)
        with quasim.runtime(simulation_precision="fp64") as session:
            saved = session.run(circuit, 0, save=saves).saved
        for label in labels:
            wanted = 1.0 if (label, collapse) == ("IX", "reset") else 0.0
            assert saved[label] == pytest.approx(wanted, abs=1e-12)


def test_predictions_that_are_none_are_not_taken() -> None:
    spec = SimpleNamespace(
        name="odd",
        memory_bytes=lambda compiled, request: 10,
        predicted_seconds=lambda compiled, request: -1.0,
    )
    found = candidate(spec, None, None, lambda engine, request: True)  # type: ignore[arg-type]
    assert found == Candidate("odd", None, 10)


def test_no_qubits_are_a_state_vector() -> None:
    for method in ("auto", "statevector", "tensor_network"):
        with quasim.runtime(method=method) as session:
            np.testing.assert_allclose(session.simulate(quasim.Circuit(0)), [1])
    with (
        quasim.runtime(method="matrix_product_state") as session,
        pytest.raises(UnsupportedError, match="no qubits; use method='statevector'"),
    ):
        session.simulate(quasim.Circuit(0))

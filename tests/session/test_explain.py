"""What `Runtime.explain` says about circuits with noise."""

from __future__ import annotations

import re

import pytest

import quasim_backend as quasim
from quasim_backend import noise

MODEL = quasim.NoiseModel().on_gates(noise.depolarizing(0.05))


def rotations(num_qubits: int) -> quasim.Circuit:
    circuit = quasim.Circuit(num_qubits)
    for q in range(num_qubits):
        circuit.ry(0.3, q)
    return circuit.measure_all()


def rows(text: str) -> dict[str, str]:
    """Return the lines of the table by engine."""
    found = re.findall(r"^(->|  ) (\w+) +(.*)$", text, re.MULTILINE)
    return {name: f"{mark} {rest}" for mark, name, rest in found if name in ENGINES}


ENGINES = ("trajectories", "density_matrix")


@pytest.mark.parametrize(("qubits", "shots"), [(3, None), (14, 10)])
def test_the_engine_with_the_arrow_is_the_one_that_runs(qubits, shots):
    circuit = rotations(qubits)
    with quasim.runtime(noise_model=MODEL) as rt:
        text = rt.explain(circuit, shots=shots)
        facts = rt.run(circuit, shots=shots).metadata
    taken = [name for name, row in rows(text).items() if row.startswith("->")]
    assert taken == [facts["engine"]]
    assert f"{shots or 1024} shots: {facts['engine']}: predicted" in text
    for row in rows(text).values():
        assert re.search(r"[\d.e-]+ s +[\d.]+ \w*B", row)


def test_more_shots_take_longer_on_trajectories_only():
    circuit = rotations(12)
    with quasim.runtime(noise_model=MODEL) as rt:
        few, many = rows(rt.explain(circuit, 10)), rows(rt.explain(circuit, 100_000))

    def seconds(row: str) -> float:
        return float(row.split()[-4])

    assert seconds(many["trajectories"]) > 100 * seconds(few["trajectories"])
    assert few["density_matrix"].split()[-4] == many["density_matrix"].split()[-4]


def test_refusals_are_in_the_table():
    with quasim.runtime(noise_model=MODEL, max_memory_mb=100, kernels="reference") as rt:
        sampled, exact = rt.explain(rotations(14)), rt.explain(rotations(14), shots=0)
    assert "more than there is" in rows(sampled)["density_matrix"]
    assert rows(sampled)["trajectories"].startswith("->")
    assert "exact averages: no engine" in exact
    assert "averages over shots only" in rows(exact)["trajectories"]


def test_an_engine_asked_for_by_name_is_marked():
    with quasim.runtime(noise_model=MODEL, method="trajectories") as rt:
        assert rows(rt.explain(rotations(3)))["trajectories"].startswith("->")


def test_circuits_without_noise_have_a_table_too():
    with quasim.runtime() as rt:
        text = rt.explain(rotations(3))
        assert "1024 shots: statevector: predicted" in text
        assert re.search(r"^-> statevector +[\d.e-]+ s", text, re.MULTILINE)
        assert re.search(r"stabilizer +- +- +.*ry\(0.3\)", text)
        with pytest.raises(quasim.OptionError, match="shots"):
            quasim.runtime(noise_model=MODEL).explain(rotations(3), shots=-1)


def test_long_lists_of_qubits_are_shortened():
    wide = quasim.Circuit(1000, 1000).h(0)
    for q in range(999):
        wide.cx(q, q + 1)
    with quasim.runtime() as rt:
        (line,) = [x for x in rt.explain(wide.measure_all()).splitlines() if "sample" in x]
        (short,) = [x for x in rt.explain(rotations(3)).splitlines() if "sample" in x]
    numbers = "(0, 1, 2, 3, ..., 999; 1000 in all)"
    assert line == f"[1] sample qubits={numbers} clbits={numbers}"
    assert short == "[1] sample qubits=(0, 1, 2) clbits=(0, 1, 2)"

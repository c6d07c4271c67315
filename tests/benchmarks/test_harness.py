"""The harness stops at wrong states, leaves out what is missing and reports what it measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import dense
import numpy as np
import pytest
from harness import child, machine, markdown, memory, report, simulators, states
from harness.agreement import WrongStateError
from harness.settings import Settings
from harness.simulators.base import Runner
from harness.timing import fastest, interleaved

HERE = Path(__file__).parent
QFT = states.Case("QFT", 5, "complex128", 1)


def fake_peer(error: float = 0.0, dtypes: tuple[str, ...] = ("complex128",)) -> SimpleNamespace:
    """A peer that knows dense linear algebra, and is off by ``error``."""

    def runners(ops, n, dtype, threads):
        def run():
            state = dense.simulate(ops, n) * np.exp(0.3j)
            state[3] += error
            return state.astype(dtype)

        return [Runner("fake", "", lambda: run)]

    return SimpleNamespace(
        NAME="fake", PACKAGES=(), DTYPES=dtypes, states=lambda dtype: 2.0, runners=runners
    )


def settings(**fields) -> Settings:
    return Settings(threads=1, quick=True, repeats=1, families=["QFT"], qubits=[5], **fields)


def test_states_that_agree_are_timed():
    row, exact = states.measure(QFT, [fake_peer()], settings(), None)
    assert row["best_peer"] == "fake"
    assert row["ratio"] == row["seconds"]["fake"] / row["seconds"]["QuASIM"]
    assert row["distance"]["QuASIM"] < 1e-12
    assert exact.source == "fake"
    assert row["passes"] >= 1
    assert row["bytes"] == row["passes"] * 2 * 16 * 2**5


def test_states_that_disagree_are_not_timed():
    with pytest.raises(WrongStateError, match=r"QFT, 5 qubits.*from fake:.*QuASIM 0\.00"):
        states.measure(QFT, [fake_peer(1e-3)], settings(), None)


def test_a_process_that_saw_wrong_states_says_so(monkeypatch, tmp_path, capsys):
    peer = fake_peer(1e-3)
    peer.available = lambda: None
    monkeypatch.setitem(simulators.PEERS, "fake", peer)
    asked, answer = tmp_path / "settings.json", tmp_path / "result.json"
    asked.write_text(json.dumps(settings(peers=["fake"]).as_dict()))
    assert child.main(asked, answer) == child.WRONG_STATES != 0
    assert not answer.exists()
    assert "the states disagree" in capsys.readouterr().err


def test_complex64_is_measured_against_the_complex128_state():
    case = states.Case("QFT", 5, "complex64", 1)
    both = fake_peer(dtypes=("complex64", "complex128"))
    row, _ = states.measure(case, [both], settings(), None)
    assert row["exact"] == "fake"
    assert 0 < row["infidelity"]["QuASIM"] < 1e-12
    assert row["norm_drift"]["QuASIM"] < 1e-6


def test_without_a_peer_complex64_is_compared_with_complex128():
    row, _ = states.measure(states.Case("QFT", 5, "complex64", 1), [], settings(), None)
    assert row["ratio"] is None
    assert row["reference"] == "QuASIM in complex128"
    assert states.line(row)


def test_wide_states_are_compared_by_a_sample(monkeypatch):
    monkeypatch.setattr(states, "_WIDEST_ACCURACY", 4)
    row, exact = states.measure(QFT, [fake_peer()], settings(), None)
    assert row["checked"]
    assert exact is None
    with pytest.raises(WrongStateError, match="from fake"):
        states.measure(QFT, [fake_peer(1e-3)], settings(), None)


def test_a_row_that_nothing_was_compared_with_says_so():
    row, _ = states.measure(QFT, [], settings(), None)
    assert not row["checked"]
    assert "not compared" in states.line(row)
    assert "to compare with: QFT at 5 qubits" in report._settings_used([row])


def test_a_peer_without_the_dtype_or_the_memory_is_left_out():
    narrow, hungry = fake_peer(dtypes=("complex64",)), fake_peer()
    hungry.NAME, hungry.states = "hungry", lambda dtype: 1e15
    row, _ = states.measure(QFT, [narrow, hungry], settings(), None)
    assert row["skipped"]["fake"] == "no complex128"
    assert row["skipped"]["hungry"].endswith("GiB")


def test_a_peer_that_cannot_be_imported_is_named_with_its_reason(monkeypatch):
    def available():
        raise ImportError("no such library")

    monkeypatch.setitem(simulators.PEERS, "fake", SimpleNamespace(available=available))
    assert simulators.usable(["fake"]) == ([], {"fake": "no such library"})


def test_simulators_take_turns():
    order = []
    starts = {name: (lambda name=name: lambda: order.append(name)) for name in "ab"}
    times = interleaved(starts, 3)
    assert order == ["a", "b"] * (len(order) // 2)
    assert len(times["a"]) == len(times["b"]) >= 3


def test_a_slow_call_is_left_out_of_later_rounds():
    times = interleaved({"a": lambda: lambda: None, "b": lambda: lambda: None}, 3, budget=0.0)
    assert [len(t) for t in times.values()] == [0, 0]
    times = interleaved({"a": lambda: lambda: None}, 3, budget=1e-12)
    assert len(times["a"]) == 1


def test_the_fastest_is_chosen():
    slow = lambda: lambda: sum(range(300_000))  # noqa: E731
    assert fastest({"slow": slow, "fast": lambda: lambda: None}) == "fast"


def test_the_machine_is_described():
    facts = machine.describe()
    assert facts["processor"]
    assert facts["threads"] >= 1
    assert machine.copy_bandwidth(1, megabytes=4, rounds=2) > 0
    assert machine.multiply_rate("complex64", 1, size=64, rounds=2) > 0
    assert machine.versions(["no-such-package-here"]).keys() == {"numpy"}


def test_small_states_have_no_peak_memory():
    assert memory.peak_memory("GHZ", 10, "complex64", 1) is None


@pytest.mark.slow
def test_a_run_holds_one_state_at_its_peak():
    measured = memory.peak_memory("GHZ", 23, "complex64", 1)
    assert 0.9 < measured["extra"] < 1.5
    assert measured["peak"] > 8 << 23


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (None, ""), (0.0123, "0.0123"), (1234.5, "1234"), (123456.0, "123456")],
)
def test_numbers_are_short(value, text):
    assert markdown.number(value) == text
    assert "e" not in markdown.number(1234.5)


def test_small_and_large_numbers_have_an_exponent():
    assert markdown.number(1.23e-9) == "1.2e-09"
    assert markdown.number(1.23e9) == "1.2e+09"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Output of a run of the command line on tiny circuits, with whatever peers there are."""
    folder = tmp_path_factory.mktemp("bench")
    words = "--qubits 4 --families GHZ QFT --threads 1 --repeats 1 --quick"
    done = subprocess.run(
        [
            sys.executable,
            HERE / "bench.py",
            *words.split(),
            "--sections",
            "small",
            "planning",
            "--output",
            folder,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_the_command_writes_result_report_and_plots(written):
    result = json.loads((written / "result.json").read_text())
    rows = result["runs"][0]["states"]
    assert [(r["family"], r["dtype"]) for r in rows] == [
        (family, dtype) for family in ("GHZ", "QFT") for dtype in ("complex128", "complex64")
    ]
    text = (written / "report.md").read_text()
    assert text == report.report(result)
    for heading in ("## Where and how", "### complex64, 1 thread", "## Small", "## Planning"):
        assert heading in text
    plots = {path.name for path in written.glob("*.png")}
    assert plots == {f"ratio-{dtype}-1-threads.png" for dtype in ("complex64", "complex128")}


@pytest.mark.slow
def test_the_report_is_made_from_a_result_alone(written):
    done = subprocess.run(
        [sys.executable, HERE / "report.py", written / "result.json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == (written / "report.md").read_text().strip()

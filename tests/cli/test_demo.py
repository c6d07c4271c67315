"""``quasim demo``: the statistics, the report and its exit status."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from quasim_backend.cli import main
from quasim_backend.cli.demo import agreement, figure, run_demo, sides
from quasim_backend.cli.demo.agreement import chi_square_tail, compare
from quasim_backend.cli.demo.cirq_circuits import as_cirq
from quasim_backend.errors import OptionError, UnsupportedError
from quasim_backend.ir import Channel, Circuit
from quasim_backend.ir.qasm2 import loads

DATA = Path(__file__).parents[1] / "data" / "qasm"
BELL = """OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2];
h q[0]; cx q[0],q[1]; measure q -> c;"""


@pytest.fixture
def bell(tmp_path):
    (tmp_path / "bell_2.qasm").write_text(BELL)
    return tmp_path


def fixed_side(name, ours, theirs):
    """Make an SDK whose simulators always give these counts."""
    return sides.Side(name, f"{name}.Simulator", (), lambda path, shots: (ours, theirs))


def test_the_tail_of_chi_square_agrees_with_scipy():
    stats = pytest.importorskip("scipy.stats")
    for freedom in (1, 2, 3, 8, 63, 500):
        for statistic in (0.1, 1.0, freedom, freedom + 5 * np.sqrt(2 * freedom), 40.0):
            expected = stats.chi2.sf(statistic, freedom)
            assert chi_square_tail(statistic, freedom) == pytest.approx(expected, rel=1e-9)


def test_samples_of_one_distribution_agree_and_their_distance_is_as_expected():
    rng = np.random.default_rng(3)
    shares = rng.dirichlet(np.full(40, 0.3))
    results = []
    for _ in range(200):
        ours, theirs = (
            {str(k): int(n) for k, n in enumerate(rng.multinomial(4000, shares)) if n}
            for _ in range(2)
        )
        results.append(compare(ours, theirs))
    assert all(r.agree for r in results)
    assert sum(r.p_value < 0.1 for r in results) < 45  # mean 20
    ratio = np.mean([r.distance for r in results]) / np.mean([r.expected_distance for r in results])
    assert 0.9 < ratio < 1.1


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"0": 4096}, {"1": 4096}),
        ({"0": 2048, "1": 2048}, {"0": 1700, "1": 2396}),
        ({"0": 4000, "1": 96}, {"0": 4096}),
        ({str(k): 1 for k in range(4000)}, {"x": 4000}),
    ],
)
def test_different_distributions_disagree(ours, theirs):
    assert not compare(ours, theirs).agree
    assert not compare(theirs, ours).agree


def test_equal_certainties_agree():
    result = compare({"01": 50}, {"01": 4096})
    assert (result.agree, result.p_value, result.distance) == (True, 1.0, 0.0)


def test_a_disagreement_sets_the_exit_status(bell, monkeypatch, capsys, tmp_path):
    ours, theirs = (lambda seed: {"00": 900, "11": 100}), (lambda seed: {"00": 500, "11": 500})
    monkeypatch.setattr("quasim_backend.cli.demo.SIDES", (fixed_side("Fake", ours, theirs),))
    assert run_demo(tmp_path / "out", circuits=bell) == 1
    captured = capsys.readouterr()
    assert "NO" in captured.out
    assert "bell_2: our counts differ from those of Fake" in captured.err
    monkeypatch.setattr("quasim_backend.cli.demo.SIDES", (fixed_side("Fake", ours, ours),))
    assert run_demo(tmp_path / "out", circuits=bell) == 0
    assert "bell_2" in (tmp_path / "out" / "demo.txt").read_text()


def test_a_missing_sdk_says_why(bell, monkeypatch, capsys, tmp_path):
    absent = sides.Side("Absent", "absent.Simulator", ("no_such_module",), None)
    monkeypatch.setattr("quasim_backend.cli.demo.SIDES", (absent,))
    assert run_demo(tmp_path / "out", circuits=bell) == 1, "nothing was compared"
    out = capsys.readouterr().out
    assert "Absent: not compared, cannot import no_such_module" in out


def test_without_circuits_the_error_says_what_to_give(tmp_path, capsys):
    with pytest.raises(OptionError, match="--circuits"):
        run_demo(tmp_path, circuits=tmp_path)
    with pytest.raises(OptionError, match="at least 1 shot; got 0"):
        run_demo(tmp_path, shots=0)
    assert main(["demo", "--circuits", str(tmp_path), "--out", str(tmp_path)]) == 2
    assert "There are no .qasm files" in capsys.readouterr().err


def test_the_figure_is_written_or_says_why_not(tmp_path, monkeypatch):
    counts = {format(k, "04b"): k + 1 for k in range(16)}
    panels = [("many_outcomes", {"Qiskit": (counts, counts)}), ("one", {"Cirq": ({"0": 5},) * 2})]
    path = tmp_path / "demo.png"
    if importlib.util.find_spec("matplotlib") is not None:
        assert figure.draw(panels, path) is None
        assert path.read_bytes()[:4] == b"\x89PNG"

    def refuse(name):
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(figure, "import_module", refuse)
    assert "quasim-backend[plot]" in figure.draw(panels, path)


@pytest.mark.parametrize("sdk", ["Qiskit", "Cirq"])
def test_our_simulator_agrees_with_each_sdks_own(sdk):
    side = next(s for s in sides.SIDES if s.name == sdk)
    reason = side.missing()
    if reason:
        pytest.skip(reason)
    for name, shots in (("vqe_su2_5", 2000), ("teleportation_3", 300)):
        ours, theirs = side.prepare(DATA / f"{name}.qasm", shots)
        assert compare(ours(1), theirs(2)).agree, name
        assert sum(ours(1).values()) == shots


def test_circuits_are_translated_to_cirq_exactly():
    cirq = pytest.importorskip("cirq")
    qasm2 = pytest.importorskip("qiskit.qasm2")
    from qiskit.quantum_info import Operator

    lines = ["x", "y", "z", "h", "s", "sdg", "t", "tdg", "id"]
    text = "".join(f"{g} q[{k % 3}];" for k, g in enumerate(lines))
    text += "rx(.1) q[0];ry(.2) q[1];rz(.3) q[2];u1(.4) q[0];u2(.5,.6) q[1];u3(.7,.8,.9) q[2];"
    text += "cx q[0],q[1];cz q[1],q[2];swap q[2],q[0];ccx q[0],q[1],q[2];cu1(.3) q[0],q[2];"
    text += "crz(.4) q[2],q[1];cu3(.5,.6,.7) q[0],q[1];cswap q[1],q[2],q[0];barrier q;"
    text = f'include "qelib1.inc";qreg q[3];h q;{text}'
    ours = as_cirq(loads(text))
    unitary = cirq.unitary(ours)
    order = [int(format(i, "03b")[::-1], 2) for i in range(8)]
    theirs = qasm2.loads(text, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS)
    expected = Operator(theirs).data
    found = unitary[np.ix_(order, order)]
    assert abs(abs(np.vdot(found, expected)) - 8) < 1e-9


@pytest.mark.parametrize(
    ("circuit", "name"),
    [
        (Circuit(1).channel(Channel.kraus([np.eye(2)]), (0,)), "ChannelOp"),
        (Circuit(2).gate("rxx", (0, 1), (0.1,)), "rxx"),
        (Circuit(2).gate("cx", (0, 1), control_state=0), "'x'"),
    ],
)
def test_what_is_not_translated_is_named(circuit, name):
    pytest.importorskip("cirq")
    with pytest.raises(UnsupportedError, match=name):
        as_cirq(circuit)


def test_the_stated_rate_is_the_one_used():
    assert agreement.FALSE_ALARM_RATE == 1e-6

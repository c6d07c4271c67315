from __future__ import annotations

import builtins
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

import quasim_backend as quasim
from quasim_backend.cli import main
from quasim_backend.plugins import PluginManager, hookimpl

GHZ = """OPENQASM 2.0;
include "qelib1.inc";
qreg q[3]; creg low[2]; creg high[1];
h q[0]; cx q[0],q[1]; cx q[1],q[2];
measure q[0] -> low[0]; measure q[1] -> low[1]; measure q[2] -> high[0];
"""


@pytest.fixture
def ghz(tmp_path: Path) -> str:
    file = tmp_path / "ghz.qasm"
    file.write_text(GHZ)
    return str(file)


@pytest.fixture
def plain(tmp_path: Path) -> str:
    file = tmp_path / "plain.qasm"
    file.write_text('OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; h q[0]; s q[0]; x q[1];')
    return str(file)


def test_counts_are_a_sorted_table_grouped_by_register(
    ghz: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", ghz, "--shots", "1000", "--seed", "7"]) == 0
    *rows, footer = capsys.readouterr().out.splitlines()
    table = [row.rsplit(maxsplit=2) for row in rows]
    assert {bits for bits, _, _ in table} == {"0 00", "1 11"}
    numbers = [int(number) for _, number, _ in table]
    assert sum(numbers) == 1000
    assert numbers == sorted(numbers, reverse=True)
    assert footer.startswith("# 1000 shots, seed 7, statevector on cpu")


def test_openqasm_3_is_run_from_a_file_and_from_standard_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = 'OPENQASM 3.0; include "stdgates.inc"; qubit[3] q; bit[3] c; x q[0:1]; c = measure q;'
    file = tmp_path / "three.qasm"
    file.write_text(text)
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    for name in (str(file), "-"):
        assert main(["run", name, "--shots", "10", "--seed", "1", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["counts"] == {"011": 10}


def test_the_same_seed_prints_the_same(ghz: str, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = set()
    for _ in range(2):
        assert main(["run", ghz, "--shots", "100", "--seed", "3", "--json"]) == 0
        outputs.add(json.dumps(json.loads(capsys.readouterr().out)["counts"]))
    assert len(outputs) == 1


def test_a_file_without_measurements_is_measured(
    plain: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", plain, "--shots", "64", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found["counts"]) == {"10", "11"}
    assert found["shots"] == 64


def test_amplitudes_and_probabilities(plain: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", plain, "--save", "statevector"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[:2] == ["10  +0.70710678+0.00000000j", "11  +0.00000000+0.70710678j"]
    assert main(["run", plain, "--save", "probabilities", "--precision", "fp32"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "10  0.50000000"
    assert main(["run", plain, "--save", "statevector", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["statevector"][3] == pytest.approx([0, 0.5**0.5])
    assert found["metadata"]["engine"] == "statevector"


def test_a_file_can_come_from_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(GHZ))
    assert main(["run", "-", "--shots", "5", "--kernels", "reference"]) == 0
    assert "reference" in capsys.readouterr().out


def test_a_plot_is_written(ghz: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "counts.png"
    assert main(["run", ghz, "--shots", "50", "--plot", str(picture)]) == 0
    assert picture.read_bytes()[:4] == b"\x89PNG"
    assert main(["run", ghz, "--plot", str(tmp_path / "counts.nonsense")]) == 2
    assert "nonsense" in capsys.readouterr().err


def test_without_matplotlib_a_plot_is_an_error_that_says_what_to_install(
    ghz: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = builtins.__import__

    def no_matplotlib(name: str, *rest: object, **named: object) -> object:
        if name.partition(".")[0] == "matplotlib":
            raise ImportError(name)
        return real(name, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", no_matplotlib)
    assert main(["run", ghz, "--plot", "x.png"]) == 2
    assert "quasim-backend[plot]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["run", "nowhere.qasm"], "nowhere.qasm: No such file"),
        (["run", "BAD"], "bad.qasm:1:"),
        (["run", "GHZ", "--method", "statevectr"], "Did you mean 'statevector'"),
        (["run", "GHZ", "--shots", "-4"], "shots"),
        (["run", "GHZ", "--seed", "-4"], "seed"),
        (["run", "GHZ", "--kernels", "fast"], "Unknown kernel set 'fast'"),
    ],
)
def test_an_error_is_one_message_without_a_traceback(
    arguments: list[str],
    text: str,
    ghz: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bad = tmp_path / "bad.qasm"
    bad.write_text("OPENQASM 2.0; qreg q[1]; nonsense q[0];")
    files = {"GHZ": ghz, "BAD": str(bad)}
    assert main([files.get(word, word) for word in arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("quasim: ")
    assert text in captured.err
    assert "Traceback" not in captured.err


def test_a_gpu_that_is_missing_is_one_warning_line(
    ghz: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = PluginManager(entry_points=False)
    monkeypatch.setattr("quasim_backend.session.runtime.default_manager", lambda: manager)
    assert main(["run", ghz, "--device", "gpu"]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("quasim: warning: device='gpu' was asked for")


def test_info_lists_engines_kernels_and_what_failed_with_its_cause(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Misspelt:
        @hookimpl
        def quasim_engin(self) -> None:
            """A hook that does not exist."""

    manager = PluginManager(entry_points=False, plugins={"odd": Misspelt()})
    monkeypatch.setattr("quasim_backend.cli.info.default_manager", lambda: manager)
    monkeypatch.setenv("QUASIM_REQUIRE_GPU", "0")
    assert main(["info"]) == 0
    captured = capsys.readouterr()
    assert captured.err == "", "what fails is listed, not warned about"
    for text in (
        f"quasim-backend: {quasim.__version__}",
        "numpy: ",
        "threads: ",
        "reference: cpu, usable",
        "statevector: exact amplitudes",
        "odd: it implements the unknown hook 'quasim_engin'",
        "QUASIM_REQUIRE_GPU: 0",
    ):
        assert text in captured.out, text
    assert main(["info", "--json"]) == 0
    assert "engines" in json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("installed", [True, False])
def test_info_says_whether_what_engines_need_is_installed(
    installed: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = "1.2.3" if installed else None
    monkeypatch.setattr("quasim_backend.cli.info._version", lambda distribution: found)
    assert main(["info"]) == 0
    lines = dict(
        x.strip().split(": ", 1) for x in capsys.readouterr().out.splitlines() if ": " in x
    )
    for engine, package, extra in (
        ("stabilizer", "Stim", "stim"),
        ("tensor_network", "cotengra", "tn"),
    ):
        if installed:
            assert lines[engine].endswith(f"({package} 1.2.3 is installed)")
            assert lines[package.lower()] == "1.2.3"
        else:
            assert f"({package} is not installed" in lines[engine]
            assert f"quasim-backend[{extra}]" in lines[engine]
            assert package.lower() not in lines


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert quasim.__version__ in capsys.readouterr().out
    assert main([]) == 0
    assert "run an OpenQASM file" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="0"):
        main(["run", "--help"])
    assert "--shots" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        main(["walk"])


def test_the_module_is_the_command_and_survives_a_closed_pipe() -> None:
    command = f"{sys.executable} -W error -m quasim_backend info | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("versions:\n", "")

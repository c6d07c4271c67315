"""`quasim run` on files that only an SDK can read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from quasim_backend.cli import main
from quasim_backend.plugins import PluginManager


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch):
    """Return a function that installs modules as the process's plug-ins."""

    def install(*names: str) -> None:
        manager = PluginManager(entry_points=False)
        for name in names:
            manager.register(__import__(f"{name}.plugin", fromlist=["plugin"]), name)
        monkeypatch.setattr("quasim_backend.cli.run.default_manager", lambda: manager)

    return install


def counts(file: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, int]:
    assert main(["run", str(file), "--shots", "50", "--seed", "1", "--json"]) == 0
    return json.loads(capsys.readouterr().out)["counts"]


def test_pytket_circuits(plugins, tmp_path: Path, capsys):
    pytket = pytest.importorskip("pytket")
    plugins("quasim_qiskit", "quasim_pytket")
    file = tmp_path / "circuit.json"
    circuit = pytket.Circuit(3, 3).X(0).SWAP(0, 1).measure_all()
    circuit.replace_SWAPs()
    file.write_text(json.dumps(circuit.to_dict()))
    assert counts(file, capsys) == {"010": 50}
    circuit = pytket.Circuit(2).X(0)  # is measured: our highest qubit is pytket's first
    file.write_text(json.dumps(circuit.to_dict()))
    assert counts(file, capsys) == {"10": 50}


def test_qiskit_circuits(plugins, tmp_path: Path, capsys):
    qiskit = pytest.importorskip("qiskit")
    plugins("quasim_pytket", "quasim_qiskit")
    from qiskit import qpy

    file = tmp_path / "circuit.qpy"
    circuit = qiskit.QuantumCircuit(2, 2)
    circuit.x(0)
    circuit.measure([0, 1], [0, 1])
    with file.open("wb") as stream:
        qpy.dump(circuit, stream)
    assert counts(file, capsys) == {"01": 50}
    with file.open("wb") as stream:
        qpy.dump([circuit, circuit], stream)
    assert main(["run", str(file)]) == 2
    assert "holds 2 circuits" in capsys.readouterr().err
    file.write_bytes(b"QISKIT nothing")
    assert main(["run", str(file)]) == 2
    assert "Qiskit cannot read" in capsys.readouterr().err


def test_a_file_no_plugin_reads_names_the_plugins(plugins, tmp_path: Path, capsys):
    plugins("quasim_pytket")
    for name in ("circuit.json", "circuit.qpy"):
        file = tmp_path / name
        file.write_text('{"not": "a circuit"}')
        assert main(["run", str(file)]) == 2
        message = capsys.readouterr().err
        assert "installed are: quasim_pytket" in message
        assert "pip install" in message


def test_a_missing_file_is_missing(tmp_path: Path, capsys):
    assert main(["run", str(tmp_path / "none.json")]) == 2
    assert "none.json" in capsys.readouterr().err

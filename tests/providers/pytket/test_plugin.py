"""The plug-in gives QuASIM's own API pytket circuits, and costs nothing without pytket."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import quasim_backend as quasim
from quasim_backend.errors import CircuitError, UnsupportedError
from quasim_pytket.plugin import quasim_translate_circuit


def test_plugin_and_package_import_without_pytket():
    script = (
        "import sys; sys.modules['pytket'] = None\n"
        "import pathlib, quasim_pytket, quasim_pytket.plugin as plugin\n"
        "hook = plugin.quasim_translate_circuit\n"
        "assert hook(object()) is hook({}) is hook(pathlib.Path('a.qpy')) is None\n"
        "assert dir(quasim_pytket)[0] == 'QuasimBackend'\n"
        "keys = 'bits', 'commands', 'implicit_permutation', 'phase', 'qubits'\n"
        "try:\n"
        "    hook(dict.fromkeys(keys))\n"
        "except Exception as error:\n"
        "    assert 'quasim-backend[pytket]' in str(error), error\n"
        "else:\n"
        "    raise AssertionError\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_other_objects_are_left_alone(tmp_path: Path):
    pytest.importorskip("pytket")
    from pytket.circuit import Qubit

    other = tmp_path / "other.json"
    other.write_text('{"bits": 3}')
    broken = tmp_path / "broken.json"
    broken.write_bytes(b"\xff{")
    for circuit in ([1], {"bits": 1}, Qubit(0), Path("a.qasm"), other, broken):
        assert quasim_translate_circuit(circuit) is None


def test_names_that_do_not_exist():
    import quasim_pytket

    with pytest.raises(AttributeError, match="Backends"):
        _ = quasim_pytket.Backends


def test_circuits_subclasses_dictionaries_and_files_are_translated(tmp_path: Path):
    pytest.importorskip("pytket")
    from pytket.circuit import Circuit

    class Mine(Circuit):
        pass

    file = tmp_path / "circuit.json"
    for make in (Circuit, Mine):
        circuit = make(3)
        circuit.Ry(0.3, 0).CX(0, 1).add_phase(0.2).SWAP(1, 2)
        circuit.replace_SWAPs()
        file.write_text(json.dumps(circuit.to_dict()))
        with quasim.runtime(simulation_precision="fp64") as runtime:
            for form in (circuit, circuit.to_dict(), file):
                found = runtime.unitary(quasim_translate_circuit(form))
                np.testing.assert_allclose(found, circuit.get_unitary(), atol=1e-12)


def test_registers_keep_their_names():
    pytest.importorskip("pytket")
    from pytket.circuit import Circuit

    circuit = Circuit(1)
    circuit.add_c_register("b", 2)
    circuit.add_c_register("a", 3)
    assert quasim_translate_circuit(circuit).registers == (("a", 3), ("b", 2))


def test_what_is_no_circuit_inside_is_an_error():
    pytest.importorskip("pytket")
    from pytket.circuit import Circuit

    written = Circuit(1).X(0).to_dict()
    written["commands"] = [{"op": {"type": "Nothing"}, "args": []}]
    with pytest.raises(CircuitError, match="pytket cannot read"):
        quasim_translate_circuit(written)
    circuit = Circuit(0)
    circuit.get_rng_num(circuit.add_c_register("r", 32))
    with pytest.raises(UnsupportedError, match="RNGNum"):
        quasim_translate_circuit(circuit)

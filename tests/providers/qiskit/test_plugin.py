"""The plug-in: QuASIM's own API takes Qiskit circuits, and other objects cost no import."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("qiskit")

from qiskit import QuantumCircuit
from qiskit.quantum_info import Statevector

import quasim_backend as quasim
from quasim_backend.plugins import PluginManager
from quasim_qiskit import plugin


def test_a_runtime_simulates_qiskit_circuits() -> None:
    manager = PluginManager(entry_points=False, plugins={"qiskit": plugin})
    circuit = QuantumCircuit(3, global_phase=0.2)
    circuit.h(0)
    circuit.cry(0.7, 0, 2)
    circuit.iswap(1, 2)
    with quasim.runtime(plugins=manager, simulation_precision="fp64") as session:
        state = session.simulate(circuit)
    assert np.abs(state - Statevector(circuit).data).max() < 1e-12


def test_subclasses_of_circuits_are_translated_and_other_objects_left_alone() -> None:
    class Mine(QuantumCircuit):
        pass

    assert plugin.quasim_translate_circuit(Mine(2)).num_qubits == 2
    assert plugin.quasim_translate_circuit(object()) is None
    assert plugin.quasim_translate_circuit(Statevector.from_label("0")) is None


def test_the_plugin_does_not_import_qiskit() -> None:
    program = (
        "import sys, quasim_qiskit.plugin as p\n"
        "assert p.quasim_translate_circuit([1]) is None\n"
        "assert 'qiskit' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)


def test_public_names_are_listed_and_exist() -> None:
    import quasim_qiskit

    for name in quasim_qiskit.__all__:
        assert getattr(quasim_qiskit, name) is not None
        assert name in dir(quasim_qiskit)
    with pytest.raises(AttributeError, match="Nothing"):
        _ = quasim_qiskit.Nothing

"""The plug-in gives QuASIM's own API Cirq circuits, and costs nothing without Cirq."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import quasim_backend as quasim
from quasim_cirq.plugin import quasim_translate_circuit


def test_plugin_and_package_import_without_cirq():
    script = (
        "import sys; sys.modules['cirq'] = None\n"
        "import quasim_cirq, quasim_cirq.plugin as plugin\n"
        "assert plugin.quasim_translate_circuit(object()) is None\n"
        "assert 'Simulator' in dir(quasim_cirq)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_other_objects_are_left_alone():
    assert quasim_translate_circuit([1, 2]) is None
    cirq = pytest.importorskip("cirq")
    assert quasim_translate_circuit(cirq.X) is None


def test_own_api_takes_a_cirq_circuit():
    cirq = pytest.importorskip("cirq")
    sympy = pytest.importorskip("sympy")
    a, b = cirq.LineQubit.range(2)
    circuit = cirq.Circuit(cirq.X(b), cirq.rx(sympy.Symbol("t"))(a))
    ours = quasim_translate_circuit(circuit)
    with quasim.runtime(simulation_precision="fp64") as runtime:
        state = runtime.simulate(ours, parameters={"t": 0.3})
    wanted = cirq.resolve_parameters(circuit, {"t": 0.3}).final_state_vector(dtype=np.complex128)
    np.testing.assert_allclose(state, wanted, atol=1e-12)


def test_what_cannot_be_translated_is_named():
    cirq = pytest.importorskip("cirq")
    sympy = pytest.importorskip("sympy")
    qutrit = cirq.LineQid(0, 3)
    with pytest.raises(quasim.errors.UnsupportedError, match="qudits"):
        quasim_translate_circuit(cirq.Circuit(cirq.measure(qutrit)))
    gate = cirq.DiagonalGate([0, sympy.Symbol("a")])
    with pytest.raises(quasim.errors.ParameterError, match="resolve_parameters"):
        quasim_translate_circuit(cirq.Circuit(gate(cirq.LineQubit(0))))


def test_unknown_name_is_an_attribute_error():
    import quasim_cirq

    with pytest.raises(AttributeError, match="Simulater"):
        quasim_cirq.Simulater  # noqa: B018

"""The devices: names, options, errors, wires, the plug-in, and PennyLane's own device tests."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import quasim_backend as quasim

qml = pytest.importorskip("pennylane")
exceptions = qml.exceptions

INSTALLED = {e.name for e in importlib.metadata.entry_points(group="pennylane.plugins")}
needs_entry_points = pytest.mark.skipif(
    "quasim.cpu" not in INSTALLED, reason="quasim-backend is not installed with its entry points"
)


def bell():
    qml.H(0)
    qml.CNOT([0, 1])
    return qml.probs([0, 1])


@needs_entry_points
@pytest.mark.parametrize("name", ["quasim.cpu", "quasim.auto"])
def test_pennylane_finds_the_devices(name):
    device = qml.device(name, wires=2)
    assert device.name == name
    np.testing.assert_allclose(qml.QNode(bell, device)(), [0.5, 0, 0, 0.5], atol=1e-12)


def test_a_missing_gpu_is_said_once_and_the_cpu_computes(make):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        device = make(2, kind="gpu")
        result = qml.QNode(bell, device)()
    assert device.name == "quasim.gpu"
    np.testing.assert_allclose(result, [0.5, 0, 0, 0.5], atol=1e-12)
    messages = [str(w.message) for w in caught if issubclass(w.category, RuntimeWarning)]
    assert len(messages) <= 1
    assert all("no GPU is usable" in m for m in messages)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"c_dtype": "half"}, "complex128"),
        ({"c_dtype": np.float64}, "complex128"),
        ({"seed": "local"}, "seed"),
        ({"num_threads": 0}, "num_threads"),
        ({"max_memory_mb": -1}, "max_memory_mb"),
    ],
)
def test_impossible_options_are_refused(make, options, match):
    with pytest.raises(exceptions.DeviceError, match=match):
        make(2, **options)


def test_unknown_options_are_refused(make):
    with pytest.raises(TypeError, match="batches"):
        make(2, batches=3)
    config = qml.devices.ExecutionConfig(device_options={"colour": "red"})
    with pytest.raises(exceptions.DeviceError, match="colour"):
        make(2).setup_execution_config(config)


def test_unknown_mid_circuit_methods_are_refused(make):
    config = qml.devices.ExecutionConfig(
        mcm_config=qml.devices.MCMConfig("single-branch-statistics")
    )
    with pytest.raises(exceptions.QuantumFunctionError, match="single-branch-statistics"):
        make(2).setup_execution_config(config)


def test_wires_that_the_device_lacks_are_refused(make):
    with pytest.raises(exceptions.WireError, match="not found on the device"):
        qml.QNode(lambda: (qml.X("a"), qml.expval(qml.Z(0)))[1], make(2))()


def test_operators_without_meaning_here_are_refused_by_name(make):
    class Mystery(qml.operation.Operator):
        num_wires = 1

    def circuit():
        Mystery(0)
        return qml.expval(qml.Z(0))

    with pytest.raises(exceptions.DeviceError, match="Mystery"):
        qml.QNode(circuit, make(1))()
    tape = qml.tape.QuantumScript([Mystery(0)], [qml.expval(qml.Z(0))])
    with pytest.raises(exceptions.DeviceError, match="Mystery"):
        make(1).execute(tape)


def test_too_little_memory_is_said_before_anything_is_allocated(make):
    def circuit():
        qml.H(0)
        return qml.state()

    node = qml.QNode(circuit, make(40))
    with pytest.raises(MemoryError, match="GiB"):
        node()


@pytest.mark.parametrize(
    ("measurement", "shots"), [(lambda: qml.sample(), None), (lambda: qml.state(), 10)]
)
def test_measurements_that_do_not_fit_the_shots_are_refused(make, measurement, shots):
    def circuit():
        qml.H(0)
        return measurement()

    with pytest.raises(exceptions.DeviceError, match="not accepted"):
        qml.set_shots(qml.QNode(circuit, make(1)), shots)()


def test_capabilities_are_declared(make):
    capabilities = make(1).capabilities
    assert capabilities.supports_operation("DoubleExcitation")
    assert set(capabilities.supported_mcm_methods) >= {"device", "one-shot", "tree-traversal"}


def test_the_tracker_counts(make):
    device = make(1)
    node = qml.set_shots(qml.QNode(lambda: qml.expval(qml.Z(0)), device), 10)
    with qml.Tracker(device) as tracker:
        node()
    assert tracker.totals["shots"] == 10
    assert tracker.totals["simulations"] == 1


def test_runtime_takes_tapes_and_qnodes():
    tape = qml.tape.QuantumScript(
        [qml.RX(0.3, "a"), qml.CNOT(["a", "b"]), qml.QFT(["a", "b", "c"])], []
    )
    expected = qml.matrix(tape, wire_order=["a", "b", "c"])[:, 0]
    with quasim.runtime(simulation_precision="fp64") as rt:
        np.testing.assert_allclose(rt.simulate(tape), expected, atol=1e-12)
        node = qml.QNode(bell, qml.device("default.qubit"))
        np.testing.assert_allclose(np.abs(rt.simulate(node)) ** 2, [0.5, 0, 0, 0.5], atol=1e-12)
        turned = qml.QNode(lambda x, wire: (qml.RX(x, wire), qml.state())[1], node.device)
        state = rt.simulate(partial(turned, 0.6, wire=1))
        np.testing.assert_allclose(state, [np.cos(0.3), -1j * np.sin(0.3)], atol=1e-12)
        prepared = qml.tape.QuantumScript([qml.StatePrep([0.6, 0.8], 0), qml.X(1)], [])
        np.testing.assert_allclose(rt.simulate(prepared), [0, 0.6, 0, 0.8], atol=1e-12)


def test_circuits_with_measurements_run_in_the_runtime():
    with qml.queuing.AnnotatedQueue() as queue:
        qml.X(0)
        qml.cond(qml.measure(0), qml.X)(1)
        qml.measure(1)
    tape = qml.tape.QuantumScript.from_queue(queue)
    with quasim.runtime() as rt:
        assert rt.run(tape, shots=7).counts() == {"11": 7}


@pytest.mark.parametrize(
    ("circuit", "match"),
    [
        (lambda: qml.QNode(lambda x: qml.RX(x, 0), qml.device("default.qubit")), "partial"),
        (lambda: qml.tape.QuantumScript([qml.RX([0.1, 0.2], 0)], []), "batch of 2"),
        (lambda: qml.tape.QuantumScript([qml.Projector([1], 0)], []), "Projector"),
    ],
)
def test_what_has_no_translation_is_refused(circuit, match):
    with quasim.runtime() as rt, pytest.raises(quasim.UnsupportedError, match=match):
        rt.simulate(circuit())


def device_tests(folder, device, shots):
    pytest.importorskip("flaky")
    pytest.importorskip("pytest_mock")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    command = "from pennylane.devices.tests import cli; cli()"
    arguments = ["--device", device, "--shots", str(shots), "-q", "-p", "no:cacheprovider"]
    finished = subprocess.run(
        [sys.executable, "-c", command, *arguments],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=550,
    )
    summary = finished.stdout[-3000:]
    assert finished.returncode == 0, summary
    assert " passed" in summary
    assert " failed" not in summary


@needs_entry_points
@pytest.mark.parametrize(
    ("device", "shots"),
    [
        *(("quasim.cpu", None), ("quasim.cpu", 10000), ("quasim.auto", None)),
        # Without a GPU these run what the others run.
        pytest.param("quasim.auto", 10000, marks=pytest.mark.slow),
        pytest.param("quasim.gpu", None, marks=pytest.mark.slow),
        pytest.param("quasim.gpu", 10000, marks=pytest.mark.slow),
    ],
)
def test_pennylanes_device_tests_pass(tmp_path, device, shots):
    device_tests(tmp_path, device, shots)

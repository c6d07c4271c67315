from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import quasim_backend as quasim
from quasim_backend.errors import CircuitError, PluginError, ShapeError, UnsupportedError
from quasim_backend.plugins import PluginManager, hookimpl

X = np.array([[0, 1], [1, 0]])
H = np.array([[1, 1], [1, -1]]) / np.sqrt(2)
CX = np.array([[1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0], [0, 1, 0, 0]])
BELL_QASM3 = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; h q[0]; ctrl @ x q[0], q[1];'
BELL_QASM = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; h q[0]; cx q[0],q[1];'
BELL = [1 / np.sqrt(2), 0, 0, 1 / np.sqrt(2)]


class Foreign:
    """A circuit of some SDK."""


class Translator:
    @hookimpl
    def quasim_translate_circuit(self, circuit: object) -> quasim.Circuit | None:
        return quasim.Circuit(2).h(0).cx(0, 1) if isinstance(circuit, Foreign) else None


@pytest.fixture
def rt() -> quasim.Runtime:
    plugins = PluginManager(entry_points=False, plugins={"foreign": Translator()})
    return quasim.runtime(simulation_precision="fp64", plugins=plugins)


class Tensor:
    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return CX @ np.kron(np.eye(2), H)


@pytest.mark.parametrize(
    "form",
    [
        quasim.Circuit(2).h(0).cx(0, 1),
        BELL_QASM,
        BELL_QASM3,
        [(H, [0]), (CX, [0, 1])],
        [(H.tolist(), 0), (CX, np.array([0, 1]))],
        ((H, (0,)), (CX, range(2))),
        CX @ np.kron(np.eye(2), H),
        (CX @ np.kron(np.eye(2), H)).tolist(),
        Tensor(),
        Foreign(),
    ],
    ids=["ours", "text", "text3", "pairs", "nested", "tuples", "array", "list", "tensor", "sdk"],
)
def test_every_form_is_accepted_by_every_method(rt: quasim.Runtime, form: object) -> None:
    np.testing.assert_allclose(rt.simulate(form), BELL, atol=1e-12)
    np.testing.assert_allclose(rt.unitary(form)[:, 0], BELL, atol=1e-12)
    np.testing.assert_allclose(rt.measure(form, ["ZZ", "IZ"]), [1, 0], atol=1e-12)
    assert set(map(tuple, rt.sample(form, 50, 1).tolist())) == {(0, 0), (1, 1)}
    assert rt.run(form, save="probabilities").saved["probabilities"][3] == pytest.approx(0.5)
    assert rt.submit_async(form, save="statevector").result().state is not None
    assert "2 of 2 qubits" in rt.explain(form)
    compiled = rt.compile(form, keep_idle=True)
    np.testing.assert_allclose(rt.simulate(compiled), BELL, atol=1e-12)
    np.testing.assert_allclose(rt.unitary(compiled)[:, 0], BELL, atol=1e-12)


def test_a_file_is_read_by_path_and_by_name(rt: quasim.Runtime, tmp_path: Path) -> None:
    file = tmp_path / "bell.qasm"
    for text in (BELL_QASM, BELL_QASM3):
        file.write_text(text)
        for form in (file, str(file)):
            np.testing.assert_allclose(rt.simulate(form), BELL, atol=1e-12)


@pytest.mark.parametrize(
    "ragged",
    [
        [[1, 0], [0, 1, 0]],
        [[[1, 0], [0, 1]], [1, 0]],
        np.array([np.eye(2), np.eye(4)], dtype=object),
        [np.eye(2), np.eye(4)],
        np.array(["h", "x"]),
    ],
)
def test_a_ragged_array_is_refused_with_the_forms(rt: quasim.Runtime, ragged: object) -> None:
    with pytest.raises(ShapeError, match=r"ragged(.|\n)*A circuit can be given as(.|\n)*qubits"):
        rt.simulate(ragged)


@pytest.mark.parametrize(
    ("form", "error", "text"),
    [
        (np.eye(3), ShapeError, r"\(3, 3\)"),
        (np.eye(2)[0], ShapeError, r"\(2,\)"),
        (np.zeros((2, 2)), ShapeError, "unitary"),
        (np.zeros((2, 2, 2)), ShapeError, r"\(2, 2, 2\)"),
        ([], CircuitError, "empty list"),
        ([(X, [0]), (np.zeros((2, 2)), [1])], ShapeError, "Entry 1"),
        ([(X, [0, 1])], CircuitError, "Entry 0"),
        ([(X, [-1])], CircuitError, "from 0; got -1"),
        ([([[1, 0], [0]], [0])], ShapeError, "ragged"),
        ("no_such_file.qasm", CircuitError, "neither OpenQASM text nor a file"),
        (Path("no_such_file.qasm"), CircuitError, "no file"),
        ("OPENQASM 2.0; qreg q[1]; hh q[0];", quasim.QasmError, "hh"),
        (3, UnsupportedError, r"builtins\.int(.|\n)*foreign"),
    ],
)
def test_what_is_no_circuit_is_refused(
    rt: quasim.Runtime, form: object, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        rt.simulate(form)


def test_an_accident_in_a_translator_names_the_plugin() -> None:
    class Broken:
        @hookimpl
        def quasim_translate_circuit(self, circuit: object) -> None:
            raise KeyError("oops")

    class Wrong:
        @hookimpl
        def quasim_translate_circuit(self, circuit: object) -> str:
            return "circuit"

    for plugin, text in (
        (Broken(), "'bad' failed.*oops"),
        (Wrong(), "'bad' must return a Circuit"),
    ):
        plugins = PluginManager(entry_points=False, plugins={"bad": plugin})
        with quasim.runtime(plugins=plugins) as rt, pytest.raises(PluginError, match=text):
            rt.simulate(Foreign())

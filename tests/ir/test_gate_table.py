"""Every record of the gate table says the same thing in each of its columns."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from quasim_backend.ir import Gate
from quasim_backend.ir.gate_table import ALIASES, FORMALS, RECORDS
from quasim_backend.ir.parameters import bind

EVERY = pytest.mark.parametrize("record", RECORDS.values(), ids=lambda r: r.name)
ATOL = 1e-12


def draw(record, seed=0):
    """Random parameters, several turns wide: a formula that only holds nearby must fail."""
    rng = np.random.default_rng([seed, len(record.name)])
    return [float(v) for v in rng.uniform(-7, 7, len(record.parameters))]


def samples(record):
    special = [0.0, math.pi, -math.pi, 1.0, -0.5, 2.0]
    rows = [draw(record, seed) for seed in range(4)]
    rows += [[v] * len(record.parameters) for v in special] if record.parameters else []
    return rows


@EVERY
def test_the_matrix_is_unitary_and_of_the_right_shape(record):
    for values in samples(record):
        matrix = record.matrix(*values)
        assert matrix.shape == (1 << record.num_qubits,) * 2
        assert matrix.dtype == np.complex128
        assert np.abs(matrix.conj().T @ matrix - np.eye(len(matrix))).max() < ATOL


@EVERY
def test_the_matrix_is_a_fresh_array(record):
    values = draw(record)
    record.matrix(*values)[...] = 7
    assert np.abs(record.matrix(*values)).max() < 1 + ATOL


@EVERY
def test_the_lowering_multiplies_to_the_matrix_with_its_phase(record, dense):
    for values in samples(record):
        product = np.eye(1 << record.num_qubits)
        for template in Gate.named(record.name, values).templates():
            product = dense.template(template, record.num_qubits) @ product
        assert np.abs(product - record.matrix(*values)).max() < ATOL


@EVERY
def test_the_inverse_undoes_the_gate(record):
    name, formals = record.inverse
    for values in samples(record):
        bound = [bind(f, dict(zip(FORMALS, values, strict=False))) for f in formals]
        product = RECORDS[name].matrix(*bound) @ record.matrix(*values)
        assert np.abs(product - np.eye(len(product))).max() < ATOL


@EVERY
def test_the_flags_say_exactly_what_the_matrix_is(record, dense):
    matrices = [record.matrix(*values) for values in (draw(record, s) for s in range(3))]
    assert record.diagonal == all(np.allclose(m, np.diag(np.diag(m)), atol=ATOL) for m in matrices)
    assert record.self_inverse == all(
        np.allclose(m @ m, np.eye(len(m)), atol=ATOL) for m in matrices
    )
    assert record.permutation == all(
        np.allclose(np.sort(np.abs(m)), np.sort(np.eye(len(m))), atol=ATOL)
        and np.allclose(m[np.abs(m) > 0.5], 1, atol=ATOL)
        for m in matrices
    )
    # A global phase is not called a Clifford: its controlled forms are not, and no table needs it.
    clifford = record.num_qubits > 0 and all(keeps_paulis(m, dense) for m in matrices)
    assert record.clifford == clifford


def keeps_paulis(matrix, dense):
    """Whether conjugation turns every Pauli string into a Pauli string, up to a sign."""
    n = len(matrix).bit_length() - 1
    strings = [dense.pauli("".join(p)) for p in itertools.product("IXYZ", repeat=n)]
    for k, letter in itertools.product(range(n), "XZ"):
        image = matrix @ dense.pauli("I" * k + letter + "I" * (n - k - 1)) @ matrix.conj().T
        overlaps = [abs(np.vdot(s, image)) / len(matrix) for s in strings]
        if not math.isclose(max(overlaps), 1, abs_tol=1e-9):
            return False
    return True


@EVERY
def test_the_generator_gives_the_matrix_and_its_derivative(record, dense):
    if record.generator is None:
        assert len(record.parameters) != 1
        return
    (value,) = draw(record)
    total = sum(w * dense.pauli(label) for w, label in record.generator)
    values, vectors = np.linalg.eigh(np.asarray(total))
    exponential = (vectors * np.exp(-1j * value * values)) @ vectors.conj().T
    assert np.abs(exponential - record.matrix(value)).max() < 1e-11
    step = 1e-5
    slope = (record.matrix(value + step) - record.matrix(value - step)) / (2 * step)
    assert np.abs(slope + 1j * total @ record.matrix(value)).max() < 1e-8


@EVERY
def test_a_lowering_stays_on_the_gates_own_targets(record):
    for template in record.lowering:
        places = (*template.targets, *template.controls, *template.x_bits, *template.z_bits)
        assert set(places) <= set(range(record.num_qubits))
        assert len(set(template.targets)) == len(template.targets)
        assert not set(template.targets) & set(template.controls)


def test_aliases_lead_to_records():
    for alias, (name, controls) in ALIASES.items():
        assert alias not in RECORDS
        assert name in RECORDS
        assert controls >= 0


# --- the same gates elsewhere ------------------------------------------------------------------


def qiskit_gates():
    library = pytest.importorskip("qiskit.circuit.library", reason="Qiskit is not installed")
    known = library.get_standard_gate_name_mapping()
    return {k: v for k, v in known.items() if k not in ("delay", "measure", "reset")}


def test_every_standard_gate_of_qiskit_has_qiskits_matrix():
    for name, gate in qiskit_gates().items():
        values = np.random.default_rng(len(name)).uniform(-3, 3, len(gate.params)).tolist()
        theirs = type(gate)(*values)
        ours = Gate.named(name, values)
        assert ours.num_qubits == theirs.num_qubits, name
        assert np.abs(ours.matrix() - theirs.to_matrix()).max() < ATOL, name


def test_controlled_gates_of_qiskit_have_qiskits_matrix_for_every_control_state():
    for name, gate in qiskit_gates().items():
        if gate.num_qubits == 0 or gate.num_qubits > 2:
            continue
        values = np.random.default_rng(len(name)).uniform(-3, 3, len(gate.params)).tolist()
        for controls in (1, 2):
            for state in range(1 << controls):
                theirs = type(gate)(*values).control(controls, ctrl_state=state, annotated=False)
                ours = Gate.named(name, values).controlled(controls, state)
                assert np.abs(ours.matrix() - matrix_of(theirs)).max() < 1e-9, (name, state)


def matrix_of(gate):
    from qiskit.quantum_info import Operator

    return Operator(gate).data


def test_own_control_states_of_qiskit_gates():
    from qiskit.circuit import library

    for theirs, name in (
        (library.CXGate(ctrl_state=0), "cx"),
        (library.CCXGate(ctrl_state=0b01), "ccx"),
        (library.CUGate(0.1, 0.2, 0.3, 0.4, ctrl_state=0), "cu"),
        (library.CSwapGate(ctrl_state=0), "cswap"),
        (library.C3SXGate(ctrl_state=0b100), "c3sx"),
    ):
        ours = Gate.named(name, theirs.params, control_state=theirs.ctrl_state)
        assert np.abs(ours.matrix() - matrix_of(theirs)).max() < ATOL


def cirq_gates():
    cirq = pytest.importorskip("cirq", reason="Cirq is not installed")
    t, a, b, c, d = 0.37, -1.21, 0.83, 0.29, 2.11
    pi = math.pi
    return [
        (cirq.X, "x", ()),
        (cirq.Y, "y", ()),
        (cirq.Z, "z", ()),
        (cirq.H, "h", ()),
        (cirq.S, "s", ()),
        (cirq.T, "t", ()),
        (cirq.S**-1, "sdg", ()),
        (cirq.I, "id", ()),
        (cirq.X**t, "xpow", (t,)),
        (cirq.Y**t, "ypow", (t,)),
        (cirq.Z**t, "zpow", (t,)),
        (cirq.H**t, "hpow", (t,)),
        (cirq.rx(a), "rx", (a,)),
        (cirq.ry(a), "ry", (a,)),
        (cirq.rz(a), "rz", (a,)),
        (cirq.X**0.5, "sx", ()),
        (cirq.CX, "cx", ()),
        (cirq.CZ, "cz", ()),
        (cirq.CZ**t, "zpow", (t,)),
        (cirq.CX**t, "xpow", (t,)),
        (cirq.CCX, "ccx", ()),
        (cirq.CCZ**t, "zpow", (t,)),
        (cirq.CCX**t, "xpow", (t,)),
        (cirq.CSWAP, "cswap", ()),
        (cirq.SWAP, "swap", ()),
        (cirq.SWAP**t, "swappow", (t,)),
        (cirq.ISWAP, "iswap", ()),
        (cirq.ISWAP_INV, "iswapdg", ()),
        (cirq.ISWAP**t, "iswappow", (t,)),
        (cirq.XX**t, "xxpow", (t,)),
        (cirq.YY**t, "yypow", (t,)),
        (cirq.ZZ**t, "zzpow", (t,)),
        (cirq.ms(a), "rxx", (2 * a,)),
        (cirq.PhasedXPowGate(phase_exponent=a, exponent=t), "phased_x", (t, a)),
        (
            cirq.PhasedXZGate(x_exponent=a, z_exponent=b, axis_phase_exponent=c),
            "phased_xz",
            (a, b, c),
        ),
        (cirq.PhasedISwapPowGate(phase_exponent=a, exponent=t), "phased_iswap", (a, t)),
        (cirq.givens(a), "phased_iswap", (0.25, 2 * a / pi)),
        (cirq.FSimGate(a, b), "fsim", (a, b)),
        (cirq.PhasedFSimGate(a, b, c, d, t), "phased_fsim", (a, b, c, d, t)),
        (cirq.GlobalPhaseGate(np.exp(1j * a)), "gphase", (a,)),
        (cirq.riswap(a), "iswappow", (2 * a / pi,)),
        (cirq.cphase(a), "cp", (a,)),
    ]


def test_gates_of_cirq_have_cirqs_matrix():
    cirq = pytest.importorskip("cirq", reason="Cirq is not installed")
    for theirs, name, values in cirq_gates():
        ours = Gate.named(name, values)
        width = theirs.num_qubits()
        if ours.num_qubits < width:
            ours = ours.controlled(width - ours.num_qubits)
        expected = reverse_bits(cirq.unitary(theirs), width)
        assert np.abs(ours.matrix() - expected).max() < 1e-10, theirs


def reverse_bits(matrix, width):
    """Turn Cirq's big-endian matrix into ours: the first qubit becomes the lowest bit."""
    order = [int(format(i, f"0{width}b")[::-1], 2) for i in range(1 << width)] if width else [0]
    return matrix[np.ix_(order, order)]

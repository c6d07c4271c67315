"""Circuits too wide for amplitudes: Clifford ones against Stim, others by their light cones."""

from __future__ import annotations

import time

import numpy as np
import pytest

import quasim_backend as quasim
from quasim_backend.compile import compile_circuit
from quasim_backend.compile.code import SaveStep
from quasim_backend.engines.base import EngineRequest
from quasim_backend.engines.pauli_propagation import PauliPropagationEngine
from quasim_backend.ir import Circuit
from quasim_backend.ir.instructions import Save
from quasim_backend.ir.observables import PauliString, PauliSum
from quasim_backend.kernels.reference import ReferenceKernels
from quasim_backend.testing.oracles import dense_state

stim = pytest.importorskip("stim")

_STIM_NAMES = {"h": "H", "s": "S", "sx": "SQRT_X", "cx": "CX", "cz": "CZ", "swap": "SWAP"}


def heavy_hex(rows: int = 7, columns: int = 15) -> tuple[int, list[tuple[int, int]]]:
    """Return the 127 qubits and 144 couplings of rows of qubits joined at every fourth one."""
    couplings, first, rest = [], [], 0
    for row in range(rows):
        length = columns - 1 if row in (0, rows - 1) else columns
        first.append(rest)
        couplings += [(rest + i, rest + i + 1) for i in range(length - 1)]
        rest += length
    for row in range(rows - 1):
        for column in range(0 if row % 2 == 0 else 2, columns, 4):
            # The first row begins, and the last one ends, one column later.
            upper = column
            lower = column - 1 if row + 1 == rows - 1 and row % 2 else column
            couplings += [(first[row] + upper, rest), (rest, first[row + 1] + lower)]
            rest += 1
    return rest, couplings


def kicked_ising(width: int, couplings: list[tuple[int, int]], steps: int, angle: float) -> Circuit:
    """Return Trotter steps of the transverse-field Ising model with ZZ angles of -pi/2."""
    circuit = Circuit(width)
    for _ in range(steps):
        for q in range(width):
            circuit.rx(angle, q)
        for a, b in couplings:
            circuit.gate("rzz", [a, b], [-np.pi / 2])
    return circuit


def z_on(qubit: int) -> PauliSum:
    return PauliSum(((1.0, PauliString(0, 1 << qubit)),))


def test_500_qubits_of_clifford_gates_against_stim() -> None:
    rng = np.random.default_rng(5)
    width, circuit, tableau = 500, Circuit(500), stim.TableauSimulator()
    tableau.set_num_qubits(width)
    for _ in range(4000):
        name = str(rng.choice([*_STIM_NAMES]))
        qubits = [
            int(q) for q in rng.permutation(width)[: 2 if name in ("cx", "cz", "swap") else 1]
        ]
        circuit.gate(name, qubits)
        tableau.do(stim.Circuit(f"{_STIM_NAMES[name]} {' '.join(map(str, qubits))}"))
    sums, wanted = [], []
    stabilizers = tableau.canonical_stabilizers()
    for string in [stabilizers[int(i)] for i in rng.integers(0, width, 8)]:
        letters = {q: "IXYZ"[string[q]] for q in range(width) if string[q]}
        sums.append(PauliSum(((1.0, PauliString.from_letters(letters)),)))
        wanted.append(string.sign.real)
        letters[next(iter(letters))] = "X" if letters[next(iter(letters))] == "Z" else "Z"
        pauli = stim.PauliString(width)
        for q, letter in letters.items():
            pauli[q] = letter
        sums.append(PauliSum(((1.0, PauliString.from_letters(letters)),)))
        wanted.append(tableau.peek_observable_expectation(pauli))
    with quasim.runtime(method="pauli_propagation") as session:
        found = session.measure(circuit, sums)
    assert found == wanted
    assert {-1.0, 1.0, 0.0} == set(wanted)


def test_127_qubit_kicked_ising_at_its_clifford_points() -> None:
    width, couplings = heavy_hex()
    assert (width, len(couplings)) == (127, 144)
    for angle, sqrt in ((0.0, None), (np.pi / 2, "SQRT_X")):
        circuit = kicked_ising(width, couplings, 5, angle)
        tableau = stim.TableauSimulator()
        for _ in range(5):
            for q in range(width if sqrt else 0):
                tableau.do(stim.Circuit(f"{sqrt} {q}"))
            for a, b in couplings:
                tableau.do(stim.Circuit(f"SQRT_ZZ_DAG {a} {b}"))
        # Strings that the last step makes of single letters: among them are stabilizers.
        sums = [z_on(q) for q in (0, 62, 126)]
        texts = [f"Z{q}" for q in (0, 62, 126)]
        for string in tableau.canonical_stabilizers()[40:45]:
            letters = {q: "IXYZ"[string[q]] for q in range(width) if string[q]}
            sums.append(PauliSum(((1.0, PauliString.from_letters(letters)),)))
            texts.append("*".join(f"{letter}{q}" for q, letter in letters.items()))
        wanted = [
            tableau.peek_observable_expectation(stim.PauliString(text) * stim.PauliString(width))
            for text in texts
        ]
        with quasim.runtime(method="pauli_propagation") as session:
            assert session.measure(circuit, sums) == wanted
        assert any(wanted)


@pytest.mark.parametrize("angle", [0.2, np.pi / 2 - 0.15, 1.0])
def test_127_qubit_kicked_ising_against_the_light_cone(angle: float) -> None:
    width, couplings = heavy_hex()
    centre = 62
    cone = {centre}
    for _ in range(3):
        cone |= {q for pair in couplings if cone & {*pair} for q in pair}
    places = {q: i for i, q in enumerate(sorted(cone))}
    inner = [(places[a], places[b]) for a, b in couplings if a in places and b in places]
    # Two steps reach two couplings far; what lies at the rim of three does not matter.
    state = dense_state(kicked_ising(len(places), inner, 2, angle))
    signs = 1 - 2 * (np.arange(len(state)) >> places[centre] & 1)
    wanted = float(np.sum(np.abs(state) ** 2 * signs))
    with quasim.runtime(method="pauli_propagation") as session:
        (found,) = session.measure(kicked_ising(width, couplings, 2, angle), z_on(centre))
    assert found == pytest.approx(wanted, abs=1e-12)


def test_a_chain_of_free_fermions_of_any_length() -> None:
    """One step: ``<Z>`` turns with the angle; ZZ rotations commute with Z."""
    circuit = kicked_ising(1000, [(q, q + 1) for q in range(999)], 1, 0.3)
    with quasim.runtime(method="pauli_propagation") as session:
        found = session.measure(circuit, [z_on(q) for q in (0, 499, 999)])
    np.testing.assert_allclose(found, np.cos(0.3), rtol=0, atol=1e-15)


def test_prediction_is_of_the_right_size() -> None:
    width, couplings = heavy_hex()
    circuit = kicked_ising(width, couplings, 4, 0.2)
    compiled = compile_circuit(circuit)
    step = SaveStep(Save("expectation", "z", observable=z_on(62)))
    compiled = compiled.followed_by(step)
    request = EngineRequest(ReferenceKernels(), np.dtype(np.complex128), np.empty(0))
    engine = PauliPropagationEngine()
    predicted = engine.predicted_seconds(compiled, request)
    began = time.process_time()
    engine.run(compiled, request)
    taken = time.process_time() - began
    assert taken / 20 < predicted < 20 * taken
    hard = compile_circuit(kicked_ising(width, couplings, 30, 0.7)).followed_by(step)
    assert engine.predicted_seconds(hard, request) == np.inf
    assert engine.memory_bytes(hard, request) <= request.workspace_bytes + (1 << 16)

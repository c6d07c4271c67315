"""The families of circuits that are timed; each makes a circuit of any width from 2 qubits on."""

from harness.families.algorithms import grover, phase_estimation, qft
from harness.families.layered import ansatz, ghz, qaoa, trotter
from harness.families.random import brickwork, clifford_t, quantum_volume, random_gates
from harness.operations import Family

FAMILIES: dict[str, Family] = {
    "QFT": qft,
    "GHZ": ghz,
    "ansatz": ansatz,
    "brickwork": brickwork,
    "quantum volume": quantum_volume,
    "QAOA": qaoa,
    "Trotter": trotter,
    "Grover": grover,
    "Clifford+T": clifford_t,
    "phase estimation": phase_estimation,
}

DESCRIPTIONS: dict[str, str] = {
    "QFT": "Fourier transform of a basis state, final swaps included",
    "GHZ": "H and a chain of CX",
    "ansatz": "hardware-efficient, 10 layers: RY and RZ on all qubits, a chain of CX",
    "brickwork": "depth 20: a random U on all qubits, CZ on alternating neighbours",
    "quantum volume": "depth 10: random SU(4) on random pairs",
    "QAOA": "MaxCut on a random 3-regular graph, p = 4",
    "Trotter": "Heisenberg chain, 5 first-order steps of RXX, RYY, RZZ",
    "Grover": "4 iterations at most; oracle and reflection are Z with n - 1 controls",
    "Clifford+T": "20 random gates a qubit out of H, S, T, CX",
    "phase estimation": "a phase that n - 1 bits cannot hold; controlled phases, inverse QFT",
}

__all__ = ["DESCRIPTIONS", "FAMILIES", "random_gates"]

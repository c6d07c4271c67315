"""The stabilizer engine: Clifford circuits of thousands of qubits, on Stim."""

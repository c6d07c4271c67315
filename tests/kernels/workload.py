"""One job of each kind on several threads, checked against dense linear algebra."""

from __future__ import annotations

import numpy as np
import numpy.testing  # else it is imported at first use, perhaps without memory

import quasim_backend as quasim
from quasim_backend.testing import apply_matrix, dense_state, haar_unitary

WIDTH = 15  # several threads take part from 2**14 amplitudes on
SHOTS = 500


def mixed_circuit(rng: np.random.Generator, gates: int) -> quasim.Circuit:
    """Return gates of every kind the kernels tell apart, each on at most three random qubits."""
    circuit = quasim.Circuit(WIDTH)
    for q in range(WIDTH):
        circuit.u(*rng.uniform(-3, 3, 3), q)
    for number in range(gates):
        a, b, c = (int(q) for q in rng.choice(WIDTH, 3, replace=False))
        angle = float(rng.uniform(-3, 3))
        match number % 8:
            case 0:
                circuit.ry(angle, a)
            case 1:
                circuit.unitary(haar_unitary(rng, 2), [a, b])
            case 2:
                circuit.ccx(a, b, c)
            case 3:
                circuit.pauli_rotation("XYZ", angle, [a, b, c])
            case 4:
                circuit.diagonal(np.exp(1j * rng.uniform(-3, 3, 8)), [a, b, c])
            case 5:
                circuit.swap(a, b).cx(b, c)
            case 6:
                circuit.unitary(haar_unitary(rng, 3), [a, b, c])
            case _:
                circuit.cp(angle, a, b)
    return circuit


class Workload:
    """A circuit, what it must give, and a comparison.

    Amplitudes come from the gates' matrices; expectation values, samples and derivatives from those
    amplitudes.
    """

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.circuit = mixed_circuit(rng, 40)
        self.state = dense_state(self.circuit)
        weights = np.abs(self.state) ** 2
        self.observable = "X" + "I" * (WIDTH - 3) + "YZ"
        self.value = self._expectation(self.state)
        self.uniforms = rng.random((SHOTS, 1))
        self.drawn = np.searchsorted(np.cumsum(weights), self.uniforms[:, 0], side="right")

        self.angle = quasim.Parameter("angle")
        self.point = float(rng.uniform(-3, 3))
        self.ansatz = quasim.Circuit(WIDTH)
        self.ansatz.instructions += self.circuit.instructions
        self.ansatz.rx(self.angle, WIDTH - 1).cx(WIDTH - 1, 0)
        # The parameter-shift rule is exact for a rotation.
        up, down = (
            self._expectation(dense_state(self.ansatz, {self.angle: self.point + shift}))
            for shift in (np.pi / 2, -np.pi / 2)
        )
        self.derivative = (up - down) / 2

    @staticmethod
    def _expectation(state: np.ndarray) -> float:
        image = apply_matrix(state, [[0, 1], [1, 0]], [WIDTH - 1])
        image = apply_matrix(image, [[0, -1j], [1j, 0]], [1])
        image = apply_matrix(image, [[1, 0], [0, -1]], [0])
        return float(np.vdot(state, image).real)

    def check(self, session: quasim.Runtime) -> None:
        """Run everything; raise AssertionError if anything is not what it must be."""
        np.testing.assert_allclose(session.simulate(self.circuit), self.state, atol=1e-12)
        (value,) = session.measure(self.circuit, self.observable)
        assert abs(value - self.value) < 1e-12
        measured = quasim.Circuit(WIDTH)
        measured.instructions += self.circuit.instructions
        bits = session.run(measured.measure_all(), SHOTS, uniforms=self.uniforms).samples
        drawn = bits.astype(np.int64) @ (1 << np.arange(WIDTH))
        np.testing.assert_array_equal(drawn, self.drawn)
        _, jacobian = session.gradient(self.ansatz, self.observable, {self.angle: self.point})
        assert abs(jacobian[0, 0] - self.derivative) < 1e-11

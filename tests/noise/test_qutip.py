"""Channels of relaxation and of master equations against QuTiP's solver."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # missing plots are of no interest
    qutip = pytest.importorskip("qutip")

import quasim_backend as quasim
from quasim_backend import noise
from quasim_backend.ir import Channel

SOLVER = {"atol": 1e-12, "rtol": 1e-10, "nsteps": 100_000}


def solved(rho: np.ndarray, jumps: list[np.ndarray], time: float, energy: np.ndarray) -> np.ndarray:
    """Return a density matrix after a time under a master equation."""
    listed = [qutip.Qobj(jump) for jump in jumps]
    result = qutip.mesolve(qutip.Qobj(energy), qutip.Qobj(rho), [0, time], listed, options=SOLVER)
    return result.states[-1].full()


def applied(channel: Channel, rho: np.ndarray) -> np.ndarray:
    return sum(k @ rho @ k.conj().T for k in channel.kraus_operators())


def random_matrix(rng: np.random.Generator, size: int) -> np.ndarray:
    return rng.normal(size=(size, size)) + 1j * rng.normal(size=(size, size))


def random_state(rng: np.random.Generator, size: int) -> np.ndarray:
    factor = random_matrix(rng, size)
    rho = factor @ factor.conj().T
    return rho / np.trace(rho)


def relaxing(t1: float, t2: float, excited: float) -> list[np.ndarray]:
    """Return the jump operators of a qubit: decay, heating and what is left of dephasing."""
    decay = np.array([[0, 1], [0, 0]], complex)
    dephasing = 1 / t2 - 1 / (2 * t1)
    return [
        np.sqrt((1 - excited) / t1) * decay,
        np.sqrt(excited / t1) * decay.T,
        np.sqrt(dephasing / 2) * np.diag([1, -1]),
    ]


# Times in microseconds: QuTiP's solver wants numbers around 1.
@pytest.mark.parametrize("times", [(50, 30, 12), (50, 80, 12), (50, 100, 70), (1e4, 20, 5)])
@pytest.mark.parametrize("excited", [0.0, 0.03, 0.6])
def test_thermal_relaxation_solves_the_master_equation(
    times: tuple[float, float, float], excited: float
) -> None:
    t1, t2, time = times
    rho = random_state(np.random.default_rng(4), 2)
    expected = solved(rho, relaxing(t1, t2, excited), time, np.zeros((2, 2)))
    channel = noise.thermal_relaxation(t1 * 1e-6, t2 * 1e-6, time * 1e-6, excited)
    assert np.abs(applied(channel, rho) - expected).max() < 1e-8


@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize("seed", range(4))
def test_lindblad_channels_solve_the_master_equation(width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = 1 << width
    jumps = [0.3 * random_matrix(rng, size) for _ in range(3)]
    factor = random_matrix(rng, size)
    energy = factor + factor.conj().T
    rho = random_state(rng, size)
    expected = solved(rho, jumps, 0.7, energy)
    channel = noise.lindblad(jumps, 0.7, energy)
    assert np.abs(applied(channel, rho) - expected).max() < 1e-8


def test_pauli_lindblad_channels_solve_the_master_equation() -> None:
    one, x, y, z = (qutip.qeye(2), qutip.sigmax(), qutip.sigmay(), qutip.sigmaz())
    # The leftmost letter acts on the highest qubit, the first factor of a product.
    jumps = [
        np.sqrt(rate) * qutip.tensor(left, right).full()
        for rate, left, right in ((0.1, x, z), (0.2, y, y), (0.05, one, x))
    ]
    rho = random_state(np.random.default_rng(1), 4)
    expected = solved(rho, jumps, 1.0, np.zeros((4, 4)))
    channel = noise.pauli_lindblad({"XZ": 0.1, "YY": 0.2, "IX": 0.05})
    assert np.abs(applied(channel, rho) - expected).max() < 1e-8


def test_a_model_relaxes_gates_delays_and_idle_qubits_as_qutip_does() -> None:
    """A circuit of two qubits, each step solved in QuTiP: gates act at once, then time passes."""
    t1, t2, excited = 40.0, 25.0, 0.1
    model = quasim.NoiseModel().relaxation(
        t1 * 1e-6,
        t2 * 1e-6,
        excited=excited,
        gate_times={"ry": 2e-6, "cx": 5e-6},
        idle=True,
    )
    circuit = quasim.Circuit(2).ry(0.7, 0).ry(1.9, 1).delay(7e-6, 1).cx(0, 1)
    with quasim.runtime(noise_model=model, method="density_matrix") as rt:
        found = rt.run(circuit, 0, save="density_matrix").saved["density_matrix"]
    single = relaxing(t1, t2, excited)
    jumps = [np.kron(np.eye(2), jump) for jump in single]
    jumps += [np.kron(jump, np.eye(2)) for jump in single]

    def turn(angle: float) -> np.ndarray:
        return np.array(
            [[np.cos(angle / 2), -np.sin(angle / 2)], [np.sin(angle / 2), np.cos(angle / 2)]]
        )

    first = np.kron(turn(1.9), turn(0.7))
    swap = np.array([[1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0], [0, 1, 0, 0]])
    rho = np.zeros((4, 4), complex)
    rho[0, 0] = 1
    rho = solved(first @ rho @ first.T, jumps, 2 + 7, np.zeros((4, 4)))
    rho = solved(swap @ rho @ swap.T, jumps, 5, np.zeros((4, 4)))
    assert np.abs(found - rho).max() < 1e-8

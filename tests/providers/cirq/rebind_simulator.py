"""A pytest plug-in that makes every test use our simulators under Cirq's names."""

from __future__ import annotations

import cirq
import cirq.sim
import cirq.sim.density_matrix_simulator
import cirq.sim.sparse_simulator

import quasim_cirq

for module in (cirq, cirq.sim, cirq.sim.sparse_simulator):
    module.Simulator = quasim_cirq.Simulator

for module in (cirq, cirq.sim, cirq.sim.density_matrix_simulator):
    module.DensityMatrixSimulator = quasim_cirq.DensityMatrixSimulator

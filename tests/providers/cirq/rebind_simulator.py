"""A pytest plug-in that makes every test use our simulator under Cirq's name."""

from __future__ import annotations

import cirq
import cirq.sim
import cirq.sim.sparse_simulator

import quasim_cirq

for module in (cirq, cirq.sim, cirq.sim.sparse_simulator):
    module.Simulator = quasim_cirq.Simulator

"""How many passes over memory the families take: a planner that got worse shows here."""

from __future__ import annotations

import pytest
from harness.families import FAMILIES
from harness.simulators import quasim

from quasim_backend.compile import planner
from quasim_backend.compile.code import SegmentStep
from quasim_backend.compile.planner import PlanOptions

if reason := planner.is_available():
    pytest.skip(reason, allow_module_level=True)

_STAGES = {
    "QFT": 4,
    "GHZ": 3,
    "ansatz": 9,
    "brickwork": 9,
    "quantum volume": 12,
    "QAOA": 5,
    "Trotter": 7,
    "Grover": 19,
    "Clifford+T": 6,
    "phase estimation": 4,
}
"""Of the families at 22 qubits, with tiles of either precision."""


@pytest.mark.parametrize("tiles", [PlanOptions(), PlanOptions(amplitude_bytes=16)])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_takes_no_more_passes_than_it_did(family, tiles):
    circuit = quasim.circuit(FAMILIES[family](22), 22)
    compiled = quasim.session("complex64", 1).compile(circuit, keep_idle=True)
    programs = [step.plan.program for step in compiled.steps if isinstance(step, SegmentStep)]
    assert sum(planner.plan(p, tiles).num_stages for p in programs) <= _STAGES[family]

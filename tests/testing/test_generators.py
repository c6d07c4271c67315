"""The random circuits hold everything they promise, legally and reproducibly."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings

from quasim_backend.ir import Circuit
from quasim_backend.ir.gate_table import ALIASES, RECORDS
from quasim_backend.ir.gates import ARRAY_GATES
from quasim_backend.ir.validate import validate
from quasim_backend.testing import (
    DYNAMIC_KINDS,
    GATE_KINDS,
    exact_distribution,
    random_circuit,
    random_dynamic_circuit,
    random_values,
)
from quasim_backend.testing.dynamic_generators import EXTRA_KINDS
from quasim_backend.testing.strategies import circuits, dynamic_circuits, gates


def describe(circuit):
    return [
        (i.gate.name, i.gate.params, i.gate.num_controls, i.gate.control_state, i.qubits)
        for i in circuit.instructions
    ]


def test_every_record_alias_and_modifier_is_drawn():
    rng = np.random.default_rng(1)
    drawn = [i.gate for _ in range(60) for i in random_circuit(rng, 6, 60).instructions]
    assert {g.name for g in drawn} == {*RECORDS, *ARRAY_GATES}
    controlled = {(g.name, g.num_controls) for g in drawn}
    assert set(ALIASES.values()) <= controlled
    open_controls = [g for g in drawn if g.control_state != (1 << g.num_controls) - 1]
    assert open_controls
    assert any(g.parameters for g in drawn)
    assert any(g.power not in (-1.0, 1.0) for g in drawn)
    assert max(g.num_controls for g in drawn) >= 5


@pytest.mark.parametrize("kind", GATE_KINDS)
@pytest.mark.parametrize("width", [0, 1, 2, 5])
def test_every_kind_can_be_drawn_at_every_width(kind, width):
    circuit = random_circuit(np.random.default_rng(width), width, 20, [kind])
    validate(circuit)
    assert len(circuit) == 20
    assert circuit.num_qubits == width


def test_one_seed_gives_one_circuit():
    first, second = (random_circuit(np.random.default_rng(4), 4, 30) for _ in range(2))
    assert describe(first) == describe(second)
    assert describe(first) != describe(random_circuit(np.random.default_rng(5), 4, 30))


def test_values_cover_the_parameters():
    rng = np.random.default_rng(6)
    circuit = random_circuit(rng, 3, 20, ["symbolic"])
    assert circuit.parameters
    assert circuit.bind(random_values(rng, circuit)).parameters == ()


def test_dynamic_circuits_hold_every_kind_and_end():
    rng = np.random.default_rng(7)
    seen = Counter()
    for _ in range(120):
        circuit = random_dynamic_circuit(rng, 3, 3, 8, (*DYNAMIC_KINDS, *EXTRA_KINDS))
        validate(circuit)
        seen.update(type(i).__name__ for i in circuit.walk())
        assert sum(exact_distribution(circuit).values()) == pytest.approx(1, abs=1e-9)
    wanted = {
        "GateOp", "Measure", "Reset", "If", "For", "While", "Switch", "Break", "Continue",
        "Assign", "Initialize", "ChannelOp",
    }  # fmt: skip
    assert set(seen) == wanted


@settings(max_examples=30)
@given(circuit=circuits(), dynamic=dynamic_circuits(), gate=gates(3))
def test_hypothesis_draws_legal_circuits(circuit, dynamic, gate):
    validate(circuit)
    validate(dynamic)
    validate(Circuit(3).append(gate, range(gate.num_qubits)))

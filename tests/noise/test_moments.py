"""Rules that look at moments, by hand: what is put where."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import quasim_backend as quasim
from quasim_backend import noise
from quasim_backend.ir.instructions import ChannelOp, Measure
from quasim_backend.noise import MomentNoise, NoiseModel, Relaxation

FLIP = noise.bit_flip(0.1)


def written(model: NoiseModel, circuit: quasim.Circuit) -> list[str]:
    """Return gate names, ``M`` for measurements and ``*`` for noise, each with its qubits."""
    names = []
    for instruction in model.applied(circuit).instructions:
        kind = {ChannelOp: "*", Measure: "M"}.get(type(instruction))
        found: Any = instruction
        names.append("".join([kind or found.gate.name, *(str(q) for q in found.qubits)]))
    return names


def circuit() -> quasim.Circuit:
    return quasim.Circuit(2, 1).h(0).x(0).swap(0, 1).measure(0, 0)


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        (MomentNoise(FLIP), "h0 *0 x0 *0 *1 *1 swap01 *0 *1 M0 *0 *1"),
        (MomentNoise(FLIP, before=True), "*0 h0 *0 x0 *1 *1 *0 *1 swap01 *0 M0 *1"),
        (MomentNoise(FLIP, (1,), measured=True), "h0 x0 swap01 M0 *1"),
        (MomentNoise(FLIP, before=True, measured=True), "h0 x0 swap01 *0 M0 *1"),
        (MomentNoise(FLIP, measured=False), "h0 *0 x0 *0 *1 *1 swap01 *0 *1 M0"),
    ],
)
def test_moment_noise(rule: MomentNoise, wanted: str) -> None:
    model = NoiseModel((rule,))
    assert " ".join(written(model, circuit())) == wanted
    again = NoiseModel.from_json(model.to_json())
    assert again == model
    assert written(again, circuit()) == written(model, circuit())
    assert "every moment" in str(model)


def test_relaxation_for_as_long_as_a_moment_takes() -> None:
    """In the first moment the long gate counts for both qubits."""
    times = (("h", 1e-6), ("measure", 4e-6), ("label:slow", 3e-6), ("x", 2e-6))
    rule = Relaxation(1e-5, 1e-5, gate_times=times, moments=True, measured=False)
    model = NoiseModel((rule,))
    assert NoiseModel.from_json(model.to_json()) == model
    slow = quasim.Circuit(2, 1).h(0).append(quasim.Gate.named("z", label="slow"), [1])
    slow.x(1).measure(0, 0)
    placed = model.applied(slow).instructions
    kept = {0: 1.0, 1: 1.0}
    for instruction in placed:
        if isinstance(instruction, ChannelOp):
            operators = instruction.channel.kraus_operators()
            (qubit,) = instruction.qubits
            kept[qubit] *= sum(abs(o[1, 1]) ** 2 for o in operators)
    # Qubit 0 relaxes for 3 us and not while it is measured; qubit 1 in the second moment, too.
    np.testing.assert_allclose([kept[0], kept[1]], np.exp([-0.3, -0.3 - 0.4]), atol=1e-12)


def test_controls_before_a_records_name() -> None:
    model = NoiseModel().on_gates(FLIP, ["czpow"])
    plain = quasim.Circuit(2).append(quasim.Gate.named("zpow", (0.3,), controls=1), [0, 1])
    assert written(model, plain) == ["zpow01", "*0", "*1"]
    assert written(model, quasim.Circuit(2).cz(0, 1)) == ["z01"]

"""What the PennyLane tests share. They need PennyLane, but no installed entry points."""

from __future__ import annotations

import pytest


@pytest.fixture
def make():
    """Make a device of ours; ``"cpu"`` unless another kind is asked for."""
    import quasim_pennylane

    def make_device(wires=None, kind="cpu", **options):
        classes = {
            "cpu": quasim_pennylane.QuasimCPU,
            "gpu": quasim_pennylane.QuasimGPU,
            "auto": quasim_pennylane.QuasimAuto,
        }
        return classes[kind](wires, **options)

    return make_device

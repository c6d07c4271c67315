"""QuASIM and the simulators it is compared with, each at its best documented setting."""

from __future__ import annotations

from typing import cast

from harness.simulators import aer, lightning, qsim, quasim, qulacs
from harness.simulators.base import Runner, Simulator

QUASIM = cast("Simulator", quasim)
PEERS: dict[str, Simulator] = {
    peer.NAME: peer
    for peer in (cast("Simulator", module) for module in (qsim, lightning, aer, qulacs))
}

__all__ = ["PEERS", "QUASIM", "Runner", "Simulator", "usable"]


def usable(names: list[str]) -> tuple[list[Simulator], dict[str, str]]:
    """Return the peers that can be imported, and for the others the reason why not."""
    found: list[Simulator] = []
    missing: dict[str, str] = {}
    for name in names:
        try:
            PEERS[name].available()
        except ImportError as cause:
            missing[name] = str(cause)
        else:
            found.append(PEERS[name])
    return found, missing

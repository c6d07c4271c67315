"""What a kernel set must do: one function a law, each raising `AssertionError` when it is broken.

All checks draw from fixed seeds. Truth comes from `quasim_backend.testing.oracles`, or for wide
states from the reference kernel set, which passes the same checks itself.
"""

from __future__ import annotations

from quasim_backend.testing.kernel_checks import (
    circuits,
    derivatives,
    primitives,
    sampling,
    states,
    sums,
)
from quasim_backend.testing.kernel_checks.common import Check, assert_close, program_of

__all__ = ["KERNEL_CHECKS", "assert_close", "program_of"]

KERNEL_CHECKS: dict[str, Check] = {
    name.removeprefix("check_"): check
    for module in (states, primitives, circuits, sums, sampling, derivatives)
    for name, check in vars(module).items()
    if name.startswith("check_") and check.__module__ == module.__name__
}
"""Every check by name; each takes a kernel set and a dtype."""

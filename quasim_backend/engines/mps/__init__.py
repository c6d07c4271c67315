"""Matrix product states: a chain of tensors, one a qubit, as long as entanglement stays narrow.

`chains` writes gates as matrix product operators, `fans` several that share a qubit as one,
`splitting` cuts a bond, `state` holds tensors and applies operators, `schedule` orders gates into
sweeps, `environments`, `sampling` and `values` read results off, `engine` runs circuits, `cost`
predicts what they take by the constants of `seconds`, and `trial` finds out.
"""

from quasim_backend.engines.mps.engine import MpsEngine

__all__ = ["MpsEngine"]

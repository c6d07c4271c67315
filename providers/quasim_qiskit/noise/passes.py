"""`RelaxationNoisePass`: thermal relaxation while qubits wait in delays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qiskit.circuit import Delay

__all__ = ["RelaxationNoisePass"]


class RelaxationNoisePass:
    """Relaxes qubits during delays, wherever in a circuit the delays are.

    The simulator reads its numbers; it is no pass of the transpiler.
    """

    def __init__(
        self,
        t1s: Sequence[float],
        t2s: Sequence[float],
        dt: float | None = None,
        excited_state_populations: Sequence[float] | None = None,
    ) -> None:
        """Take the numbers of every qubit.

        Args:
            t1s: T1 in seconds; infinite for none.
            t2s: T2 in seconds, at most ``2 * T1``.
            dt: Seconds in the unit ``dt`` of delays; None if there is none.
            excited_state_populations: Populations of 1 in equilibrium; None for 0.
        """
        self._t1s = np.asarray(t1s, float)
        self._t2s = np.asarray(t2s, float)
        given = excited_state_populations
        self._p1s = np.zeros(len(self._t1s)) if given is None else np.asarray(given, float)
        self._dt = dt
        self._ops = (Delay,)

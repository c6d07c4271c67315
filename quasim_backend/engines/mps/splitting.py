"""Cutting a bond: an isometry times the rest, of as low a rank as accuracy allows.

The tensor to be cut is the orthogonality centre, so its singular values are the Schmidt values of
the state and the weight that is left out is the whole error. Where the rank is capped well below
full, most of a singular value decomposition would be thrown away. Then the leading subspace is
found by one step of randomised subspace iteration (Halko, Martinsson, Tropp, SIAM Review 53 (2011)
217): matrix products and one orthogonalisation. From the subspace that the bond had before its gate
(the idea of Unfried, Hauschild, Pollmann, Phys. Rev. B 107 (2023) 155133) that takes a third of the
time and discards about a tenth more than the least possible. Without such a guess some more
directions are drawn, and cut to the cap by the eigenvectors of their Gram matrix. Either way what
is lost is the weight outside the subspace, known to rounding of the whole, 1e-16: this way is left
where what is discarded is not far above that.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from quasim_backend.engines.mps.seconds import cut_seconds
from quasim_backend.errors import ApproximationError, MemoryLimitError

__all__ = ["OutOfPatience", "Truncation", "Worst", "split_left", "split_right"]

Matrix: TypeAlias = NDArray[Any]

_SUBSPACE_FROM = 48
"""Below this cap a whole decomposition is as fast."""

_COPIES = 6
"""Arrays of a tensor's size that its decomposition holds."""

_WORTH = 1.5
"""How far the cap must be below full rank."""

_ROUNDING = (4 * float(np.finfo(np.float64).eps)) ** 2
"""Relative Schmidt weight that is nothing but rounding, for each singular value."""

_CLEAR = 1e-11
"""Discarded weight that stands out of rounding well enough."""

_RECENT = 32
"""Cuts whose work tells that of those to come."""

_LEAD = 0.05
"""Share of its patience that a state takes before anything is said of the rest."""

_HOPE = 1.25
"""How many times its patience a run may then be on its way to take, and takes at most.

Entanglement can go again, and what is nearly done is not given up.
"""

_STRAY = 0.5
"""Norm of the random part of a guessed direction of norm 1: what the guess leaves out is found."""


class OutOfPatience(Exception):
    """A state has taken more work than it may."""


@dataclass(eq=False)
class Worst:
    """What the cuts of a run came to, the worst of its courses.

    Attributes:
        bond: Largest bond.
        discarded: Largest sum of relative weights that one course discarded.
        fidelity: Smallest product of the weights that one course kept.
    """

    bond: int = 1
    discarded: float = 0.0
    fidelity: float = 1.0


@dataclass(eq=False)
class Truncation:
    """What the cuts of one state may discard, and what they did.

    Attributes:
        cap: Largest bond; None for no limit.
        threshold: Relative Schmidt weight that one cut may discard.
        limit: The most that ``discarded`` may become; 1 allows anything.
        worst: Shared by the states of a run.
        room: Bytes that a cut may take.
        discarded: Sum of the relative weights discarded so far.
        fidelity: Product of the weights kept so far.
        loses: Whether the last cut to the cap lost weight clearly, so that the next one will.
        seconds: What the work so far takes: a count, the same on every machine under any load.
        patience: What ``seconds`` may come to, by and large.
        progress: How much of the operations is done, up to 1: what will not end in time if it
            goes on as it does, stops.
        cuts: How many there were.
        pace: Seconds that a cut took of late.
    """

    cap: int | None
    threshold: float
    limit: float = 1.0
    worst: Worst = field(default_factory=Worst)
    room: float = float("inf")
    discarded: float = 0.0
    fidelity: float = 1.0
    loses: bool = False
    seconds: float = 0.0
    patience: float = float("inf")
    progress: float = 1.0
    cuts: int = 0
    pace: float = 0.0

    def copy(self) -> Truncation:
        """Return the account of a copy of the state."""
        return replace(self)

    def note(self, lost: float, bond: int) -> None:
        """Take account of a cut.

        Raises:
            ApproximationError: If more has been discarded than is allowed.
        """
        self.discarded += lost
        self.fidelity *= 1.0 - lost
        worst = self.worst
        worst.bond = max(worst.bond, bond)
        worst.discarded = max(worst.discarded, self.discarded)
        worst.fidelity = min(worst.fidelity, self.fidelity)
        if self.discarded > self.limit and self.limit < 1.0:
            self._refuse()

    def spend(self, seconds: float) -> None:
        """Take account of work that is to be done.

        Raises:
            OutOfPatience: If it would be too much in the end.
        """
        self.seconds += seconds
        self.cuts += 1
        self.pace += (seconds - self.pace) / min(self.cuts, _RECENT)
        whole = self.seconds + self.pace * self.cuts * (1 / self.progress - 1)
        if self.seconds > _LEAD * self.patience and whole > _HOPE * self.patience:
            raise OutOfPatience

    def check_room(self, theta: Matrix) -> None:
        """Refuse to decompose what does not fit.

        Raises:
            MemoryLimitError: If the tensor and its factors take more than ``room``.
        """
        needed = _COPIES * theta.nbytes
        if needed > self.room:
            raise MemoryLimitError(
                f"Cutting a bond of dimension {min(theta.shape)} takes {needed / 2**20:.0f} MiB, "
                f"more than max_memory_mb={self.room / 2**20:g}. Set max_bond_dimension, raise "
                f"truncation_threshold, or allow more memory."
            )

    def _refuse(self) -> None:
        if self.cap is None:
            cause = f"truncation_threshold={self.threshold:g}"
            advice = "lower truncation_threshold"
        else:
            cause = f"max_bond_dimension={self.cap}; the largest bond was {self.worst.bond}"
            advice = "raise max_bond_dimension"
        raise ApproximationError(
            f"Before the end of the circuit, truncation has discarded a Schmidt weight of "
            f"{self.discarded:.3g} (estimated fidelity {self.fidelity:.6f}), more than "
            f"max_truncation_error={self.limit:g} allows, with {cause}. To go on, {advice}; or "
            f"allow a worse result by max_truncation_error; or use a method without truncation."
        )


def split_right(
    theta: Matrix, truncation: Truncation, guess: Matrix | None = None
) -> tuple[Matrix, Matrix]:
    """Return ``u, b`` with ``u`` an isometry ``(m, k)`` and ``u @ b`` near ``theta / |theta|``.

    Args:
        theta: ``(m, n)``, not zero.
        truncation: Limits; brought up to date.
        guess: ``(n, j)``, columns of norm 1 that span about what the rows of ``b`` will.

    Returns:
        ``b`` has norm 1: what was discarded is made up for.

    Raises:
        MemoryLimitError: If there is no room for it.
        ApproximationError: If more has been discarded than is allowed.
        OutOfPatience: If it would take longer than is allowed.
    """
    full = min(theta.shape)
    truncation.check_room(theta)
    truncation.spend(cut_seconds(theta.shape))
    cap = full if truncation.cap is None else min(truncation.cap, full)
    capped = cap >= _SUBSPACE_FROM and full >= _WORTH * cap
    clear = max(_CLEAR, truncation.threshold)
    if capped and truncation.loses:
        u, b, lost = _leading(theta, cap, guess)
        if lost > clear:
            truncation.note(lost, u.shape[1])
            return u, b
        truncation.loses = False
    u, s, vh = _svd(theta)
    weights = np.square(s)
    total = float(weights.sum())
    rounding = _ROUNDING * full
    rank, lost = _rank(weights, max(truncation.threshold, rounding) * total, cap)
    lost /= total
    if capped:
        truncation.loses = lost > clear
    truncation.note(lost, rank)
    kept = s[:rank] / np.linalg.norm(s[:rank])
    return u[:, :rank], kept[:, None] * vh[:rank]


def split_left(
    theta: Matrix, truncation: Truncation, guess: Matrix | None = None
) -> tuple[Matrix, Matrix]:
    """Return ``b, v`` with ``v`` an isometry ``(k, n)`` from the right; else as `split_right`.

    Of ``guess``, ``(m, j)``, it is the complex conjugate that spans what the columns of ``b`` will.
    """
    u, b = split_right(theta.T, truncation, guess)
    return b.T, u.T


def _leading(theta: Matrix, cap: int, guess: Matrix | None) -> tuple[Matrix, Matrix, float]:
    """Return an isometry, the rest at norm 1, and the relative weight lost."""
    rows, columns = theta.shape
    if guess is None:
        start = _direction(columns, min(cap + cap // 8 + 8, rows, columns))
    else:
        start = _direction(columns, cap) * (_STRAY / np.sqrt(columns))
        known = guess[:, :cap]
        start[:, : known.shape[1]] += known
    basis, _ = np.linalg.qr(theta @ (theta.conj().T @ (theta @ start)))
    b = basis.conj().T @ theta
    if basis.shape[1] > cap:
        _, vectors = np.linalg.eigh(b @ b.conj().T)
        vectors = vectors[:, ::-1][:, :cap]
        basis, b = basis @ vectors, vectors.conj().T @ b
    total, kept = _weight(theta), _weight(b)
    b /= np.sqrt(kept)
    return basis, b, 1.0 - kept / total


def _rank(weights: NDArray[np.float64], allowed: float, cap: int) -> tuple[int, float]:
    """Return how many of the descending weights are kept, and the sum of the others."""
    tail, rank = 0.0, len(weights)
    for weight in weights[::-1].tolist():
        if rank <= cap and (tail + weight > allowed or rank == 1):
            break
        tail += weight
        rank -= 1
    return rank, tail


def _weight(matrix: Matrix) -> float:
    """Return the sum of squares."""
    flat = matrix.reshape(-1)
    return float(np.vdot(flat, flat).real)


@lru_cache(maxsize=64)
def _direction(rows: int, columns: int) -> Matrix:
    """Return directions that nothing in a circuit is aligned with, the same in every process."""
    drawn = np.random.default_rng((rows, columns)).standard_normal((rows, columns))
    return drawn.astype(complex)


def _svd(theta: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    """Decompose; by way of a small random rotation where LAPACK does not converge."""
    try:
        return np.linalg.svd(theta, full_matrices=False)
    except np.linalg.LinAlgError:
        rotation, _ = np.linalg.qr(_direction(theta.shape[1], theta.shape[1]))
        u, s, vh = np.linalg.svd(theta @ rotation, full_matrices=False)
        return u, s, vh @ rotation.conj().T

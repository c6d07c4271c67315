"""Mixtures of unitaries, drawn shot by shot: errors as gates whose angles are entries of a vector.

A channel that mixes products of unitaries on single qubits becomes a gate ``u`` on each of its
qubits: every such unitary is one, up to a phase that no outcome shows. Which operator acts is then
a matter of three angles a qubit. So all patterns of errors are one circuit with parameters, a pure
one, whose networks share their paths.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from quasim_backend.compile.code import CompiledCircuit, GatesStep, Step
from quasim_backend.engines.uniforms import ShotUniforms
from quasim_backend.ir.channels import Channel
from quasim_backend.ir.gates import Gate
from quasim_backend.ir.instructions import ChannelOp, GateOp
from quasim_backend.ir.parameters import Parameter

__all__ = ["ErrorPatterns", "pattern_refusal"]

_TOLERANCE = 1e-9
"""Largest second Schmidt coefficient of an operator, relative to the first, of a product."""

Angles = NDArray[np.float64]


def pattern_refusal(code: CompiledCircuit) -> str | None:
    """Return why the channels of gate code cannot be drawn before anything is contracted."""
    for operation in _channels(code):
        channel = operation.channel
        if channel.probabilities is None:
            return (
                f"channel '{channel.name}' is no mixture of unitaries, so that its errors depend "
                f"on the state; 'trajectories' and 'matrix_product_state' draw them from it, and "
                f"'density_matrix' applies it as a whole"
            )
        if _angles(channel) is None:
            return (
                f"channel '{channel.name}' mixes operators that are no products of operators on "
                f"single qubits; use 'trajectories' or 'matrix_product_state'"
            )
    return None


@dataclass(frozen=True, eq=False)
class ErrorPatterns:
    """Gate code without channels, and the angles of its errors.

    Attributes:
        code: The same circuit with gates for channels; its parameter vector is that of the circuit
            and then the angles of all errors, in the order of the channels.
        angles: For each channel float64 ``(operators, 3 * qubits)``.
        ladders: For each channel float64 ``(operators,)``: cumulated probabilities, the last is 1.
    """

    code: CompiledCircuit
    angles: tuple[Angles, ...]
    ladders: tuple[NDArray[np.float64], ...]

    @classmethod
    def of(cls, code: CompiledCircuit) -> ErrorPatterns:
        """Read gate code that `pattern_refusal` has nothing against; the code keeps what was made.

        What is known of the beginning of longer code holds for its errors too, as paths do.
        """
        known: ErrorPatterns | None = code.cache.get("error patterns")
        if known is not None:
            return known
        before: CompiledCircuit | None = code.cache.get("before")
        if before is not None and not isinstance(code.appended[-1], GatesStep):
            shorter = cls.of(before)
            known = replace(shorter, code=shorter.code.followed_by(code.appended[-1]))
        else:
            known = cls._made(code)
        code.cache["error patterns"] = known
        return known

    @classmethod
    def _made(cls, code: CompiledCircuit) -> ErrorPatterns:
        steps: list[Step] = []
        parameters = list(code.parameters)
        angles: list[Angles] = []
        ladders: list[NDArray[np.float64]] = []
        for step in code.steps:
            if not isinstance(step, GatesStep) or not step.has_channels:
                steps.append(step)
                continue
            operations: list[GateOp | ChannelOp] = []
            sources = dict(step.sources)
            for operation in step.operations:
                if not isinstance(operation, ChannelOp):
                    operations.append(operation)
                    continue
                found, weights = _angles(operation.channel), operation.channel.probabilities
                assert found is not None
                assert weights is not None
                angles.append(found)
                ladder = np.cumsum(weights)
                ladders.append(ladder / ladder[-1])
                for qubit in operation.qubits:
                    own = [Parameter(f"error {len(parameters) + k}") for k in range(3)]
                    sources.update({p: len(parameters) + k for k, p in enumerate(own)})
                    parameters += own
                    operations.append(GateOp(Gate.named("u", own), (qubit,)))
            steps.append(GatesStep(tuple(operations), sources))
        drawn = replace(code, steps=tuple(steps), parameters=tuple(parameters), source=None)
        return cls(drawn, tuple(angles), tuple(ladders))

    @staticmethod
    def needed(code: CompiledCircuit) -> bool:
        """Return whether gate code has channels."""
        return any(isinstance(step, GatesStep) and step.has_channels for step in code.steps)

    @property
    def draws(self) -> int:
        """Number of uniforms that the errors of a shot take: one a channel, as in other engines."""
        return len(self.ladders)

    def expected(self, shots: int) -> int:
        """Return about how many patterns that many shots have: the likeliest one, and the rest."""
        quiet = math.prod(float(np.diff(ladder, prepend=0.0).max()) for ladder in self.ladders)
        return min(shots, 1 + math.ceil(shots * (1 - quiet)))

    def table_bytes(self, shots: int) -> int:
        """Return the bytes in which patterns of that many shots are drawn and sorted."""
        return shots * (8 * self.draws + 64)

    def drawn(
        self, uniforms: ShotUniforms, shots: int
    ) -> Iterator[tuple[Angles, NDArray[np.int64]]]:
        """Yield the angles of each pattern that occurs, and the numbers of its shots, ascending.

        Operator ``i`` of a channel is drawn for ``ladder[i - 1] <= u < ladder[i]``.
        """
        every = np.arange(shots)
        chosen = np.empty((shots, self.draws), np.int16)
        for site, ladder in enumerate(self.ladders):
            found = np.searchsorted(ladder, uniforms.draw(every, site), side="right")
            chosen[:, site] = np.minimum(found, len(ladder) - 1)
        patterns, members = np.unique(chosen, axis=0, return_inverse=True)
        order = np.argsort(members.reshape(-1), kind="stable")
        cuts = np.cumsum(np.bincount(members.reshape(-1)))[:-1]
        for pattern, own in zip(patterns, np.split(order, cuts), strict=True):
            rows = [table[k] for table, k in zip(self.angles, pattern, strict=True)]
            yield np.concatenate(rows), own


def _channels(code: CompiledCircuit) -> Iterator[ChannelOp]:
    for step in code.steps:
        if isinstance(step, GatesStep):
            yield from (o for o in step.operations if isinstance(o, ChannelOp))


@functools.lru_cache(maxsize=256)
def _angles(channel: Channel) -> Angles | None:
    """Return ``(theta, phi, lam)`` of each qubit for all operators, or None if one is no product.

    float64 ``(operators, 3 * qubits)``, first qubit first.
    """
    rows: list[list[float]] = []
    for operator in channel.operators:
        row: list[float] = []
        rest = operator
        while len(rest) > 2:
            half = len(rest) // 2
            # (higher row and column, lowest row and column): a product has rank 1.
            table = rest.reshape(half, 2, half, 2).transpose(0, 2, 1, 3).reshape(-1, 4)
            left, values, right = np.linalg.svd(table, full_matrices=False)
            if values[1] > _TOLERANCE * values[0]:
                return None
            row += _angles_of(right[0].reshape(2, 2))
            rest = left[:, 0].reshape(half, half)
        rows.append(row + _angles_of(rest))
    return np.array(rows)


def _angles_of(unitary: NDArray[np.complex128]) -> list[float]:
    """Return the angles of the gate ``u`` that is a multiple of a unitary ``(2, 2)``."""
    (a, b), (c, d) = unitary
    theta, phase = 2 * math.atan2(abs(c), abs(a)), np.angle(a)
    if abs(a) >= abs(c):
        # The two angles add up to a sure number, and are not sure themselves if c is small.
        phi = float(np.angle(c) - phase)
        return [theta, phi, float(np.angle(d) - phase) - phi]
    return [theta, float(np.angle(c) - phase), float(np.angle(-b) - phase)]

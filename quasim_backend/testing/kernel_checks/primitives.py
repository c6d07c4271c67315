"""Every kind of primitive, one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from quasim_backend.compile.planner import trivial_plan
from quasim_backend.ir.observables import PauliString
from quasim_backend.ir.program import ProgramBuilder
from quasim_backend.kernels.base import KernelSet
from quasim_backend.testing.generators import (
    haar_unitary,
    random_state,
)
from quasim_backend.testing.goals import goals_of
from quasim_backend.testing.kernel_checks.common import (
    NO_PARAMETERS,
    DType,
    assert_close,
    plans_of,
    run,
)
from quasim_backend.testing.oracles import apply_matrix, pauli_matrix


def _controlled(matrix: Any, controls: Sequence[int], value: int, size: int) -> Any:
    """Return ``matrix`` on the low bits, acting where the high bits equal ``value``."""
    full = np.eye(size << len(controls), dtype=np.complex128)
    rows = np.arange(size) + value * size
    full[np.ix_(rows, rows)] = matrix
    return full


def _masks(controls: Sequence[int], value: int) -> tuple[int, int]:
    mask = sum(1 << c for c in controls)
    return mask, sum((value >> i & 1) << c for i, c in enumerate(controls))


def _primitive_case(
    rng: np.random.Generator, kind: str, width: int
) -> tuple[ProgramBuilder, Any, list[int]]:
    """Return a program of one random primitive, its dense matrix and the matrix's qubits."""
    order = [int(q) for q in rng.permutation(width)]
    count = 0 if kind == "phase" else int(rng.integers(1, min(width, 5) + 1))
    targets, rest = order[:count], order[count:]
    controls = rest[: int(rng.integers(0, len(rest) + 1))]
    value = int(rng.integers(1 << len(controls)))
    mask, bits = _masks(controls, value)
    builder = ProgramBuilder(width)
    angle = float(rng.uniform(-7, 7))
    size = 1 << count
    if kind == "matrix":
        matrix = haar_unitary(rng, count)
        builder.matrix(targets, matrix, mask, bits)
    elif kind == "diagonal":
        entries = np.exp(1j * rng.uniform(-4, 4, size))
        matrix = np.diag(entries)
        builder.diagonal(targets, entries, mask, bits)
    elif kind == "permutation":
        table = rng.permutation(size)
        matrix = np.eye(size, dtype=np.complex128)[np.argsort(table)]
        builder.permutation(targets, table, mask, bits)
    elif kind == "rotation":
        letters = {i: "IXYZ"[int(rng.integers(4))] for i in range(count)}
        pauli = pauli_matrix(PauliString.from_letters(letters), count)
        string = PauliString.from_letters({targets[i]: c for i, c in letters.items()})
        matrix = np.cos(angle / 2) * np.eye(size) - 1j * np.sin(angle / 2) * pauli
        builder.rotation(string.x, string.z, angle, mask, bits)
    else:
        matrix = np.array([[np.exp(1j * angle)]])
        builder.phase(angle, mask, bits)
    return builder, _controlled(matrix, controls, value, size), targets + controls


def check_primitives(kernels: KernelSet, dtype: DType) -> None:
    """Every primitive, on any targets and with any controls, agrees with its dense matrix."""
    rng = np.random.default_rng(2)
    for kind in ("matrix", "diagonal", "permutation", "rotation", "phase"):
        for width in (1, 2, 3, 4, 6, 8):
            for _ in range(12):
                builder, matrix, qubits = _primitive_case(rng, kind, width)
                program = builder.build()
                amplitudes = random_state(rng, width)
                wanted = apply_matrix(amplitudes, matrix, qubits)
                got = run(kernels, trivial_plan(program), amplitudes, NO_PARAMETERS, dtype)
                what = (
                    f"{kind} on targets {program.targets.tolist()} of {width} qubits, control mask "
                    f"{int(program.control_mask[0]):#b}, value {int(program.control_value[0]):#b}"
                )
                assert_close(got, wanted, goals_of(dtype).amplitude, what)


def check_primitives_without_targets(kernels: KernelSet, dtype: DType) -> None:
    """A matrix or diagonal on no targets is a phase where its controls hold, fused or not."""
    factor = np.exp(0.7j)
    builder = ProgramBuilder(2)
    builder.matrix((0,), np.array([[0, 1], [1, 0]], complex))
    builder.matrix((), np.array([[factor]]), 1, 0)
    builder.diagonal((), np.array([factor]), 3, 1)
    builder.permutation((), np.array([0]), 2, 2)
    builder.matrix((), np.array([[factor]]))
    amplitudes = random_state(np.random.default_rng(11), 2)
    phases = factor * np.array([factor, factor, factor, 1])
    for name, schedule in plans_of(builder.build()).items():
        got = run(kernels, schedule, amplitudes, NO_PARAMETERS, dtype)
        wanted = phases * amplitudes[[1, 0, 3, 2]]
        assert_close(got, wanted, goals_of(dtype).amplitude, f"no targets, plan '{name}'")

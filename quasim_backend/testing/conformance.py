"""The battery that every engine and kernel set passes: QuASIM's own and third parties' alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from quasim_backend.engines.base import Engine
from quasim_backend.kernels.base import KernelSet
from quasim_backend.testing.clifford_checks import CLIFFORD_CHECKS
from quasim_backend.testing.engine_checks import ENGINE_CHECKS, Refused, Subject
from quasim_backend.testing.kernel_checks import KERNEL_CHECKS

__all__ = ["ConformanceReport", "check_engine", "check_kernel_set"]


@dataclass
class ConformanceReport:
    """What a battery did.

    Attributes:
        passed: Names of the checks that passed.
        refused: Checks that the engine refused to run, with its reasons.
    """

    passed: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


def check_kernel_set(kernels: KernelSet, dtype: Any = np.complex128) -> ConformanceReport:
    """Check that a kernel set does what `KernelSet` promises. Takes about a second.

    Args:
        kernels: The kernel set.
        dtype: complex64 or complex128.

    Returns:
        The checks that passed.

    Raises:
        AssertionError: At the first check that fails; the message says what differs and by how
            much.
    """
    assert isinstance(kernels, KernelSet), (
        f"{type(kernels).__name__} lacks methods of KernelSet: "
        f"{', '.join(_missing(kernels, KernelSet))}."
    )
    report = ConformanceReport()
    for name, check in KERNEL_CHECKS.items():
        try:
            check(kernels, np.dtype(dtype))
        except AssertionError as failure:
            raise AssertionError(f"[{kernels.name}, {np.dtype(dtype)}, {name}] {failure}") from None
        report.passed.append(name)
    return report


def check_engine(
    engine: Engine, kernels: KernelSet, dtype: Any = np.complex128
) -> ConformanceReport:
    """Check that an engine does what `Engine` promises. Takes a few seconds.

    Args:
        engine: The engine.
        kernels: A kernel set that passes `check_kernel_set`.
        dtype: complex64 or complex128.

    Returns:
        The checks that passed and those that the engine refused.

    Raises:
        AssertionError: At the first check that fails, or if the engine refused everything.
    """
    assert isinstance(engine, Engine), (
        f"{type(engine).__name__} lacks methods of Engine: {', '.join(_missing(engine, Engine))}."
    )
    report = ConformanceReport()
    subject = Subject(engine, kernels, np.dtype(dtype))
    for name, check in (ENGINE_CHECKS | CLIFFORD_CHECKS).items():
        try:
            check(subject)
        except Refused as reason:
            report.refused[name] = str(reason)
        except AssertionError as failure:
            raise AssertionError(
                f"[{engine.name} on {kernels.name}, {np.dtype(dtype)}, {name}] {failure}"
            ) from None
        else:
            report.passed.append(name)
    assert report.passed, f"The engine '{engine.name}' refused every check: {report.refused}."
    return report


def _missing(value: object, protocol: type) -> list[str]:
    return [n for n in dir(protocol) if not n.startswith("_") and not hasattr(value, n)]

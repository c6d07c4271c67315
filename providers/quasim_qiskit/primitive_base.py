"""What the two primitives share: their job, their options, their backend."""

from __future__ import annotations

import concurrent.futures
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from qiskit.primitives import BasePrimitiveJob, PrimitiveResult
from qiskit.providers import BackendV2, JobStatus

from quasim_backend.errors import Cancelled
from quasim_backend.session.jobs import CancelToken, JobPool
from quasim_qiskit.backend import QuasimSimulator
from quasim_qiskit.errors import QuasimQiskitError
from quasim_qiskit.options import Settings, settings

__all__ = ["QuasimPrimitiveJob", "choose_backend", "first_seed", "run_settings"]

_POOL = JobPool(1)


class QuasimPrimitiveJob(BasePrimitiveJob[PrimitiveResult[Any], JobStatus]):
    """A primitive's run in the background. Ctrl-C while waiting stops it."""

    def __init__(self, work: Callable[[CancelToken], PrimitiveResult[Any]]) -> None:
        """Start ``work``."""
        super().__init__(str(uuid.uuid4()))
        self._future = _POOL.submit(work)

    def result(self) -> PrimitiveResult[Any]:
        """Wait for the result.

        Raises:
            QuasimQiskitError: If the job was cancelled or something is not supported.
        """
        try:
            return self._future.result()
        except (Cancelled, concurrent.futures.CancelledError) as cause:
            raise QuasimQiskitError(f"Job {self.job_id()} was cancelled.") from cause

    def cancel(self) -> bool:
        """Stop the job; return whether it had not finished yet."""
        return self._future.cancel()

    def status(self) -> JobStatus:
        """Return where the job is."""
        if self._future.running():
            return JobStatus.RUNNING
        if not self._future.done():
            return JobStatus.QUEUED
        if self._future.cancelled() or isinstance(self._future.exception(), Cancelled):
            return JobStatus.CANCELLED
        return JobStatus.DONE if self._future.exception() is None else JobStatus.ERROR

    def done(self) -> bool:
        """Return whether it succeeded."""
        return bool(self.status() == JobStatus.DONE)

    def running(self) -> bool:
        """Return whether it runs."""
        return bool(self.status() == JobStatus.RUNNING)

    def cancelled(self) -> bool:
        """Return whether it was cancelled."""
        return bool(self.status() == JobStatus.CANCELLED)

    def in_final_state(self) -> bool:
        """Return whether it is over."""
        return self._future.done()


@dataclass
class PrimitiveOptions:
    """Options of a primitive.

    Attributes:
        backend_options: For the backend's constructor.
        run_options: For each run.
    """

    backend_options: dict[str, Any] = field(default_factory=dict)
    run_options: dict[str, Any] = field(default_factory=dict)


def choose_backend(backend: BackendV2 | None, options: dict[str, Any]) -> QuasimSimulator:
    """Return the simulator of a primitive: the given one, one like a device, or a new one."""
    if isinstance(backend, QuasimSimulator):
        return backend
    if backend is not None:
        return QuasimSimulator.from_backend(backend, **options)
    return QuasimSimulator(**options)


def run_settings(backend: QuasimSimulator, options: dict[str, Any]) -> Settings:
    """Return the checked options of a primitive's run."""
    return settings(backend.run_options(options))


def first_seed(seed: int | None, chosen: Settings) -> int:
    """Return the seed of a run's first simulation."""
    if seed is None:
        seed = chosen.seed
    return secrets.randbits(48) if seed is None else int(seed)

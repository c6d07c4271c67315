"""The job: a run in the background, with Qiskit's job interface."""

from __future__ import annotations

import concurrent.futures
import uuid
from collections.abc import Callable
from typing import Any

from qiskit.providers import JobError, JobStatus, JobTimeoutError, JobV1
from qiskit.result import Result

from quasim_backend.errors import Cancelled
from quasim_backend.session.jobs import CancelToken, Job, JobPool
from quasim_qiskit.errors import QuasimQiskitError

__all__ = ["QuasimJob"]

# One worker, so that jobs run in the order they were submitted; each uses all kernel threads. The
# pool starts a new worker in a forked process.
_POOL = JobPool(1)


class QuasimJob(JobV1):
    """A run that was started; `result` waits for it."""

    _async = True

    def __init__(
        self,
        backend: Any,
        circuits: list[Any],
        work: Callable[[str, CancelToken], Result],
    ) -> None:
        """Prepare a job; `submit` starts it.

        Args:
            backend: The backend the job belongs to.
            circuits: The circuits it runs.
            work: Makes the result from the job's id; polls the token.
        """
        super().__init__(backend, str(uuid.uuid4()))
        self._circuits = circuits
        self._work: Callable[[str, CancelToken], Result] | None = work
        self._future: Job[Result] | None = None

    def submit(self) -> None:
        """Start the job.

        Raises:
            JobError: If it was started before.
        """
        if self._future is not None or self._work is None:
            raise JobError("The job was submitted before.")
        work, job_id = self._work, self.job_id()
        self._work = None  # the circuits' translations need not live as long as the job
        self._future = _POOL.submit(lambda token: work(job_id, token))

    def result(self, timeout: float | None = None) -> Result:
        """Wait for the result. Ctrl-C while waiting stops the run.

        Args:
            timeout: Seconds to wait; None waits for ever.

        Raises:
            TimeoutError: If it takes longer; the job goes on.
            QuasimQiskitError: If the job was cancelled, or a circuit or option is not supported.
            TypeError: If an option has the wrong type.
            JobError: If the job was not submitted.
        """
        future = self._submitted()
        try:
            return future.result(timeout)
        except (Cancelled, concurrent.futures.CancelledError) as cause:
            raise QuasimQiskitError(f"Job {self.job_id()} was cancelled.") from cause

    def cancel(self) -> bool:
        """Stop the job, whether it waits or runs; return whether it had not finished yet."""
        return self._submitted().cancel()

    def status(self) -> JobStatus:
        """Return where the job is."""
        future = self._submitted()
        if future.running():
            return JobStatus.RUNNING
        if future.cancelled():
            return JobStatus.CANCELLED
        if not future.done():
            return JobStatus.QUEUED
        error = future.exception()
        if isinstance(error, Cancelled):
            return JobStatus.CANCELLED
        return JobStatus.DONE if error is None else JobStatus.ERROR

    def wait_for_final_state(
        self,
        timeout: float | None = None,
        wait: float = 5,
        callback: Callable[..., Any] | None = None,
    ) -> None:
        """Wait until the job is over.

        Args:
            timeout: Seconds to wait; None waits for ever.
            wait: Seconds between calls of ``callback``; without one nothing is polled.
            callback: Called with the job's id, its status and itself while it is not over.

        Raises:
            JobTimeoutError: If it takes longer.
        """
        if callback is not None:
            super().wait_for_final_state(timeout, wait, callback)
        elif concurrent.futures.wait([self._submitted()], timeout).not_done:
            raise JobTimeoutError(f"Job {self.job_id()} is not over after {timeout} seconds.")

    def circuits(self) -> list[Any]:
        """Return the circuits of the job."""
        return self._circuits

    def executor(self) -> None:
        """Return None: jobs share one worker of the process."""

    def _submitted(self) -> Job[Result]:
        if self._future is None:
            raise JobError("The job was not submitted; call submit() first.")
        return self._future

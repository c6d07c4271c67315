"""Work in the background: a future with a token that stops the run behind it."""

from __future__ import annotations

import atexit
import concurrent.futures
import contextvars
import logging
import os
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from quasim_backend.errors import UnsupportedError
from quasim_backend.forks import renew_in_child
from quasim_backend.kernels.base import CancelToken

__all__ = ["CancelToken", "Job", "JobPool"]

_log = logging.getLogger(__name__)

T = TypeVar("T")


class Job(Future[T], Generic[T]):
    """A future of a run that can be stopped while it runs.

    Attributes:
        token: What the run polls.
    """

    def __init__(self, token: CancelToken | None = None) -> None:
        """Make a pending job; a `JobPool` runs it."""
        super().__init__()
        self.token = token or CancelToken()

    def cancel(self) -> bool:
        """Ask the job to stop.

        A job that has not started is cancelled at once, as every future. One that runs stops at
        its next poll and then fails with `quasim_backend.errors.Cancelled`.

        Returns:
            Whether the job had not finished yet.
        """
        if self.done() and not self.cancelled():
            return False
        self.token.cancel()
        return super().cancel() or not self.done()

    def result(self, timeout: float | None = None) -> T:
        """Wait for the result. Ctrl-C while waiting in the main thread cancels the job.

        Args:
            timeout: Seconds to wait; None waits for ever.

        Raises:
            TimeoutError: If the job is not finished in time; it goes on.
            concurrent.futures.CancelledError: If it was cancelled before it started.
            quasim_backend.errors.Cancelled: If it was cancelled while it ran.
            BaseException: What the job failed with.
        """
        try:
            return super().result(timeout)
        except KeyboardInterrupt:
            self._interrupted()
            raise

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for what the job failed with; None if it did not fail. See `result`."""
        try:
            return super().exception(timeout)
        except KeyboardInterrupt:
            self._interrupted()
            raise

    def _interrupted(self) -> None:
        # Wait for the run to wind down, so that its memory is free again; but a second Ctrl-C
        # gets through.
        if not self.done():
            self.cancel()
            concurrent.futures.wait([self])


class JobPool:
    """A few threads that run jobs in the order they come.

    Threads start with the first job. At interpreter shutdown all jobs of all pools are cancelled,
    so that a long run does not keep the process alive.
    """

    def __init__(self, workers: int | None = None) -> None:
        """Describe a pool.

        Args:
            workers: Number of jobs that run at the same time; default at most 4. The threads of
                the kernels are one set for the whole process, however many jobs run.
        """
        self._workers = workers or min(4, os.cpu_count() or 1)
        self._lock = threading.RLock()
        renew_in_child(self, "_lock")
        self._executor: ThreadPoolExecutor | None = None
        self._process = 0
        self._jobs: set[Job[object]] = set()
        self._closed = False
        _pools.add(self)

    def submit(
        self,
        function: Callable[[CancelToken], T],
        callback: Callable[[T], object] | None = None,
    ) -> Job[T]:
        """Run ``function(token)`` in the background.

        Args:
            function: The work. It hands the token to `Runtime.run` or polls it.
            callback: Called with the result in the job's thread, before the job is done. If it
                raises, the error is logged and becomes the job's own.

        Raises:
            UnsupportedError: If the pool is closed.
        """
        job: Job[T] = Job()
        context = contextvars.copy_context()
        with self._lock:
            if self._closed:
                raise UnsupportedError("This session is closed and takes no more jobs.")
            if self._executor is None or self._process != os.getpid():
                # After a fork the child has none of the parent's threads.
                self._process = os.getpid()
                self._executor = ThreadPoolExecutor(self._workers, "quasim-job")
                self._jobs = set()
            self._jobs.add(job)  # type: ignore[arg-type]
            self._executor.submit(context.run, self._work, job, function, callback)
        return job

    def cancel_all(self) -> None:
        """Ask every job to stop."""
        for job in list(self._jobs):
            job.cancel()

    def close(self) -> None:
        """Cancel all jobs, wait until they have stopped, and take no more."""
        with self._lock:
            self._closed = True
            executor = self._executor if self._process == os.getpid() else None
            self._executor = None
        self.cancel_all()
        if executor is not None:
            executor.shutdown(wait=True)

    def _work(
        self,
        job: Job[T],
        function: Callable[[CancelToken], T],
        callback: Callable[[T], object] | None,
    ) -> None:
        try:
            if not job.set_running_or_notify_cancel():
                return
            try:
                job.token.check()
                result = function(job.token)
                if callback is not None:
                    _call(callback, result)
            except BaseException as error:
                job.set_exception(error)
            else:
                job.set_result(result)
        finally:
            self._jobs.discard(job)
            del job  # or an exception would keep itself alive through this frame


def _call(callback: Callable[[T], object], result: T) -> None:
    try:
        callback(result)
    except Exception:
        _log.exception("The callback of a job failed; its error is stored on the future.")
        raise


_pools: weakref.WeakSet[JobPool] = weakref.WeakSet()


def _cancel_everything() -> None:
    for pool in list(_pools):
        pool.cancel_all()


# The interpreter waits for pool threads before it calls atexit functions, so the jobs have to be
# stopped earlier; where that private door is missing, a running job is waited for instead.
getattr(threading, "_register_atexit", atexit.register)(_cancel_everything)

"""The handle of a job: follow it, wait for its end, get its result."""

from __future__ import annotations

import math
import time
from datetime import timedelta
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec

from ..model import InvalidResult, JobCancelled, JobFailed, JobRecord, State, Submitted, seconds
from ..store import Events
from .inspector import Inspector

R = TypeVar("R")

UNTOUCHED: Final = 1  # version of a job that was enqueued, and no more

_decode = msgspec.msgpack.Decoder().decode


class JobQueue(Protocol):
    """What a handle needs of the queue that it came from."""

    inspector: Inspector
    events: Events

    async def cancel(self, job_id: str) -> State:
        """See Queue.cancel."""


class Job(Generic[R]):
    """A job that was enqueued. `Queue.job` makes one of an id.

    Attributes:
        submitted: what Redis answered to the request; None where the handle was made of an id.
    """

    __slots__ = ("_queue", "_returns", "id", "submitted")

    def __init__(
        self, queue: JobQueue, job_id: str, returns: Any = Any, submitted: Submitted | None = None
    ) -> None:
        self._queue = queue
        self._returns = returns
        self.id = job_id
        self.submitted = submitted

    @property
    def created(self) -> bool:
        """Whether the request that returned this handle made the job, and did not find it there."""
        return self.submitted is not None and self.submitted.created

    def __repr__(self) -> str:
        return f"<Job {self.id}>"

    async def record(self) -> JobRecord:
        """The job as it stands now. Raises JobNotFound."""
        return await self._queue.inspector.jobs.record(self.id)

    async def cancel(self) -> State:
        """See Queue.cancel."""
        return await self._queue.cancel(self.id)

    async def result(self, *, timeout: float | timedelta | None = None) -> R:
        """Wait for the job's end and return its result, decoded to the type the handler declares.

        Args:
            timeout: how long to wait at most, in seconds or as a timedelta; None for as long as it takes.

        Raises:
            JobFailed, JobCancelled: it ended so.
            TimeoutError: it has not ended yet; it goes on.
            JobNotFound: it is gone, its retention is over.
            InvalidResult: the worker's handler returns another type than the one at hand declares.
            InvalidOption: the timeout is none.
        """
        if timeout is not None:
            timeout = seconds(timeout, name="timeout", most=math.inf)
        deadline = None if timeout is None else time.monotonic() + timeout
        version = UNTOUCHED
        with self._queue.events.follow(self.id, only_end=True) as follower:
            while True:
                left = 3600.0 if deadline is None else deadline - time.monotonic()
                version = await follower.changed(since=version, timeout=max(0.0, left))
                if follower.result is not None:
                    return self._convert(_decode(follower.result))
                record = await self._queue.inspector.jobs.record(self.id)
                version = record.version
                match record.state:
                    case State.COMPLETED:
                        return self._convert(record.result)
                    case State.FAILED:
                        error = record.error
                        raise JobFailed(
                            self.id,
                            type=error.type if error else "unknown",
                            title=error.title if error else "no reason was stored",
                            detail=error.detail if error else "",
                        )
                    case State.CANCELLED:
                        raise JobCancelled(self.id)
                    case State.SCHEDULED | State.QUEUED | State.WAITING | State.RUNNING:
                        if deadline is not None and time.monotonic() >= deadline:
                            raise TimeoutError(
                                f"job {self.id} is {record.state} after {timeout:g} s of waiting"
                            )

    def _convert(self, value: Any) -> R:
        if self._returns is Any:
            return value  # type: ignore[no-any-return]  # the handler declares nothing
        try:
            result: R = msgspec.convert(value, self._returns)
        except msgspec.ValidationError as error:
            raise InvalidResult(
                f"job {self.id}", f"{error}; the worker's handler declares another type than this one"
            ) from error
        return result

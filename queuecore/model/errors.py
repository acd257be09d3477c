"""Every error of the library.

QueueError
├── BrokerUnavailable       Redis did not answer; nothing is known to be lost, try again later
│   ├── QueueClosed         the queue was closed and asks nothing any more
│   └── Unconfirmed         the jobs may be stored and may run; `retry()` sends the same request again
├── BrokerRefused           Redis answered, but will not do it: wrong password, wrong server, a damaged key
├── QueueFull               Redis is at its memory limit and takes no new jobs
├── JobNotFound             no job has this id (any more)
├── StateConflict           the job's state does not allow what was asked
├── InvalidOption           something asked for has no sense: a delay below zero, a line that there is not
├── InvalidArguments        the arguments do not fit the handler's signature
├── InvalidResult           a handler returned what cannot be its result, or not what it declares
├── PayloadTooLarge         arguments, result, progress or checkpoint over its limit
├── UnknownKind             no handler is registered for this kind
├── OtherLoop               the queue is in use in another event loop
├── HandlerError            a handler is declared wrongly
├── BoundReached            there is too much under a name that the job counts under
├── IdempotencyConflict     the key was used before, for something else
├── NotUnique               another job holds the unique key, and is not to be replaced
├── AttemptFenced           the attempt no longer owns its job
├── RunnerForgotten         the runner was given up and its jobs taken from it
├── JobFailed               the awaited job failed
└── JobCancelled            the awaited job was cancelled

What handlers raise to say how their attempt is to end is in `endings`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from .texts import show


class QueueError(Exception):
    """Base of everything this library raises to its callers."""


class BrokerUnavailable(QueueError):
    """Redis did not answer in time; a repeated call is safe, every script is idempotent."""

    def __init__(self, reason: str, *, retry_after: float = 2.0) -> None:
        super().__init__(f"Redis is unavailable ({reason}); try again in {retry_after:g} s")
        self.reason = reason
        self.retry_after = retry_after  # seconds


class QueueClosed(BrokerUnavailable):
    """The queue was closed before it was asked: nothing was sent."""

    def __init__(self) -> None:
        super().__init__("this queue was closed")
        self.args = ("this queue was closed: make another one with Queue.connect(url)",)


class Unconfirmed(BrokerUnavailable):
    """Redis did not say that it stored these jobs: they may be stored and may run.

    `await error.retry()` sends the same request again. That is safe: the ids are the same, so what was stored
    is stored once.

    Attributes:
        job_ids: of the jobs in question; `queue.job(id)` makes a handle of one.
    """

    def __init__(self, reason: str, job_ids: Sequence[str], retry: Callable[[], Awaitable[Any]]) -> None:
        super().__init__(reason)
        count = f"the job {job_ids[0]}" if len(job_ids) == 1 else f"{len(job_ids)} jobs"
        self.args = (f"{self}; {count} may be stored all the same: `await error.retry()` is safe",)
        self.job_ids = tuple(job_ids)
        self._retry = retry

    async def retry(self) -> Any:
        """Send the same request again; returns what the first call would have. Raises as that."""
        return await self._retry()


class BrokerRefused(QueueError):
    """Redis answered and will not do what was asked, now or later, until somebody changes something.

    Attributes:
        code: the first word of what it said, such as `WRONGPASS` or `WRONGTYPE`.
    """

    def __init__(self, code: str, reason: str) -> None:
        # Where in a script it happened is of no use to anybody.
        reason = reason.partition(" script: ")[0].removesuffix(".")
        super().__init__(f"Redis refuses: {reason}. {_remedy(code, reason)}")
        self.code = code


_REMEDIES: Final = {
    "WRONGPASS": "Correct user and password in its address",
    "NOAUTH": "Put user and password into its address: redis://user:password@host:6379/0",
    "NOPERM": "Give this user the rights that docs/operations.md lists",
    "MOVED": "This is a node of a Redis Cluster, which is not spoken yet: name a single server",
    "CROSSSLOT": "This is a node of a Redis Cluster, which is not spoken yet: name a single server",
    "WRONGTYPE": "Something else wrote one of queuecore's keys; GET /health names it: rename or delete it",
    "TOOOLD": "Use Redis or Valkey from 6.2 on",
}


def _remedy(code: str, reason: str) -> str:
    if "DB index" in reason:
        return "Name a database that it has, such as /0, at the end of its address"
    if "unknown command" in reason.lower():
        return "Use Redis or Valkey from 6.2 on, with scripting"
    return _REMEDIES.get(code, "See docs/operations.md")


class QueueFull(QueueError):
    """Redis is at its memory limit: running jobs go on, new ones are refused."""

    def __init__(self) -> None:
        super().__init__(
            "Redis is at its memory limit (maxmemory) and takes no new jobs; free memory or raise the limit"
        )


class JobNotFound(QueueError):
    """No job has this id: it never existed, was deleted, or its retention is over."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"no job has the id {job_id!r}")
        self.job_id = job_id


class StateConflict(QueueError):
    """The job's state does not allow what was asked; nothing was changed."""

    def __init__(self, job_id: str, state: str, wanted: str) -> None:
        super().__init__(f"job {job_id} is {state}, so it cannot be {wanted}")
        self.job_id = job_id
        self.state = state
        self.wanted = wanted


class InvalidOption(QueueError, ValueError, TypeError):
    """Something that was given has not the value or the type that it must have.

    Attributes:
        option: what it is called.
    """

    def __init__(self, option: str, value: object, must: str) -> None:
        super().__init__(f"{option}={show(value)} must be {must}")
        self.option = option


class InvalidLimit(InvalidOption):
    """A limit cannot be what was asked for; the message says what to write instead."""

    def __init__(self, reason: str) -> None:
        QueueError.__init__(self, reason)
        self.option = "limits"


class InvalidUnique(InvalidOption):
    """A Unique cannot be what was asked for; the message says what to write instead."""

    def __init__(self, reason: str) -> None:
        QueueError.__init__(self, reason)
        self.option = "unique"


class InvalidArguments(QueueError):
    """The arguments do not fit the handler's signature."""

    def __init__(self, kind: str, reason: str, *, argument: str | None = None) -> None:
        where = f"argument {argument!r} of {kind}" if argument else f"arguments of {kind}"
        super().__init__(f"{where}: {reason}")
        self.kind = kind
        self.reason = reason
        self.argument = argument


class InvalidResult(QueueError):
    """What a handler returned cannot be stored, or does not come back as the type that is declared."""

    def __init__(self, of: str, reason: str) -> None:
        super().__init__(f"result of {of}: {reason}")
        self.reason = reason


class PayloadTooLarge(QueueError):
    """Something that is to be stored with a job is over its limit; it names itself."""

    def __init__(self, what: str, size: int, limit: int) -> None:
        super().__init__(f"{what}: {size} bytes, at most {limit} are allowed; keep large data in a file")
        self.what = what
        self.size = size  # bytes
        self.limit = limit  # bytes


_NO_KINDS: Final = (
    "none are known here: a queue is told with Queue.connect(url, registry=Registry.load('mail')) for mail.py"
)


class UnknownKind(QueueError):
    """No handler is registered for this kind."""

    def __init__(self, kind: str, known: tuple[str, ...] = ()) -> None:
        choices = f"known kinds: {', '.join(known)}" if known else _NO_KINDS
        super().__init__(f"no handler for the kind {show(kind)}; {choices}")
        self.kind = kind


class HandlerError(QueueError):
    """A handler is declared wrongly: its name, signature or options cannot work."""


class OtherLoop(QueueError, RuntimeError):
    """A queue works in one event loop at a time; in the next one when that has ended."""

    def __init__(self) -> None:
        super().__init__(
            "this queue is in use in another event loop, which still runs: make a Queue for each of them"
        )


class BoundReached(QueueError):
    """With the job there would be more under a name than may be; nothing was stored.

    Attributes:
        name: which.
        until: what counts: jobs that have not "ended", or whose records are not "removed".
        amount: how much there is.
        most: how much there may be.
    """

    def __init__(self, name: str, until: str, *, amount: int, most: int) -> None:
        super().__init__(
            f"there is {amount} under the bound {name!r} (until {until}), and at most {most} may be; "
            "wait until some of it has gone, or raise the bound"
        )
        self.name = name
        self.until = until
        self.amount = amount
        self.most = most


class IdempotencyConflict(QueueError):
    """The idempotency key was used before, with other content."""

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"this idempotency key already belongs to job {job_id}, which was made from other content"
        )
        self.job_id = job_id


class NotUnique(QueueError):
    """Another job holds the unique key; nothing was stored, or requeued.

    Attributes:
        job_id: of the job that holds it.
    """

    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"job {job_id} holds this unique key: wait for its end or cancel it, then ask again; for "
            "another answer see on_conflict in docs/uniqueness.md"
        )
        self.job_id = job_id


class AttemptFenced(QueueError):
    """The attempt no longer owns its job; what it wanted to write was not written."""

    def __init__(self, job_id: str, attempt: int) -> None:
        super().__init__(f"job {job_id}: attempt {attempt} no longer owns it, nothing was written")
        self.job_id = job_id
        self.attempt = attempt


class RunnerForgotten(QueueError):
    """The runner missed its heartbeats and was given up: its jobs are in line again, it may claim no more."""

    def __init__(self, runner_id: str, fenced: list[str] | None = None) -> None:
        super().__init__(
            f"runner {runner_id} was given up after missed heartbeats; its jobs were taken from it"
        )
        self.runner_id = runner_id
        self.fenced = fenced or []  # ids of the jobs whose outcome came too late in this very call


class JobFailed(QueueError):
    """The awaited job failed; `type`, `title` and `detail` are those of its last attempt."""

    def __init__(self, job_id: str, *, type: str, title: str, detail: str = "") -> None:
        super().__init__(f"job {job_id} failed: {title}" + (f" ({detail})" if detail else ""))
        self.job_id = job_id
        self.type = type
        self.title = title
        self.detail = detail


class JobCancelled(QueueError):
    """The awaited job was cancelled."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"job {job_id} was cancelled")
        self.job_id = job_id

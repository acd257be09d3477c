"""queuecore: an asyncio-native job queue on Redis.

A handler is a function with a decorator; a queue takes its calls as jobs, and
worker processes run them: at least once, accepted once.

    from queuecore import JobContext, Queue, handler

    @handler("rows.count", timeout=120, runs="process")
    def count_rows(ctx: JobContext, path: str) -> int: ...

    async with Queue.connect("redis://localhost") as queue:
        job = await queue.enqueue(count_rows, path="data.csv")
        print(await job.result(timeout=30))
"""

from .client import Job, Queue
from .handling import Handler, JobContext, Registry, handler
from .model import (
    Backoff,
    Bound,
    BoundReached,
    BrokerRefused,
    BrokerUnavailable,
    Debounce,
    ErrorRecord,
    HandlerError,
    IdempotencyConflict,
    InvalidArguments,
    InvalidOption,
    InvalidResult,
    JobCancelled,
    JobFailed,
    JobNotFound,
    JobRecord,
    JobRequest,
    Limit,
    Line,
    NotUnique,
    OtherLoop,
    PayloadTooLarge,
    Permanent,
    Progress,
    QueueClosed,
    QueueError,
    QueueFull,
    Retention,
    Retry,
    State,
    StateConflict,
    Step,
    Submitted,
    Unconfirmed,
    Unique,
    UnknownKind,
    new_job_id,
    split_job_id,
)

__all__ = [
    "Backoff",
    "Bound",
    "BoundReached",
    "BrokerRefused",
    "BrokerUnavailable",
    "Debounce",
    "ErrorRecord",
    "Handler",
    "HandlerError",
    "IdempotencyConflict",
    "InvalidArguments",
    "InvalidOption",
    "InvalidResult",
    "Job",
    "JobCancelled",
    "JobContext",
    "JobFailed",
    "JobNotFound",
    "JobRecord",
    "JobRequest",
    "Limit",
    "Line",
    "NotUnique",
    "OtherLoop",
    "PayloadTooLarge",
    "Permanent",
    "Progress",
    "Queue",
    "QueueClosed",
    "QueueError",
    "QueueFull",
    "Registry",
    "Retention",
    "Retry",
    "State",
    "StateConflict",
    "Step",
    "Submitted",
    "Unconfirmed",
    "Unique",
    "UnknownKind",
    "handler",
    "new_job_id",
    "split_job_id",
]

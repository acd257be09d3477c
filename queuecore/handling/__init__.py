"""What users declare and hold in their hands: handlers, the context of an attempt, progress, failures.

Nothing here speaks to Redis, so a handler can be called and tested without a queue.
"""

from .context import JobContext, News
from .failures import (
    OUT_OF_MEMORY,
    UNEXPECTED,
    Failure,
    describe,
    encode_result,
    exit_phrase,
    process_died,
    retry_with_more_room,
    runner_died,
    timed_out,
)
from .handler import DEFAULT_RETRIES, Handler, handler
from .progress import ProgressMeter
from .registry import Registry

__all__ = [
    "DEFAULT_RETRIES",
    "OUT_OF_MEMORY",
    "UNEXPECTED",
    "Failure",
    "Handler",
    "JobContext",
    "News",
    "ProgressMeter",
    "Registry",
    "describe",
    "encode_result",
    "exit_phrase",
    "handler",
    "process_died",
    "retry_with_more_room",
    "runner_died",
    "timed_out",
]

"""What users declare and hold in their hands: handlers, the context of an attempt, progress, failures.

Nothing here speaks to Redis, so a handler can be called and tested without a queue.
"""

from .context import MAX_LOG_LINE_CHARACTERS, MAX_LOG_LINES_KEPT, JobContext, News
from .failures import (
    DISK_TRIES,
    UNEXPECTED,
    Failure,
    describe,
    disk_delay,
    exit_phrase,
    forget_frames,
    is_exhaustion,
    process_broken,
    process_died,
    process_stopped,
    runner_died,
    timed_out,
)
from .handler import DEFAULT_RETRIES, Handler, handler
from .progress import ProgressMeter
from .registry import Registry

__all__ = [
    "DEFAULT_RETRIES",
    "DISK_TRIES",
    "MAX_LOG_LINES_KEPT",
    "MAX_LOG_LINE_CHARACTERS",
    "UNEXPECTED",
    "Failure",
    "Handler",
    "JobContext",
    "News",
    "ProgressMeter",
    "Registry",
    "describe",
    "disk_delay",
    "exit_phrase",
    "forget_frames",
    "handler",
    "is_exhaustion",
    "process_broken",
    "process_died",
    "process_stopped",
    "runner_died",
    "timed_out",
]

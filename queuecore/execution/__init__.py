"""Runs users' code: in the event loop, in threads, in job processes. Knows nothing of Redis.

An attempt goes in as a claim and comes out as an outcome, whatever the handler does.
"""

from .attempt import Attempt, StopReason
from .executor import Executor
from .loop_watch import LoopWatch
from .outcomes import outcome_of_stop
from .pool import ProcessPool
from .pooled_process import PoolOptions
from .threads import Threads

__all__ = [
    "Attempt",
    "Executor",
    "LoopWatch",
    "PoolOptions",
    "ProcessPool",
    "StopReason",
    "Threads",
    "outcome_of_stop",
]

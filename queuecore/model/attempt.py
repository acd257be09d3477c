"""What passes between a runner and the store: claims, what attempts came to, what they report.

The state that an outcome leads to is decided in Redis, see `states`.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from .job import ErrorRecord, Progress
from .lines import Runs
from .request import SCHEMA

MAX_RESULT_BYTES: Final = 1024 * 1024
MAX_CHECKPOINT_BYTES: Final = 64 * 1024


class Ask(msgspec.Struct, frozen=True):
    """How many jobs a runner wants for one class of slot, and of which queues, the first of them first."""

    runs: Runs
    slots: int
    queues: tuple[str, ...]


class Claim(msgspec.Struct, frozen=True):
    """A job handed to a runner, with what the attempt needs to know of earlier ones.

    `runs` is the class of slot that it was claimed for and takes up until it is settled. `tied` says that its
    end concerns others, see `ties`.
    """

    id: str
    attempt: int
    kind: str
    args: msgspec.Raw
    failures: int = 0
    crashes: int = 0
    checkpoint: bytes | None = None
    retries: int | None = None
    timeout: float | None = None
    runs: Runs = "async"
    schema: int = SCHEMA
    tied: bool = False


class Completed(msgspec.Struct, frozen=True):
    """The handler returned; `result` is msgpack. `tied` is as the claim said."""

    id: str
    attempt: int
    result: bytes
    tied: bool = False


class Retrying(msgspec.Struct, frozen=True):
    """The attempt failed and the next may start in `delay` seconds."""

    id: str
    attempt: int
    delay: float
    error: ErrorRecord
    outcome: Literal["failed", "timed_out"] = "failed"


class Failing(msgspec.Struct, frozen=True):
    """The attempt failed and no other is to follow."""

    id: str
    attempt: int
    error: ErrorRecord
    outcome: Literal["failed", "timed_out"] = "failed"


class Releasing(msgspec.Struct, frozen=True):
    """The attempt is given back, unspent; the job goes to the front of its line."""

    id: str
    attempt: int


class Crashing(msgspec.Struct, frozen=True):
    """The process that ran the attempt died under it."""

    id: str
    attempt: int
    error: ErrorRecord


class Cancelling(msgspec.Struct, frozen=True):
    """The attempt ended because a cancel was asked for."""

    id: str
    attempt: int


Outcome = Completed | Retrying | Failing | Releasing | Crashing | Cancelling


class Advance(msgspec.Struct, frozen=True):
    """The answer to a runner's call.

    Args:
        claims: by the class of slot that they were asked for, oldest first.
        fenced: ids of jobs whose outcome was refused.
        next_due: seconds to the next scheduled job.
    """

    claims: dict[Runs, list[Claim]]
    fenced: list[str]
    next_due: float | None = None


class ProgressUpdate(msgspec.Struct, frozen=True):
    """What an attempt has to say while it runs; None and empty parts are left as they are."""

    id: str
    attempt: int
    progress: Progress | None = None
    checkpoint: bytes | None = None
    log: tuple[str, ...] = ()


class ProgressReply(msgspec.Struct, frozen=True):
    """Ids of attempts that no longer own their job, and of jobs whose cancel was asked for."""

    fenced: list[str]
    cancelled: list[str]

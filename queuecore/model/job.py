"""Plain values: what is asked of the queue, what it answers, what a job looks like.

Nothing here speaks to Redis. Times are UTC milliseconds (`_ms`), durations seconds as float.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from .states import Line, State

SCHEMA = 1  # version of a stored job; a release reads its own and the one before

MAX_ARGUMENTS_BYTES = 256 * 1024
MAX_RESULT_BYTES = 1024 * 1024
MAX_CHECKPOINT_BYTES = 64 * 1024
MAX_ERROR_CHARS = 2_000
DEFAULT_MAX_CRASHES: Final = 3


class Spec(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """What is to be done: written once at enqueue, read by the runner that claims the job.

    `args` is the msgpack map of the handler's arguments, decoded only by its handler.
    `retries` and `timeout` (seconds) are None where the handler's own hold.
    """

    schema: int
    kind: str
    args: msgspec.Raw
    retries: int | None = None
    timeout: float | None = None


_decode_spec = msgspec.msgpack.Decoder(Spec).decode
UNREADABLE: Final = Spec(0, "", msgspec.Raw(b"\x80"))


def read_spec(packed: bytes) -> Spec:
    """Decode a spec; what cannot be read becomes one of no kind, so that only its own job fails."""
    try:
        return _decode_spec(packed)
    except msgspec.MsgspecError:
        return UNREADABLE


class JobRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A job to be enqueued by the name of its kind.

    Args:
        kind: names the handler.
        args: its arguments by name; checked against the handler's signature.
        id: an id made before by `new_job_id`, so that files can be stored under it first.
        line: how urgent.
        delay: seconds until it may start.
        owner: who may list it; empty for nobody.
        idempotency_key: a second request of this owner with the same key answers with the first one's job.
        fingerprint: compared when the key is met again; another one is an IdempotencyConflict.
        queue: another queue than the handler's own.
        retries: other than the handler's own.
        timeout: seconds, other than the handler's own.
    """

    kind: str
    args: dict[str, Any] = {}
    id: str | None = None
    line: Line = Line.NORMAL
    delay: float = 0.0
    owner: str = ""
    idempotency_key: str | None = None
    fingerprint: str = ""
    queue: str | None = None
    retries: int | None = None
    timeout: float | None = None


class Submitted(msgspec.Struct, frozen=True):
    """The answer to a request: the job's id, and whether this very request made it."""

    id: str
    created: bool


class Step(msgspec.Struct, frozen=True, array_like=True):
    """A named part of the work: number `index` of `count`, counted from 1."""

    name: str
    index: int
    count: int


class Progress(msgspec.Struct, frozen=True, array_like=True):
    """How far an attempt is.

    `fraction` is 0..1 of the whole, None when unknown, and below 1 until the result is accepted.
    `done` and `total` count `unit`s; `rate` is units per second; `eta` is seconds, None until credible.
    """

    fraction: float | None
    done: float
    total: float | None
    unit: str
    message: str
    step: Step | None
    rate: float | None
    eta: float | None
    updated_ms: int = 0


class ErrorRecord(msgspec.Struct, frozen=True):
    """Why an attempt did not succeed: `type` for programs, `title` and `detail` for people."""

    type: str
    title: str
    detail: str = ""
    retryable: bool = True


AttemptOutcome = Literal["completed", "failed", "timed_out", "crashed", "released", "cancelled", "running"]


class AttemptRecord(msgspec.Struct, frozen=True):
    """One attempt of a job's history; `ended_ms` is None and `outcome` "running" while it runs."""

    attempt: int
    runner: str
    started_ms: int
    ended_ms: int | None
    outcome: AttemptOutcome
    error: ErrorRecord | None = None


class JobRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A job as it stands in Redis, decoded."""

    id: str
    queue: str
    kind: str
    line: Line
    state: State
    args: dict[str, Any]
    owner: str
    attempt: int
    failures: int
    crashes: int
    retries: int | None
    timeout: float | None
    version: int
    seq: int
    created_ms: int
    due_ms: int | None
    started_ms: int | None
    finished_ms: int | None
    runner: str
    cancel_requested: bool
    progress: Progress | None
    result: Any
    error: ErrorRecord | None
    attempts: tuple[AttemptRecord, ...]
    expires_ms: int | None = None


class Claim(msgspec.Struct, frozen=True):
    """A job handed to a runner, with what the attempt needs to know of earlier ones."""

    id: str
    attempt: int
    kind: str
    args: msgspec.Raw
    failures: int = 0
    crashes: int = 0
    checkpoint: bytes | None = None
    retries: int | None = None
    timeout: float | None = None


# What an attempt came to. The state it leads to is decided in Redis, see `states`.


class Completed(msgspec.Struct, frozen=True):
    """The handler returned; `result` is msgpack."""

    id: str
    attempt: int
    result: bytes


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
    """The answer to a runner's call: claims, ids that were refused, seconds to the next scheduled job."""

    claims: list[Claim]
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


class RunnerInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a runner says of itself when it registers."""

    id: str
    worker: str
    host: str
    pid: int
    slots: int
    started_ms: int = 0


class RunnerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A registered runner as an operator sees it."""

    id: str
    worker: str
    host: str
    pid: int
    slots: int
    started_ms: int
    queue: str
    alive: bool
    running: int


class Heartbeat(msgspec.Struct, frozen=True):
    """The answer to a heartbeat.

    Args:
        cancels: (job id, runner id) of running jobs of these runners whose cancel was asked for.
        suspects: ids of registered runners that have no heartbeat.
        blind: seconds until these may be judged dead: after a time in which nobody looked, because Redis or
            every worker was away, heartbeats have run out without a death.
        forgotten: ids among those beaten for that were given up meanwhile.
        next_due: seconds until the next scheduled job, None when there is none.
        backlog: jobs in line.
    """

    cancels: list[tuple[str, str]]
    suspects: list[str]
    blind: float
    forgotten: list[str]
    next_due: float | None
    backlog: int


class Recovered(msgspec.Struct, frozen=True):
    """A job taken from a dead runner, and where it went."""

    id: str
    attempt: int
    state: State


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """How long ended jobs and their files are kept, in seconds."""

    completed: float = 7 * 86400.0
    failed: float = 14 * 86400.0
    cancelled: float = 2 * 86400.0


class Counts(msgspec.Struct, frozen=True):
    """Jobs of a queue by state."""

    scheduled: int
    queued: int
    running: int
    completed: int
    failed: int
    cancelled: int


class ServerMemory(msgspec.Struct, frozen=True):
    """What tells a Redis that has lost jobs from one that has not.

    Attributes:
        server: names one start of one server.
        enqueued: how many jobs it knows to have been enqueued; only grows.
    """

    server: str
    enqueued: int

    def lost_since(self, before: ServerMemory) -> bool:
        """Whether jobs that were known at an earlier look may be gone."""
        return self.server != before.server or self.enqueued < before.enqueued


class ServerRecord(msgspec.Struct, frozen=True):
    """What matters of the Redis server's own state; sizes in bytes, latency of one call in ms."""

    version: str
    persistence: Literal["aof", "rdb", "none"]
    eviction: str
    used_memory: int
    max_memory: int
    latency_ms: float

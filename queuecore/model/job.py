"""What a job looks like, decoded.

Times are UTC milliseconds (`_ms`), durations seconds as float.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from .given import seconds
from .lines import Line, SlotClass
from .states import State
from .ties import WaitsFor

MAX_ERROR_CHARS: Final = 2_000

_convert: Final = msgspec.structs.force_setattr


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
    """A job as it stands in Redis, decoded.

    `waits_for` is there while it waits; `limits` are the keys of those that it starts under; `unique` is the
    name that it holds, kind and key, None where it is not unique.
    """

    id: str
    space: str
    queue: str
    kind: str
    runs: SlotClass
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
    waits_for: WaitsFor | None = None
    limits: tuple[str, ...] = ()
    unique: str | None = None


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """How long ended jobs and their files are kept, in seconds or as timedeltas.

    Raises:
        InvalidOption: one of them is no duration, or below zero.
    """

    completed: float = 7 * 86400.0
    failed: float = 14 * 86400.0
    cancelled: float = 2 * 86400.0

    if TYPE_CHECKING:
        # What may be given is more than what is found in it.
        def __init__(
            self,
            *,
            completed: float | timedelta = ...,
            failed: float | timedelta = ...,
            cancelled: float | timedelta = ...,
        ) -> None: ...

    def __post_init__(self) -> None:
        for name in ("completed", "failed", "cancelled"):
            _convert(self, name, seconds(getattr(self, name), name=name, least=0.0))

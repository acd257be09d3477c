"""An attempt while it runs, and whom it is reported to."""

from __future__ import annotations

import asyncio
from typing import Any, Literal, Protocol

import msgspec

from ..handling import Handler, JobContext, ProgressMeter
from ..model import Claim, Outcome

# cancelled: asked for by somebody · timed out · drained: the runner stops, the attempt is given back ·
# outgrown: the runner holds too much memory, this attempt's perhaps · fenced: the job belongs to another
# attempt by now, so nobody wants the outcome
StopReason = Literal["cancelled", "timed_out", "drained", "outgrown", "fenced"]


class Attempt(msgspec.Struct, eq=False):
    """A claimed job while it runs.

    Attributes:
        accepted_at: on the event loop's clock.
        deadline: on the event loop's clock, infinite before the handler has started.
        begun: whether its task has made its first step; one that is cancelled before makes none.
        stopped: why it was asked to end, None if it was not.
        ended: whether its outcome stands; what it does after that is of no interest.
        left_behind: what still runs of it although it ended: code that cannot be stopped.
        meter: measures its progress; there once something that it said is being written.
    """

    claim: Claim
    handler: Handler[..., Any] | None
    context: JobContext
    timeout: float | None
    accepted_at: float
    deadline: float = float("inf")
    begun: bool = False
    stopped: StopReason | None = None
    ended: bool = False
    left_behind: asyncio.Future[Any] | None = None
    meter: ProgressMeter | None = None
    task: asyncio.Task[None] | None = None

    def stop(self, reason: StopReason) -> None:
        """End it; the first reason holds, but that of a job that was lost outweighs all."""
        if self.stopped is None or reason == "fenced":
            self.stopped = reason
        if reason == "cancelled":
            self.context.ask_to_cancel()
        if self.task is not None:
            self.task.cancel()


class Owner(Protocol):
    """Who an attempt belongs to, and is told of what happens in it."""

    def set_deadline(self, attempt: Attempt) -> None:
        """The handler started; `attempt.deadline` holds from now on."""

    def hear(self, context: JobContext) -> None:
        """The context has news. Called in the handler's thread."""

    def end(self, attempt: Attempt, outcome: Outcome | None) -> None:
        """The attempt came to this; None when nobody wants to know."""

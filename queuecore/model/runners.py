"""What is said of runners: by themselves, to operators, and in the answer to their heartbeat."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from .ids import JOB_ID
from .lines import SlotClass
from .states import State


class Blocked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What keeps the event loop of a runner from turning, as far as it is known; "" for what is not."""

    job: Annotated[str, msgspec.Meta(pattern=f"^({JOB_ID.pattern})?$")] = ""
    kind: Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[a-z0-9_.]*$")] = ""
    attempt: int = 0


decode_blocked: Final = msgspec.json.Decoder(Blocked)


class BlockedLoop(msgspec.Struct, frozen=True, kw_only=True):
    """An event loop that does not turn: since when (Redis' clock), and who keeps it."""

    since_ms: int
    by: Blocked


class RunnerInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a runner says of itself when it registers; `slots` by their class."""

    id: str
    worker: str
    host: str
    pid: int
    queues: tuple[str, ...]
    slots: dict[SlotClass, int]
    started_ms: int = 0


class RunnerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A registered runner as an operator sees it; `blocked` while a handler keeps its event loop."""

    id: str
    worker: str
    host: str
    pid: int
    queues: tuple[str, ...]
    slots: dict[SlotClass, int]
    started_ms: int
    alive: bool
    running: int
    blocked: BlockedLoop | None = None


class Heartbeat(msgspec.Struct, frozen=True):
    """The answer to a heartbeat.

    Args:
        cancels: (job id, runner id) of running jobs of these runners whose cancel was asked for.
        suspects: ids of registered runners that have no heartbeat.
        blind: seconds until these may be judged dead: after a time in which nobody looked, because Redis or
            every worker was away, heartbeats have run out without a death.
        forgotten: ids among those beaten for that were given up meanwhile.
        next_due: seconds until the next scheduled job, None when there is none.
        backlog: whether jobs stand in line that these runners could take.
    """

    cancels: list[tuple[str, str]]
    suspects: list[str]
    blind: float
    forgotten: list[str]
    next_due: float | None
    backlog: bool


class Recovered(msgspec.Struct, frozen=True):
    """A job taken from a dead runner, and where it went."""

    id: str
    attempt: int
    state: State

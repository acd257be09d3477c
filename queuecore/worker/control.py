"""What a supervisor and its runners say to each other."""

from __future__ import annotations

import msgspec

from ..log import Format
from ..model import Runs, WorkerOptions


class Start(msgspec.Struct, frozen=True, tag=True):
    """Supervisor, once: who the runner is, how many jobs it may run of which class, and how."""

    runner_id: str
    worker: str
    parent_pid: int
    slots: dict[Runs, int]
    options: WorkerOptions


class Look(msgspec.Struct, frozen=True, tag=True):
    """Supervisor: jobs are in line; the message that said so may have been lost."""

    space: str


class Cancel(msgspec.Struct, frozen=True, tag=True):
    """Supervisor: this job's cancel was asked for; the message that said so may have been lost."""

    job_id: str


class Drain(msgspec.Struct, frozen=True, tag=True):
    """Supervisor: claim no more, give running jobs `grace` seconds, then give them back and end."""

    grace: float


class Log(msgspec.Struct, frozen=True, tag=True):
    """Supervisor: what to log from now on, as in WorkerOptions."""

    level: str
    format: Format


class Ready(msgspec.Struct, frozen=True, tag=True):
    """Runner: it is registered and claims jobs."""


class Begun(msgspec.Struct, frozen=True, tag=True):
    """Runner, once: it has begun its first job."""


class Unfit(msgspec.Struct, frozen=True, tag=True):
    """Runner: it cannot run, and ends."""

    reason: str


class Pulse(msgspec.Struct, frozen=True, tag=True):
    """Runner, every second: its event loop turns.

    Args:
        running: attempts under way.
        lag: seconds by which the loop was late just now.
        longest_job: id of the job that runs longest, empty when none does.
        longest_seconds: how long it has been running.
    """

    running: int
    lag: float
    longest_job: str = ""
    longest_seconds: float = 0.0


class Waiting(msgspec.Struct, frozen=True, tag=True):
    """Runner: these attempts, (job id, number), are claimed but have not begun; see trials.py."""

    attempts: list[tuple[str, int]]


FromSupervisor = Start | Look | Cancel | Drain | Log
FromRunner = Ready | Begun | Unfit | Pulse | Waiting

from_supervisor = msgspec.msgpack.Decoder(FromSupervisor)
from_runner = msgspec.msgpack.Decoder(FromRunner)

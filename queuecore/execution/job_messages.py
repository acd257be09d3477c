"""What a runner and its job processes say to each other."""

from __future__ import annotations

import msgspec

from ..handling import Failure, News
from ..log import Format


class Setup(msgspec.Struct, frozen=True, tag=True):
    """Runner, once: how to become a job process.

    Args:
        parent_pid: the runner.
        search_path: where modules are found.
        handlers: modules to load.
        memory_bytes: the address space the process may have, 0 for no limit.
        max_result_bytes: of what a handler returns, as it is stored.
    """

    parent_pid: int
    search_path: list[str]
    handlers: list[str]
    memory_bytes: int
    max_result_bytes: int
    log_level: str
    log_format: Format


class Run(msgspec.Struct, frozen=True, tag=True):
    """Runner: run this attempt. `Ended` answers it."""

    id: str
    attempt: int
    kind: str
    args: msgspec.Raw
    checkpoint: bytes | None


class Ready(msgspec.Struct, frozen=True, tag=True):
    """Process: the handlers are loaded."""


class Unfit(msgspec.Struct, frozen=True, tag=True):
    """Process: it cannot be a job process, and ends."""

    reason: str


class Said(msgspec.Struct, frozen=True, tag=True):
    """Process: what the handler reported since the last time."""

    id: str
    attempt: int
    news: News


class Returned(msgspec.Struct, frozen=True, tag=True):
    """The handler returned; `result` is msgpack."""

    result: bytes


class Raised(msgspec.Struct, frozen=True, tag=True):
    """The handler raised.

    Args:
        exhausted: whether memory or descriptors had run out, which earlier jobs may have in use.
    """

    failure: Failure
    exhausted: bool = False


class Stopped(msgspec.Struct, frozen=True, tag=True):
    """The handler was interrupted by SIGTERM and has cleaned up."""


class Ended(msgspec.Struct, frozen=True, tag=True):
    """Process: the attempt has ended.

    Args:
        left: what the attempt left behind in the process; if anything, the process ends.
    """

    id: str
    attempt: int
    outcome: Returned | Raised | Stopped
    left: tuple[str, ...] = ()


FromRunner = Setup | Run
FromProcess = Ready | Unfit | Said | Ended

from_runner = msgspec.msgpack.Decoder(FromRunner)
from_process = msgspec.msgpack.Decoder(FromProcess)

"""What a worker is told when it starts; it reads neither files nor the environment itself."""

from __future__ import annotations

from typing import Final

import msgspec

from ..log import Format
from .attempt import MAX_RESULT_BYTES
from .errors import InvalidOption
from .given import seconds, whole_number
from .ids import DEFAULT_SPACE, check_name
from .job import Retention
from .lines import DEFAULT_QUEUE, Runs
from .subscription import parse_queues

DURATIONS: Final = ("grace", "stop_grace", "heartbeat_interval", "heartbeat_ttl", "stall_timeout")
COUNTS: Final = ("processes", "slots", "threads", "job_processes", "job_recycle", "max_result_bytes")
MOST: Final = 2**30

_convert: Final = msgspec.structs.force_setattr


class WorkerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker is to run. Durations are seconds or timedeltas, sizes bytes.

    Args:
        redis_url: where the spaces are.
        prefix: first word of every key.
        name: shown to operators; the machine's name where it is empty.
        spaces: the spaces to serve; what is said here of slots holds for each.
        queues: the queues to serve, the preferred one first, or each with a weight: `("mail=3", "default")`.
        handlers: modules that hold the handlers.
        search_path: where these are found; the worker's own `sys.path` where it is empty.
        processes: how many runners run async handlers and threads; another one keeps the job processes.
        slots: jobs that one of them runs at once in its event loop.
        threads: jobs that it runs at once in threads.
        runner_memory_bytes: resident memory of a runner above which it is replaced, 0 for no limit.
        job_processes: job processes of the worker, and so jobs that it runs at once in them.
        job_memory_bytes: address space of a job process, 0 for no limit.
        job_recycle: jobs that a job process runs before another takes its place.
        grace: how long running jobs may go on when the worker is to stop.
        stop_grace: how long a handler has to clean up when its job is to stop.
        heartbeat_interval: between two heartbeats.
        heartbeat_ttl: without heartbeat for so long, a runner counts as dead.
        stall_timeout: a runner whose event loop is silent for so long is killed.
        retention: how long ended jobs are kept.
        max_result_bytes: of what a handler returns, as it is stored.
        burst: stop when nothing is left to do.

    Raises:
        ValueError: one of them has no sense.
    """

    redis_url: str
    prefix: str = "qc"
    name: str = ""
    spaces: tuple[str, ...] = (DEFAULT_SPACE,)
    queues: tuple[str, ...] = (DEFAULT_QUEUE,)
    handlers: tuple[str, ...] = ("handlers",)
    search_path: tuple[str, ...] = ()
    processes: int = 1
    slots: int = 100
    threads: int = 100
    runner_memory_bytes: int = 2 * 1024**3
    job_processes: int = 1
    job_memory_bytes: int = 2 * 1024**3
    job_recycle: int = 100
    grace: float = 25.0
    stop_grace: float = 2.0
    heartbeat_interval: float = 2.4
    heartbeat_ttl: float = 6.0
    stall_timeout: float = 60.0
    retention: Retention = Retention()
    max_result_bytes: int = MAX_RESULT_BYTES
    burst: bool = False
    log_level: str = "INFO"
    log_format: Format = "text"

    def __post_init__(self) -> None:
        for name in DURATIONS:
            _convert(self, name, seconds(getattr(self, name), name=name, least=0.0))
        for name in COUNTS:
            _convert(self, name, whole_number(getattr(self, name), name=name, least=1, most=MOST))
        if self.heartbeat_interval * 2 > self.heartbeat_ttl:
            raise ValueError(
                f"heartbeat_ttl={self.heartbeat_ttl:g} must be at least twice "
                f"heartbeat_interval={self.heartbeat_interval:g}: one late heartbeat is no death"
            )
        if not self.spaces:
            raise InvalidOption("spaces", self.spaces, "the name of a space at least")
        for space in self.spaces:
            check_name(space, name="space")
        parse_queues(self.queues)

    def slots_by_runner(self) -> list[dict[Runs, int]]:
        """Return, for each runner, how many jobs it runs at once, by the class of slot that they take.

        The first keeps the job processes and runs no handler itself, so that none can take them with it.
        """
        shared: dict[Runs, int] = {"async": self.slots, "thread": self.threads}
        return [{"process": self.job_processes}, *(shared for _ in range(self.processes))]

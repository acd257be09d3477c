"""What a worker is told when it starts; it reads neither files nor the environment itself."""

from __future__ import annotations

import msgspec

from ..log import Format
from .job import MAX_RESULT_BYTES, Retention


class WorkerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker is to run. Durations are seconds, sizes bytes.

    Args:
        redis_url: where the queues are.
        prefix: first word of every key.
        name: shown to operators; the machine's name where it is empty.
        queues: the queues to serve.
        handlers: modules that hold the handlers.
        search_path: where these are found; the worker's own `sys.path` where it is empty.
        processes: how many runners.
        slots: jobs that one runner runs at once for one queue.
        queue_slots: the same for single queues; `process` has `job_processes` by default.
        runner_memory_bytes: resident memory of a runner above which it is replaced, 0 for no limit.
        job_processes: job processes of one runner.
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
    """

    redis_url: str
    prefix: str = "qc"
    name: str = ""
    queues: tuple[str, ...] = ("default", "process")
    handlers: tuple[str, ...] = ("handlers",)
    search_path: tuple[str, ...] = ()
    processes: int = 1
    slots: int = 100
    queue_slots: dict[str, int] = {}
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
        if self.heartbeat_interval * 2 > self.heartbeat_ttl:
            raise ValueError(
                f"heartbeat_ttl={self.heartbeat_ttl:g} must be at least twice "
                f"heartbeat_interval={self.heartbeat_interval:g}: one late heartbeat is no death"
            )
        if self.processes < 1 or self.slots < 1 or self.job_processes < 1 or self.job_recycle < 1:
            raise ValueError("processes, slots, job_processes and job_recycle must be at least 1")

    def slots_of(self, queue: str) -> int:
        """Return how many jobs of `queue` one runner runs at once."""
        return self.queue_slots.get(queue, self.job_processes if queue == "process" else self.slots)

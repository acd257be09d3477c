"""A real worker for tests, in processes of its own, to be killed at will."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from queuecore import log
from queuecore.model import WorkerOptions
from queuecore.worker import Supervisor

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")


class Worker:
    """A worker with all its processes; `stop` leaves none behind."""

    def __init__(self, options: WorkerOptions, log_file: Path) -> None:
        self.log_file = log_file
        with log_file.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.worker.worker_process"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env={**os.environ, "QUEUECORE_REDIS_URL": "redis://secret"},
                start_new_session=True,
            )
        assert self.process.stdin is not None
        self.process.stdin.write(msgspec.json.encode(options))
        self.process.stdin.close()

    @property
    def pid(self) -> int:
        return self.process.pid

    def runners(self) -> list[int]:
        """Return the ids of the runners that run handlers themselves."""
        return [pid for pid in children(self.pid) if "async" in _arguments(pid)]

    def keepers(self) -> list[int]:
        """Return the id of the runner that keeps the job processes, if it is there."""
        return [pid for pid in children(self.pid) if "process" in _arguments(pid)]

    def job_processes(self) -> list[int]:
        """Return the ids of the job processes."""
        return [pid for runner in children(self.pid) for pid in children(runner)]

    def family(self) -> list[int]:
        """Return the ids of all its processes, the supervisor's first."""
        return [self.pid, *children(self.pid), *self.job_processes()]

    def ready(self, runs: str = "async") -> int:
        """Return how often a runner of this class has been ready."""
        return sum("runner.ready" in line and runs in line for line in self.log().splitlines())

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, timeout: float = 15.0) -> int:
        """Return the exit code."""
        return self.process.wait(timeout)

    def log(self) -> str:
        """Return what it has logged by now."""
        return self.log_file.read_text()

    def stop(self) -> None:
        """Kill what is left."""
        for pid in self.family():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


def _arguments(pid: int) -> list[str]:
    """Return a process's command line; its own is there only once it has begun."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


def children(pid: int) -> list[int]:
    """Return the ids of a process's children that are not dead."""
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [int(child) for child in found if is_alive(int(child))]


def is_alive(pid: int) -> bool:
    """Return whether a process runs: a dead one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


async def eventually(
    look: Callable[[], T | Awaitable[T]], what: str, *, within: float = 10.0, every: float = 0.01
) -> T:
    """Return what `look` finds once it is true; fail with `what` was waited for when it takes too long."""
    deadline = time.monotonic() + within
    while True:
        found: Any = look()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return found  # type: ignore[no-any-return]  # T, once it was awaited
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {what}")
        await asyncio.sleep(every)


def main() -> int:
    options = msgspec.json.decode(sys.stdin.buffer.read(), type=WorkerOptions)
    log.configure(level=options.log_level, format=options.log_format)
    return asyncio.run(Supervisor(options).run())


if __name__ == "__main__":
    sys.exit(main())

"""The processes of a system while it is measured."""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from bench.systems import NODE, System
from bench.tally import CAPACITY, DIRECTORY, Reading, count_runs

PATIENCE: Final = 60.0  # seconds without progress after which a system counts as broken


class SystemBroken(Exception):
    """A system did not do what it was asked; the text says what."""


class Worker:
    """A running worker of a system and what its handlers have noted.

    Attributes:
        began: when it was started, on CLOCK_MONOTONIC.
    """

    def __init__(self, process: subprocess.Popen[bytes], directory: Path, capacity: int, log: Path) -> None:
        self.began = time.monotonic()
        self._process = process
        self._directory = directory
        self._capacity = capacity
        self._log = log

    @property
    def pid(self) -> int:
        """Of its first process."""
        return self._process.pid

    def count(self) -> int:
        """How many jobs have begun."""
        return count_runs(self._directory, self._capacity)

    def reading(self) -> Reading:
        """What its handlers have noted so far."""
        return Reading(self._directory, self._capacity)

    def wait_for(self, count: int) -> None:
        """Wait until so many jobs have begun. Raises SystemBroken when nothing moves any more."""
        seen, moved = -1, time.monotonic()
        while (now := self.count()) < count:
            if now != seen:
                seen, moved = now, time.monotonic()
            if self._process.poll() is not None or time.monotonic() - moved > PATIENCE:
                raise SystemBroken(f"{now} of {count} jobs ran, then nothing:\n{self._last_words()}")
            time.sleep(0.02)  # looking costs little, and waking each other is what is measured

    def cpu_seconds(self) -> float:
        """What it and all its descendants have used."""
        return sum(cpu_seconds(pid) for pid in descendants(self.pid))

    def _last_words(self) -> str:
        return "\n".join(self._log.read_text("utf-8", "replace").splitlines()[-15:])


@contextmanager
def worker(
    system: System, url: str, *, capacity: int, concurrency: int = 100, runners: int = 1
) -> Iterator[Worker]:
    """A worker of a system, ended when the block is left.

    Args:
        capacity: one more than the highest number of a job.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        directory = Path(temporary)
        log = directory / "worker.log"
        environment = {**_environment(), DIRECTORY: str(directory), CAPACITY: str(capacity)}
        command = [*system.command, "work", url, f"--concurrency={concurrency}", f"--runners={runners}"]
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, stdout=output, stderr=output, env=environment, start_new_session=True
            )
        try:
            yield Worker(process, directory, capacity, log)
        finally:
            _end(process)


def ask(system: System, action: str, url: str, **options: Any) -> dict[str, Any]:
    """Have a system's producer do something, in a process of its own; returns what it answers.

    Raises:
        SystemBroken: it failed.
    """
    command = [*system.command, action, url, *(f"--{name}={value}" for name, value in options.items())]
    done = subprocess.run(command, capture_output=True, text=True, env=_environment(), timeout=600)
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        raise SystemBroken(f"{system.title}, {action}:\n{done.stdout[-500:]}{done.stderr[-3000:]}")
    answer: dict[str, Any] = json.loads(lines[-1])
    return answer


def cpu_seconds(pid: int) -> float:
    """What the threads of a process have used, 0 when it is gone; finer than /proc/<pid>/stat tells."""
    total = 0
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):
            total += int(path.read_text().split()[0])
    return total / 1e9


def descendants(pid: int) -> list[int]:
    """A process and all below it."""
    parents = {
        int(entry.name): _stat(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdigit()
    }
    found = [pid]
    for parent in found:
        found += [child for child, fields in parents.items() if fields and int(fields[1]) == parent]
    return found


def wait_until(condition: Callable[[], bool], description: str, *, timeout: float = 30.0) -> None:
    """Wait for something in another process. Raises SystemBroken after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise SystemBroken(f"{description}: not within {timeout:g} s")
        time.sleep(0.005)


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat from the state on; empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _environment() -> dict[str, str]:
    return {**os.environ, "BENCH_NODE_DIRECTORY": str(NODE.absolute()), "PYTHONUNBUFFERED": "1"}


def _end(process: subprocess.Popen[bytes]) -> None:
    family = descendants(process.pid)
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        for pid in family:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        process.wait()

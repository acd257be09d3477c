"""Kinds for the tests of the whole service; each does one thing that a service has to cope with."""

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Annotated, Any

import msgspec

import storage
from queuecore import Backoff, JobContext, Permanent, Retry, Step, handler
from storage import Artifact, FileRef

AT_ONCE = Backoff(base=0.0)


@handler("test.nothing")
async def do_nothing(ctx: JobContext) -> None:
    """Do nothing."""


@handler("test.mark", backoff=AT_ONCE)
async def mark(ctx: JobContext, path: str, seconds: float = 0.0) -> int:
    """Leave a line in a file at the start and at the end, and return the attempt."""
    append_line(path, f"start {ctx.job_id}")
    await asyncio.sleep(seconds)
    append_line(path, f"end {ctx.job_id}")
    return ctx.attempt


@handler("test.mark_in_process", runs="process", backoff=AT_ONCE)
def mark_in_process(ctx: JobContext, path: str, seconds: float = 0.0) -> int:
    """Leave a line in a file at the start and at the end, and return the attempt."""
    append_line(path, f"start {ctx.job_id}")
    time.sleep(seconds)
    append_line(path, f"end {ctx.job_id}")
    return ctx.attempt


@handler("test.die", runs="process", max_crashes=3)
def die(ctx: JobContext, path: str, how: str = "kill") -> None:
    """Kill the job process."""
    append_line(path, f"start {ctx.attempt}")
    if how == "exit":
        os._exit(1)
    os.kill(os.getpid(), signal.SIGSEGV if how == "segv" else signal.SIGKILL)


@handler("test.late_async", timeout=0.4, retries=1, backoff=AT_ONCE)
async def late_async(ctx: JobContext) -> None:
    """Take longer than allowed, in the event loop."""
    await asyncio.sleep(60)


@handler("test.wait_in_thread", runs="thread", backoff=AT_ONCE)
def wait_in_thread(ctx: JobContext, seconds: float) -> None:
    """Wait until the time is over or the job is cancelled."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and not ctx.cancelled:
        time.sleep(0.02)


@handler("test.late_thread", runs="thread", timeout=0.4, retries=1, backoff=AT_ONCE)
def late_thread(ctx: JobContext) -> None:
    """Take longer than allowed, in a thread that looks out for nothing for a while."""
    time.sleep(3)


@handler("test.late_process", runs="process", timeout=0.4, retries=0)
def late_process(ctx: JobContext, path: str) -> None:
    """Take longer than allowed, in a process that ignores SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    append_line(path, f"{os.getpid()}")
    time.sleep(60)


@handler("test.deaf_process", runs="process", retries=0)
def deaf_process(ctx: JobContext, path: str) -> None:
    """Ignore SIGTERM for a minute."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    append_line(path, f"{os.getpid()}")
    time.sleep(60)


@handler("test.raise", retries=2, backoff=AT_ONCE)
async def raise_error(ctx: JobContext, how: str, times: int = 99) -> int:
    """Fail in a given way, `times` times, then return the attempt."""
    if ctx.attempt <= times:
        match how:
            case "error":
                raise ValueError("this did not work")
            case "retry":
                raise Retry(delay=0.0, reason="The other side is closed.")
            case "permanent":
                raise Permanent("The file is not a table.", "Send a CSV or XLSX file.", type="not-a-table")
            case "late":
                raise Retry(delay=300.0, reason="The other side opens in five minutes.")
    return ctx.attempt


@handler("test.count", runs="process", backoff=AT_ONCE)
def count(ctx: JobContext, steps: list[int], seconds: float = 0.0) -> int:
    """Report progress through steps of so many units each."""
    for index, units in enumerate(steps):
        for unit in range(units):
            if seconds:
                time.sleep(seconds / sum(steps))
            ctx.progress(unit + 1, units, unit="units", step=Step(f"step {index + 1}", index + 1, len(steps)))
    return sum(steps)


class Copied(msgspec.Struct, frozen=True):
    """A file, copied, and what else the job was given."""

    artifacts: tuple[Artifact, ...]
    given: dict[str, Any]


@handler("test.copy", runs="process", backoff=AT_ONCE)
def copy(
    ctx: JobContext,
    file: Annotated[FileRef, msgspec.Meta(title="File", extra={"file_types": [".csv", ".bin"]})],
    *,
    times: Annotated[int, msgspec.Meta(ge=1, le=3)] = 1,
    label: str = "",
    loud: bool = False,
    seconds: float = 0.0,
) -> Copied:
    """Copy a file."""
    time.sleep(seconds)
    files = storage.current()
    with files.attempt(ctx.job_id, ctx.attempt) as attempt:
        for number in range(times):
            (attempt.scratch / str(number)).write_bytes(files.path(file).read_bytes())
        artifacts = tuple(attempt.publish(str(number), name=file.name) for number in range(times))
    return Copied(artifacts, {"times": times, "label": label, "loud": loud})


@handler("test.large_result", runs="async", retries=0)
async def return_much(ctx: JobContext, size: int) -> str:
    """Return a text of some size."""
    return "x" * size


@handler("test.large_result_in_process", runs="process", retries=0)
def return_much_in_process(ctx: JobContext, size: int) -> str:
    """Return a text of some size."""
    return "x" * size


@handler("test.block", max_crashes=1)
async def block_loop(ctx: JobContext, seconds: float) -> None:
    """Hold up the event loop."""
    time.sleep(seconds)  # noqa: ASYNC251 - that is the point


@handler("test.hoard", runs="process", retries=0)
def hoard(ctx: JobContext, size: int) -> int:
    """Use some memory."""
    return len(bytearray(size))


@handler("test.process_id", runs="process")
def process_id(ctx: JobContext) -> int:
    """Return the id of the job process."""
    return os.getpid()


def append_line(path: str, line: str) -> None:
    with Path(path).open("a") as file:
        file.write(line + "\n")

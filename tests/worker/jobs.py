"""Handlers for the tests of workers: each does one thing that a worker has to cope with."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from queuecore import Backoff, JobContext, Limit, Permanent, Retry, Step, handler

AT_ONCE = Backoff(base=0.0)


@handler("test.nothing")
async def do_nothing(ctx: JobContext) -> None:
    """Do nothing."""


@handler("test.echo")
async def echo(ctx: JobContext, value: int, *, twice: bool = False) -> list[int]:
    """Return the value."""
    return [value, value] if twice else [value]


@handler("test.where")
async def where(ctx: JobContext) -> int:
    """Return the id of the process."""
    return os.getpid()


@handler("test.where_in_thread", runs="thread")
def where_in_thread(ctx: JobContext) -> int:
    """Return the id of the process."""
    return os.getpid()


@handler("test.sleep", backoff=AT_ONCE)
async def sleep(ctx: JobContext, seconds: float, timeout: float = 0.0) -> str:
    """Sleep in the event loop."""
    await asyncio.sleep(seconds)
    return f"attempt {ctx.attempt}"


@handler("test.mark", backoff=AT_ONCE)
async def mark(ctx: JobContext, path: str, seconds: float = 0.0) -> None:
    """Leave a line in a file for each start and for each end."""
    _append(path, f"start {ctx.job_id} {ctx.attempt}")
    await asyncio.sleep(seconds)
    _append(path, f"end {ctx.job_id} {ctx.attempt}")


@handler("test.limited", backoff=AT_ONCE, max_crashes=100, limits=[Limit("{customer}", concurrency=3)])
async def limited(ctx: JobContext, path: str, customer: str, seconds: float) -> None:
    """Say when this attempt began and ended, and in which process."""
    _append(path, f"start {customer} {os.getpid()} {ctx.job_id}:{ctx.attempt} {time.monotonic()}")
    await asyncio.sleep(seconds)
    _append(path, f"end {customer} {os.getpid()} {ctx.job_id}:{ctx.attempt} {time.monotonic()}")


@handler("test.raise", retries=2, backoff=AT_ONCE)
async def raise_error(ctx: JobContext, how: str) -> Any:
    """End with an error."""
    return _raise(how)


@handler("test.process_raise", runs="process", retries=2, backoff=AT_ONCE)
def raise_error_in_process(ctx: JobContext, how: str) -> Any:
    """End with an error, in a job process."""
    return _raise(how)


@handler("test.kill_runner", backoff=AT_ONCE)
async def kill_runner(ctx: JobContext) -> None:
    """Kill the process that runs the event loop."""
    os._exit(5)


@handler("test.stubborn", backoff=AT_ONCE)
async def ignore_cancel(ctx: JobContext, seconds: float) -> None:
    """Go on whatever happens."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.05)


@handler("test.block")
async def block_loop(ctx: JobContext, seconds: float) -> int:
    """Hold up the event loop."""
    time.sleep(seconds)  # noqa: ASYNC251 - that is the point
    return ctx.attempt


@handler("test.thread", runs="thread", backoff=AT_ONCE)
def sleep_in_thread(ctx: JobContext, seconds: float, *, polls: bool = True) -> str:
    """Sleep in a thread, looking out for a cancel or not."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if polls and ctx.cancelled:
            return "cancelled"
        time.sleep(0.01)
    return "done"


@handler("test.process_id", runs="process")
def process_id(ctx: JobContext) -> int:
    """Return the id of the job process."""
    return os.getpid()


@handler("test.process_sleep", runs="process", backoff=AT_ONCE)
def sleep_in_process(ctx: JobContext, seconds: float, path: str = "") -> str:
    """Sleep in a job process, step by step, going on where an earlier attempt was."""
    done = ctx.state or 0
    steps = 20
    if path:
        _append(path, f"pid {os.getpid()} from {done}")
    try:
        for step in range(done, steps):
            time.sleep(seconds / steps)
            ctx.progress(step + 1, steps, unit="steps", step=Step("sleeping", 1, 1))
            ctx.checkpoint(step + 1)
    finally:
        if path:
            _append(path, "cleaned up")
    return f"attempt {ctx.attempt} from {done}"


@handler("test.process_deaf", runs="process", backoff=AT_ONCE)
def ignore_sigterm(ctx: JobContext, path: str) -> None:
    """Ignore SIGTERM and start a process that does, too."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True)"
    code = f"{deaf}; time.sleep(60)"
    grandchild = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert grandchild.stdout is not None
    grandchild.stdout.readline()
    _append(path, f"pids {os.getpid()} {grandchild.pid}")
    time.sleep(60)


@handler("test.process_environment", runs="process")
def environment(ctx: JobContext) -> dict[str, Any]:
    """Return what a job process sees of the world."""
    mask = os.umask(0o077)
    return {"names": sorted(os.environ), "umask": mask}


@handler("test.report")
async def report(ctx: JobContext, reports: int, pause: float = 0.0) -> None:
    """Report progress and log lines, and save a checkpoint, many times."""
    for number in range(1, reports + 1):
        ctx.progress(number, reports, unit="rows", message=f"row {number}")
        ctx.checkpoint(number)
        if pause:
            await asyncio.sleep(pause)
    ctx.log("done")


@handler("test.say")
async def say(ctx: JobContext, line: str, seconds: float) -> None:
    """Log a line, and end a little later."""
    ctx.log(line)
    await asyncio.sleep(seconds)


@handler("test.untrue", retries=2, backoff=AT_ONCE)
async def untrue(ctx: JobContext) -> int:
    """Return something else than is declared."""
    return None  # type: ignore[return-value]  # that is the point


@handler("test.process_untrue", runs="process", retries=2, backoff=AT_ONCE)
def untrue_in_process(ctx: JobContext) -> int:
    """Return something else than is declared, in a job process."""
    return None  # type: ignore[return-value]  # that is the point


@handler("test.thread_untrue", runs="thread", retries=2, backoff=AT_ONCE)
def untrue_in_thread(ctx: JobContext) -> int:
    """Return something else than is declared, in a thread."""
    return None  # type: ignore[return-value]  # that is the point


def _raise(how: str) -> Any:
    match how:
        case "permanent":
            raise Permanent("The file is not a table.", "Send a CSV or XLSX file.", type="not-a-table")
        case "retry":
            raise Retry(delay=0.0, reason="The site is closed.")
        case "error":
            raise ValueError("boom\x1b[31m")
        case "exit":
            raise SystemExit(3)
        case "unstorable":
            return object()
        case "large":
            return "x" * 2_000_000
        case "memory":
            hoard = []
            while True:
                hoard.append(bytearray(10_000_000))
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "segv":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "os_exit":
            os._exit(7)
    raise AssertionError(how)


def _append(path: str, line: str) -> None:
    with Path(path).open("a") as file:
        file.write(line + "\n")

"""Handlers for the tests of job processes: what a job can do to its process, and to the job after it."""

import asyncio
import atexit
import ctypes
import errno
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from typing import Any

from queuecore import JobContext, Permanent, handler

KEPT: list[Any] = []


@handler("jobs.echo", runs="process")
def echo(ctx: JobContext, value: int = 0) -> list[int]:
    """Return the value and the process."""
    return [value, os.getpid()]


@handler("jobs.variable", runs="process")
def variable(ctx: JobContext, name: str) -> str | None:
    """Return a variable of the environment."""
    return os.environ.get(name)


@handler("jobs.length", runs="process")
def length(ctx: JobContext, text: str) -> int:
    """Return how long a text is."""
    return len(text)


@handler("jobs.fork", runs="process")
def fork(ctx: JobContext, how: str) -> int:
    """Fork, and have the child come back out of the handler."""
    child = os.fork()
    if child == 0:
        if how == "raise":
            raise ValueError("from the child")
        if how == "report":
            ctx.log("from the child")
        if how == "exit":
            sys.exit(3)
        return 0
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


@handler("jobs.write", runs="process")
def write_everywhere(ctx: JobContext, data: str, *, to_runner: bool = False) -> list[str]:
    """Write to every socket that there is, or tell which there are."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
        if int(name) > 2 and target.startswith(("socket:", "pipe:")):
            found.append(target)
            if to_runner:
                os.write(int(name), data.encode("latin-1"))
    return found


@handler("jobs.terminate", runs="process")
def terminate(ctx: JobContext, whom: str) -> None:
    """Send SIGTERM to itself or to the group."""
    if whom == "self":
        os.kill(os.getpid(), signal.SIGTERM)
    else:
        os.killpg(0, signal.SIGTERM)
    time.sleep(60)


@handler("jobs.leave", runs="process")
def leave_behind(ctx: JobContext, what: str) -> int:
    """Leave something in the process for the job after this one. Returns the process."""
    match what:
        case "memory":
            KEPT.append(b"x" * 500_000_000)
        case "descriptors":
            KEPT.extend(open(os.devnull) for _ in range(200))  # noqa: SIM115 - that is the point
        case "thread":
            threading.Thread(target=time.sleep, args=(60,)).start()
        case "child":
            KEPT.append(subprocess.Popen(["sleep", "60"]))
        case "directory":
            os.chdir("/")
        case "environment":
            os.environ["LEFT_BY_A_JOB"] = "x"  # a handler is no code of ours
        case "umask":
            os.umask(0)
        case "signal":
            signal.signal(signal.SIGUSR1, lambda *_: None)
        case "alarm":
            signal.alarm(1)
        case "mask":
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        case "limit":
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 64), hard))
        case "stdout":
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        case "clock":
            time.monotonic = lambda: "broken"
        case "path":
            sys.path.insert(0, "/nowhere")
        case "context":
            import decimal

            decimal.getcontext().prec = 3
        case "atexit":
            atexit.register(time.sleep, 60)
        case "nothing":
            pass
        case _:
            raise AssertionError(what)
    return os.getpid()


@handler("jobs.look", runs="process")
def look_around(ctx: JobContext) -> dict[str, Any]:
    """Return what a job finds of those before it."""
    import decimal

    mask = os.umask(0o077)
    return {
        "directory": os.getcwd(),
        "left": os.environ.get("LEFT_BY_A_JOB"),
        "umask": mask,
        "precision": decimal.getcontext().prec,
        "pid": os.getpid(),
    }


@handler("jobs.exhaust", runs="process")
def exhaust(ctx: JobContext, what: str) -> list[Any]:
    """Run out of something, unless the process is fresh; then return what was saved before."""
    if not KEPT:
        KEPT.append(what)
        if ctx.state is None:
            return ["warm", os.getpid()]
        return ["fresh", ctx.state]
    ctx.checkpoint("seen")
    if what == "memory":
        raise MemoryError
    raise OSError(errno.EMFILE, "Too many open files")


@handler("jobs.always_exhausted", runs="process")
def always_exhausted(ctx: JobContext) -> None:
    """Need more memory than there is."""
    bytearray(1 << 50)


@handler("jobs.print", runs="process")
def print_lines(ctx: JobContext, how: str) -> None:
    """Print, in each of the ways there are."""
    match how:
        case "print":
            print("a line")
            print("an error", file=sys.stderr)
            print("no end", end="")
        case "write":
            os.write(1, b"raw\n")
            ctypes.CDLL(None).puts(b"from C")
        case "child":
            subprocess.run(["echo", "from a child"], check=True)
        case "much":
            for number in range(100_000):
                print(f"{number} " + "x" * 100)
        case "long":
            print("y" * 10_000_000)
        case "die":
            print("last words")
            os.kill(os.getpid(), signal.SIGKILL)


@handler("jobs.multiprocessing", runs="process")
def use_multiprocessing(ctx: JobContext, method: str) -> list[int]:
    """Use a pool of processes."""
    with multiprocessing.get_context(method).Pool(2) as pool:
        return pool.map(abs, [-1, -2, -3])


@handler("jobs.children", runs="process")
def start_children(ctx: JobContext) -> list[int]:
    """Start a child, and one that wants to be nobody's, and wait."""
    child = subprocess.Popen(["sleep", "60"])
    command = ["sh", "-c", "setsid sleep 60 > /dev/null 2>&1 & echo $!"]
    daemon = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    print(f"{child.pid} {int(daemon)}", flush=True)
    ctx.log(f"{child.pid} {int(daemon)}")
    time.sleep(60)
    return []


@handler("jobs.coroutine")
async def coroutine(ctx: JobContext, how: str, seconds: float = 0.05) -> list[Any]:
    """Do what an async handler does, and end in one of the ways there are."""
    match how:
        case "return":
            KEPT.append(asyncio.create_task(asyncio.sleep(60)))
        case "raise":
            raise Permanent("No.")
        case "stop":
            asyncio.get_running_loop().stop()
            await asyncio.sleep(60)
        case "cancel":
            for task in asyncio.all_tasks():
                task.cancel()
        case "exit":

            async def exit() -> None:
                raise SystemExit(3)

            KEPT.append(asyncio.create_task(exit()))
    try:
        ctx.progress(1, 2)
        await asyncio.sleep(seconds)
    finally:
        ctx.log("cleaned up")
    return ["done", os.getpid()]

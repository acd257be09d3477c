"""Handlers that do what must harm nobody else, and innocent ones that would notice.

A poison is written once and becomes a handler in each mode in which it makes sense:
`fork_and_return` is `thread.fork_and_return`, and so on.
"""

import asyncio
import contextvars
import ctypes
import decimal
import faulthandler
import gc
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple

from queuecore import Backoff, JobContext, Permanent, Retry, Step, handler
from queuecore.handling import Handler

Mode = Literal["async", "thread", "process"]
MODES: Final[tuple[Mode, ...]] = ("async", "thread", "process")
TIMEOUT: Final = 5.0
AT_ONCE: Final = Backoff(base=0.0)
COMPLETED: Final = "completed"

SETTING: contextvars.ContextVar[str] = contextvars.ContextVar("SETTING", default="unset")
KEPT: list[Any] = []


class Poison(NamedTuple):
    """A handler, and what its job must come to: `completed`, or the type of its error."""

    handler: Handler[..., Any]
    ends: str


POISONS: dict[str, Poison] = {}
# Those that end their runner: nothing in it can keep them from that.
FATAL: dict[str, Poison] = {}


def poison(
    *modes: Mode, ends: str = COMPLETED, timeout: float = TIMEOUT, among: dict[str, Poison] = POISONS
) -> Callable[[Callable[[JobContext], Any]], Callable[[JobContext], Any]]:
    """Make a function the handler of a kind in each of these modes."""

    def decorate(function: Callable[[JobContext], Any]) -> Callable[[JobContext], Any]:
        for mode in modes:
            kind = f"{mode}.{function.__name__}"
            make = handler(kind, runs=mode, timeout=timeout, retries=1, backoff=AT_ONCE)
            among[kind] = Poison(make(_coroutine(function) if mode == "async" else function), ends)
        return function

    return decorate


def _coroutine(function: Callable[[JobContext], Any]) -> Any:
    async def run(ctx: JobContext) -> Any:
        result = function(ctx)
        return await result if asyncio.iscoroutine(result) else result

    return run


# The innocent: each gives its number back, and what it found of its surroundings.


def _surroundings(number: int) -> list[Any]:
    # A progress that is not written costs nothing, and shows whether clocks work.
    return [number, SETTING.get(), decimal.getcontext().prec, os.getpid() == _home]


_home = os.getpid()


@handler("innocent.async", timeout=60, backoff=AT_ONCE)
async def innocent_in_loop(ctx: JobContext, number: int, seconds: float = 0.02) -> list[Any]:
    """Wait a little, in two steps, and say so."""
    await asyncio.sleep(seconds / 2)
    ctx.progress(1, 2, unit="steps")
    await asyncio.sleep(seconds / 2)
    return _surroundings(number)


@handler("innocent.thread", runs="thread", timeout=60, backoff=AT_ONCE)
def innocent_in_thread(ctx: JobContext, number: int, seconds: float = 0.01) -> list[Any]:
    """Wait a little, and say so."""
    time.sleep(seconds)
    ctx.progress(1, 2, unit="steps")
    return _surroundings(number)


@handler("innocent.process", runs="process", timeout=60, backoff=AT_ONCE)
def innocent_in_process(ctx: JobContext, number: int, seconds: float = 0.0) -> list[Any]:
    """Need some memory, a descriptor and a little time, and say so."""
    time.sleep(seconds)
    ctx.progress(1, 2, unit="steps")
    with open(os.devnull, "wb") as file:
        file.write(bytearray(1_000_000))
    return _surroundings(number)


# Children.


def _wait_for(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@poison(*MODES)
def fork_and_return(ctx: JobContext) -> int:
    child = os.fork()
    return _wait_for(child) if child else 0


@poison(*MODES)
def fork_and_raise(ctx: JobContext) -> int:
    child = os.fork()
    if not child:
        raise ValueError("from the child")
    return _wait_for(child)


@poison(*MODES)
def fork_and_exit(ctx: JobContext) -> int:
    child = os.fork()
    if not child:
        sys.exit(0)
    return _wait_for(child)


@poison(*MODES)
def fork_and_report(ctx: JobContext) -> int:
    child = os.fork()
    if not child:
        ctx.progress(5, 5, message="from the child")
    return _wait_for(child)


@poison("async")
async def fork_and_go_on(ctx: JobContext) -> int:
    """The child waits for what would let other jobs run in it."""
    wait = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(0.05, wait.set_result, None)
    child = os.fork()
    if not child:
        await wait
        await asyncio.sleep(0)
        return 0
    await asyncio.sleep(0.1)
    return _wait_for(child)


@poison("thread", "process")
def multiprocess_by_fork(ctx: JobContext) -> list[int]:
    return _multiprocess("fork")


@poison("thread", "process")
def multiprocess_by_spawn(ctx: JobContext) -> list[int]:
    return _multiprocess("spawn")


@poison("thread", "process")
def multiprocess_by_forkserver(ctx: JobContext) -> list[int]:
    return _multiprocess("forkserver")


@poison("async")
async def multiprocess_from_a_coroutine(ctx: JobContext) -> list[int]:
    return await asyncio.to_thread(_multiprocess, "fork")


@poison("async")
async def multiprocess_in_the_loop(ctx: JobContext) -> int | None:
    import multiprocessing

    process = multiprocessing.get_context("fork").Process(target=abs, args=(-1,))
    process.start()
    await asyncio.to_thread(process.join)
    return process.exitcode


def _multiprocess(method: str) -> list[int]:
    import multiprocessing

    with multiprocessing.get_context(method).Pool(1) as pool:
        return pool.map(abs, [-1, -2])


@poison("thread", "process")
def leave_children(ctx: JobContext) -> None:
    KEPT.append(subprocess.Popen(["sleep", "300"]))
    subprocess.run(["sh", "-c", "sleep 300 > /dev/null 2>&1 &"], check=True)


# Descriptors and signals.


@poison("process", ends="crashed")
def write_to_all_descriptors(ctx: JobContext) -> None:
    for name in os.listdir("/proc/self/fd"):
        try:
            os.write(int(name), b"\x00\x00\x00\x02nonsense")
        except OSError:
            continue


@poison("process", ends="crashed")
def close_all_descriptors(ctx: JobContext) -> None:
    os.closerange(0, 1000)


@poison("process", ends="crashed")
def terminate_itself(ctx: JobContext) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)


@poison("process", ends="crashed")
def terminate_its_group(ctx: JobContext) -> None:
    os.killpg(0, signal.SIGTERM)
    time.sleep(60)


@poison("async", "thread")
def terminate_the_runner(ctx: JobContext) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    os.killpg(0, signal.SIGINT)


@poison("process", ends="crashed")
def kill_itself(ctx: JobContext) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@poison("process", ends="crashed")
def fault(ctx: JobContext) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


@poison("process", ends="crashed")
def exit_at_once(ctx: JobContext) -> None:
    os._exit(0)


@poison("process", ends="crashed")
def become_another_program(ctx: JobContext) -> None:
    os.execv("/bin/sleep", ["sleep", "300"])


@poison("process", ends="crashed")
def become_a_daemon(ctx: JobContext) -> None:
    if os.fork():
        os._exit(0)
    time.sleep(0.5)


@poison("async")
async def start_a_program_with_code_before_it(ctx: JobContext) -> int | None:
    process = await asyncio.create_subprocess_exec("true", preexec_fn=lambda: os.umask(0o22))
    return await process.wait()


@poison("process", ends="crashed")
def set_an_alarm(ctx: JobContext) -> None:
    signal.alarm(1)
    time.sleep(60)


@poison("process", ends="timed-out", timeout=0.5)
def ignore_every_signal(ctx: JobContext) -> None:
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    time.sleep(60)


# What ends the runner, once: the next time it is alone in a process.


@poison("async", "thread", ends="crashed", among=FATAL)
def end_the_runner(ctx: JobContext) -> None:
    os._exit(0)


@poison("async", "thread", ends="crashed", among=FATAL)
def kill_the_runner(ctx: JobContext) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@poison("async", "thread", ends="crashed", among=FATAL)
def read_where_no_memory_is(ctx: JobContext) -> None:
    ctypes.string_at(0)


@poison("async", ends="unexpected-error", among=FATAL)
async def stop_the_loop(ctx: JobContext) -> None:
    asyncio.get_running_loop().stop()
    await asyncio.sleep(60)


@poison("async", ends="unexpected-error", among=FATAL)
async def cancel_all_tasks(ctx: JobContext) -> None:
    for task in asyncio.all_tasks():
        task.cancel()
    await asyncio.sleep(60)


@poison("async", ends="unexpected-error", among=FATAL)
async def exit_in_the_background(ctx: JobContext) -> None:
    async def exit() -> None:
        raise SystemExit(3)

    KEPT.append(asyncio.create_task(exit()))
    await asyncio.sleep(60)


@poison("async", "thread", ends="crashed", among=FATAL)
def close_all_of_the_runner(ctx: JobContext) -> None:
    os.closerange(3, 1000)
    time.sleep(5)


# What is left in a process.


@poison("process")
def leave_memory(ctx: JobContext) -> None:
    KEPT.append(b"x" * 500_000_000)


@poison("process")
def leave_descriptors(ctx: JobContext) -> None:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    KEPT.extend(open(os.devnull) for _ in range(min(limit, 20_000) - 50))  # noqa: SIM115 - that is the point


@poison("process")
def leave_threads(ctx: JobContext) -> None:
    for _ in range(50):
        threading.Thread(target=time.sleep, args=(300,)).start()


@poison("process")
def leave_handlers(ctx: JobContext) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.alarm(1)
    faulthandler.disable()


@poison("process")
def leave_limits(ctx: JobContext) -> None:
    for which in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE):
        resource.setrlimit(which, (16, 16))


@poison("process")
def leave_streams(ctx: JobContext) -> None:
    sys.stdout.close()
    sys.stderr = None


@poison("process")
def leave_a_broken_clock(ctx: JobContext) -> None:
    time.monotonic = time.time = time.sleep = lambda *_: "broken"


@poison("async", "thread")
def break_the_clock_for_a_while(ctx: JobContext) -> None:
    monotonic, time.monotonic = time.monotonic, lambda: "broken"
    time.sleep(0.2)
    time.monotonic = monotonic


@poison("process")
def leave_the_interpreter_changed(ctx: JobContext) -> None:
    gc.disable()
    sys.setrecursionlimit(50)
    sys.path.clear()
    socket.setdefaulttimeout(0.001)


@poison("process")
def leave_the_place_changed(ctx: JobContext) -> None:
    os.chdir("/")
    os.environ.clear()
    os.umask(0)


@poison(*MODES)
def leave_variables(ctx: JobContext) -> None:
    SETTING.set("left behind")
    decimal.getcontext().prec = 3


# Reports.


def _report_wrongly(ctx: JobContext) -> list[Callable[[], None]]:
    any_ctx: Any = ctx
    return [
        lambda: any_ctx.progress(1, 10, message=None),
        lambda: any_ctx.progress(1, 10, message=b"x"),
        lambda: any_ctx.progress(1, 10, unit=3),
        lambda: any_ctx.progress(1, 10, step="x"),
        lambda: any_ctx.progress(1, 10, step=Step("x", 10**30, 1)),
        lambda: any_ctx.progress(1, 10, step=Step(7, 1, 1)),
        lambda: any_ctx.progress(1, 10, fraction="0.5"),
        lambda: any_ctx.progress("1", 10),
        lambda: any_ctx.progress(10**400),
        lambda: any_ctx.progress(None),
        lambda: any_ctx.log(b"x"),
        lambda: any_ctx.log(None),
        lambda: any_ctx.checkpoint(object()),
        lambda: any_ctx.checkpoint(10**30),
    ]


@poison(*MODES)
def report_wrongly(ctx: JobContext) -> int:
    refused = 0
    for report in _report_wrongly(ctx):
        try:
            report()
        except (TypeError, ValueError):
            refused += 1
    assert refused == len(_report_wrongly(ctx))
    return refused


@poison(*MODES, ends="unexpected-error")
def report_wrongly_and_fail(ctx: JobContext) -> None:
    _report_wrongly(ctx)[0]()


@poison(*MODES)
def report_strangely(ctx: JobContext) -> None:
    """All of this has a meaning."""
    any_ctx: Any = ctx
    ctx.progress(float("nan"), float("inf"), fraction=float("-inf"))
    any_ctx.progress(decimal.Decimal("1"), decimal.Decimal("3"), fraction=decimal.Decimal("0.5"))
    ctx.progress(10**18, -1, message="\udcff\x00", unit="\udcff", step=Step("\udcff", 0, 0))


@poison(*MODES)
def report_much(ctx: JobContext) -> None:
    ctx.progress(1, 2, message="x" * 20_000_000, unit="y" * 1_000_000, step=Step("z" * 1_000_000, 1, 1))
    ctx.log("x" * 20_000_000)
    for number in range(20_000):
        ctx.log(f"line {number}")


@poison(*MODES, ends="too-large")
def save_too_much(ctx: JobContext) -> None:
    ctx.checkpoint("x" * 50_000_000)


# Errors.


class Hostile(Exception):
    """An exception that ends whoever asks it anything."""

    def __str__(self) -> str:
        raise SystemExit("from __str__")

    __repr__ = __str__


@poison(*MODES, ends="permanent")
def raise_permanent_of_an_error(ctx: JobContext) -> None:
    raise Permanent(ValueError("no table"), None)


@poison(*MODES, ends="7")
def raise_permanent_of_a_number(ctx: JobContext) -> None:
    raise Permanent("x", type=7)


@poison(*MODES, ends="retry-asked")
def raise_retry_of_an_error(ctx: JobContext) -> None:
    raise Retry(delay=None, reason=ValueError("busy"))


@poison(*MODES, ends="unexpected-error")
def raise_retry_of_nonsense(ctx: JobContext) -> None:
    raise Retry(delay="soon")  # type: ignore[arg-type]


@poison(*MODES, ends="unexpected-error")
def raise_hostile(ctx: JobContext) -> None:
    raise Hostile


@poison(*MODES, ends="permanent")
def raise_permanent_of_hostile(ctx: JobContext) -> None:
    raise Permanent(Hostile())


@poison(*MODES, ends="unexpected-error")
def raise_exit(ctx: JobContext) -> None:
    raise SystemExit(0)


@poison(*MODES, ends="unexpected-error")
def raise_much(ctx: JobContext) -> None:
    raise ValueError("line\n" * 2_000_000)


@poison(*MODES, ends="unexpected-error")
def raise_many(ctx: JobContext) -> None:
    raise ExceptionGroup("many", [ValueError("x" * 1_000) for _ in range(1_000)])


@poison(*MODES, ends="unexpected-error")
def recurse(ctx: JobContext) -> None:
    recurse(ctx)


@poison("process", ends="out-of-memory")
def need_too_much(ctx: JobContext) -> None:
    bytearray(1 << 46)


# Output and time.


@poison("process")
def print_much(ctx: JobContext) -> None:
    line = "x" * 99
    for _ in range(500_000):
        print(line)


@poison("process")
def log_much(ctx: JobContext) -> None:
    import logging

    for number in range(20_000):
        logging.getLogger("poison").warning("line %d", number)
    logging.getLogger("poison").warning("y" * 20_000_000)


@poison("process", ends="timed-out", timeout=0.5)
def compute_for_ever(ctx: JobContext) -> None:
    while True:
        pass


@poison("async")
def block_the_loop(ctx: JobContext) -> None:
    time.sleep(1.5)


# For the tests of single limits, with arguments.


@handler("limit.grow", timeout=60, backoff=AT_ONCE)
async def grow(ctx: JobContext, megabytes: int, seconds: float) -> None:
    """Hold memory for a while."""
    hoard = b"x" * (megabytes * 1_000_000)
    await asyncio.sleep(seconds)
    del hoard


@handler("limit.start", runs="thread", timeout=60)
def start_in_thread(ctx: JobContext) -> None:
    """Start a child, and one of a shell that ends; tell of them."""
    ctx.log(" ".join(map(str, _start_children())))


@handler("limit.start_in_process", runs="process", timeout=60)
def start_in_process(ctx: JobContext) -> None:
    """Start the same, tell of them, and wait."""
    ctx.log(" ".join(map(str, _start_children())))
    time.sleep(60)


def _start_children() -> list[int]:
    child = subprocess.Popen(["sleep", "300"])
    KEPT.append(child)
    command = ["sh", "-c", "sleep 300 > /dev/null 2>&1 & echo $!"]
    return [child.pid, int(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)]


@handler("limit.terminate_child", runs="thread", timeout=30)
def terminate_child(ctx: JobContext) -> int:
    """Start a child and end it as one does."""
    child = subprocess.Popen(["sleep", "300"])
    child.terminate()
    return child.wait()


@handler("limit.block", timeout=1.0, retries=0)
async def block_for(ctx: JobContext, seconds: float) -> None:
    """Block the event loop, in a function with a name."""
    a_function_that_blocks(seconds)


def a_function_that_blocks(seconds: float) -> None:
    time.sleep(seconds)


@handler("limit.seize", timeout=30)
async def seize_the_interpreter(ctx: JobContext) -> None:
    """Let C code keep the interpreter to itself, as a bad regular expression does."""
    import re

    re.match(r"(a|aa)+$", "a" * 40 + "b")


@handler("limit.write", runs="thread", timeout=30, max_crashes=2)
def write_to_all_sockets(ctx: JobContext) -> None:
    """Write nonsense to all that the runner speaks with."""
    for name in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                os.write(int(name), b"\xff" * 8)
        except OSError:
            continue
    time.sleep(60)


@handler("limit.change", runs="thread", timeout=30)
def change_the_surroundings(ctx: JobContext) -> None:
    """Change what all others of the runner see."""
    os.chdir("/")
    os.environ["LEFT_BY_A_JOB"] = "x"


@handler("limit.look", runs="thread", timeout=30)
def look_at_the_surroundings(ctx: JobContext) -> list[Any]:
    """Return what others left."""
    return [os.getcwd(), os.environ.get("LEFT_BY_A_JOB")]


@handler("limit.note", timeout=30)
async def note(ctx: JobContext, path: str, seconds: float) -> None:
    """Write down which process does this, some steps later."""
    for _ in range(10):
        await asyncio.sleep(seconds / 10)
    with open(path, "a") as file:  # noqa: ASYNC230 - short enough
        file.write(f"{os.getpid()}\n")


@handler("limit.fork", timeout=30)
async def fork_in_loop(ctx: JobContext, path: str) -> None:
    """Fork; the child goes on in the event loop for as long as it is let."""
    ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(1.0, ready.set_result, None)
    child = os.fork()
    try:
        await ready
    finally:
        with open(path, "a") as file:  # noqa: ASYNC230 - short enough
            file.write(f"{os.getpid()} after the fork of {child}\n")


globals().update({kind: each.handler for kind, each in (POISONS | FATAL).items()})

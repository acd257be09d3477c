"""A process that runs one job after another, so that a job can be killed.

Started as `python -m queuecore.execution.job_process SOCKET OUTPUT`: the numbers of its end of a
socket pair and of the pipe that takes what handlers print.

It has no connection to Redis and no way to get one: all it knows comes over its
socket from the runner, and goes back there.
"""

from __future__ import annotations

import contextlib
import contextvars
import ctypes
import faulthandler
import gc
import logging
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn, TextIO

from .. import log
from ..handling import Handler, JobContext, Registry, forget_frames, is_exhaustion
from ..model import MAX_ERROR_CHARS, text_of
from ..processes import (
    Home,
    adopt_orphans,
    adopt_socket,
    close_inherited,
    die_with_parent,
    ignore_signals,
    keep_private,
    lead_group,
)
from .condition import Condition
from .coroutines import run_coroutine
from .interruption import Interrupted, Interruption
from .job_messages import Ended, Raised, Ready, Returned, Run, Setup, Stopped, Unfit
from .raised import classify
from .runner_line import RunnerLine
from .variables import remember_variables

# What one attempt may write into the log of the worker.
LOG_LINES = 1_000

logger = logging.getLogger("queuecore.job_process")

# Bound before a handler can put something else in its place.
_exit = os._exit


def main() -> None:
    """Serve the runner at the other end of the socket whose number is the first argument."""
    sock, output = adopt_socket(int(sys.argv[1])), int(sys.argv[2])
    close_inherited(but=(sock.fileno(), output))
    keep_private(sock.fileno())
    lead_group()
    adopt_orphans()
    code = 1
    try:
        _serve(RunnerLine(sock), output)
        code = 0
    except BaseException:
        traceback.print_exc()
    # At once: what handlers registered for the end, or left running, is not waited for.
    _leave(code)


def _serve(line: RunnerLine, output: int) -> None:
    setup = line.receive()
    if not isinstance(setup, Setup):
        return
    die_with_parent(setup.parent_pid)
    lines = open(os.dup(2), "w", buffering=1, encoding="utf-8", errors="backslashreplace")  # noqa: SIM115 - open as long as the process
    budget = log.LineBudget(LOG_LINES)
    log.configure(level=setup.log_level, format=setup.log_format, stream=lines).addFilter(budget)
    faulthandler.enable(lines)
    os.umask(0o077)
    sys.path[:] = setup.search_path
    try:
        with log.Caretaker():
            registry = Registry.load(setup.handlers)
    except BaseException as error:
        line.send(Unfit(text_of(error)[:MAX_ERROR_CHARS]))
        raise
    _redirect_output(output)
    _limit_memory(setup.memory_bytes)
    # What is loaded by now stays: no collection needs to look at it again.
    gc.collect()
    gc.freeze()
    JobProcess(line, registry, setup, budget).serve()


def _redirect_output(output: int) -> None:
    """Have all that is printed from now on, by whatever part of this process, go to the runner."""
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    os.close(output)
    sys.stdout = _text_stream(1)
    sys.stderr = _text_stream(2)


def _text_stream(descriptor: int) -> TextIO:
    # By lines: what is in a buffer is lost when the process is killed.
    return open(descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)


def _limit_memory(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if size > 0:
        resource.setrlimit(resource.RLIMIT_AS, (size, size))


def _leave(code: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    _exit(code)


class JobProcess:
    """Runs the jobs that come over `line`, one at a time."""

    def __init__(
        self, line: RunnerLine, registry: Registry, setup: Setup, log_budget: log.LineBudget
    ) -> None:
        self._line = line
        self._registry = registry
        self._max_result_bytes = setup.max_result_bytes
        self._memory_bytes = setup.memory_bytes
        self._log_budget = log_budget
        self._home = Home()
        self._interruption = Interruption(self._ask_to_cancel)
        self._context: JobContext | None = None

    def serve(self) -> None:
        """Run jobs until one is interrupted or leaves something behind, then wait to be killed."""
        ignore_signals(signal.SIGINT)
        self._home.guard()
        flush = _output_flusher()
        fresh_variables = remember_variables()
        condition = Condition(memory_bytes=self._memory_bytes, own_threads=lambda: self._line.threads)
        self._line.send(Ready())
        fit = True
        while fit:
            request = self._next_request()
            outcome = self._run(request, fresh_variables())
            self._close_log(request)
            flush()
            left = condition.put_back()
            if self._interruption.came:
                outcome = Stopped()
            self._line.send(Ended(request.id, request.attempt, outcome, left))
            fit = not left and not isinstance(outcome, Stopped)
        # The runner finds what this process has started only as long as it is there.
        self._line.receive()

    def _close_log(self, request: Run) -> None:
        if held_back := self._log_budget.renew():
            log.event(logger, logging.WARNING, "log.cut", lines=held_back, job=request.id, kind=request.kind)

    def _next_request(self) -> Run:
        self._interruption.begin_rest()
        request = self._line.receive()
        self._interruption.end_rest()
        if not isinstance(request, Run):
            raise TypeError(f"the runner sent {request!r} instead of a job")
        return request

    def _run(self, request: Run, variables: contextvars.Context) -> Returned | Raised | Stopped:
        context = self._context = JobContext(
            request.id, request.attempt, request.kind, request.checkpoint, self._announce, self._home
        )
        self._line.listen_to(context)
        try:
            handler = self._registry[request.kind]
            arguments = handler.decode(request.args)
            result = self._invoke(handler, context, arguments, variables)
            return Returned(handler.returns.encode(result, limit=self._max_result_bytes))
        except Interrupted:
            return Stopped()
        except BaseException as error:
            return _raised(error, request)
        finally:
            self._context = None
            self._line.send_news()
            self._line.listen_to(None)

    def _invoke(
        self, handler: Handler[..., Any], context: JobContext, arguments: Any, variables: contextvars.Context
    ) -> Any:
        try:
            self._interruption.allow()
            result = variables.run(handler.invoke, context, arguments)
            return variables.run(run_coroutine, result) if handler.runs == "async" else result
        finally:
            if self._home.left:
                self._home.leave()
            self._interruption.forbid()

    def _announce(self, context: JobContext) -> None:
        # Interrupted, it would leave half of a message.
        allowed = self._interruption.forbid()
        self._line.send_news_soon()
        if allowed:
            self._interruption.allow()

    def _ask_to_cancel(self) -> None:
        if self._context is not None:
            self._context.ask_to_cancel()


def _raised(error: BaseException, request: Run) -> Raised:
    exhausted = is_exhaustion(error)
    if exhausted:
        # The frames hold what the handler was working on, perhaps all of the memory.
        forget_frames(error)
    return Raised(classify(error, request), exhausted)


def _output_flusher() -> Callable[[], None]:
    """Return what sends off the output that is still in a buffer, Python's and C's."""
    flushes = (sys.stdout.flush, sys.stderr.flush)
    flush_c, everything = ctypes.CDLL(None).fflush, None

    def flush() -> None:
        for each in flushes:
            # The handler may have closed it, which is found when the process is looked through.
            with contextlib.suppress(OSError, ValueError):
                each()
        flush_c(everything)

    return flush


if __name__ == "__main__":
    main()

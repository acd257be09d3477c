"""A process that runs one job after another, so that a job can be killed.

Started as `python -m queuecore.execution.job_process FD`, FD being its end of a socket pair.

It has no connection to Redis and no way to get one: all it knows comes over its
socket from the runner, and goes back there.
"""

from __future__ import annotations

import gc
import logging
import os
import resource
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import FrameType

from .. import log
from ..handling import UNEXPECTED, JobContext, Registry, describe, encode_result
from ..processes import die_with_parent, receive_frame, send_frame
from .job_messages import FromProcess, Raised, Ready, Returned, Run, Said, Setup, Stopped, Unfit, from_runner

logger = logging.getLogger("queuecore.job_process")

# The runner writes progress every half second; more news than this it would not use.
NEWS_SECONDS = 0.2


class Interrupted(BaseException):
    """Raised inside a handler by SIGTERM, so that its `finally` blocks run. Not an `Exception`:
    a handler that catches those must not go on."""


def main() -> None:
    """Serve the runner at the other end of the socket whose number is the only argument."""
    sock = socket.socket(fileno=int(sys.argv[1]))
    setup = receive_frame(sock, from_runner)
    if not isinstance(setup, Setup):
        sys.exit(1)
    die_with_parent(setup.parent_pid)
    log.configure(level=setup.log_level, format=setup.log_format)
    os.umask(0o077)
    sys.path[:] = setup.search_path
    try:
        registry = Registry.load(setup.handlers)
    except BaseException as error:
        send_frame(sock, Unfit(str(error)))
        raise
    _limit_memory(setup.memory_bytes)
    # What is loaded by now stays: no collection needs to look at it again.
    gc.collect()
    gc.freeze()
    JobProcess(sock, registry, max_result_bytes=setup.max_result_bytes).serve()


def _limit_memory(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if size > 0:
        resource.setrlimit(resource.RLIMIT_AS, (size, size))


class JobProcess:
    """Runs the jobs that come over `sock`, one at a time, until the runner hangs up."""

    def __init__(self, sock: socket.socket, registry: Registry, *, max_result_bytes: int) -> None:
        self._sock = sock
        self._registry = registry
        self._max_result_bytes = max_result_bytes
        self._send_lock = threading.Lock()
        self._idle = False
        self._interruptible = False
        self._interrupted = False
        self._news_sent_at = 0.0
        self._news_timer: NewsTimer | None = None
        self._context: JobContext | None = None

    def serve(self) -> None:
        """Run jobs; return when the runner hung up or a job was interrupted."""
        signal.signal(signal.SIGTERM, self._interrupt)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._send(Ready())
        while (request := self._next_request()) is not None:
            ended = self._run(request)
            self._send(Stopped() if self._interrupted else ended)

    def _next_request(self) -> Run | None:
        self._idle = True
        if self._interrupted:
            return None
        request = receive_frame(self._sock, from_runner)
        self._idle = False
        return request if isinstance(request, Run) else None

    def _run(self, request: Run) -> FromProcess:
        context = self._context = JobContext(
            request.id, request.attempt, request.kind, request.checkpoint, self._announce
        )
        try:
            handler = self._registry[request.kind]
            arguments = handler.decode(request.args)
            try:
                self._allow_interrupt()
                result = handler.invoke(context, arguments)
            finally:
                self._interruptible = False
            return Returned(encode_result(result, limit=self._max_result_bytes))
        except Interrupted:
            return Stopped()
        except BaseException as error:
            failure = describe(error)
            if failure.error.type == UNEXPECTED:
                log.event(
                    logger,
                    logging.WARNING,
                    "handler.raised",
                    exc_info=error,
                    job=request.id,
                    kind=request.kind,
                    attempt=request.attempt,
                )
            # The frames hold what the handler was working on, perhaps all of its memory.
            traceback.clear_frames(error.__traceback__)
            return Raised(failure)
        finally:
            self._context = None
            self._send_news(context)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._idle:
            os._exit(0)
        self._interrupted = True
        if self._context is not None:
            self._context.ask_to_cancel()
        # Raised elsewhere than in the handler it would cut a message in two.
        if self._interruptible:
            self._interruptible = False
            raise Interrupted

    def _allow_interrupt(self) -> None:
        self._interruptible = True
        # A signal that came before this line was only remembered.
        if self._interrupted:
            self._interruptible = False
            raise Interrupted

    def _announce(self, context: JobContext) -> None:
        if threading.current_thread() is not threading.main_thread() or not self._interruptible:
            self._send_news_soon(context)
            return
        self._interruptible = False
        self._send_news_soon(context)
        self._allow_interrupt()

    def _send_news_soon(self, context: JobContext) -> None:
        wait = self._news_sent_at + NEWS_SECONDS - time.monotonic()
        if wait <= 0.0:
            self._send_news(context)
            return
        if self._news_timer is None:
            self._news_timer = NewsTimer(self._send_news)
        self._news_timer.start(context, wait)

    def _send_news(self, context: JobContext) -> None:
        with self._send_lock:
            if context.has_news:
                self._news_sent_at = time.monotonic()
                send_frame(self._sock, Said(context.job_id, context.attempt, context.take_news()))

    def _send(self, message: FromProcess) -> None:
        with self._send_lock:
            send_frame(self._sock, message)


class NewsTimer:
    """Sends what a handler said shortly after its last news, also when it then falls silent."""

    def __init__(self, send: Callable[[JobContext], None]) -> None:
        self._send = send
        self._wanted = threading.Event()
        self._context: JobContext | None = None
        self._wait = 0.0
        threading.Thread(target=self._serve, name="news", daemon=True).start()

    def start(self, context: JobContext, wait: float) -> None:
        """Have the news of `context` sent in `wait` seconds."""
        self._context = context
        self._wait = wait
        self._wanted.set()

    def _serve(self) -> None:
        while True:
            self._wanted.wait()
            self._wanted.clear()
            time.sleep(self._wait)
            if self._context is not None:
                self._send(self._context)


if __name__ == "__main__":
    main()

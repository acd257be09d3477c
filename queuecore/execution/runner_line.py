"""A job process's end of the line to its runner: frames in and out, and a handler's news, not too often."""

from __future__ import annotations

import os
import socket
import threading
from time import monotonic, sleep
from typing import NoReturn

from ..handling import JobContext
from ..processes import receive_frame, send_frame
from .job_messages import FromProcess, FromRunner, Said, from_runner

# The runner writes progress every half second; more news than this it would not use.
NEWS_SECONDS = 0.2

# Bound before a handler can put something else in its place.
_exit = os._exit


class RunnerLine:
    """Speaks to the runner at the other end of `sock`. Without a runner there is nothing to live for.

    Attributes:
        threads: how many threads it has started.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.threads = 0
        self._sock = sock
        self._lock = threading.Lock()
        self._sent_at = 0.0
        self._speaker: JobContext | None = None
        self._wait = 0.0
        self._wanted = threading.Event()

    def receive(self) -> FromRunner:
        """Return the next message; end the process when the runner has hung up."""
        message: FromRunner | None = receive_frame(self._sock, from_runner)
        if message is None:
            _exit(0)
        return message

    def send(self, message: FromProcess) -> None:
        """Send a message, after whatever is being sent."""
        with self._lock:
            self._send(message)

    def listen_to(self, context: JobContext | None) -> None:
        """Take news from this context and no other: code that an attempt left behind has no say any more."""
        with self._lock:
            self._speaker = context

    def send_news(self) -> None:
        """Send what the attempt has to say now."""
        with self._lock:
            context = self._speaker
            if context is not None and context.has_news:
                self._sent_at = monotonic()
                self._send(Said(context.job_id, context.attempt, context.take_news()))

    def send_news_soon(self) -> None:
        """Send what the attempt has to say, now or when the last news are old enough."""
        wait = self._sent_at + NEWS_SECONDS - monotonic()
        if wait <= 0.0:
            self.send_news()
            return
        if not self.threads:
            self.threads = 1
            threading.Thread(target=self._send_later, name="news", daemon=True).start()
        self._wait = wait
        self._wanted.set()

    def _send_later(self) -> None:
        # Also when the handler falls silent after its last news.
        while True:
            self._wanted.wait()
            self._wanted.clear()
            sleep(self._wait)
            self.send_news()

    def _send(self, message: FromProcess) -> None:
        try:
            send_frame(self._sock, message)
        except OSError:
            _hang_up()


def _hang_up() -> NoReturn:
    _exit(1)

"""The supervisor's side of one runner: started, listened to, told what to do, killed if need be."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import re
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from ..handling import exit_phrase
from ..model import Blocked, SlotClass, WorkerOptions, decode_blocked
from ..processes import Channel, child_environment, end_session, make_note, read_note
from .control import (
    Begun,
    Drain,
    FromRunner,
    FromSupervisor,
    Pulse,
    Ready,
    Start,
    Unfit,
    Waiting,
    from_runner,
)

_LONGEST_NAME = 12
# A runner that has not said for so long that its event loop turns is blocked: it says so every second.
_LATE_SECONDS = 2.0


def new_runner_id(worker: str, number: int) -> str:
    """Return an id that no other start of any runner has: names and process ids come back, this does not."""
    short = re.sub(r"[^a-z0-9_]+", "-", worker.lower()).strip("-")[:_LONGEST_NAME] or "worker"
    nonce = base64.b32encode(secrets.token_bytes(4)).decode().lower()[:6]
    return f"{short}-{nonce}.{number % 10_000}"


class RunnerProcess:
    """One runner while it lives.

    Attributes:
        id: the runner's id, under which it is registered.
        runs: the classes of its slots, for the log.
        ready: whether it is registered and claims jobs.
        begun: whether it has begun a job.
        draining: whether it was told to end.
        unfit: why it cannot run, None as long as it can.
        pulse: what it said of itself last.
        waiting: attempts that it has claimed but not begun, (job id, number).
        heard_of: whether it has said anything yet.
        started_at, heard_at: on the event loop's clock.
        suspended_since: likewise, when it was first seen to be suspended; None while it is not.
    """

    def __init__(self, id: str, runs: str, process: asyncio.subprocess.Process, note: int) -> None:
        now = asyncio.get_running_loop().time()
        self.id = id
        self.runs = runs
        self.pid = process.pid
        self.ready = False
        self.begun = False
        self.unfit: str | None = None
        self.pulse = Pulse(running=0, lag=0.0)
        self.waiting: list[tuple[str, int]] = []
        self.started_at = now
        self.heard_at = now
        self.heard_of = False
        self.suspended_since: float | None = None
        self.draining = False
        self.killed_for: str | None = None
        self._process = process
        self._note = note
        self._channel: Channel | None = None
        self._on_ready: Callable[[RunnerProcess], None] | None = None

    @classmethod
    async def start(
        cls,
        id: str,
        *,
        worker: str,
        slots: Mapping[SlotClass, int],
        options: WorkerOptions,
        on_ready: Callable[[RunnerProcess], None],
    ) -> RunnerProcess:
        """Start a runner with so many slots of each class; `on_ready` is called when it has registered."""
        ours, theirs = socket.socketpair()
        note = make_note()
        with ExitStack() as undo, theirs:
            undo.callback(ours.close)
            undo.callback(os.close, note)
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "queuecore.worker.runner",
                str(theirs.fileno()),
                str(note),
                *slots,  # for whoever looks at the list of processes
                pass_fds=(theirs.fileno(), note),
                stdin=asyncio.subprocess.DEVNULL,
                env=child_environment(),
                # Out of the terminal's group: Ctrl-C is for the supervisor, which then tells its runners.
                start_new_session=True,
            )
            undo.pop_all()
        started = cls(id, ", ".join(slots), process, note)
        started._on_ready = on_ready
        started._channel = await Channel.open(
            ours, from_runner, received=started._receive, closed=started._hang_up
        )
        # Not as arguments: every user of the machine can read those, and the URL has a password.
        started._channel.send(Start(id, worker, os.getpid(), dict(slots), options))
        return started

    @property
    def suspended(self) -> bool:
        """Whether it was stopped (SIGSTOP, a debugger): it lives, but does nothing and may stay so."""
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_text()
        except OSError:
            return False
        # The name before it is in parentheses and may hold anything.
        return stat.rpartition(")")[2].split()[0] in "Tt"

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None

    def blocked(self) -> tuple[float, Blocked] | None:
        """Return for how many seconds its event loop has not turned, and what keeps it; None if it turns."""
        late = asyncio.get_running_loop().time() - self.heard_at
        if not self.ready or late < _LATE_SECONDS:
            return None
        # It names the job in a thread of its own, which does not run while code in C keeps the interpreter.
        return late, read_note(self._note, decode_blocked) or Blocked()

    def tell(self, message: FromSupervisor) -> None:
        """Send a control message."""
        if isinstance(message, Drain):
            self.draining = True
        if self._channel is not None:
            self._channel.send(message)

    def kill(self, reason: str) -> None:
        """Kill it, because of `reason`. Its job processes die with it."""
        if self.alive:
            self.killed_for = reason
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    async def wait(self) -> int:
        """Return the exit code, negative for a signal, once the runner is gone."""
        code = await self._process.wait()
        # Its job processes, and what handlers have started.
        end_session(self.pid)
        if self._channel is not None:
            self._channel.close()
        os.close(self._note)
        self._note = -1
        return code

    @property
    def ended_well(self) -> bool:
        """Whether it ended by itself and settled everything before."""
        return self._process.returncode == 0

    def reason(self) -> str:
        """Return why it is gone, as the end of a sentence."""
        return self.killed_for or exit_phrase(self._process.returncode or 0)

    def _hang_up(self) -> None:
        # What has no end to listen to is of no use, and what it sends next might be anything.
        if self._channel is not None and self._channel.broken:
            self.kill("sent what is no message")

    def _receive(self, message: FromRunner) -> None:
        self.heard_at = asyncio.get_running_loop().time()
        self.heard_of = True
        match message:
            case Ready():
                self.ready = True
                if self._on_ready is not None:
                    self._on_ready(self)
            case Begun():
                self.begun = True
            case Unfit(reason):
                self.unfit = reason
            case Pulse():
                self.pulse = message
            case Waiting(attempts):
                self.waiting = attempts

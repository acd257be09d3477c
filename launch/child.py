"""One long-running child of the launcher: started, started again when it dies, stopped."""

import subprocess
import time
from collections.abc import Callable

from launch.process import kill_group

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
# Who has lived that long starts again without the delays of earlier deaths.
LONG_LIFE = 60.0
# What our commands end with when their configuration or command line is wrong.
WRONG_CONFIGURATION = 2


class Child:
    """A process that is kept running.

    Args:
        name: what it is called in messages.
        spawn: starts the process.
    """

    def __init__(self, name: str, spawn: Callable[[], subprocess.Popen[bytes]]) -> None:
        self.name = name
        self._spawn = spawn
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._delay = FIRST_DELAY
        self.start_at: float | None = None

    def start(self) -> None:
        """Start the process."""
        self.start_at = None
        self._started = time.monotonic()
        self._process = self._spawn()

    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def plan_restart(self) -> str:
        """After a death: set `start_at` to when it is to start again, and say so in a sentence."""
        assert self._process is not None
        code = self._process.wait()
        kill_group(self._process)
        if time.monotonic() - self._started > LONG_LIFE:
            self._delay = FIRST_DELAY
        delay, self._delay = self._delay, min(self._delay * 2, LONGEST_DELAY)
        self.start_at = time.monotonic() + delay
        return f"The {self.name} ended ({describe_end(code)}). Starting it again in {delay:g} s."

    def ended_for_good(self) -> bool:
        """Whether it ended because of its configuration, so that starting it again cannot help."""
        return self._process is not None and self._process.poll() == WRONG_CONFIGURATION

    def send_signal(self, number: int) -> None:
        """Send a signal to the process, if it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """Kill the process and what is left of its group."""
        self.start_at = None
        if self._process is not None:
            kill_group(self._process)


def describe_end(code: int) -> str:
    """Say how a process ended, from its exit code as subprocess gives it."""
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"

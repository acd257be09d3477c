"""The whole service as `make run` starts it, for tests."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OURS = re.compile(r"QUEUECORE_|(HOST|PORT|DATA_DIR|REDIS_URL|WORKERS)$")
PATIENCE = 40.0


class Launched:
    """A running launcher.

    Args:
        data_dir: for `DATA_DIR`.
        environ: settings on top.
        code: what Python runs instead of `-m launch`.
    """

    def __init__(self, data_dir: Path, environ: Mapping[str, str] | None = None, *, code: str = "") -> None:
        inherited = {name: value for name, value in os.environ.items() if not OURS.match(name)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", code] if code else [sys.executable, "-m", "launch"],
            cwd=ROOT,
            env=inherited | {"PORT": "0", "DATA_DIR": str(data_dir), "WORKERS": "1"} | dict(environ or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        """What it has said so far."""
        return "".join(self._lines)

    @property
    def url(self) -> str:
        """The address of the page, without the last slash; waits for it."""
        self.wait_for("Stop    Ctrl-C")
        match = re.search(r"Page +(http://\S+)/\n", self.output)
        assert match is not None
        return match[1]

    def wait_for(self, text: str) -> None:
        """Wait until it has said `text`."""
        wait_until(
            lambda: text in self.output or self.process.poll() is not None, f"{text!r} in\n{self.output}"
        )
        assert text in self.output, self.output

    def children(self) -> dict[str, int]:
        """The process ids of Redis, API and worker."""
        found = {}
        for pid in children_of(self.process.pid):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            for name in ("redis-server", "worker.py", "-m api", "fake_redis"):
                if name in command:
                    found[name] = pid
        return found

    def family(self) -> list[int]:
        """The process ids of all its descendants."""
        found = children_of(self.process.pid)
        for pid in found:
            found.extend(children_of(pid))
        return found

    def answers(self, path: str = "/health/ready") -> bool:
        """Whether the page can be had."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop it; returns the exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for its end; returns the exit code."""
        code = self.process.wait(PATIENCE)
        self._reader.join(5)
        return code

    def destroy(self) -> None:
        """Leave nothing behind, whatever the test has done."""
        family = self.family() if self.process.poll() is None else []
        for pid in (self.process.pid, *family):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.append(line)


def wait_until(condition: Callable[[], object], what: str, *, timeout: float = PATIENCE) -> None:
    """Wait for a condition with a deadline."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout:g} s: {what}"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children_of(pid: int) -> list[int]:
    """The children of a process that run."""
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(child) for child in listed if is_running(int(child))]

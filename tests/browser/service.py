"""The whole service as real processes: a private Redis, the API and one worker."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from launch.private_redis import PrivateRedis

ROOT = Path(__file__).resolve().parents[2]
HANDLERS = "handlers,tests.browser.kinds"


class Service:
    """What a browser talks to.

    Args:
        directory: where data and logs go.
        settings: further settings by the names of their environment variables.
    """

    def __init__(self, directory: Path, settings: dict[str, str] | None = None) -> None:
        self.redis = PrivateRedis(directory / "redis")
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._directory = directory
        self._settings = settings or {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Start everything and wait until files are accepted."""
        self.redis.start()
        self.start_api()
        self._start("worker", [sys.executable, "worker.py"])

    def start_api(self) -> None:
        """Start the API, on the same port as before, and wait until it is ready."""
        self._start("api", [sys.executable, "-m", "api"])
        wait_until(self._is_ready, "the API is ready", timeout=30)

    def stop_api(self) -> None:
        """Stop the API as a deployment would."""
        self._stop("api")

    def stop(self) -> None:
        """Stop everything, the last started first."""
        for name in list(reversed(self._processes)):
            self._stop(name)
        self.redis.stop()

    def _start(self, name: str, command: list[str]) -> None:
        environ = {name: value for name, value in os.environ.items() if not name.startswith("QUEUECORE_")}
        environ |= {
            "QUEUECORE_DATA_DIR": str(self._directory / "data"),
            "QUEUECORE_REDIS_URL": self.redis.url,
            "QUEUECORE_HTTP_PORT": str(self.port),
            "QUEUECORE_WORKER_HANDLERS": HANDLERS,
            "QUEUECORE_WORKER_PROCESSES": "1",
            "QUEUECORE_WORKER_GRACE": "1",
            **self._settings,
        }
        with (self._directory / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command, cwd=ROOT, env=environ, stdout=log, stderr=log, start_new_session=True
            )

    def _stop(self, name: str) -> None:
        process = self._processes.pop(name)
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise

    def _is_ready(self) -> bool:
        process = self._processes["api"]
        assert process.poll() is None, f"the API ended:\n{(self._directory / 'api.log').read_text()}"
        try:
            with urllib.request.urlopen(f"{self.url}/health/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False


def wait_until(condition: Callable[[], object], what: str, *, timeout: float = 20.0) -> None:
    """Wait for a condition with a deadline."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout:g} s: {what}"
        time.sleep(0.02)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

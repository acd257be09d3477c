"""The Redis that is measured on: its own process, nothing kept on disk, and what it can say about itself."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from bench.redis_wire import Wire
from launch.private_redis import PrivateRedis

# On loopback TCP, because every client speaks it. What our own private Redis sets otherwise is set back to
# what Redis comes with, so that nobody is helped.
CONFIGURATION: Final = {
    "bind": "127.0.0.1",
    "appendonly": "no",
    "save": "",
    "hash-max-ziplist-entries": "128",
    "hash-max-ziplist-value": "64",
}
DESCRIPTION: Final = "its own redis-server on loopback TCP, no persistence, all else as Redis comes"


class Usage(NamedTuple):
    """What Redis has done so far.

    Attributes:
        cpu: seconds of its main thread.
        reads: how often it read from a socket: round trips, more or less.
        scripts: calls of Lua scripts and functions.
        script_seconds: time in them.
    """

    cpu: float
    reads: int
    scripts: int
    script_seconds: float

    def since(self, before: "Usage") -> "Usage":
        """What was done from `before` to now."""
        return Usage(
            self.cpu - before.cpu,
            self.reads - before.reads,
            self.scripts - before.scripts,
            self.script_seconds - before.script_seconds,
        )


class BenchRedis:
    """A running server; see `start`."""

    def __init__(self, port: int, version: str, pid: int) -> None:
        self.port = port
        self.version = version
        self.pid = pid
        self.url = f"redis://127.0.0.1:{port}/0"
        self.wire = Wire(port)

    def empty(self) -> None:
        """Remove everything."""
        self.wire.call("FLUSHALL", "SYNC")

    def usage(self) -> Usage:
        """What it has done since its start."""
        cpu = self.wire.info("cpu")
        used = float(cpu["used_cpu_user_main_thread"]) + float(cpu["used_cpu_sys_main_thread"])
        reads = int(self.wire.info("stats")["total_reads_processed"])
        scripts = 0
        seconds = 0.0
        for name, text in self.wire.info("commandstats").items():
            values = dict(pair.split("=") for pair in text.split(","))
            if name.removeprefix("cmdstat_") in ("eval", "evalsha", "fcall"):
                scripts += int(values["calls"])
                seconds += int(values["usec"]) / 1e6
        return Usage(used, reads, scripts, seconds)

    def weigh_and_empty(self) -> int:
        """Remove everything, and return how many bytes less are used without it. Clients have to be gone."""
        while int(self.wire.info("clients")["connected_clients"]) > 1:
            time.sleep(0.01)
        before = int(self.wire.info("memory")["used_memory"])
        self.empty()
        return before - int(self.wire.info("memory")["used_memory"])


@contextmanager
def start(directory: Path, configuration: dict[str, str] | None = None) -> Iterator[BenchRedis]:
    """A fresh, empty server with its files in `directory`, stopped and forgotten at the end.

    Args:
        configuration: directives on top of `CONFIGURATION`.
    """
    port = free_port()
    settings = {**CONFIGURATION, "port": str(port), **(configuration or {})}
    with PrivateRedis(directory, configuration=settings) as redis:
        server = BenchRedis(port, redis.version, redis.pid)
        try:
            yield server
        finally:
            server.wire.close()


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port

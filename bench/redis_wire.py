"""The least that is needed to speak to Redis, so that no client library costs time when it is measured."""

import select
import socket
import time
from types import TracebackType
from typing import Any, Self


class RedisRefused(Exception):
    """Redis answered with an error."""


class Wire:
    """A blocking connection to a Redis on this machine.

    Args:
        port: TCP port on 127.0.0.1.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._replies = self._socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Disconnect."""
        self._replies.close()
        self._socket.close()

    def call(self, *command: str | int | bytes) -> Any:
        """Send a command and return its reply. Raises RedisRefused."""
        self.send(encode(*command))
        return self.receive()

    def send(self, encoded: bytes) -> None:
        """Send commands that are encoded already."""
        self._socket.sendall(encoded)

    def receive(self) -> Any:
        """Wait for one reply. Raises RedisRefused."""
        line = self._replies.readline()
        kind, rest = line[:1], line[1:-2]
        match kind:
            case b"+":
                return rest.decode()
            case b":":
                return int(rest)
            case b"$":
                size = int(rest)
                return None if size < 0 else self._replies.read(size + 2)[:-2]
            case b"*":
                return None if rest == b"-1" else [self.receive() for _ in range(int(rest))]
            case b"-":
                raise RedisRefused(rest.decode())
            case _:
                raise ConnectionError("Redis closed the connection")

    def watch(self, seconds: float) -> list[str]:
        """All that Redis carries out in that time, as MONITOR shows it; then the connection is of no use."""
        self.call("MONITOR")
        ends = time.monotonic() + seconds
        seen = b""
        while (left := ends - time.monotonic()) > 0:
            if select.select([self._socket], [], [], left)[0]:
                seen += self._socket.recv(1 << 16)
        return seen.decode("utf-8", "replace").splitlines()

    def info(self, section: str) -> dict[str, str]:
        """The lines of INFO as a mapping."""
        text: str = self.call("INFO", section).decode()
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def encode(*command: str | int | bytes) -> bytes:
    """A command as Redis wants it."""
    parts = [part if isinstance(part, bytes) else str(part).encode() for part in command]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)

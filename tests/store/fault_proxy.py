"""A Redis behind a network that misbehaves on demand: counts script calls and spoils those one names."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Self


class Fault(Enum):
    """What happens to one call."""

    DROP_REQUEST = "the connection breaks before the call arrives"
    DROP_REPLY = "the call is carried out, the connection breaks before its reply arrives"
    BLACK_HOLE = "the call is carried out, nothing comes back, the connection stays open"
    FLUSH_SCRIPTS = "the server forgets all scripts just before the call"


class FaultProxy:
    """Listens on a port of the loopback interface and passes everything on to a Redis.

    Args:
        server: the unix socket of the Redis.

    Attributes:
        faults: which script call, counted from 0, meets which fault; used once.
        calls: how many script calls were seen since the start or `reset`.
        connections: how many connections were made.
    """

    def __init__(self, server: Path) -> None:
        self.faults: dict[int, Fault] = {}
        self.calls = 0
        self.connections = 0
        self._server_path = server
        self._server: asyncio.Server | None = None
        self._port = 0
        self._links: set[_Link] = set()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.refuse()

    async def listen(self) -> None:
        """Accept connections, on the same port as before."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Break all connections and accept no more."""
        if self._server is not None:
            self._server.close()
        self.break_all()
        await asyncio.gather(*(link.ended.wait() for link in self._links))

    def break_all(self) -> None:
        """Break all connections."""
        for link in self._links:
            link.break_off()

    def stall(self) -> None:
        """Let nothing more through on the connections there are, and leave them open."""
        for link in self._links:
            link.stalled = True

    def reset(self, faults: dict[int, Fault] | None = None) -> None:
        """Count from 0 again, with these faults."""
        self.calls = 0
        self.faults = faults or {}

    def next_fault(self, request: bytes) -> Fault | None:
        if b"EVALSHA" not in request[:40]:
            return None
        self.calls += 1
        return self.faults.pop(self.calls - 1, None)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        link = _Link(self, writer)
        self._links.add(link)
        try:
            await link.run(reader, self._server_path)
        finally:
            self._links.discard(link)
            link.ended.set()


class _Link:
    """One connection through the proxy."""

    def __init__(self, proxy: FaultProxy, client: asyncio.StreamWriter) -> None:
        self.stalled = False
        self.ended = asyncio.Event()
        self._proxy = proxy
        self._client = client
        self._awaited: deque[Fault | None] = deque()  # of each call under way
        self._tasks: list[asyncio.Task[None]] = []

    def break_off(self) -> None:
        self._client.transport.abort()
        for task in self._tasks:
            task.cancel()

    async def run(self, reader: asyncio.StreamReader, server: Path) -> None:
        replies, redis = await asyncio.open_unix_connection(str(server))
        self._tasks = [
            asyncio.create_task(_split(reader, lambda request: self._pass_on(request, redis))),
            asyncio.create_task(_split(replies, self._pass_back)),
        ]
        await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        self.break_off()
        redis.transport.abort()
        await asyncio.wait(self._tasks)

    def _pass_on(self, request: bytes, redis: asyncio.StreamWriter) -> None:
        fault = self._proxy.next_fault(request)
        if fault is Fault.DROP_REQUEST:
            self.break_off()
            return
        if fault is Fault.FLUSH_SCRIPTS:
            self._awaited.append(Fault.FLUSH_SCRIPTS)
            redis.write(b"*2\r\n$6\r\nSCRIPT\r\n$5\r\nFLUSH\r\n")
            fault = None
        self._awaited.append(fault)
        redis.write(request)

    def _pass_back(self, reply: bytes) -> None:
        fault = self._awaited.popleft() if self._awaited else None
        match fault:
            case Fault.DROP_REPLY:
                self.break_off()
            case Fault.BLACK_HOLE:
                self.stalled = True
            case Fault.FLUSH_SCRIPTS:
                pass  # a reply nobody but the proxy waits for
            case _ if not self.stalled:
                self._client.write(reply)


async def _split(reader: asyncio.StreamReader, take: Callable[[bytes], None]) -> None:
    """Take what comes, one whole RESP value at a time."""
    buffer = b""
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            buffer += data
            while (end := _end_of_value(buffer, 0)) is not None:
                value, buffer = buffer[:end], buffer[end:]
                take(value)


def _end_of_value(buffer: bytes, start: int) -> int | None:
    """Where the RESP2 value that starts here ends; None when it is not all there yet."""
    line_end = buffer.find(b"\r\n", start)
    if line_end < 0:
        return None
    kind, at = buffer[start : start + 1], line_end + 2
    if kind in b"+-:":
        return at
    length = int(buffer[start + 1 : line_end])
    if kind == b"$":
        end = at + length + 2 if length >= 0 else at
        return end if end <= len(buffer) else None
    for _ in range(max(0, length)):
        after = _end_of_value(buffer, at)
        if after is None:
            return None
        at = after
    return at

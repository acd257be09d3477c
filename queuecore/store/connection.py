"""One connection to Redis that many coroutines share: calls made in one turn of the loop leave in one write.

A call that finds the connection idle has nothing to wait for, and leaves at once.

redis-py spends about 45 microseconds of Python a command; this spends three to four, which is what
lets one process enqueue and settle tens of thousands of jobs a second.
Replies come in the order of the calls. A connection that breaks is never used again: every call on it
that has no reply ends with ConnectionLost, and whether it was carried out is unknown.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
from collections import deque
from collections.abc import Callable
from typing import Any, Final, cast

import hiredis

from ..processes import keep_private, release_private
from .address import Address, parse_address

Reply = Any
Argument = bytes | str | int | float
OnMessage = Callable[[bytes], None]

CONNECT_TIMEOUT: Final = 3.0  # seconds

_WRAPPED = re.compile(r"^ERR Error running script .*@user_script: ?\d+: -?([A-Z]+)(?: |$)", re.DOTALL)


class ConnectionLost(Exception):
    """The connection broke or did not answer in time; unanswered calls may have been carried out."""


class CommandRefused(Exception):
    """Redis answered with an error; `code` is its first word, such as `NOSCRIPT` or `OOM`."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.code = _code(message)


def _code(message: str) -> str:
    if message.startswith("ERR max number of clients"):
        return "MAXCLIENTS"
    # Before Redis 7, what a script met inside is wrapped: "ERR Error running script ... : -OOM command ..."
    match = _WRAPPED.search(message)
    return match[1] if match else message.split(" ", 1)[0]


class Connection(asyncio.Protocol):
    """An open connection. Make one with `connect`.

    Args:
        timeout: seconds a call may stay unanswered before the connection counts as broken.
        on_message: called with each message, on a connection that subscribes.
    """

    def __init__(self, *, timeout: float, on_message: OnMessage | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._timeout = timeout
        self._on_message = on_message
        self._reader = hiredis.Reader()
        self._transport: asyncio.WriteTransport | None = None
        self._descriptor = -1
        self._outgoing: list[bytes] = []
        self._waiting: deque[asyncio.Future[Reply]] = deque()
        self._watchdog: asyncio.TimerHandle | None = None
        self._watched: asyncio.Future[Reply] | None = None
        self._sightings = 0
        self.closed: asyncio.Future[None] = self._loop.create_future()

    def call(self, *command: Argument) -> asyncio.Future[Reply]:
        """Send a command; the future gives its reply, or raises CommandRefused or ConnectionLost."""
        future: asyncio.Future[Reply] = self._loop.create_future()
        if self.closed.done():
            future.set_exception(ConnectionLost("the connection is closed"))
            return future
        packed = hiredis.pack_command(command)  # type: ignore[arg-type]  # its stub knows only one-word commands
        if not self._waiting:
            self._write(packed)
        else:
            if not self._outgoing:
                self._loop.call_soon(self._flush)
            self._outgoing.append(packed)
        self._waiting.append(future)
        if self._watchdog is None:
            self._watchdog = self._loop.call_later(self._timeout / 2, self._watch)
        return future

    def close(self, reason: str = "closed") -> None:
        """Drop the connection; unanswered calls end with ConnectionLost."""
        if self._transport is not None:
            self._transport.abort()
        self._end(ConnectionLost(reason))

    def abandon(self) -> None:
        """Let go of it: its event loop has ended, so that nobody can be told what becomes of it."""
        release_private(self._descriptor)
        if self._transport is None or self._transport.is_closing():
            return
        # asyncio closes the descriptor when it forgets the transport; Redis is told now.
        with contextlib.suppress(OSError, TypeError):
            self._transport.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's does not inherit from it
        self._descriptor = transport.get_extra_info("socket").fileno()
        keep_private(self._descriptor)

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        reader.feed(data)
        try:
            while (reply := reader.gets()) is not False:
                self._receive(reply)
        except hiredis.ProtocolError as error:
            self.close(f"what came was not Redis' protocol: {error}")

    def connection_lost(self, exc: Exception | None) -> None:
        release_private(self._descriptor)
        self._end(ConnectionLost(str(exc) if exc else "Redis closed the connection"))

    # Helpers.

    def _flush(self) -> None:
        outgoing, self._outgoing = self._outgoing, []
        self._write(outgoing[0] if len(outgoing) == 1 else b"".join(outgoing))

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self.closed.done():
            self._transport.write(data)

    def _receive(self, reply: Reply) -> None:
        if self._on_message is not None and isinstance(reply, list) and reply[0] == b"message":
            self._on_message(reply[2])
            return
        if not self._waiting:
            self.close("Redis sent a reply nobody asked for")
            return
        future = self._waiting.popleft()
        if future.done():  # its caller was cancelled
            return
        if isinstance(reply, hiredis.ReplyError):
            future.set_exception(CommandRefused(str(reply)))
        else:
            future.set_result(reply)

    def _watch(self) -> None:
        """Every half timeout: a call that is the oldest for the third time has waited a whole one."""
        self._watchdog = None
        if not self._waiting:
            self._watched = None
            return
        self._sightings = self._sightings + 1 if self._waiting[0] is self._watched else 1
        if self._sightings == 3:
            self.close(f"no answer within {self._timeout:g} s")
            return
        self._watched = self._waiting[0]
        self._watchdog = self._loop.call_later(self._timeout / 2, self._watch)

    def _end(self, error: ConnectionLost) -> None:
        if self.closed.done():
            return
        self.closed.set_result(None)
        if self._watchdog is not None:
            self._watchdog.cancel()
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_exception(error)


async def connect(
    url: str, *, timeout: float = 5.0, name: str = "", on_message: OnMessage | None = None
) -> Connection:
    """Open a connection.

    Args:
        url: where Redis is, see `address`.
        timeout: seconds a call may stay unanswered.
        name: shown by Redis' CLIENT LIST.
        on_message: see Connection.

    Raises:
        ConnectionLost: nothing answers there.
        CommandRefused: the server answers, but refuses user, password or database.
        ValueError: the URL is none of Redis.
    """
    address = parse_address(url)
    loop = asyncio.get_running_loop()

    def protocol() -> Connection:
        return Connection(timeout=timeout, on_message=on_message)

    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            if address.path:
                _, connection = await loop.create_unix_connection(protocol, address.path)
            else:
                transport, connection = await loop.create_connection(
                    protocol, address.host, address.port, ssl=_tls(address) if address.tls else None
                )
                _keep_alive(transport.get_extra_info("socket"))
            await _greet(connection, address, name)
    except (OSError, TimeoutError) as error:
        raise ConnectionLost(str(error) or type(error).__name__) from error
    return connection


async def _greet(connection: Connection, address: Address, name: str) -> None:
    greetings = []
    if address.password:
        user = (address.username,) if address.username else ()
        greetings.append(connection.call("AUTH", *user, address.password))
    if address.database:
        greetings.append(connection.call("SELECT", address.database))
    if name:
        greetings.append(connection.call("CLIENT", "SETNAME", name))
    try:
        await asyncio.gather(*greetings)
    except BaseException:
        connection.close("refused")
        raise


def _tls(address: Address) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=address.ca_certs)
    if not address.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if address.certificate:
        context.load_cert_chain(address.certificate, address.key)
    return context


def _keep_alive(connected: socket.socket) -> None:
    """A peer that vanished without a word is noticed after 30 s + 3 x 5 s."""
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if number := getattr(socket, option, None):
            connected.setsockopt(socket.IPPROTO_TCP, number, value)

"""uvicorn's HTTP/1.1 protocol with the bounds that it does not have, and answers in one write.

A client that does nothing is left, whatever it is that it does not do: end its headers, send its next
request, read its answer. One that is refused while it still sends is listened to for a while, so that it can
read why.
"""

import asyncio
import contextlib
import fcntl
import logging
import sys
import termios
from collections.abc import Callable
from typing import Any

from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api.http.connections import Connections
from api.http.problems import (
    HEADERS_TOO_LARGE,
    NOT_HTTP,
    TOO_MANY_CONNECTIONS,
    Problem,
    problem_response,
)

_errors_only = logging.getLogger("uvicorn.error.protocol")
_errors_only.setLevel(logging.ERROR)

HEADER_BYTES = 64 << 10
HEADER_SECONDS = 10.0
LINGER_SECONDS = 10.0
REFUSED_SECONDS = 1.0  # for which a connection too many is listened to
UNREAD_SECONDS = 30.0  # time in which an answer that waits for its reader must get on at the least rate

_BUSY = Problem(TOO_MANY_CONNECTIONS, headers={"Retry-After": "5", "Connection": "close"})
_TOO_LARGE = Problem(HEADERS_TOO_LARGE, headers={"Connection": "close"})
_NOT_HTTP = Problem(NOT_HTTP, headers={"Connection": "close"})


class GuardedProtocol(HttpToolsProtocol):
    """One connection. Made by uvicorn.

    Args:
        connections: the book of all.
        least_rate: says how many bytes a second of an answer a client must read, over `UNREAD_SECONDS`.
    """

    def __init__(
        self, *arguments: Any, connections: Connections, least_rate: Callable[[], int], **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self._book = connections
        # uvicorn writes a line for each thing that is no request, without who sent it: see `blame`.
        self.logger = _errors_only
        self._least_rate = least_rate
        self._arrived = 0  # bytes since the headers began, or some more
        self._in_headers = True
        self._in_request = False  # from its first byte to its last
        self._headers_too_large = False
        self._ending = (
            False  # the last answer was written, and the client is listened to until it has read it
        )
        self._limit: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self._book.take(self, self.client[0] if self.client else ""):
            self._limit_time(HEADER_SECONDS)
        elif self._book.refuse(self):
            self.transport.write(_as_bytes(problem_response(_BUSY)))
            self._linger(REFUSED_SECONDS)
        else:
            self.transport.abort()

    def leave(self) -> None:
        """Close now: it waits for a request, and its place is needed."""
        self._close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._book.drop(self)
        self._unlimit_time()
        self._unset_keepalive_if_required()
        self._unwatch_reader()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._ending:
            return
        if self.timeout_keep_alive_task is not None and not self._in_request:
            # Blank lines before a request are no part of it (RFC 9112, 2.2), and no sign of one.
            data = data.lstrip(b"\r\n")
            if not data:
                return
        self._arrived = self._arrived + len(data) if self._in_headers else len(data)
        super().data_received(data)
        if self._in_headers and not self._ending and not self.transport.is_closing():
            # Most requests come in one piece and need no timer.
            if self._limit is None:
                self._limit_time(HEADER_SECONDS)
            # The parser keeps what is not complete yet, so the size is counted before it is.
            if self._arrived > HEADER_BYTES:
                self._headers_too_large = True
                self.send_400_response("")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_headers = self._in_request = True

    def on_headers_complete(self) -> None:
        if self._arrived > HEADER_BYTES and self._header_bytes() > HEADER_BYTES:
            self._headers_too_large = True
            raise ValueError("headers too large")  # ends the parsing, and comes back as send_400_response
        self._in_headers = False
        self._book.work(self)
        self._unlimit_time()
        super().on_headers_complete()
        self.cycle.transport = HeadWithBody(self.transport, self.loop, end=self._end)

    def on_message_complete(self) -> None:
        self._in_request = False
        if self.cycle is not None and self.cycle.response_complete and not self._ending:
            # It was refused, and has sent the rest all the same.
            self._unlimit_time()
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
            self._book.wait(self)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self._ending:
            self.server_state.total_requests += 1
            self.flow.resume_reading()
            return
        if not self.pipeline and not self.transport.is_closing():
            if self._in_request:
                self._limit_time(LINGER_SECONDS)
            else:
                self._book.wait(self)
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        if self._ending or self.transport.is_closing():
            return
        problem = _TOO_LARGE if self._headers_too_large else _NOT_HTTP
        self._book.blame(self.client[0] if self.client else "", status=problem.type.status)
        self.transport.write(_as_bytes(problem_response(problem)))
        self._linger(LINGER_SECONDS)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unwatch_reader()

    def timeout_keep_alive_handler(self) -> None:
        self._close()

    def shutdown(self) -> None:
        super().shutdown()
        if self.transport.is_closing():
            self._close()

    def _header_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _end(self) -> None:
        """Close after the last answer."""
        if self._in_request and not self.transport.is_closing():
            self._linger(LINGER_SECONDS)
        else:
            self._close()

    def _linger(self, seconds: float) -> None:
        """Say that nothing more will come, and let the client finish.

        To close while something that it sent was not read would reset the connection, and so take back an
        answer that it has not read yet.
        """
        self._ending = True
        self._unset_keepalive_if_required()
        self.transport.write_eof()
        self.flow.resume_reading()
        self._limit_time(seconds)

    def _close(self) -> None:
        """Close when what was written has left, which a client that does not read cannot delay for ever."""
        self._unlimit_time()
        self.transport.close()
        if self._unread is None and self.transport.get_write_buffer_size():
            self._watch_reader()

    def _limit_time(self, seconds: float) -> None:
        self._unlimit_time()
        self._limit = self.loop.call_later(seconds, self._close)

    def _unlimit_time(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _watch_reader(self) -> None:
        self._unwatch_reader()
        self._unread = self.loop.call_later(UNREAD_SECONDS, self._check_reader, self._unread_bytes())

    def _unwatch_reader(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def _check_reader(self, unread: int) -> None:
        if not self.transport.get_write_buffer_size():
            self._unwatch_reader()
        elif unread - self._unread_bytes() < max(self._least_rate() * UNREAD_SECONDS, 1):
            self.transport.abort()
        else:
            self._watch_reader()

    def _unread_bytes(self) -> int:
        """Count what was written and has not arrived.

        The system's own buffer counts: it may take megabytes before it takes more, which slow clients that do
        read need minutes for.
        """
        connection = self.transport.get_extra_info("socket")
        queued = bytearray(4)
        with contextlib.suppress(OSError):  # where the system does not say, what is in our buffer must do
            fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, queued)
        return self.transport.get_write_buffer_size() + int.from_bytes(queued, sys.byteorder)


class HeadWithBody(asyncio.Transport):
    """Where one answer is written: its head waits for the first of its body, so that both are one packet.

    A head whose body does not follow in the same turn of the event loop leaves at the turn's end.

    Args:
        transport: the connection.
        loop: the event loop.
        end: closes the connection after its last answer.
    """

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, *, end: Callable[[], None]
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._end = end
        self._head: bytes | None = None  # empty once it has left

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._head is None:
            self._head = bytes(data)
            self._loop.call_soon(self._send_head)
        else:
            head, self._head = self._head, b""
            self._transport.write(head + data)

    def close(self) -> None:
        self._send_head()
        self._end()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def _send_head(self) -> None:
        if self._head and not self._transport.is_closing():
            self._transport.write(self._head)
        self._head = b""


def _as_bytes(response: Response) -> bytes:
    """Write a whole answer as it goes over the connection."""
    head = b"".join(name + b": " + value + b"\r\n" for name, value in response.raw_headers)
    return STATUS_LINE[response.status_code] + head + b"\r\n" + bytes(response.body)

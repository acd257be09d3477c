"""uvicorn's HTTP/1.1 protocol with the limits that it does not have itself, and answers in one write.

Headers must come within a time and a size, and a client that goes on sending a body after it was refused is
listened to for a while, so that it can read the refusal, and then left.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

HEADER_BYTES = 64 << 10
HEADER_SECONDS = 10.0
LINGER_SECONDS = 10.0

_TOO_LARGE = b"The headers are larger than this service accepts."


class GuardedProtocol(HttpToolsProtocol):
    """One connection. Made by uvicorn."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._arrived = 0  # bytes since the headers began, or some more
        self._in_headers = True
        self._headers_too_large = False
        self._limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._limit_time(HEADER_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._unlimit_time()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._arrived = self._arrived + len(data) if self._in_headers else len(data)
        super().data_received(data)
        if self._in_headers and not self.transport.is_closing():
            # Most requests come in one piece and need no timer.
            if self._limit is None:
                self._limit_time(HEADER_SECONDS)
            # The parser keeps what is not complete yet, so the size is counted before it is.
            if self._arrived > HEADER_BYTES:
                self._headers_too_large = True
                self.send_400_response("")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_headers = True

    def on_headers_complete(self) -> None:
        if self._arrived > HEADER_BYTES and self._header_bytes() > HEADER_BYTES:
            self._headers_too_large = True
            raise ValueError("headers too large")  # ends the parsing, and comes back as send_400_response
        self._in_headers = False
        self._unlimit_time()
        super().on_headers_complete()
        self.cycle.transport = HeadWithBody(self.transport, self.loop)

    def send_400_response(self, msg: str) -> None:
        if self.transport.is_closing():
            return
        if not self._headers_too_large:
            super().send_400_response(msg)
            return
        head = b"content-type: text/plain\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(
            _TOO_LARGE
        )
        self.transport.write(STATUS_LINE[431] + head + _TOO_LARGE)
        self.transport.close()

    def on_response_complete(self) -> None:
        if self.cycle.more_body and not self.transport.is_closing():
            self._limit_time(LINGER_SECONDS)
        super().on_response_complete()

    def on_message_complete(self) -> None:
        if self.cycle is not None and self.cycle.response_complete:
            self._unlimit_time()
        super().on_message_complete()

    def _header_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _limit_time(self, seconds: float) -> None:
        self._unlimit_time()
        self._limit = self.loop.call_later(seconds, self._leave)

    def _unlimit_time(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _leave(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


class HeadWithBody(asyncio.Transport):
    """Where one answer is written: its head waits for the first of its body, so that both are one packet.

    A head whose body does not follow in the same turn of the event loop leaves at the turn's end.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
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
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def _send_head(self) -> None:
        if self._head and not self._transport.is_closing():
            self._transport.write(self._head)
        self._head = b""

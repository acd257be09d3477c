"""Messages between a worker's processes: a length, then msgpack, over a socket pair.

Nothing is pickled: a process decodes only the message types that it expects, so
what a job's process sends cannot make its runner run anything.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any, TypeVar, cast

import msgspec

from .forks import keep_private, release_private

_LENGTH = struct.Struct(">I")
_READ_SIZE = 256 * 1024

# No message is larger than the largest arguments or result that may be configured, with what goes along.
MAX_FRAME_BYTES = 80 * 1024 * 1024

T = TypeVar("T")


class BrokenFrame(Exception):
    """What came over the socket is not one of our messages; the other side cannot be trusted any more."""


def encode_frame(message: msgspec.Struct) -> bytes:
    """Return `message` as it goes over the socket."""
    body = msgspec.msgpack.encode(message)
    return _LENGTH.pack(len(body)) + body


def send_frame(sock: socket.socket, message: msgspec.Struct) -> None:
    """Send `message` on a blocking socket."""
    sock.sendall(encode_frame(message))


def receive_frame(sock: socket.socket, decoder: msgspec.msgpack.Decoder[T]) -> T | None:
    """Return the next message of a blocking socket, None when the other side is gone.

    Raises:
        BrokenFrame: what came is no message.
    """
    header = _receive_exactly(sock, _LENGTH.size)
    if header is None:
        return None
    body = _receive_exactly(sock, _checked_length(header))
    try:
        return None if body is None else decoder.decode(body)
    except msgspec.DecodeError as error:
        raise BrokenFrame(str(error)) from error


class Channel(asyncio.Protocol):
    """The event loop's end of a socket pair.

    Args:
        decoder: of the messages that are expected.
        received: called with each message.
        closed: called once, when the other side is gone or sent something that is no message.

    Attributes:
        broken: whether something came that is no message.
    """

    def __init__(
        self,
        decoder: msgspec.msgpack.Decoder[Any],
        *,
        received: Callable[[Any], None],
        closed: Callable[[], None],
    ) -> None:
        self._decoder = decoder
        self._received = received
        self._closed = closed
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._descriptor = -1
        self.broken = False

    @classmethod
    async def open(
        cls,
        sock: socket.socket,
        decoder: msgspec.msgpack.Decoder[Any],
        *,
        received: Callable[[Any], None],
        closed: Callable[[], None],
    ) -> Channel:
        """Take over one end of a socket pair."""
        sock.setblocking(False)
        channel = cls(decoder, received=received, closed=closed)
        await asyncio.get_running_loop().create_unix_connection(lambda: channel, sock=sock)
        return channel

    def send(self, message: msgspec.Struct) -> None:
        """Send `message`; dropped in silence when the other side is gone, which `closed` tells."""
        if self._transport is not None:
            self._transport.write(encode_frame(message))

    def close(self) -> None:
        """Hang up once what was sent is written."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # No isinstance: uvloop's transports do not inherit from asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._descriptor = transport.get_extra_info("socket").fileno()
        keep_private(self._descriptor)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        try:
            for body in _split_frames(self._buffer):
                self._received(self._decoder.decode(body))
        except (BrokenFrame, msgspec.DecodeError):
            self.broken = True
            if self._transport is not None:
                self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        release_private(self._descriptor)
        self._closed()


def _split_frames(buffer: bytearray) -> list[bytes]:
    """Cut all whole frames off the beginning of `buffer` and return their bodies."""
    bodies = []
    start = 0
    while len(buffer) - start >= _LENGTH.size:
        body_start = start + _LENGTH.size
        end = body_start + _checked_length(buffer[start:body_start])
        if len(buffer) < end:
            break
        bodies.append(bytes(buffer[body_start:end]))
        start = end
    if start:
        del buffer[:start]
    return bodies


def _checked_length(header: bytes | bytearray) -> int:
    length: int = _LENGTH.unpack(header)[0]
    if length > MAX_FRAME_BYTES:
        raise BrokenFrame(f"a message of {length} bytes, at most {MAX_FRAME_BYTES} are expected")
    return length


def _receive_exactly(sock: socket.socket, size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        part = sock.recv(min(size - len(data), _READ_SIZE))
        if not part:
            return None
        data += part
    return bytes(data)

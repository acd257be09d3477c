"""A note that one process leaves for another: a page of memory, read when the reader likes.

A thread can write it while its process does nothing else, and whoever reads it waits for nobody.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from typing import Final, TypeVar

import msgspec

from .forks import keep_private

NOTE_BYTES: Final = 512

T = TypeVar("T")


def make_note() -> int:
    """Return a descriptor to write and read a note by; both processes need it, and each closes its own."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("note")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class Note:
    """The writer's or the reader's side of a note.

    Args:
        descriptor: see `make_note`; not for children that handlers fork.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        os.set_inheritable(descriptor, False)
        keep_private(descriptor)

    def write(self, message: msgspec.Struct) -> None:
        """Put `message` in the place of the last one; one that is too long leaves an empty note."""
        body = msgspec.json.encode(message)
        self._put(body if len(body) <= NOTE_BYTES else b"")

    def clear(self) -> None:
        """Take the message away."""
        self._put(b"")

    def _put(self, body: bytes) -> None:
        # Where a handler has closed what was not its own, whoever writes goes on without the note.
        with contextlib.suppress(OSError):
            os.pwrite(self._descriptor, body.ljust(NOTE_BYTES), 0)


def read_note(descriptor: int, decoder: msgspec.json.Decoder[T]) -> T | None:
    """Return what is noted, None for nothing and for what is no such message."""
    try:
        return decoder.decode(os.pread(descriptor, NOTE_BYTES, 0))
    except (OSError, msgspec.DecodeError):
        return None

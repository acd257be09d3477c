"""What a process prints, as lines for the log of its job: bounded, whatever comes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from ..handling import MAX_LOG_LINE_CHARACTERS, MAX_LOG_LINES_KEPT
from ..processes import keep_private, release_private

PAUSE_SECONDS = 0.002
_PIPE_BYTES = 64 * 1024  # as much as a pipe holds
_LONGEST_LINE = 4 * MAX_LOG_LINE_CHARACTERS  # bytes; more of a line is not shown anyway


class Output:
    """Reads a pipe in the event loop.

    Args:
        descriptor: the end to read, which is closed by `close`.
        printed: called with lines.
    """

    def __init__(self, descriptor: int, printed: Callable[[tuple[str, ...]], None]) -> None:
        self._descriptor = descriptor
        self._printed = printed
        self._lines = Lines()
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None
        os.set_blocking(descriptor, False)
        keep_private(descriptor)
        self._listen()

    def flush(self) -> None:
        """Pass on all that has been printed by now, a last line without an end included."""
        self._read()
        self._pass_on(self._lines.finish())

    def close(self) -> None:
        """Read no more."""
        if self._descriptor < 0:
            return
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._descriptor)
        release_private(self._descriptor)
        os.close(self._descriptor)
        self._descriptor = -1

    def _listen(self) -> None:
        self._loop.add_reader(self._descriptor, self._hear)

    def _hear(self) -> None:
        if self._read() < _PIPE_BYTES // 2 and self._descriptor >= 0:
            # Whoever prints line by line is heard some lines at a time.
            self._loop.remove_reader(self._descriptor)
            self._pause = self._loop.call_later(PAUSE_SECONDS, self._listen)

    def _read(self) -> int:
        """Take what there is; return how many bytes it was."""
        if self._descriptor < 0:
            return 0
        try:
            data = os.read(self._descriptor, _PIPE_BYTES)
        except BlockingIOError:
            return 0
        if data:
            self._pass_on(self._lines.add(data))
        else:
            self.close()
        return len(data)

    def _pass_on(self, lines: tuple[str, ...]) -> None:
        if lines:
            self._printed(lines)


class Lines:
    """Cuts a stream of bytes into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def add(self, data: bytes) -> tuple[str, ...]:
        """Return the lines that `data` completes, the last of them if there are too many."""
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[:_LONGEST_LINE]
        kept = lines[-(MAX_LOG_LINES_KEPT - 1) :]
        shown = tuple(map(_shown, kept))
        if len(kept) < len(lines):
            return (f"({len(lines) - len(kept)} lines were dropped)", *shown)
        return shown

    def finish(self) -> tuple[str, ...]:
        """Return what was printed without an end of line."""
        rest, self._rest = self._rest, b""
        return (_shown(rest),) if rest else ()


def _shown(line: bytes) -> str:
    # What a carriage return was followed by is what a terminal would show.
    return line.rstrip(b"\r").rpartition(b"\r")[2][:_LONGEST_LINE].decode("utf-8", "replace")

"""What a process prints, as lines for the log of its job: bounded, whatever comes."""

from __future__ import annotations

from ..handling import MAX_LOG_LINE_CHARACTERS, MAX_LOG_LINES_KEPT

_LONGEST_LINE = 4 * MAX_LOG_LINE_CHARACTERS  # bytes; more of a line is not shown anyway


class Printed:
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

"""Lines: where the jobs of a space wait, and what their names say.

A queue is a set of lines that workers subscribe to by its name: four for each class of slot, from
urgent to low. The class of slot is part of a line's name, so that a runner claims exactly what it has
room for: a full pool of job processes holds up nobody else, and no claim searches.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal, get_args

Runs = Literal["async", "thread", "process"]
RUNS: Final[tuple[Runs, ...]] = get_args(Runs)

DEFAULT_QUEUE: Final = "default"


class Line(StrEnum):
    """How urgent a job is, most urgent first; inside a line the order is first in, first out."""

    URGENT = "urgent"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


LINES: Final = tuple(Line)
LineName = Literal["urgent", "high", "normal", "low"]


def line_name(queue: str, runs: Runs, line: Line) -> str:
    """The full name of a line, such as `default:async:normal`."""
    return f"{queue}:{runs}:{line}"


def split_line_name(name: str) -> tuple[str, Runs, Line]:
    """Queue, class of slot and urgency of a line."""
    queue, runs, line = name.split(":")
    return queue, runs, Line(line)  # type: ignore[return-value]  # only `line_name` makes such names


DEFAULT_LINE: Final = line_name(DEFAULT_QUEUE, "async", Line.NORMAL)

"""What a handler gets to talk to its queue with: progress, checkpoints, log lines, cancel.

The context is the same object in a runner's event loop, in a thread and in a
job process. It only remembers what the handler said last and tells its owner
once that there is something to fetch; who owns it writes it out a few times a
second, so that calls cost the handler next to nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from ..model import MAX_CHECKPOINT_BYTES, PayloadTooLarge, Progress, Step
from ..processes import Home
from .progress import ProgressMeter, ProgressReport, checked_report, checked_text
from .types import annotation

T = TypeVar("T")

MAX_LOG_LINE_CHARACTERS = 2_000
MAX_LOG_LINES_KEPT = 100


class News(msgspec.Struct, frozen=True, array_like=True):
    """What a context has gathered since it was asked last; None and empty mean nothing new."""

    progress: ProgressReport | None = None
    checkpoint: bytes | None = None
    log: tuple[str, ...] = ()


class JobContext(msgspec.Struct, eq=False):
    """One attempt of a job, seen from inside its handler.

    Attributes:
        job_id: the id of the job.
        attempt: the number of this attempt, 1 for the first.
        kind: the kind of the job.
    """

    # A struct is made in a quarter of the time that an __init__ takes, and every attempt has one of these.
    job_id: str
    attempt: int
    kind: str
    _checkpoint: bytes | None = None  # what an earlier attempt saved, encoded; later the latest
    _changed: Callable[[JobContext], object] | None = None  # called when there is news after there was none
    _home: Home | None = None  # where it may be used; None for anywhere
    _cancelled: bool = False
    _has_news: bool = False
    _report: ProgressReport | None = None
    _new_checkpoint: bytes | None = None
    _lines: list[str] | None = None
    _lines_dropped: int = 0
    _detached: ProgressMeter | None = None

    def __repr__(self) -> str:
        return f"<JobContext of {self.job_id}, attempt {self.attempt}>"

    @classmethod
    def detached(
        cls,
        *,
        job_id: str = "detached.AAAAAAAAAAAAAAAAAAAAAA",
        attempt: int = 1,
        kind: str = "detached",
        state: Any = None,
    ) -> JobContext:
        """Return a context that writes nowhere, to call a handler directly or to test it.

        What the handler reports is found in `last_progress` and `state`.
        """
        checkpoint = None if state is None else _encode_checkpoint(state)
        context = cls(job_id, attempt, kind, checkpoint)
        context._detached = ProgressMeter()
        return context

    @property
    def state(self) -> Any:
        """What the last `checkpoint` saved, in this attempt or an earlier one; None at first.

        In plain types: of a dataclass a dict, of a date a text. `state_as` gives what was saved.
        """
        return None if self._checkpoint is None else msgspec.msgpack.decode(self._checkpoint)

    def state_as(self, type: type[T]) -> T | None:
        """What the last `checkpoint` saved, as what it was; None at first.

        Args:
            type: of what was saved: a dataclass, a struct, `dict[str, date]`.

        Raises:
            ValueError: it is of another type, saved by an earlier release of the handler, perhaps.
        """
        if self._checkpoint is None:
            return None
        try:
            return msgspec.msgpack.decode(self._checkpoint, type=type)
        except msgspec.DecodeError as error:
            raise ValueError(
                f"job {self.job_id}: its checkpoint cannot be read as {annotation(type)}: {error}"
            ) from error

    @property
    def cancelled(self) -> bool:
        """True once somebody asked to cancel the job; a handler in a thread looks here and returns."""
        return self._cancelled

    def progress(
        self,
        done: float,
        total: float | None = None,
        *,
        unit: str = "",
        message: str = "",
        step: Step | None = None,
        fraction: float | None = None,
    ) -> None:
        """Say how far the job is. Call it as often as you like; it is written a few times a second.

        Args:
            done: how many units are done, of the step if there is one.
            total: how many there are in all, None if that is not known.
            unit: what is counted, in the plural: "rows". At most 40 characters are kept.
            message: a short sentence for the person who waits. At most 500 characters are kept.
            step: which of several steps this is.
            fraction: the share of the whole job that is done, 0 to 1, where the handler knows it
                better than `done / total`: several steps of different weight.

        Raises:
            TypeError, ValueError: something is not what it must be; the message names it.
        """
        self._stay_home()
        self._report = checked_report(done, total, unit, message, step, fraction)
        if not self._has_news:
            self._announce()

    def checkpoint(self, state: Any) -> None:
        """Save `state` for the next attempt, in case this one does not reach its end.

        Raises:
            PayloadTooLarge: the encoded state is larger than 64 KiB.
            TypeError: it holds something that cannot be stored.
        """
        self._stay_home()
        self._checkpoint = self._new_checkpoint = _encode_checkpoint(state)
        if not self._has_news:
            self._announce()

    def log(self, line: str) -> None:
        """Keep `line` with the job, for whoever looks into it. Bounded: old lines make room.

        Args:
            line: a text; at most 2,000 characters of it are kept.

        Raises:
            TypeError: it is no text.
        """
        self._stay_home()
        line = checked_text("a line of the log", line, limit=MAX_LOG_LINE_CHARACTERS)
        if self._lines is None:
            self._lines = []
        if len(self._lines) >= MAX_LOG_LINES_KEPT:
            del self._lines[0]
            self._lines_dropped += 1
        self._lines.append(storable(line))
        if not self._has_news:
            self._announce()

    @property
    def last_progress(self) -> Progress | None:
        """What a detached context would show now; None before the first report."""
        if self._detached is None:
            raise ValueError(f"job {self.job_id}: only a detached context keeps its last progress")
        if self._report is None:
            return None
        return self._detached.measure(self._report, now=time.monotonic(), now_ms=time.time_ns() // 1_000_000)

    @property
    def has_news(self) -> bool:
        """Whether `take_news` would return something. For whoever runs the handler."""
        return self._has_news

    def ask_to_cancel(self) -> None:
        """Make `cancelled` true. For whoever runs the handler, not for the handler."""
        self._cancelled = True

    def pass_on(self, news: News) -> None:
        """Take over what the same job's context in another process gathered."""
        if news.progress is not None:
            self._report = news.progress
        if news.checkpoint is not None:
            self._checkpoint = self._new_checkpoint = news.checkpoint
        for line in news.log:
            self.log(line)
        if not self._has_news:
            self._announce()

    def take_news(self) -> News:
        """Return what is new and forget it. For whoever runs the handler, not for the handler."""
        # The flag falls first: what the handler's thread says meanwhile is announced once more.
        self._has_news = False
        report, self._report = self._report, None
        if report is not None:
            report = _storable_report(report)
        checkpoint, self._new_checkpoint = self._new_checkpoint, None
        lines, self._lines = self._lines, None
        dropped, self._lines_dropped = self._lines_dropped, 0
        if lines and dropped:
            lines.insert(0, f"({dropped} earlier lines were dropped)")
        return News(report, checkpoint, tuple(lines) if lines else ())

    def _stay_home(self) -> None:
        if self._home is not None and self._home.left:
            raise RuntimeError(
                f"job {self.job_id}: a forked child cannot report for it; hand over what it has to say, in a "
                "pipe or a queue, to the process that forked it"
            )

    def _announce(self) -> None:
        if self._detached is not None:
            return
        self._has_news = True
        if self._changed is not None:
            self._changed(self)


def storable(text: str) -> str:
    """Return `text` with what UTF-8 has no form for replaced: file names bring lone surrogates."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _storable_report(report: ProgressReport) -> ProgressReport:
    step = report.step
    if step is not None and not step.name.isascii():
        step = Step(storable(step.name), step.index, step.count)
    return ProgressReport(
        report.done, report.total, storable(report.unit), storable(report.message), step, report.fraction
    )


def _encode_checkpoint(state: Any) -> bytes:
    try:
        encoded = msgspec.msgpack.encode(state)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise TypeError(
            f"a checkpoint cannot hold this: {error}; give numbers, texts, lists, mappings or structs of them"
        ) from error
    if len(encoded) > MAX_CHECKPOINT_BYTES:
        raise PayloadTooLarge("checkpoint", len(encoded), MAX_CHECKPOINT_BYTES)
    return encoded

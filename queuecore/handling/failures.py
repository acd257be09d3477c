"""What an exception means for an attempt: is it tried again, and what do people read.

A traceback is for the log, never for the record: the record is shown to users.
"""

from __future__ import annotations

import errno
import math
import random
import signal

import msgspec

from ..model import (
    MAX_ERROR_CHARS,
    ErrorRecord,
    InvalidArguments,
    InvalidResult,
    PayloadTooLarge,
    Permanent,
    Retry,
    UnknownKind,
    seconds,
    text_of,
)
from .context import storable

OUT_OF_MEMORY = "out-of-memory"
DISK_FULL = "disk-full"
DISK_REFUSES = "disk-refuses"
UNEXPECTED = "unexpected-error"
LONGEST_DELAY = 10 * 366 * 86400.0  # seconds


# A disk is made room on by people, so its jobs are tried again for about a day before they count as failed.
DISK_TRIES = 50
SHORTEST_DISK_DELAY, LONGEST_DISK_DELAY = 60.0, 1800.0  # seconds
_DISK = {errno.ENOSPC: DISK_FULL, errno.EDQUOT: DISK_FULL, errno.EROFS: DISK_REFUSES, errno.EIO: DISK_REFUSES}
_DISK_TITLES = {
    DISK_FULL: "There is no room on the worker's disk.",
    DISK_REFUSES: "The worker's disk is read-only, or fails.",
}
_MOST_CAUSES = 10


class Failure(msgspec.Struct, frozen=True):
    """An attempt's error, and the delay until the next one where the handler chose it (seconds).

    Attributes:
        of_disk: no fault of the job: it is tried again for longer than its retries say.
    """

    error: ErrorRecord
    delay: float | None = None
    of_disk: bool = False


def describe(error: BaseException) -> Failure:
    """Return what is recorded of an exception that ended an attempt. Never raises, whatever that is."""
    try:
        return _describe(error)
    except BaseException:  # a foreign exception may fail at anything that it is asked
        return Failure(_record(UNEXPECTED, "The job stopped with an unexpected error that cannot be shown."))


def _describe(error: BaseException) -> Failure:
    match error:
        case Permanent():
            return Failure(_record(error.type, error.title, error.detail, retryable=False))
        case Retry():
            return Failure(_record("retry-asked", error.reason), delay=_delay_of(error))
        case InvalidArguments():
            return Failure(
                _record("invalid-arguments", "The job's arguments do not fit.", str(error), retryable=False)
            )
        case UnknownKind():
            title = "This worker has no handler for the job's kind; load the handler's module and retry."
            return Failure(_record("unknown-kind", title, str(error), retryable=False))
        case PayloadTooLarge():
            title = f"The job's {error.what} is larger than may be kept."
            return Failure(_record("too-large", title, str(error), retryable=False))
        case InvalidResult():
            title = "The job's handler returned what cannot be its result."
            return Failure(_record("invalid-result", title, str(error), retryable=False))
        case MemoryError():
            title = "The job needed more memory than it may use; send less at once or raise the limit."
            return Failure(_record(OUT_OF_MEMORY, title, retryable=False))
        case _ if (found := _disk_trouble(error)) is not None:
            return Failure(_record(found, _DISK_TITLES[found]), of_disk=True)
        case _:
            title = f"The job stopped with an unexpected error ({type(error).__name__})."
            return Failure(_record(UNEXPECTED, title, text_of(error)))


def _disk_trouble(error: BaseException) -> str | None:
    """What kind of trouble with a disk an exception tells of, by itself or by what it was raised from."""
    cause: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if cause is None:
            break
        if isinstance(cause, OSError) and cause.errno in _DISK:
            return _DISK[cause.errno]
        cause = cause.__cause__
    return None


def disk_delay(failures: int) -> float:
    """Return how long to wait for a disk, in seconds, when an attempt failed for the `failures`-th time."""
    ceiling = min(math.ldexp(SHORTEST_DISK_DELAY, min(failures - 1, 10)), LONGEST_DISK_DELAY)
    return ceiling * random.uniform(0.75, 1.0)


def _delay_of(error: Retry) -> float | None:
    # A subclass may have put anything there.
    return None if error.delay is None else min(max(seconds(error.delay, name="delay"), 0.0), LONGEST_DELAY)


def forget_frames(error: BaseException) -> None:
    """Drop the frames that an exception holds on to, and in them all that the handler had in hand.

    They form circles that nobody looks for for a long time; an exception that is raised again
    and again, a constant of its module, would gather them for ever. Never raises.
    """
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        try:
            each.__traceback__ = None
            waiting += (each.__cause__, each.__context__)
            if isinstance(each, BaseExceptionGroup):
                waiting += each.exceptions
        except BaseException:
            continue  # a foreign exception may fail at anything that it is asked


def timed_out(timeout: float) -> Failure:
    """Return what is recorded of an attempt that took longer than `timeout` seconds."""
    return Failure(_record("timed-out", f"The job did not end within its {timeout:g} s and was stopped."))


def is_exhaustion(error: BaseException) -> bool:
    """Return whether a process ran out of something that earlier jobs may have left in use."""
    if isinstance(error, OSError):
        return error.errno in (errno.EMFILE, errno.ENOMEM)
    return isinstance(error, MemoryError)


def process_died(returncode: int) -> ErrorRecord:
    """Return what is recorded when a job's process ended before the job did."""
    return _record("crashed", f"The job's process {exit_phrase(returncode)}.")


def process_stopped() -> ErrorRecord:
    """Return what is recorded when a job's process was told to end by somebody else than its worker."""
    return _record("crashed", "The job's process was sent signal 15 (SIGTERM), not by its worker.")


def process_broken(what: str) -> ErrorRecord:
    """Return what is recorded when a job's process could not be trusted any more.

    Args:
        what: it did, as the end of a sentence: "sent what is no message".
    """
    return _record("crashed", f"The job's process {what} and was killed.")


def runner_died(reason: str) -> ErrorRecord:
    """Return what is recorded of the attempts of a runner that is no more."""
    return _record("worker-lost", f"The worker that ran the job {reason}.")


def exit_phrase(returncode: int) -> str:
    """Return how a process ended, as the end of a sentence that begins with its name."""
    if returncode >= 0:
        return f"ended by itself with exit code {returncode}"
    if returncode == -signal.SIGKILL:
        return "was killed by signal 9 (out of memory?)"
    return f"was killed by signal {-returncode} ({_signal_name(-returncode)})"


def _record(type: object, title: object, detail: object = "", *, retryable: bool = True) -> ErrorRecord:
    return ErrorRecord(
        storable(text_of(type)[:64]),
        storable(text_of(title)[:MAX_ERROR_CHARS]),
        storable(text_of(detail)[:MAX_ERROR_CHARS]),
        retryable,
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "an unknown signal"

"""What an exception means for an attempt: is it tried again, and what do people read.

A traceback is for the log, never for the record: the record is shown to users.
"""

from __future__ import annotations

import signal
from typing import Any

import msgspec

from ..model import (
    MAX_ERROR_CHARS,
    MAX_RESULT_BYTES,
    ErrorRecord,
    InvalidArguments,
    PayloadTooLarge,
    Permanent,
    Retry,
    UnknownKind,
)
from .context import storable

OUT_OF_MEMORY = "out-of-memory"
UNEXPECTED = "unexpected-error"

_encode = msgspec.msgpack.Encoder().encode


class Failure(msgspec.Struct, frozen=True):
    """An attempt's error, and the delay until the next one where the handler chose it (seconds)."""

    error: ErrorRecord
    delay: float | None = None


def describe(error: BaseException) -> Failure:
    """Return what is recorded of an exception that ended an attempt."""
    match error:
        case Permanent():
            return Failure(_record(error.type, error.title, error.detail, retryable=False))
        case Retry():
            return Failure(_record("retry-asked", error.reason), delay=max(error.delay, 0.0))
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
        case UnstorableResult():
            return Failure(
                _record(
                    "unstorable-result", "The job's result cannot be stored.", str(error), retryable=False
                )
            )
        case MemoryError():
            title = "The job needed more memory than it may use; send less at once or raise the limit."
            return Failure(_record(OUT_OF_MEMORY, title, retryable=False))
        case _:
            title = f"The job stopped with an unexpected error ({type(error).__name__})."
            return Failure(_record(UNEXPECTED, title, _text(error)))


class UnstorableResult(Exception):
    """What the handler returned has no form that can be stored."""


def encode_result(result: Any, *, limit: int = MAX_RESULT_BYTES) -> bytes:
    """Return a handler's result as it is stored, in `limit` bytes at most.

    Raises:
        PayloadTooLarge: it is over the limit.
        UnstorableResult: it holds something that msgpack has no form for.
    """
    try:
        encoded = _encode(result)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise UnstorableResult(
            f"{error}; return numbers, texts, lists, mappings or structs of them"
        ) from error
    if len(encoded) > limit:
        raise PayloadTooLarge("result", len(encoded), limit)
    return encoded


def timed_out(timeout: float) -> Failure:
    """Return what is recorded of an attempt that took longer than `timeout` seconds."""
    return Failure(_record("timed-out", f"The job did not end within its {timeout:g} s and was stopped."))


def retry_with_more_room(failure: Failure) -> Failure:
    """Return the failure of a job that ran out of memory where earlier jobs may have left some in use."""
    return Failure(msgspec.structs.replace(failure.error, retryable=True), failure.delay)


def process_died(returncode: int) -> ErrorRecord:
    """Return what is recorded when a job's process ended before the job did."""
    return _record("crashed", f"The job's process {exit_phrase(returncode)}.")


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


def _record(type: str, title: str, detail: str = "", *, retryable: bool = True) -> ErrorRecord:
    return ErrorRecord(
        storable(type[:64]), storable(title[:MAX_ERROR_CHARS]), storable(detail[:MAX_ERROR_CHARS]), retryable
    )


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as broken:  # a foreign exception may fail even at being shown
        return f"(its text cannot be read: {type(broken).__name__})"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "an unknown signal"

"""What a handler raised, put into words for the record and, with its traceback, for the log."""

from __future__ import annotations

import contextlib
import logging
from typing import Protocol

from ..handling import UNEXPECTED, Failure, describe, forget_frames
from ..log import event

logger = logging.getLogger("queuecore.handler")


class _Named(Protocol):
    """An attempt, by its names."""

    @property
    def id(self) -> str: ...
    @property
    def attempt(self) -> int: ...
    @property
    def kind(self) -> str: ...


def classify(error: BaseException, attempt: _Named) -> Failure:
    """Return what `error` means for the attempt that it ended. Never raises, whatever the error is.

    Nothing that the handler had in hand is held any longer by the error after this.
    """
    failure = describe(error)
    # A foreign exception may fail even at being shown, and with more than an Exception.
    with contextlib.suppress(BaseException):
        if failure.error.type == UNEXPECTED:
            event(
                logger,
                logging.WARNING,
                "handler.raised",
                exc_info=error,
                job=attempt.id,
                kind=attempt.kind,
                attempt=attempt.attempt,
            )
    forget_frames(error)
    return failure

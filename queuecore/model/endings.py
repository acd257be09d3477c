"""How a handler ends its attempt on purpose: it raises one of these."""

from __future__ import annotations

from datetime import timedelta

from .given import seconds
from .texts import text_of


class Permanent(Exception):
    """Raise it in a handler when another attempt cannot help: the job fails at once.

    What is not a text becomes one: `raise Permanent(error)` shows what `error` says.

    Args:
        title: what was wrong, a sentence for the person who sent the job.
        detail: what to do about it, or where exactly it happened.
        type: a stable word for programs, such as `not-a-table`.
    """

    # For subclasses that do not call this one's `__init__`.
    title: str = "The job cannot be done."
    detail: str = ""
    type: str = "permanent"

    def __init__(self, title: object, detail: object = "", *, type: object = "permanent") -> None:
        self.title = text_of(title)
        self.detail = text_of(detail)
        self.type = text_of(type)
        super().__init__(self.title)


class Retry(Exception):
    """Raise it in a handler to end the attempt, which counts, and be started again after a delay.

    Args:
        delay: seconds or a timedelta; None for the delay that the handler's backoff would choose.
        reason: why; what is not a text becomes one.

    Raises:
        InvalidOption: `delay` is none.
    """

    delay: float | None = None  # seconds
    reason: str = "the handler asked to be retried"

    def __init__(
        self,
        *,
        delay: float | timedelta | None = 0.0,
        reason: object = "the handler asked to be retried",
    ) -> None:
        self.delay = None if delay is None else max(seconds(delay, name="delay"), 0.0)
        self.reason = text_of(reason)
        super().__init__(self.reason)

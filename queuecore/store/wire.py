"""How values become arguments of scripts, and what scripts return becomes values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from ..model import LONGEST, MAX_ERROR_CHARS, ErrorRecord, Retention

to_json: Final = msgspec.json.Encoder().encode


def to_ms(seconds: float) -> int:
    """Milliseconds that Redis can store; what is no sensible time becomes the nearest one, NaN none."""
    return round(min(max(0.0, seconds), LONGEST) * 1000)


def retention_ms(retention: Retention) -> tuple[int, int, int]:
    """The three times of a retention, as scripts take them."""
    return to_ms(retention.completed), to_ms(retention.failed), to_ms(retention.cancelled)


def error_json(error: ErrorRecord) -> bytes:
    """JSON of an error, its texts cut to what is kept."""
    if len(error.title) > MAX_ERROR_CHARS or len(error.detail) > MAX_ERROR_CHARS:
        error = ErrorRecord(
            error.type, error.title[:MAX_ERROR_CHARS], error.detail[:MAX_ERROR_CHARS], error.retryable
        )
    return to_json(error)


def job_ids(space: str, tokens: Sequence[bytes]) -> list[str]:
    """The ids of jobs of one space."""
    return [f"{space}.{token.decode()}" for token in tokens]


def literal(text: str) -> str:
    """The text as a pattern that matches only itself."""
    return "".join(f"\\{letter}" if letter in "*?[]\\" else letter for letter in text)

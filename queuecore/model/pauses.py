"""Pauses: queues that are not claimed from until somebody resumes them."""

from __future__ import annotations

from typing import Final

import msgspec

from .errors import InvalidOption

LONGEST_NOTE: Final = 200  # characters


class PauseNote(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who paused something, and why, in the operator's words.

    Raises:
        InvalidOption: one of them is no text of up to 200 printable characters.
    """

    by: str = ""
    why: str = ""

    def __post_init__(self) -> None:
        for name, given in (("by", self.by), ("why", self.why)):
            if not isinstance(given, str) or len(given) > LONGEST_NOTE or not given.isprintable():
                raise InvalidOption(name, given, f"a text of at most {LONGEST_NOTE} printable characters")


class PausedQueue(msgspec.Struct, frozen=True):
    """A queue that is not claimed from; `queued` is how many jobs stand in its lines."""

    name: str
    since_ms: int
    by: str
    why: str
    queued: int

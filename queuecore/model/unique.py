"""Unique jobs: of all that have the same kind and key, one is there at a time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, Literal, get_args

import msgspec

from .errors import InvalidOption, InvalidUnique
from .given import seconds
from .key import Key, bind_key, check_key, check_names, shown_key

Until = Literal["final", "started"]
OnConflict = Literal["existing", "refuse", "replace", "keep_last"]

_NOUN: Final = "a unique"
_OTHER_NOUN: Final = "a debounce"


class Unique(msgspec.Struct, frozen=True):
    """Of all jobs with the same kind and key, one is there at a time.

    The key is held from the request on, through retries, and given up in the very step in which the job ends:
    it has no time to live that could be wrong.

    Args:
        key: which jobs are the same: a text with `{owner}`, `{kind}`, `{queue}` and the names of arguments in
            braces; or a function that is called with the job's arguments, a struct, and returns the text.
        until: "final": the key is held until the job has ended. "started": until its first attempt starts, so
            that one may wait while another runs.
        on_conflict: what becomes of a request whose key a job holds.
            "existing": it is answered with that job.
            "refuse": it raises NotUnique, which names that job.
            "replace": that job is cancelled and the new one stands; while it runs, NotUnique is raised.
            "keep_last": while that job runs, one waits behind it: the newest, all before it are cancelled.

    Raises:
        InvalidUnique: a value cannot be one.
    """

    key: Key
    until: Until = "final"
    on_conflict: OnConflict = "existing"

    def __post_init__(self) -> None:
        check_key(self.key, noun=_NOUN, wrong=InvalidUnique)
        _check_word(self, "until", self.until, get_args(Until))
        _check_word(self, "on_conflict", self.on_conflict, get_args(OnConflict))
        if self.until == "started" and self.on_conflict == "keep_last":
            raise InvalidUnique(
                f"the unique {shown_key(self.key)}: keep_last waits for the end of the job that runs; write "
                "until='final', or on_conflict='replace' to keep the newest of those that have not started"
            )

    def check_arguments(self, kind: str, arguments: frozenset[str]) -> None:
        """Raise InvalidUnique if the key names what jobs of this kind do not have."""
        check_names(kind, self.key, arguments, noun=_NOUN, wrong=InvalidUnique)

    def bound_to(self, arguments: Any, job: Mapping[str, str]) -> BoundUnique:
        """Return it for one job; see `bind_key`."""
        key = bind_key(self.key, arguments, job, noun=_NOUN, wrong=InvalidUnique)
        return BoundUnique(f"{job['kind']}:{key}", self.until == "started", self.on_conflict)


class Debounce(msgspec.Struct, frozen=True):
    """Of many requests with the same kind and key that come one after another, the last one becomes the job.

    The first request makes a job that is scheduled for `quiet` seconds later. Each further one, until that
    job starts, gives it its own arguments and lets it wait for `quiet` seconds more.

    Args:
        key: as that of Unique.
        quiet: for how long no request must come, in seconds or as a timedelta.
        max_wait: after which time from the first request the job is no longer postponed.

    Raises:
        InvalidUnique: a value cannot be one.
    """

    key: Key
    quiet: float | timedelta
    max_wait: float | timedelta = 60.0

    def __post_init__(self) -> None:
        check_key(self.key, noun=_OTHER_NOUN, wrong=InvalidUnique)
        try:
            quiet = seconds(self.quiet, name="quiet", least=0.001)
            seconds(self.max_wait, name="max_wait", least=quiet)
        except InvalidOption as error:
            raise InvalidUnique(f"the debounce {shown_key(self.key)}: {error}") from error

    def check_arguments(self, kind: str, arguments: frozenset[str]) -> None:
        """Raise InvalidUnique if the key names what jobs of this kind do not have."""
        check_names(kind, self.key, arguments, noun=_OTHER_NOUN, wrong=InvalidUnique)

    def bound_to(self, arguments: Any, job: Mapping[str, str]) -> BoundUnique:
        """Return it for one job; see `bind_key`."""
        key = bind_key(self.key, arguments, job, noun=_OTHER_NOUN, wrong=InvalidUnique)
        quiet, longest = seconds(self.quiet, name="quiet"), seconds(self.max_wait, name="max_wait")
        name = f"{job['kind']}:{key}"
        return BoundUnique(name, True, "postpone", quiet=round(quiet * 1000), longest=round(longest * 1000))


class BoundUnique(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is stored with a unique job: the name that it holds, whether only until its first start.

    `quiet` and `longest`, in ms, are those of a Debounce.
    """

    name: str
    started: bool = False
    conflict: OnConflict | Literal["postpone"] = "existing"
    quiet: int | None = None
    longest: int | None = None


def check_unique(unique: Unique | Debounce) -> Unique | Debounce:
    """Return it. Raises InvalidUnique if it is none."""
    if not isinstance(unique, Unique | Debounce):
        raise InvalidUnique(f"unique={unique!r:.80} must be a Unique, such as Unique('{{owner}}')")
    return unique


def _check_word(unique: Unique, option: str, word: object, words: tuple[str, ...]) -> None:
    if word not in words:
        raise InvalidUnique(
            f"the unique {shown_key(unique.key)}: {option}={word!r:.80} must be one of: "
            + ", ".join(map(repr, words))
        )

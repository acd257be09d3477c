"""What producers write: new jobs, cancels, requeues. Each method is one script, one round trip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from ..model import (
    DEFAULT_MAX_CRASHES,
    Bound,
    BoundReached,
    IdempotencyConflict,
    JobNotFound,
    NotUnique,
    State,
    StateConflict,
    Submitted,
    Ties,
    new_token,
    split_job_id,
)
from .client import Client
from .connection import Argument
from .keys import Keys
from .wire import to_json

Answer = Submitted | IdempotencyConflict | NotUnique | BoundReached

IDEMPOTENCY_WINDOW: Final = 24 * 3600.0  # seconds


class EntryOptions(msgspec.Struct, frozen=True, omit_defaults=True):
    """What sets a job apart from a plain one; goes to `enqueue` as JSON, times in ms."""

    delay: int = 0
    owner: str = ""
    max_crashes: int = DEFAULT_MAX_CRASHES
    idempotency: str = ""
    fingerprint: str | None = None
    window: int | None = None
    ties: Ties | None = None
    follows: bool = False
    bounds: tuple[CountedUnder, ...] = ()
    together: bool = False


class CountedUnder(msgspec.Struct, frozen=True, array_like=True):
    """A bound as `enqueue` gets it: `together` is its own amount and that of the jobs that follow it."""

    name: str
    amount: int
    together: int
    most: int  # -1: none


class Entry(msgspec.Struct, frozen=True):
    """A job on its way into Redis: `spec` is msgpack."""

    token: str
    spec: bytes
    options: EntryOptions | None = None


class Requests:
    """The writes of producers."""

    def __init__(self, client: Client, keys: Callable[[str], Keys]) -> None:
        self._client = client
        self._keys = keys

    async def enqueue(self, space: str, line: str, entries: Sequence[Entry]) -> list[Answer]:
        """Store new jobs at the end of a line, or for later, all in one call.

        Returns: for each entry the job that now stands for it, or why there is none: its idempotency key, its
            unique key, or a bound.
        Raises:
            BrokerUnavailable: not known whether it was stored; the same entries again are safe.
            QueueFull: Redis is at maxmemory.
        """
        arguments: list[Argument] = [line]
        for entry in entries:
            options = to_json(entry.options).decode() if entry.options else ""
            arguments += (entry.token + options, entry.spec)
        exceptions = await self._client.run("enqueue", self._keys(space).base, *arguments)
        answers: list[Answer] = [Submitted(f"{space}.{entry.token}", created=True) for entry in entries]
        for index, reason, token in zip(exceptions[::3], exceptions[1::3], exceptions[2::3], strict=True):
            answers[index - 1] = _exception(space, entries[index - 1], reason, token.decode())
        return answers

    async def amounts(self, space: str, bounds: Sequence[Bound]) -> list[int]:
        """How much there is under each of some names, without what is known to count no longer."""
        arguments = [part for each in counted_under(bounds) for part in (each.name, each.amount, each.most)]
        reply: list[int] = await self._client.run("room", self._keys(space).base, *arguments)
        return reply

    async def revoke(self, space: str, name: str, lifetime: float) -> None:
        """Remember for `lifetime` seconds that a name, such as a session's, is worth nothing any more."""
        await self._client.run("revoke", self._keys(space).base, name, str(round(lifetime * 1000)))

    async def cancel(self, job_id: str) -> State:
        """End a waiting job, or ask a running one to end.

        Returns: the state now; `running` means that it was asked.
        Raises:
            JobNotFound, StateConflict: it is completed or failed already.
        """
        before, after, _ = await self._transition("cancel", job_id)
        if before in (State.COMPLETED, State.FAILED):
            raise StateConflict(job_id, before, "cancelled")
        return after

    async def requeue(self, job_id: str, bounds: Sequence[Bound] = ()) -> State:
        """Give a failed or cancelled job a new series of attempts.

        Args:
            bounds: what it counts under from now on; none of them refuses it.

        Raises:
            JobNotFound, StateConflict: it is in another state.
            NotUnique: another job holds its unique key now.
        """
        # The nonce makes a call whose reply was lost the same call when it is sent again.
        before, after, holder = await self._transition("requeue", job_id, new_token(), *_as_json(bounds))
        if holder:
            raise NotUnique(f"{split_job_id(job_id)[0]}.{holder}")
        if before not in (State.FAILED, State.CANCELLED):
            raise StateConflict(job_id, before, "retried")
        return after

    async def _transition(self, script: str, job_id: str, *more: str) -> tuple[State, State, str]:
        space, token = split_job_id(job_id)
        before, after, *holder = await self._client.run(script, self._keys(space).base, token, *more)
        if not before:
            raise JobNotFound(job_id)
        return State(before.decode()), State(after.decode()), b"".join(holder).decode()


def counted_under(bounds: Sequence[Bound], *others: Sequence[Bound]) -> tuple[CountedUnder, ...]:
    """The bounds of a job as `enqueue` gets them, with those of the jobs that follow it."""
    counted = []
    for bound in bounds:
        together = bound.amount + sum(
            other.amount
            for follower in others
            for other in follower
            if (other.name, other.until) == (bound.name, bound.until)
        )
        most = -1 if bound.most is None else bound.most
        counted.append(CountedUnder(f"{bound.until}:{bound.name}", bound.amount, together, most))
    return tuple(counted)


def _as_json(bounds: Sequence[Bound]) -> list[str]:
    return [to_json(counted_under(bounds)).decode()] if bounds else []


def _exception(space: str, entry: Entry, reason: bytes, word: str) -> Answer:
    """What a word of enqueue.lua means."""
    own_id, other_id = f"{space}.{entry.token}", f"{space}.{word}"
    match reason:
        case b"bound":
            return _bound_reached(entry, word)
        case b"conflict":
            return IdempotencyConflict(other_id)
        case b"refused":
            return NotUnique(other_id)
        case b"existing":
            return Submitted(other_id, created=False, conflict="existing", other=other_id)
        case b"postponed":
            return Submitted(other_id, created=False, conflict="postponed", other=other_id)
        case b"replaced":
            return Submitted(own_id, created=True, conflict="replaced", other=other_id)
        case b"waits":
            return Submitted(own_id, created=True, conflict="waits", other=other_id)
        case _:
            return Submitted(other_id, created=False)


def _bound_reached(entry: Entry, word: str) -> BoundReached:
    assert entry.options is not None
    name, amount = word.rsplit(" ", 1)
    most = next((bound.most for bound in entry.options.bounds if bound.name == name), 0)
    until, _, bare = name.partition(":")
    return BoundReached(bare, until, amount=int(amount), most=most)

"""What a request becomes on its way to Redis: its space and line, and what is stored of the job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from ..handling import Handler
from ..model import (
    DEFAULT_MAX_CRASHES,
    SCHEMA,
    JobRequest,
    Line,
    PayloadTooLarge,
    Spec,
    Ties,
    line_name,
    new_token,
    split_job_id,
)
from ..store import Entry, EntryOptions, counted_under, idempotency_name

Place = tuple[str, str, Entry]  # space, line, and what is stored of a job

PLAIN: Final = JobRequest(kind="")  # nothing special; the kind is the handler's

_encode = msgspec.msgpack.Encoder().encode


class _Usual(NamedTuple):
    """What all plain jobs of a handler have in common: line, beginning of the spec, options."""

    line: str
    spec_start: bytes
    options: EntryOptions | None


class Entries:
    """Makes entries of requests.

    Args:
        space: of requests without an id.
        window_ms: how long an idempotency key is remembered.
        max_arguments_bytes: of one job.
    """

    __slots__ = ("_max_arguments_bytes", "_space", "_usual", "_window_ms")

    def __init__(self, *, space: str, window_ms: int, max_arguments_bytes: int) -> None:
        self._space = space
        self._window_ms = window_ms
        self._max_arguments_bytes = max_arguments_bytes
        self._usual: dict[Handler[..., Any], _Usual] = {}

    def make(
        self, handler: Handler[..., Any], args: bytes, request: JobRequest, token: str | None = None
    ) -> Place:
        """The space and line that a job goes to, and what is stored of it, under a new token if need be."""
        if len(args) > self._max_arguments_bytes:
            raise PayloadTooLarge(f"arguments of {handler.kind}", len(args), self._max_arguments_bytes)
        space = self._space
        if request.id is not None:
            space, token = split_job_id(request.id)
        usual = self._usual.get(handler) or self._learn_usual(handler)
        if request.retries is None and request.timeout is None:
            spec = usual.spec_start + args
        else:
            spec = _encode(Spec(SCHEMA, handler.kind, msgspec.Raw(args), request.retries, request.timeout))
        if request is PLAIN and not (handler.limits or handler.unique):
            return space, usual.line, Entry(token or new_token(), spec, usual.options)
        line = usual.line
        if request.queue is not None or request.line is not Line.NORMAL:
            line = line_name(request.queue or handler.queue, handler.runs, request.line)
        is_tied = handler.limits or handler.unique or request.limits or request.unique
        ties = _ties(handler, request, args) if is_tied else None
        return space, line, Entry(token or new_token(), spec, self._options(handler, request, ties))

    def _learn_usual(self, handler: Handler[..., Any]) -> _Usual:
        # All that comes before the arguments: an array of three, its first two.
        start = b"\x93" + _encode(SCHEMA) + _encode(handler.kind)
        line = line_name(handler.queue, handler.runs, Line.NORMAL)
        usual = self._usual[handler] = _Usual(line, start, self._options(handler, PLAIN, None))
        return usual

    def _options(
        self, handler: Handler[..., Any], request: JobRequest, ties: Ties | None
    ) -> EntryOptions | None:
        """What sets the job apart from a plain one; None when nothing does."""
        key = request.idempotency_key
        delay = round(request.delay * 1000)
        if ties and ties.unique and ties.unique.quiet is not None:
            delay = max(delay, ties.unique.quiet)
        if not (key or request.owner or request.delay or ties or request.bounds):
            usual = handler.max_crashes == DEFAULT_MAX_CRASHES
            return None if usual else EntryOptions(max_crashes=handler.max_crashes)
        return EntryOptions(
            delay=delay,
            owner=request.owner,
            max_crashes=handler.max_crashes,
            idempotency=idempotency_name(request.owner, key) if key else "",
            # Another kind is other content: its result would be of another type.
            fingerprint=f"{handler.kind} {request.fingerprint}" if key else None,
            window=self._window_ms if key else None,
            ties=ties,
            bounds=counted_under(request.bounds),
        )


def bind_together(requests: Sequence[JobRequest], entries: Sequence[Entry]) -> list[Entry]:
    """The entries of requests that are stored all or none: what the first one meets decides for all."""
    first, *others = requests
    leading: dict[str, Any] = {}
    following: dict[str, Any] = {}
    if first.bounds:
        leading["bounds"] = counted_under(first.bounds, *(each.bounds for each in others))
    if len(entries) > 1 and any(entry.options and entry.options.ties for entry in entries):
        leading["together"] = True
    if first.idempotency_key or first.bounds:
        following["follows"] = True
    return [_changed(entries[0], leading), *(_changed(entry, following) for entry in entries[1:])]


def id_at(place: Place) -> str:
    return f"{place[0]}.{place[2].token}"


def _changed(entry: Entry, changes: dict[str, Any]) -> Entry:
    if not changes:
        return entry
    options = msgspec.structs.replace(entry.options or EntryOptions(), **changes)
    return msgspec.structs.replace(entry, options=options)


def _ties(handler: Handler[..., Any], request: JobRequest, args: bytes) -> Ties | None:
    """What ties the job to others; None for nothing. Raises InvalidOption for what is none of its."""
    limits = handler.limits if request.limits is None else request.limits
    unique = handler.unique if request.unique is None else request.unique
    if not (limits or unique):
        return None
    if request.limits:
        handler.check_limits(request.limits)
    if request.unique:
        handler.check_unique(request.unique)
    arguments = handler.decode(args)
    job = {"kind": handler.kind, "owner": request.owner, "queue": request.queue or handler.queue}
    return Ties(
        tuple(limit.bound_to(arguments, job) for limit in limits),
        unique.bound_to(arguments, job) if unique else None,
    )

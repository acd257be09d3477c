"""The producer's side: put jobs in line, follow them, get their results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Literal, NamedTuple, ParamSpec, TypeVar

import msgspec

from ..handling import Handler, Registry
from ..model import (
    DEFAULT_MAX_CRASHES,
    DEFAULT_SPACE,
    MAX_ARGUMENTS_BYTES,
    SCHEMA,
    Bound,
    BoundReached,
    BrokerUnavailable,
    Debounce,
    InvalidOption,
    JobRequest,
    Limit,
    Line,
    LineName,
    PauseNote,
    PayloadTooLarge,
    QueueClosed,
    Retention,
    Spec,
    State,
    Submitted,
    Ties,
    Unconfirmed,
    Unique,
    check_bounds,
    check_limits,
    check_name,
    line_name,
    new_token,
    new_tokens,
    seconds,
    split_job_id,
    whole_number,
)
from ..store import (
    IDEMPOTENCY_WINDOW,
    Answer,
    Broker,
    CountedUnder,
    Entry,
    EntryOptions,
    Events,
    counted_under,
    idempotency_name,
)
from .coalescing import LARGEST_BATCH, Coalescing, accepted
from .inspector import Inspector
from .job import Job
from .mistakes import no_handler, no_request

P = ParamSpec("P")
R = TypeVar("R")

Place = tuple[str, str, Entry]  # space, line, and what is stored of a job

SHORTEST_WINDOW: Final = 0.001  # seconds
LARGEST_PAYLOAD: Final = 512 * 1024**2  # bytes: no value in Redis is larger

PLAIN: Final = JobRequest(kind="")  # nothing special; the kind is the handler's

_encode = msgspec.msgpack.Encoder().encode


class _Usual(NamedTuple):
    """What all plain jobs of a handler have in common: line, beginning of the spec, options."""

    line: str
    spec_start: bytes
    options: EntryOptions | None


class Queue:
    """Puts jobs in line in one space, and follows them.

    Make one with `Queue.connect(url)` and use it as an async context manager, or close it.
    It is meant to be shared by everything in the process.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        space: str = DEFAULT_SPACE,
        registry: Registry | None = None,
        retention: Retention | None = None,
        idempotency_window: float | timedelta = IDEMPOTENCY_WINDOW,
        max_arguments_bytes: int = MAX_ARGUMENTS_BYTES,
    ) -> None:
        check_name(space, name="space")
        self.broker = broker
        self.space = space
        if registry is not None and not isinstance(registry, Registry):
            raise InvalidOption("registry", registry, "a Registry, such as Registry.load('mail') for mail.py")
        self.registry = Registry() if registry is None else registry
        self.inspector = Inspector(broker, space=space, retention=retention)
        self.events = Events(broker)
        window = seconds(idempotency_window, name="idempotency_window", least=SHORTEST_WINDOW)
        self._window_ms = round(window * 1000)
        self._max_arguments_bytes = whole_number(
            max_arguments_bytes, name="max_arguments_bytes", least=1, most=LARGEST_PAYLOAD
        )
        self._coalescing = Coalescing(broker)
        self._usual: dict[Handler[..., Any], _Usual] = {}

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        space: str = DEFAULT_SPACE,
        registry: Registry | None = None,
        prefix: str = "qc",
        name: str = "producer",
        patience: float | timedelta = 5.0,
        retention: Retention | None = None,
        idempotency_window: float | timedelta = IDEMPOTENCY_WINDOW,
        max_arguments_bytes: int = MAX_ARGUMENTS_BYTES,
    ) -> Queue:
        """A queue on the Redis at `url`; the connection is made when it is first needed.

        Args:
            space: where its jobs lie; see docs/spaces.md.
            registry: the handlers by kind; needed only to submit jobs by the name of their kind.
            prefix: first word of every key.
            name: shown by Redis' CLIENT LIST.
            patience: how long a call waits for a Redis that is away before it raises BrokerUnavailable.
            retention: how long ended jobs are kept, as the workers are told; only to say when a job will go.
            idempotency_window: how long an idempotency key is remembered.
            max_arguments_bytes: of one job.

        Durations are seconds or timedeltas.

        Raises:
            ValueError: the URL is none of Redis.
            InvalidOption: something else has no sense.
        """
        patience = seconds(patience, name="patience", least=0.0)
        broker = Broker.connect(url, prefix=prefix, name=name, patience=patience)
        return cls(
            broker,
            space=space,
            registry=registry,
            retention=retention,
            idempotency_window=idempotency_window,
            max_arguments_bytes=max_arguments_bytes,
        )

    async def close(self) -> None:
        """Let go of Redis; whoever waits for a job is let go too."""
        await self.events.close()
        await self.broker.close()

    async def __aenter__(self) -> Queue:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    # Enqueueing.

    async def enqueue(self, handler: Handler[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Job[R]:
        """Put a job in the normal line of the handler's queue. Once this returns, it is stored.

        Raises:
            InvalidOption: it is no handler.
            InvalidArguments: they do not fit the handler's signature.
            PayloadTooLarge: they are too large to be stored with a job.
            NotUnique: another job holds its unique key, and it is to be refused then.
            Unconfirmed: Redis did not answer; the job may be stored, and `await error.retry()` is safe.
            BrokerRefused: Redis will not do it, however often it is asked.
            QueueFull: Redis is at maxmemory.
        """
        if not isinstance(handler, Handler):
            raise no_handler(handler)
        return await self._put(
            self._entry(handler, handler.encode(*args, **kwargs), PLAIN), handler.returns.declared
        )

    def options(
        self,
        *,
        id: str | None = None,
        line: Line | LineName = Line.NORMAL,
        delay: float | timedelta = 0.0,
        owner: str = "",
        idempotency_key: str | None = None,
        queue: str | None = None,
        retries: int | None = None,
        timeout: float | timedelta | None = None,
        limits: Sequence[Limit] | None = None,
        bounds: Sequence[Bound] = (),
        unique: Unique | Debounce | Literal[False] | None = None,
    ) -> Enqueuer:
        """An enqueuer for other than plain jobs: `await queue.options(delay=60).enqueue(handler, ...)`.

        The options are those of JobRequest.

        Raises:
            InvalidOption: one of them has no sense.
        """
        return Enqueuer(
            self,
            JobRequest(
                kind="",
                id=id,
                line=line,
                delay=delay,
                owner=owner,
                idempotency_key=idempotency_key,
                queue=queue,
                retries=retries,
                timeout=timeout,
                limits=None if limits is None else check_limits(limits),
                bounds=check_bounds(bounds),
                unique=unique,
            ),
        )

    async def submit(self, request: JobRequest) -> Submitted:
        """Put a job in line by the name of its kind.

        Raises:
            UnknownKind: the registry has no such handler.
            IdempotencyConflict: the key was used before, with another fingerprint.
            BoundReached: there is too much under a name that it counts under.
            Others: as `enqueue`.
        """
        if not isinstance(request, JobRequest):
            raise no_request(request)
        handler = self.registry[request.kind]
        place = self._entry(handler, handler.encode_mapping(request.args), request)
        try:
            return await self._coalescing.send(*place)
        except QueueClosed:
            raise
        except BrokerUnavailable as error:
            # With the id that it has now, so that the same request makes the same job.
            again = msgspec.structs.replace(request, id=_id_at(place))
            raise Unconfirmed(error.reason, [_id_at(place)], lambda: self.submit(again)) from error

    async def submit_together(self, requests: Sequence[JobRequest]) -> list[Submitted]:
        """Put the jobs of one request in line, in order, all of them or none.

        One whose unique key refuses it refuses all, and so do the bounds. The idempotency key of the first
        stands for all: where it is known nothing is stored, and every answer is the first's earlier job.

        Args:
            requests: 1 to 500, for one and the same line; only the first may have a key.

        Raises: as `submit`, and ValueError where the requests are others than that.
        """
        first, *others = requests
        if len(others) >= LARGEST_BATCH:
            raise ValueError(f"at most {LARGEST_BATCH} jobs are submitted together, not {len(requests)}")
        if any(request.idempotency_key for request in others):
            raise ValueError("only the first of jobs that are submitted together may have an idempotency key")
        places = [
            self._entry(handler := self.registry[each.kind], handler.encode_mapping(each.args), each)
            for each in requests
        ]
        lines = {(space, line) for space, line, _ in places}
        if len(lines) > 1:
            raise ValueError(f"jobs that are submitted together go to one line, not to {len(lines)}")
        entries = [entry for _, _, entry in places]
        if first.bounds:
            counted = counted_under(first.bounds, *(each.bounds for each in others))
            entries[0] = _counted(entries[0], counted)
        if first.idempotency_key or first.bounds:
            entries[1:] = map(_following, entries[1:])
        if len(entries) > 1 and any(entry.options and entry.options.ties for entry in entries):
            entries[0] = _leading(entries[0])
        return await self._put_many({lines.pop(): (list(range(len(entries))), entries)}, len(entries))

    async def enqueue_many(self, requests: Iterable[JobRequest]) -> list[Submitted]:
        """Put many jobs in line, in order, in few calls.

        All are checked before the first is sent. Raises as `submit`; on IdempotencyConflict and
        NotUnique the other jobs are stored.
        """
        places: dict[tuple[str, str], tuple[list[int], list[Entry]]] = {}
        requests = list(requests)
        registry, make_entry = self.registry, self._entry
        for index, (request, token) in enumerate(zip(requests, new_tokens(len(requests)), strict=True)):
            if not isinstance(request, JobRequest):
                raise no_request(request)
            handler = registry[request.kind]
            space, line, entry = make_entry(handler, handler.encode_mapping(request.args), request, token)
            indexes, entries = places.setdefault((space, line), ([], []))
            indexes.append(index)
            entries.append(entry)
        return await self._put_many(places, len(requests))

    # What happens to jobs later.

    def job(self, job_id: str, handler: Handler[..., R] | None = None) -> Job[R]:
        """A handle of the job with this id, to wait for it elsewhere than where it was enqueued.

        Args:
            handler: whose job it is; its results are decoded to the type that the handler declares.

        Raises:
            JobNotFound: the text has not the form of an id. Whether there is such a job is not asked.
        """
        split_job_id(job_id)
        if handler is not None and not isinstance(handler, Handler):
            raise no_handler(handler)
        return Job(self, job_id, handler.returns.declared if handler is not None else Any)

    async def cancel(self, job_id: str) -> State:
        """End a waiting job at once, or ask a running one to end.

        Returns: the state now: `cancelled`, or `running` when it was asked.
        Raises:
            JobNotFound, StateConflict: it is completed or failed already.
        """
        return await self.broker.requests.cancel(job_id)

    async def requeue(self, job_id: str, *, bounds: Sequence[Bound] = ()) -> State:
        """Give a failed or cancelled job a new series of attempts, at the end of its line.

        Args:
            bounds: what it counts under from now on; see `check_bounds` for whether they leave room.

        Raises:
            JobNotFound, StateConflict: it is in another state.
            NotUnique: another job holds its unique key now; the error names it.
        """
        return await self.broker.requests.requeue(job_id, check_bounds(bounds))

    async def check_bounds(self, bounds: Sequence[Bound]) -> list[int]:
        """Say how much there is under some bounds, before work is done for a job that they may refuse.

        Returns: the amounts, in the same order.
        Raises:
            BoundReached: a job with these bounds would be refused now.
        """
        bounds = check_bounds(bounds)
        amounts = await self.broker.requests.amounts(self.space, bounds)
        for bound, amount in zip(bounds, amounts, strict=True):
            if bound.most is not None and amount + bound.amount > bound.most:
                raise BoundReached(bound.name, bound.until, amount=amount, most=bound.most)
        return amounts

    async def delete(self, job_id: str) -> None:
        """Remove an ended job's record; its files are the caller's to remove first.

        Raises:
            JobNotFound, StateConflict: it has not ended.
        """
        await self.broker.pruning.delete(job_id)

    async def pause_queue(self, name: str, *, by: str = "", why: str = "") -> bool:
        """Have nothing claimed from a queue of this space until it is resumed; what runs goes on.

        Args:
            by, why: what others are to read of it, each up to 200 characters.

        Returns: whether it was not paused before; if it was, the first word on it stands.
        Raises:
            InvalidOption: that is no name of a queue, or no such text.
        """
        check_name(name, name="queue")
        return await self.broker.pauses.pause_queue(self.space, name, PauseNote(by, why))

    async def resume_queue(self, name: str) -> bool:
        """Have a queue claimed from again, at once. Returns whether it was paused. Raises InvalidOption."""
        check_name(name, name="queue")
        return await self.broker.pauses.resume_queue(self.space, name)

    # Helpers.

    async def _put(self, place: Place, returns: Any) -> Job[Any]:
        try:
            submitted = await self._coalescing.send(*place)
            return Job(self, submitted.id, returns, submitted)
        except QueueClosed:
            raise
        except BrokerUnavailable as error:
            raise Unconfirmed(error.reason, [_id_at(place)], lambda: self._put(place, returns)) from error

    async def _put_many(
        self, places: dict[tuple[str, str], tuple[list[int], list[Entry]]], count: int
    ) -> list[Submitted]:
        answers: dict[int, Answer] = {}
        try:
            for (space, line), (indexes, entries) in places.items():
                sent = await self._coalescing.send_many(space, line, entries)
                answers.update(zip(indexes, sent, strict=True))
        except QueueClosed:
            raise
        except BrokerUnavailable as error:
            ids = [_id_at((*at, entry)) for at, (_, entries) in places.items() for entry in entries]
            raise Unconfirmed(error.reason, ids, lambda: self._put_many(places, count)) from error
        return [accepted(answers[index]) for index in range(count)]

    def _entry(
        self, handler: Handler[..., Any], args: bytes, request: JobRequest, token: str | None = None
    ) -> Place:
        """The space and line that a job goes to, and what is stored of it, under a new token if need be."""
        if len(args) > self._max_arguments_bytes:
            raise PayloadTooLarge(f"arguments of {handler.kind}", len(args), self._max_arguments_bytes)
        space = self.space
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


class Enqueuer:
    """Enqueues with options; see Queue.options."""

    __slots__ = ("_queue", "_request")

    def __init__(self, queue: Queue, request: JobRequest) -> None:
        self._queue = queue
        self._request = request

    async def enqueue(self, handler: Handler[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Job[R]:
        """Put a job in line. See Queue.enqueue."""
        if not isinstance(handler, Handler):
            raise no_handler(handler)
        place = self._queue._entry(handler, handler.encode(*args, **kwargs), self._request)
        return await self._queue._put(place, handler.returns.declared)


def _counted(entry: Entry, bounds: tuple[CountedUnder, ...]) -> Entry:
    options = msgspec.structs.replace(entry.options or EntryOptions(), bounds=bounds)
    return msgspec.structs.replace(entry, options=options)


def _leading(entry: Entry) -> Entry:
    options = msgspec.structs.replace(entry.options or EntryOptions(), together=True)
    return msgspec.structs.replace(entry, options=options)


def _following(entry: Entry) -> Entry:
    options = msgspec.structs.replace(entry.options or EntryOptions(), follows=True)
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


def _id_at(place: Place) -> str:
    return f"{place[0]}.{place[2].token}"

"""The producer's side: put jobs in line, follow them, get their results."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Literal, ParamSpec, TypeVar

import msgspec

from ..handling import Handler, Registry
from ..model import (
    DEFAULT_SPACE,
    MAX_ARGUMENTS_BYTES,
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
    QueueClosed,
    Retention,
    State,
    Submitted,
    Unconfirmed,
    Unique,
    check_bounds,
    check_limits,
    check_name,
    new_tokens,
    seconds,
    split_job_id,
    whole_number,
)
from ..store import (
    IDEMPOTENCY_WINDOW,
    Answer,
    Broker,
    Entry,
    Events,
)
from .coalescing import LARGEST_BATCH, Coalescing, accepted
from .entries import PLAIN, Entries, Place, bind_together, id_at
from .inspector import Inspector
from .job import Job
from .mistakes import no_handler, no_request

P = ParamSpec("P")
R = TypeVar("R")

SHORTEST_WINDOW: Final = 0.001  # seconds
LARGEST_PAYLOAD: Final = 512 * 1024**2  # bytes: no value in Redis is larger


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
        self._entries = Entries(
            space=space,
            window_ms=round(window * 1000),
            max_arguments_bytes=whole_number(
                max_arguments_bytes, name="max_arguments_bytes", least=1, most=LARGEST_PAYLOAD
            ),
        )
        self._coalescing = Coalescing(broker)

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
            self._entries.make(handler, handler.encode(*args, **kwargs), PLAIN), handler.returns.declared
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
        place = self._entries.make(handler, handler.encode_mapping(request.args), request)
        try:
            return await self._coalescing.send(*place)
        except QueueClosed:
            raise
        except BrokerUnavailable as error:
            # With the id that it has now, so that the same request makes the same job.
            again = msgspec.structs.replace(request, id=id_at(place))
            raise Unconfirmed(error.reason, [id_at(place)], lambda: self.submit(again)) from error

    async def submit_together(self, requests: Sequence[JobRequest]) -> list[Submitted]:
        """Put the jobs of one request in line, in order, all of them or none.

        One whose unique key refuses it refuses all, and so do the bounds. The idempotency key of the first
        stands for all: where it is known nothing is stored, and every answer is the first's earlier job.

        Args:
            requests: 1 to 500, for one and the same line; only the first may have a key.

        Raises: as `submit`, and ValueError where the requests are others than that.
        """
        if not 1 <= len(requests) <= LARGEST_BATCH:
            raise ValueError(f"1 to {LARGEST_BATCH} jobs are submitted together, not {len(requests)}")
        if any(request.idempotency_key for request in requests[1:]):
            raise ValueError("only the first of jobs that are submitted together may have an idempotency key")
        places = [
            self._entries.make(handler := self.registry[each.kind], handler.encode_mapping(each.args), each)
            for each in requests
        ]
        lines = {(space, line) for space, line, _ in places}
        if len(lines) > 1:
            raise ValueError(f"jobs that are submitted together go to one line, not to {len(lines)}")
        entries = bind_together(requests, [entry for _, _, entry in places])
        return await self._put_many({lines.pop(): (list(range(len(entries))), entries)}, len(entries))

    async def enqueue_many(self, requests: Iterable[JobRequest]) -> list[Submitted]:
        """Put many jobs in line, in order, in few calls.

        All are checked before the first is sent. Raises as `submit`; on IdempotencyConflict,
        NotUnique and BoundReached the other jobs are stored.
        """
        places: dict[tuple[str, str], tuple[list[int], list[Entry]]] = {}
        requests = list(requests)
        registry, make_entry = self.registry, self._entries.make
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
            raise Unconfirmed(error.reason, [id_at(place)], lambda: self._put(place, returns)) from error

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
            ids = [id_at((*at, entry)) for at, (_, entries) in places.items() for entry in entries]
            raise Unconfirmed(error.reason, ids, lambda: self._put_many(places, count)) from error
        return [accepted(answers[index]) for index in range(count)]


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
        place = self._queue._entries.make(handler, handler.encode(*args, **kwargs), self._request)
        return await self._queue._put(place, handler.returns.declared)

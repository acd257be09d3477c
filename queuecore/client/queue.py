"""The producer's side: put jobs in line, follow them, get their results.

Jobs that are enqueued by many coroutines in one turn of the event loop leave in one call, with
nothing to switch on; a job that is enqueued alone leaves at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Sequence
from types import TracebackType
from typing import Any, Final, Generic, ParamSpec, TypeVar

import msgspec

from ..handling import Handler, Registry
from ..model import (
    DEFAULT_MAX_CRASHES,
    MAX_ARGUMENTS_BYTES,
    SCHEMA,
    IdempotencyConflict,
    InvalidArguments,
    JobCancelled,
    JobFailed,
    JobRecord,
    JobRequest,
    Line,
    PayloadTooLarge,
    Retention,
    Spec,
    State,
    Submitted,
    new_token,
    new_tokens,
    split_job_id,
)
from ..store import IDEMPOTENCY_WINDOW, LONGEST, Broker, Entry, EntryOptions, Events, Inspector, unique_name

P = ParamSpec("P")
R = TypeVar("R")

LARGEST_BATCH: Final = 500  # jobs in one call: about 2 ms of Redis, so that nobody waits long behind it

UNTOUCHED: Final = 1  # version of a job that was enqueued, and no more

PLAIN: Final = JobRequest(kind="")  # nothing special; the kind is the handler's

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


class Job(Generic[R]):
    """A job that was enqueued; holds nothing but its id."""

    __slots__ = ("_queue", "_returns", "id")

    def __init__(self, queue: Queue, job_id: str, returns: Any = Any) -> None:
        self._queue = queue
        self._returns = returns
        self.id = job_id

    def __repr__(self) -> str:
        return f"<Job {self.id}>"

    async def record(self) -> JobRecord:
        """The job as it stands now. Raises JobNotFound."""
        return await self._queue.inspector.job(self.id)

    async def cancel(self) -> State:
        """See Queue.cancel."""
        return await self._queue.cancel(self.id)

    async def result(self, *, timeout: float | None = None) -> R:
        """Wait for the job's end and return its result, decoded to the type the handler declares.

        Args:
            timeout: seconds to wait at most; None for as long as it takes.

        Raises:
            JobFailed, JobCancelled: it ended so.
            TimeoutError: it has not ended yet; it goes on.
            JobNotFound: it is gone, its retention is over.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        version = UNTOUCHED
        with self._queue.events.follow(self.id, only_end=True) as follower:
            while True:
                left = 3600.0 if deadline is None else deadline - time.monotonic()
                version = await follower.changed(since=version, timeout=max(0.0, left))
                if follower.result is not None:
                    return self._convert(_decode(follower.result))
                record = await self._queue.inspector.job(self.id)
                version = record.version
                match record.state:
                    case State.COMPLETED:
                        return self._convert(record.result)
                    case State.FAILED:
                        error = record.error
                        raise JobFailed(
                            self.id,
                            type=error.type if error else "unknown",
                            title=error.title if error else "no reason was stored",
                            detail=error.detail if error else "",
                        )
                    case State.CANCELLED:
                        raise JobCancelled(self.id)
                    case State.SCHEDULED | State.QUEUED | State.RUNNING:
                        if deadline is not None and time.monotonic() >= deadline:
                            raise TimeoutError(
                                f"job {self.id} is {record.state} after {timeout:g} s of waiting"
                            )

    def _convert(self, value: Any) -> R:
        result: R = msgspec.convert(value, self._returns) if self._returns is not Any else value
        return result


class Queue:
    """Puts jobs in line and follows them.

    Make one with `Queue.connect(url)` and use it as an async context manager, or close it.
    It is meant to be shared by everything in the process.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        registry: Registry | None = None,
        retention: Retention | None = None,
        idempotency_window: float = IDEMPOTENCY_WINDOW,
        max_arguments_bytes: int = MAX_ARGUMENTS_BYTES,
    ) -> None:
        self.broker = broker
        self.registry = registry or Registry()
        self.inspector = Inspector(broker, retention=retention, queues=self.registry.queues())
        self.events = Events(broker)
        self._window = idempotency_window
        self._max_arguments_bytes = max_arguments_bytes
        self._batches: dict[str, _Batch] = {}

    @classmethod
    def connect(
        cls,
        url: str,
        *,
        registry: Registry | None = None,
        prefix: str = "qc",
        name: str = "producer",
        patience: float = 5.0,
        retention: Retention | None = None,
        idempotency_window: float = IDEMPOTENCY_WINDOW,
        max_arguments_bytes: int = MAX_ARGUMENTS_BYTES,
    ) -> Queue:
        """A queue on the Redis at `url`; the connection is made when it is first needed.

        Args:
            registry: the handlers by kind; needed only to submit jobs by the name of their kind.
            prefix: first word of every key.
            name: shown by Redis' CLIENT LIST.
            patience: seconds a call waits for a Redis that is away before it raises BrokerUnavailable.
            retention: how long ended jobs are kept, as the workers are told; only to say when a job will go.
            idempotency_window: seconds an idempotency key is remembered.
            max_arguments_bytes: of one job.
        """
        broker = Broker.connect(url, prefix=prefix, name=name, patience=patience)
        return cls(
            broker,
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

    async def enqueue(self, handler: Handler[P, R], *args: P.args, **kwargs: P.kwargs) -> Job[R]:
        """Put a job in the normal line of the handler's queue. Once this returns, it is stored.

        Raises:
            InvalidArguments: they do not fit the handler's signature.
            PayloadTooLarge: they are too large to be stored with a job.
            BrokerUnavailable: Redis did not answer; the job may or may not be stored.
            QueueFull: Redis is at maxmemory.
        """
        queue, entry = self._entry(handler, handler.encode(*args, **kwargs), PLAIN)
        return Job(self, _accepted(await self._send(queue, entry)).id, handler.returns)

    def options(
        self,
        *,
        id: str | None = None,
        line: Line = Line.NORMAL,
        delay: float = 0.0,
        owner: str = "",
        idempotency_key: str | None = None,
        queue: str | None = None,
        retries: int | None = None,
        timeout: float | None = None,
    ) -> Enqueuer:
        """An enqueuer for other than plain jobs: `await queue.options(delay=60).enqueue(handler, ...)`.

        The options are those of JobRequest.
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
            ),
        )

    async def submit(self, request: JobRequest) -> Submitted:
        """Put a job in line by the name of its kind.

        Raises:
            UnknownKind: the registry has no such handler.
            IdempotencyConflict: the key was used before, with another fingerprint.
            Others: as `enqueue`.
        """
        handler = self.registry[request.kind]
        queue, entry = self._entry(handler, handler.encode_mapping(request.args), request)
        if request.idempotency_key:
            # The script that enqueues sees its own queue only: on a Cluster others are elsewhere.
            known = await self.inspector.job_of_key(request.owner, request.idempotency_key)
            if known is not None and split_job_id(known)[0] != queue:
                raise IdempotencyConflict(known)
        return _accepted(await self._send(queue, entry))

    async def enqueue_many(self, requests: Sequence[JobRequest]) -> list[Submitted]:
        """Put many jobs in line, in order, in few calls.

        All are checked before the first is sent. Raises as `submit`; on IdempotencyConflict the
        other jobs are stored.
        """
        queues: dict[str, tuple[list[int], list[Entry]]] = {}
        registry, make_entry = self.registry, self._entry
        for index, (request, token) in enumerate(zip(requests, new_tokens(len(requests)), strict=True)):
            handler = registry[request.kind]
            queue, entry = make_entry(handler, handler.encode_mapping(request.args), request, token)
            indexes, entries = queues.setdefault(queue, ([], []))
            indexes.append(index)
            entries.append(entry)
        answers: dict[int, Submitted | IdempotencyConflict] = {}
        for queue, (indexes, entries) in queues.items():
            calls = [
                self.broker.enqueue(queue, entries[first : first + LARGEST_BATCH])
                for first in range(0, len(entries), LARGEST_BATCH)
            ]
            answers.update(
                zip(indexes, [each for reply in await _in_order(calls) for each in reply], strict=True)
            )
        return [_accepted(answers[index]) for index in range(len(requests))]

    # What happens to jobs later.

    async def cancel(self, job_id: str) -> State:
        """End a waiting job at once, or ask a running one to end.

        Returns: the state now: `cancelled`, or `running` when it was asked.
        Raises:
            JobNotFound, StateConflict: it is completed or failed already.
        """
        return await self.broker.cancel(job_id)

    async def requeue(self, job_id: str) -> State:
        """Give a failed or cancelled job a new series of attempts, at the end of its line.

        Raises:
            JobNotFound, StateConflict: it is in another state.
        """
        return await self.broker.requeue(job_id)

    async def delete(self, job_id: str) -> None:
        """Remove an ended job's record; its files are the caller's to remove first.

        Raises:
            JobNotFound, StateConflict: it has not ended.
        """
        await self.broker.delete(job_id)

    # Helpers.

    def _entry(
        self, handler: Handler[..., Any], args: bytes, request: JobRequest, token: str | None = None
    ) -> tuple[str, Entry]:
        """The queue a job goes to and what is stored of it; a token is made where none is given."""
        if len(args) > self._max_arguments_bytes:
            raise PayloadTooLarge(f"arguments of {handler.kind}", len(args), self._max_arguments_bytes)
        if not 0 <= request.delay <= LONGEST:
            raise InvalidArguments(handler.kind, "delay must be 0 seconds to 100 years")
        if request.timeout is not None and not 0 < request.timeout <= LONGEST:
            raise InvalidArguments(handler.kind, "timeout must be above 0 seconds")
        if request.retries is not None and request.retries < 0:
            raise InvalidArguments(handler.kind, "retries must be at least 0")
        queue = request.queue or handler.queue
        if request.id is not None:
            queue, token = split_job_id(request.id)
        spec = Spec(SCHEMA, handler.kind, msgspec.Raw(args), request.retries, request.timeout)
        return queue, Entry(token or new_token(), _encode(spec), self._options(handler, request))

    def _options(self, handler: Handler[..., Any], request: JobRequest) -> EntryOptions | None:
        """What sets the job apart from a plain one; None when nothing does."""
        key = request.idempotency_key
        if not (key or request.owner or request.delay) and request.line is Line.NORMAL:
            usual = handler.max_crashes == DEFAULT_MAX_CRASHES
            return None if usual else EntryOptions(max_crashes=handler.max_crashes)
        return EntryOptions(
            line=request.line,
            delay=round(request.delay * 1000),
            owner=request.owner,
            max_crashes=handler.max_crashes,
            unique=unique_name(request.owner, key) if key else "",
            fingerprint=request.fingerprint if key else None,
            window=round(self._window * 1000) if key else None,
        )

    async def _send(self, queue: str, entry: Entry) -> Submitted | IdempotencyConflict:
        """Send an entry together with all others of this turn of the loop."""
        batch = self._batches.get(queue)
        if batch is not None and len(batch.entries) < LARGEST_BATCH:
            return await batch.add(entry)
        batch = self._batches[queue] = _Batch()
        answer = batch.add(entry)
        try:
            await asyncio.sleep(0)  # one turn, in which others can join
        finally:
            if self._batches.get(queue) is batch:
                del self._batches[queue]
            if len(batch.entries) > 1:
                batch.leave(self.broker, queue)
        if len(batch.entries) > 1:
            return await answer
        return (await self.broker.enqueue(queue, batch.entries))[0]


class Enqueuer:
    """Enqueues with options; see Queue.options."""

    __slots__ = ("_queue", "_request")

    def __init__(self, queue: Queue, request: JobRequest) -> None:
        self._queue = queue
        self._request = request

    async def enqueue(self, handler: Handler[P, R], *args: P.args, **kwargs: P.kwargs) -> Job[R]:
        """Put a job in line. See Queue.enqueue."""
        queue, entry = self._queue._entry(handler, handler.encode(*args, **kwargs), self._request)
        submitted = _accepted(await self._queue._send(queue, entry))
        return Job(self._queue, submitted.id, handler.returns)


class _Batch:
    """The entries of one turn of the loop, to go in one call."""

    __slots__ = ("_task", "_waiting", "entries")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._waiting: list[asyncio.Future[Submitted | IdempotencyConflict]] = []

    def add(self, entry: Entry) -> asyncio.Future[Submitted | IdempotencyConflict]:
        """Join; the future of one's own, so that a cancelled caller takes nobody with it."""
        future: asyncio.Future[Submitted | IdempotencyConflict] = asyncio.get_running_loop().create_future()
        self.entries.append(entry)
        self._waiting.append(future)
        return future

    def leave(self, broker: Broker, queue: str) -> None:
        """Send them all, in a task that nobody's cancellation ends."""
        self._task = asyncio.create_task(self._send(broker, queue))

    async def _send(self, broker: Broker, queue: str) -> None:
        try:
            answers = await broker.enqueue(queue, self.entries)
        except BaseException as error:
            for future in self._waiting:
                if not future.done():
                    future.set_exception(error)
                    future.exception()  # a caller who went away is no news for the log
            if not isinstance(error, Exception):
                raise
            return
        for future, answer in zip(self._waiting, answers, strict=True):
            if not future.done():
                future.set_result(answer)


def _accepted(answer: Submitted | IdempotencyConflict) -> Submitted:
    if isinstance(answer, IdempotencyConflict):
        raise answer
    return answer


async def _in_order(
    calls: Sequence[Coroutine[Any, Any, list[Submitted | IdempotencyConflict]]],
) -> list[list[Submitted | IdempotencyConflict]]:
    """Several calls under way at once; they leave on one connection, so Redis carries them out in order."""
    replies = await asyncio.gather(*calls, return_exceptions=True)
    answers = []
    for reply in replies:
        if isinstance(reply, BaseException):
            raise reply
        answers.append(reply)
    return answers

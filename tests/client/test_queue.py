"""The producer's side: enqueue, submit, options, results."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated, Any

import msgspec
import pytest
import redis

from launch.private_redis import PrivateRedis
from queuecore import (
    BrokerUnavailable,
    HandlerError,
    IdempotencyConflict,
    InvalidArguments,
    InvalidOption,
    InvalidResult,
    Job,
    JobCancelled,
    JobContext,
    JobFailed,
    JobNotFound,
    JobRequest,
    Line,
    PayloadTooLarge,
    Queue,
    QueueFull,
    Registry,
    State,
    UnknownKind,
    handler,
    new_job_id,
)
from queuecore.client.coalescing import LARGEST_BATCH
from queuecore.model import Completed, Failing
from queuecore.store import Broker
from queuecore.store.client import Client
from tests.store.fault_proxy import FaultProxy
from tests.store.scene import ERROR, Scene
from tests.store.test_client import until


class Sum(msgspec.Struct, frozen=True):
    total: int


@handler("numbers.add")
async def add(ctx: JobContext, a: int, b: Annotated[int, msgspec.Meta(ge=0)] = 0) -> Sum:
    """Add two numbers."""
    return Sum(a + b)


@handler("text.keep", runs="process", max_crashes=5)
def keep(ctx: JobContext, text: str) -> None:
    """Keep a text."""


@pytest.fixture
async def queue(redis_url: str) -> AsyncIterator[Queue]:
    async with Queue.connect(redis_url, registry=Registry([add, keep]), patience=2.0) as queue:
        yield queue


def script_calls(database: "redis.Redis") -> int:
    """How many scripts were called since the statistics were reset."""
    return int(database.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0))


async def end(scene: Scene, job: "Job[Any]", result: bytes | None = None) -> None:
    """Claim the one job in line and end it: completed with a result, failed without."""
    (claim,) = await scene.advance(slots=1)
    assert claim.id == job.id
    await scene.advance(
        Completed(job.id, claim.attempt, result)
        if result is not None
        else Failing(job.id, claim.attempt, ERROR)
    )


# enqueue


async def test_a_job_alone_is_one_call(queue: Queue, database: "redis.Redis") -> None:
    await queue.enqueue(add, 1)
    database.config_resetstat()

    await queue.enqueue(add, 1, b=2)

    assert script_calls(database) == 1


@pytest.mark.parametrize("jobs", [2, LARGEST_BATCH, LARGEST_BATCH + 1, 2_000])
async def test_jobs_enqueued_together_leave_together(
    queue: Queue, database: "redis.Redis", jobs: int
) -> None:
    await queue.enqueue(add, 0)
    database.config_resetstat()

    made = await asyncio.gather(*(queue.enqueue(add, n) for n in range(jobs)))

    assert script_calls(database) == -(-jobs // LARGEST_BATCH)
    assert len({job.id for job in made}) == jobs
    records = await queue.inspector.jobs.records([job.id for job in made])
    assert [record.args["a"] for record in records] == list(range(jobs))


async def test_a_job_stands_in_the_line_of_how_it_runs(queue: Queue) -> None:
    jobs = [await queue.enqueue(add, 1), await queue.enqueue(keep, text="x")]

    assert [(await job.record()).runs for job in jobs] == ["async", "process"]
    assert await queue.inspector.figures.waiting() == {"default:async:normal": 1, "default:process:normal": 1}
    assert await queue.inspector.figures.queues() == ["default"]


async def test_options_set_a_job_apart(queue: Queue, database: "redis.Redis") -> None:
    job_id = new_job_id("other")
    enqueuer = queue.options(id=job_id, line=Line.URGENT, delay=60.0, owner="me", retries=7, timeout=1.5)

    job = await enqueuer.enqueue(keep, "x")

    record = await job.record()
    assert job.id == record.id == job_id
    assert (record.space, record.queue) == ("other", "default")
    assert (record.line, record.state) == (Line.URGENT, State.SCHEDULED)
    assert (record.owner, record.retries, record.timeout) == ("me", 7, 1.5)
    assert (record.due_ms or 0) - record.created_ms == 60_000
    assert int(database.hget(f"qc:{{other}}:job:{job_id.split('.')[1]}", "m") or 0) == 5


@handler("text.names")
async def names(ctx: JobContext, self: int, handler: int, args: int, kwargs: int, request: int) -> None:
    """Arguments like those of the functions that they go through."""


async def test_arguments_may_be_named_like_ours(queue: Queue) -> None:
    given = {"self": 1, "handler": 2, "args": 3, "kwargs": 4, "request": 5}

    jobs = [
        await queue.enqueue(names, **given),
        await queue.options(owner="me").enqueue(names, **given),
    ]

    assert [(await job.record()).args for job in jobs] == [given, given]


async def test_another_queue_can_be_chosen(queue: Queue) -> None:
    job = await queue.options(queue="mine").enqueue(add, 1)

    assert (await job.record()).queue == "mine"


@pytest.mark.parametrize(
    "options",
    [
        {"delay": -1.0},
        {"delay": float("nan")},
        {"delay": float("inf")},
        {"timeout": 0.0},
        {"timeout": float("nan")},
        {"retries": -1},
    ],
)
async def test_options_without_sense_are_refused(queue: Queue, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption):
        queue.options(**options)


async def test_options_are_converted(queue: Queue) -> None:
    enqueuer = queue.options(line="urgent", delay=timedelta(minutes=1), timeout=timedelta(seconds=90))

    record = await (await enqueuer.enqueue(add, 1)).record()

    assert (record.line, record.timeout) == (Line.URGENT, 90.0)
    assert (record.due_ms or 0) - record.created_ms == 60_000


@pytest.mark.parametrize(
    "given",
    [
        {"space": "No Space"},
        {"patience": "5"},
        {"patience": -1},
        {"idempotency_window": 0},
        {"idempotency_window": float("nan")},
        {"max_arguments_bytes": 1.5},
        {"max_arguments_bytes": 0},
    ],
)
def test_a_queue_without_sense_is_refused_where_it_is_made(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidOption, match=f"^{next(iter(given))}="):
        Queue.connect("redis://localhost", **given)


def test_an_address_that_is_none_is_refused_where_it_is_given() -> None:
    with pytest.raises(ValueError, match="begins with redis://"):
        Queue.connect("localhost:6379")


async def test_how_long_to_wait_is_given_as_a_timedelta_too(queue: Queue) -> None:
    job = await queue.enqueue(add, 1)

    with pytest.raises(TimeoutError, match=r"queued after 0\.05 s"):
        await job.result(timeout=timedelta(milliseconds=50))
    with pytest.raises(InvalidOption, match="timeout='5'"):
        await job.result(timeout="5")  # type: ignore[arg-type]  # that is the point


async def test_an_id_that_is_no_text_is_refused(queue: Queue) -> None:
    job = await queue.enqueue(add, 1)

    for ask in (queue.cancel, queue.requeue, queue.delete):
        with pytest.raises(InvalidOption, match="job_id=<Job "):
            await ask(job)  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize(
    ("args", "argument"),
    [({"a": "one"}, "a"), ({"a": 1, "b": -1}, "b"), ({"a": 1, "c": 1}, "c"), ({}, "a")],
)
async def test_arguments_that_do_not_fit_are_named(
    queue: Queue, database: "redis.Redis", args: dict[str, Any], argument: str
) -> None:
    with pytest.raises(InvalidArguments) as refused:
        await queue.submit(JobRequest(kind="numbers.add", args=args))

    assert refused.value.argument == argument
    assert database.keys("*") == []


async def test_arguments_that_are_too_large_are_refused(redis_url: str) -> None:
    async with Queue.connect(redis_url, max_arguments_bytes=100) as queue:
        with pytest.raises(PayloadTooLarge) as refused:
            await queue.enqueue(keep, "x" * 101)

    assert (refused.value.what, refused.value.limit) == ("arguments of text.keep", 100)


async def test_an_unknown_kind_is_refused(queue: Queue) -> None:
    with pytest.raises(UnknownKind, match=r"numbers\.add"):
        await queue.submit(JobRequest(kind="no.such"))


@pytest.mark.parametrize("turns", [1, 2, 3])
@pytest.mark.parametrize("leaves", [0, 3, 9])
async def test_a_callers_cancellation_takes_nobody_else_with_it(
    queue: Queue, leaves: int, turns: int
) -> None:
    tasks = [asyncio.create_task(queue.enqueue(add, n)) for n in range(10)]
    for _ in range(turns):
        await asyncio.sleep(0)

    tasks[leaves].cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    assert [isinstance(outcome, Job) for outcome in outcomes] == [n != leaves for n in range(10)]


async def test_all_of_a_batch_hear_that_redis_is_away(redis_url: str, redis_server: PrivateRedis) -> None:
    async with FaultProxy(redis_server.socket_path) as proxy:
        await proxy.refuse()
        async with Queue(Broker(Client(proxy.url, name="test", patience=0.1))) as queue:
            outcomes = await asyncio.gather(
                *(queue.enqueue(add, n) for n in range(10)), return_exceptions=True
            )

    assert all(isinstance(outcome, BrokerUnavailable) for outcome in outcomes)


# what people write first


async def undecorated(ctx: JobContext, a: int) -> None:
    """Lacks its decorator."""


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("numbers.add", "await queue.submit(JobRequest(kind='numbers.add', args={...}))"),
        (undecorated, 'must be a handler: write @handler("...") above `def undecorated`'),
        (print, 'must be a handler: write @handler("...") above `def print`'),
        (None, "handler=None must be a handler, a function with @handler(...) above it"),
        (add.function, 'write @handler("...") above `def add`'),
    ],
)
async def test_what_is_no_handler_is_told_with_what_to_write(
    queue: Queue, database: "redis.Redis", given: Any, said: str
) -> None:
    for enqueue in (queue.enqueue, queue.options(owner="me").enqueue):
        with pytest.raises(InvalidOption) as refused:
            await enqueue(given, a=1)
        assert said in str(refused.value)

    assert database.keys("*") == []


async def test_a_handler_that_was_called_is_told_with_what_to_write(queue: Queue) -> None:
    with pytest.raises(InvalidOption, match=r"enqueue\(add, \.\.\.\), not enqueue\(add\(\.\.\.\)\)"):
        await queue.enqueue(add(JobContext.detached(), 1))


@pytest.mark.parametrize("given", [add, {"kind": "numbers.add"}, ("numbers.add", {"a": 1}), None])
async def test_what_is_no_request_is_told_with_what_to_write(queue: Queue, given: Any) -> None:
    for ask in (queue.submit(given), queue.enqueue_many([given])):
        with pytest.raises(InvalidOption, match=r"must be a JobRequest: JobRequest\(kind="):
            await ask


async def test_a_queue_that_knows_no_kinds_says_how_it_is_told_of_them(redis_url: str) -> None:
    async with Queue.connect(redis_url) as queue:
        with pytest.raises(UnknownKind, match=r"registry=Registry\.load\('mail'\)"):
            await queue.submit(JobRequest(kind="numbers.add"))
    with pytest.raises(InvalidOption, match=r"registry='mail' must be a Registry, such as"):
        Queue.connect(redis_url, registry="mail")  # type: ignore[arg-type]  # that is the point
    with pytest.raises(HandlerError, match=r"<function undecorated .* is no handler: make one"):
        Registry([undecorated])  # type: ignore[list-item]  # that is the point


# submit and enqueue_many


async def test_many_jobs_may_come_from_a_generator(queue: Queue) -> None:
    submitted = await queue.enqueue_many(JobRequest(kind="numbers.add", args={"a": n}) for n in range(3))

    assert [each.created for each in submitted] == [True, True, True]


async def test_many_jobs_keep_their_order(queue: Queue, scene: Scene) -> None:
    requests = [JobRequest(kind="numbers.add", args={"a": n}) for n in range(3 * LARGEST_BATCH)]

    submitted = await queue.enqueue_many(requests)

    claims = await scene.advance(slots=len(requests))
    assert [each.id for each in submitted] == [claim.id for claim in claims]
    assert [msgspec.msgpack.decode(claim.args)["a"] for claim in claims] == list(range(len(requests)))


async def test_many_jobs_over_several_queues_are_answered_in_order(queue: Queue) -> None:
    requests = [
        JobRequest(kind="numbers.add", args={"a": n}, queue=("default", "other")[n % 2]) for n in range(10)
    ]

    submitted = await queue.enqueue_many(requests)

    records = await queue.inspector.jobs.records([each.id for each in submitted])
    assert [record.args["a"] for record in records] == list(range(10))
    assert [record.queue for record in records] == ["default", "other"] * 5


async def test_nothing_of_many_is_sent_when_one_does_not_fit(queue: Queue, database: "redis.Redis") -> None:
    with pytest.raises(InvalidArguments):
        await queue.enqueue_many(
            [JobRequest(kind="numbers.add", args={"a": 1}), JobRequest(kind="numbers.add")]
        )

    assert database.keys("*") == []


async def test_many_jobs_meet_a_full_redis_as_one_would(queue: Queue, database: "redis.Redis") -> None:
    await queue.enqueue(add, 1)
    database.config_set("maxmemory", 1)
    try:
        with pytest.raises(QueueFull):
            await queue.enqueue_many([JobRequest(kind="numbers.add", args={"a": n}) for n in range(1000)])
    finally:
        database.config_set("maxmemory", 0)


async def test_the_same_key_and_fingerprint_are_the_same_job(queue: Queue) -> None:
    request = JobRequest(kind="numbers.add", args={"a": 1}, owner="me", idempotency_key="k", fingerprint="f")

    first, second = await queue.submit(request), await queue.submit(request)

    assert (first.created, second.created) == (True, False)
    assert first.id == second.id


async def test_the_same_key_with_another_fingerprint_is_a_conflict(queue: Queue) -> None:
    request = JobRequest(kind="numbers.add", args={"a": 1}, owner="me", idempotency_key="k", fingerprint="f")
    first = await queue.submit(request)

    with pytest.raises(IdempotencyConflict) as conflict:
        await queue.submit(msgspec.structs.replace(request, fingerprint="g"))

    assert conflict.value.job_id == first.id


async def test_keys_of_different_owners_never_meet(queue: Queue) -> None:
    request = JobRequest(kind="numbers.add", args={"a": 1}, owner="a:b", idempotency_key="c")

    first = await queue.submit(request)
    second = await queue.submit(msgspec.structs.replace(request, owner="a", idempotency_key="b:c"))

    assert first.id != second.id


# results


async def test_a_result_has_the_type_the_handler_declares(queue: Queue, scene: Scene) -> None:
    job = await queue.enqueue(add, 1, 2)
    waiting = asyncio.create_task(job.result(timeout=10.0))

    await end(scene, job, msgspec.msgpack.encode(Sum(3)))

    assert await waiting == Sum(3)
    assert await job.result() == Sum(3)


async def test_a_result_of_another_type_than_the_handler_at_hand_declares_is_told(
    queue: Queue, scene: Scene
) -> None:
    job = await queue.enqueue(add, 1)

    await end(scene, job, msgspec.msgpack.encode("three"))

    with pytest.raises(
        InvalidResult, match=f"result of job {job.id}: .* declares another type than this one"
    ):
        await job.result(timeout=5.0)


async def test_a_failed_job_raises_its_reason(queue: Queue, scene: Scene) -> None:
    job = await queue.enqueue(add, 1)
    waiting = asyncio.create_task(job.result())

    await end(scene, job)

    with pytest.raises(JobFailed) as failed:
        await waiting
    assert (failed.value.type, failed.value.title) == (ERROR.type, ERROR.title)


async def test_a_cancelled_job_raises_that_it_was(queue: Queue) -> None:
    job = await queue.enqueue(add, 1)
    waiting = asyncio.create_task(job.result())

    assert await job.cancel() is State.CANCELLED

    with pytest.raises(JobCancelled):
        await waiting


async def test_a_job_that_takes_too_long_goes_on(queue: Queue) -> None:
    job = await queue.enqueue(add, 1)

    with pytest.raises(TimeoutError, match="queued after"):
        await job.result(timeout=0.05)

    assert (await job.record()).state is State.QUEUED


async def test_a_job_that_is_gone_is_not_found(queue: Queue) -> None:
    job = await queue.enqueue(add, 1)
    await job.cancel()
    await queue.delete(job.id)

    with pytest.raises(JobNotFound):
        await job.result(timeout=1.0)


async def test_who_waits_for_a_result_is_let_go_when_the_queue_closes(scene: Scene, queue: Queue) -> None:
    job = await queue.enqueue(add, 1)
    waiting = asyncio.create_task(job.result())
    await until(lambda: scene.database.exists(scene.key("watched")), "the job is watched")

    await queue.close()

    with pytest.raises(BrokerUnavailable, match="closed"):
        await asyncio.wait_for(waiting, 5)

"""Unique jobs as users and real workers see them: races of producers, runners that are killed."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from queuecore import (
    Debounce,
    HandlerError,
    InvalidOption,
    Job,
    JobCancelled,
    JobContext,
    JobRequest,
    NotUnique,
    Queue,
    Registry,
    State,
    Unique,
    handler,
)
from tests.worker.worker_process import Worker, eventually

StartWorker = Callable[..., Worker]


@pytest.fixture
async def producers(redis_url: str, registry: Registry) -> AsyncIterator[list[Queue]]:
    """Eight, each with a connection of its own."""
    queues = [Queue.connect(redis_url, registry=registry) for _ in range(8)]
    yield queues
    for queue in queues:
        await queue.close()


async def ask(queue: Queue, registry: Registry, path: Path, **options: object) -> Job[object]:
    unique = queue.options(unique=Unique("{customer}", **options))  # type: ignore[arg-type]
    return await unique.enqueue(registry["test.limited"], path=str(path), customer="a", seconds=0.05)


async def test_of_eight_producers_that_race_for_a_key_one_makes_a_job(
    producers: list[Queue], registry: Registry, tmp_path: Path
) -> None:
    jobs = await asyncio.gather(*(ask(queue, registry, tmp_path / "log") for queue in producers * 5))

    assert len({job.id for job in jobs}) == 1
    assert Counter(job.created for job in jobs) == {True: 1, False: 39}
    assert {job.submitted.conflict for job in jobs if job.submitted} == {None, "existing"}
    assert (await producers[0].inspector.figures.counts()).queued == 1


async def test_of_eight_producers_that_race_all_but_one_are_refused(
    producers: list[Queue], registry: Registry, tmp_path: Path
) -> None:
    answers = await asyncio.gather(
        *(ask(queue, registry, tmp_path / "log", on_conflict="refuse") for queue in producers * 5),
        return_exceptions=True,
    )

    (made,) = [answer for answer in answers if isinstance(answer, Job)]
    refused = [answer for answer in answers if isinstance(answer, NotUnique)]
    assert len(refused) == 39
    assert {error.job_id for error in refused} == {made.id}


async def test_of_many_that_replace_each_other_the_last_one_stands(
    producers: list[Queue], registry: Registry, tmp_path: Path
) -> None:
    jobs = await asyncio.gather(
        *(ask(queue, registry, tmp_path / "log", on_conflict="replace") for queue in producers * 5)
    )

    assert len({job.id for job in jobs}) == 40
    counts = await producers[0].inspector.figures.counts()
    assert (counts.queued, counts.cancelled) == (1, 39)
    (left,) = await producers[0].inspector.listings.in_state(State.QUEUED, limit=100)
    assert left.unique == "test.limited:a"


async def test_never_two_of_a_key_run_at_once_though_runners_are_killed(
    queue: Queue, registry: Registry, start_worker: StartWorker, tmp_path: Path
) -> None:
    """One job holds the key through its recovery; the newest that waits is run after it, and no other."""
    log = tmp_path / "log"
    worker = start_worker(processes=1, slots=5)
    last = Unique("{customer}", on_conflict="keep_last")
    enqueuer = queue.options(unique=last)
    slow = await enqueuer.enqueue(registry["test.limited"], path=str(log), customer="a", seconds=1.0)
    await eventually(log.exists, "the first job runs")

    behind = [
        await enqueuer.enqueue(registry["test.limited"], path=str(log), customer="a", seconds=0.0)
        for _ in range(3)
    ]
    os.kill(worker.runners()[0], signal.SIGKILL)
    await slow.result(timeout=30)
    await behind[-1].result(timeout=30)

    for job in behind[:-1]:
        with pytest.raises(JobCancelled):
            await job.result(timeout=30)
    record = await slow.record()
    assert [attempt.outcome for attempt in record.attempts] == ["crashed", "completed"]
    ends = [line.split()[0] for line in log.read_text().splitlines()]
    assert ends == ["start", "start", "end", "start", "end"]
    assert await queue.broker.client.call("KEYS", "*unique*") == []


async def test_of_many_requests_in_a_short_time_the_last_one_runs_once(
    queue: Queue, registry: Registry, start_worker: StartWorker, tmp_path: Path
) -> None:
    start_worker(processes=1, slots=5)
    enqueuer = queue.options(unique=Debounce("same", quiet=0.5, max_wait=60.0))
    jobs = [
        await enqueuer.enqueue(
            registry["test.limited"], path=str(tmp_path / "log"), customer=f"c{number}", seconds=0.0
        )
        for number in range(5)
    ]

    await jobs[-1].result(timeout=30)

    assert len({job.id for job in jobs}) == 1
    assert [job.created for job in jobs] == [True, False, False, False, False]
    assert (await jobs[0].record()).args["customer"] == "c4"
    starts = [line.split()[:2] for line in (tmp_path / "log").read_text().splitlines()]
    assert starts == [["start", "c4"], ["end", "c4"]]


async def test_a_requeue_is_refused_with_the_job_that_holds_the_key(
    queue: Queue, registry: Registry, tmp_path: Path
) -> None:
    first = await ask(queue, registry, tmp_path / "log")
    await first.cancel()
    second = await ask(queue, registry, tmp_path / "log")

    with pytest.raises(NotUnique, match=f"job {second.id} holds this unique key"):
        await queue.requeue(first.id)

    await second.cancel()
    assert await queue.requeue(first.id) is State.QUEUED


async def test_a_handlers_unique_holds_and_can_be_put_aside(redis_url: str) -> None:
    @handler("test.once", unique=Unique("always"))
    async def once(ctx: JobContext) -> None:
        """Do it once."""

    async with Queue.connect(redis_url, registry=Registry([once])) as queue:
        first = await queue.enqueue(once)
        again = await queue.submit(JobRequest(kind="test.once"))
        others = await queue.enqueue_many([JobRequest(kind="test.once", unique=False)] * 2)

    assert again.id == first.id
    assert len({first.id, *(other.id for other in others)}) == 3
    assert not queue.job(first.id).created


async def test_keys_of_two_kinds_do_not_meet(queue: Queue) -> None:
    @handler("test.one", unique=Unique("same"))
    async def one(ctx: JobContext) -> None:
        """Do it once."""

    @handler("test.other", unique=Unique("same"))
    async def other(ctx: JobContext) -> None:
        """Do it once."""

    jobs = [await queue.enqueue(one), await queue.enqueue(other)]

    assert [job.created for job in jobs] == [True, True]


@pytest.mark.parametrize(
    ("unique", "said"),
    [
        (lambda: Unique(""), "a unique's key is a text"),
        (lambda: Unique(7), "a unique's key is a text"),  # type: ignore[arg-type]
        (lambda: Unique("{a.b}"), "in braces stand only names"),
        (lambda: Unique("a", until="end"), "until='end' must be one of: 'final', 'started'"),  # type: ignore[arg-type]
        (lambda: Unique("a", on_conflict="drop"), "on_conflict='drop' must be one of: 'existing', "),  # type: ignore[arg-type]
        (lambda: Unique("a", on_conflict=[]), "must be one of"),  # type: ignore[arg-type]
        (lambda: Unique("a", until="started", on_conflict="keep_last"), "write until='final'"),
        (lambda: Debounce("a", quiet=0.0), "quiet=0.0 must be seconds from 0.001"),
        (lambda: Debounce("a", quiet=5.0, max_wait=1.0), "max_wait=1.0 must be seconds from 5 to"),
        (lambda: Debounce("", quiet=5.0), "a debounce's key is a text"),
        (lambda: JobRequest(kind="a", unique="key"), "must be a Unique, such as"),  # type: ignore[arg-type]
        (lambda: JobRequest(kind="a", unique=True), "must be a Unique, such as"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_a_unique_is_refused_where_it_is_written(
    unique: Callable[[], object], said: str
) -> None:
    with pytest.raises(InvalidOption, match=said):
        unique()


def test_a_handlers_key_that_names_no_argument_is_refused_when_it_is_declared() -> None:
    with pytest.raises(HandlerError, match="names 'colour'; there are kind, owner, queue"):

        @handler("test.wrong", unique=Unique("{colour}"))
        async def wrong(ctx: JobContext) -> None:
            """Nothing."""


async def test_a_key_that_is_too_long_is_refused_at_enqueue(queue: Queue, registry: Registry) -> None:
    with pytest.raises(InvalidOption, match="a key is 1 to 200 printable characters"):
        await queue.options(unique=Unique("{customer}")).enqueue(
            registry["test.limited"], path="", customer="a" * 201, seconds=0.0
        )

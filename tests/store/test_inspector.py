"""The reading side: what operators, pages and lists see."""

import asyncio
from pathlib import Path

import pytest

from launch.private_redis import PrivateRedis
from queuecore import Queue
from queuecore.client import Inspector
from queuecore.model import (
    DEFAULT_LINE,
    Completed,
    Counts,
    Failing,
    JobNotFound,
    Line,
    Progress,
    ProgressUpdate,
    Releasing,
    Retrying,
    State,
    Step,
    line_name,
)
from queuecore.store import Broker, Cursor, Entry, EntryOptions
from queuecore.store.connection import Argument, Reply
from tests.store.scene import ERROR, SPACE, Scene, id_of, name_of, spec, token_of

A = id_of("a")


@pytest.fixture
def inspector(broker: Broker) -> Inspector:
    return Inspector(broker, space=SPACE)


async def test_a_job_is_read_as_it_stands(scene: Scene, inspector: Inspector) -> None:
    await scene.enqueue("a", owner="me", line=Line.HIGH)
    await scene.advance(slots=1)
    progress = Progress(0.5, 1, 2, "rows", "halfway", Step("reading", 1, 2), 3.0, 4.0)
    await scene.broker.claims.progress(SPACE, [ProgressUpdate(A, 1, progress, log=("one", "two"))])
    await scene.broker.requests.cancel(A)

    job = await inspector.jobs.record(A)

    assert (job.id, job.space, job.kind, job.state) == (A, SPACE, "kind", State.RUNNING)
    assert (job.queue, job.runs, job.line) == ("default", "async", Line.HIGH)
    assert (job.args, job.owner, job.attempt, job.runner) == ({}, "me", 1, "runner")
    assert (job.version, job.cancel_requested) == (4, True)
    assert job.progress is not None
    assert (job.progress.message, job.progress.step) == ("halfway", Step("reading", 1, 2))
    assert job.progress.updated_ms >= job.created_ms
    assert await inspector.jobs.log(A) == ["one", "two"]
    assert [attempt.outcome for attempt in job.attempts] == ["running"]


async def test_the_history_tells_every_attempt(scene: Scene, inspector: Inspector) -> None:
    await scene.run("a")
    await scene.advance(Retrying(A, 1, 0.0, ERROR, "timed_out"), slots=1)
    await scene.advance(Releasing(A, 2), slots=0)
    await scene.advance(slots=1)
    await scene.advance(Completed(A, 3, b"\x07"))

    job = await inspector.jobs.record(A)

    assert [(each.attempt, each.outcome) for each in job.attempts] == [
        (1, "timed_out"),
        (2, "released"),
        (3, "completed"),
    ]
    assert job.attempts[0].error == ERROR
    assert (job.result, job.failures) == (7, 1)
    assert job.expires_ms is not None
    assert job.finished_ms is not None
    assert job.expires_ms - job.finished_ms == 7 * 86400 * 1000


async def test_the_version_is_the_same_wherever_it_is_read(scene: Scene, inspector: Inspector) -> None:
    await scene.run("a")
    for outcome in (Retrying(A, 1, 0.0, ERROR), Completed(A, 2, b"\x01")):
        watched = await scene.broker.client.run("watch", scene.key(""), token_of("a"), "client", 0)
        assert (await inspector.jobs.record(A)).version == await inspector.jobs.version(A) == watched
        await scene.advance(outcome, slots=1)


async def test_what_is_not_there_is_not_found(inspector: Inspector) -> None:
    for ask in (inspector.jobs.record, inspector.jobs.version):
        with pytest.raises(JobNotFound):
            await ask(A)


async def test_the_place_in_line_counts_who_is_ahead(scene: Scene, inspector: Inspector) -> None:
    await scene.run("x", "y")
    await scene.enqueue("a", "b", "c")

    assert [await inspector.jobs.position(await inspector.jobs.record(id_of(name))) for name in "abc"] == [
        1,
        2,
        3,
    ]
    await scene.advance(Releasing(id_of("x"), 1))
    assert [await inspector.jobs.position(await inspector.jobs.record(id_of(name))) for name in "xabc"] == [
        1,
        2,
        3,
        4,
    ]
    await scene.broker.requests.cancel(id_of("b"))
    assert await inspector.jobs.position(await inspector.jobs.record(id_of("c"))) == 3
    assert await inspector.jobs.position(await inspector.jobs.record(id_of("y"))) is None


async def test_counts_tell_every_state(scene: Scene, inspector: Inspector) -> None:
    await scene.run("done", "failed", "runs")
    await scene.advance(Completed(id_of("done"), 1, b"\x01"), Failing(id_of("failed"), 1, ERROR))
    await scene.enqueue("later", delay=60.0)
    await scene.enqueue("q1", "q2", "gone")
    await scene.broker.requests.cancel(id_of("gone"))

    assert await inspector.figures.counts() == Counts(
        scheduled=1, queued=2, waiting=0, running=1, completed=1, failed=1, cancelled=1
    )
    assert await inspector.figures.statistics() == {
        "enqueued": 7,
        "completed": 1,
        "failed": 1,
        "cancelled": 1,
    }


async def test_jobs_in_a_state_are_listed(scene: Scene, inspector: Inspector) -> None:
    await scene.run("c1", "c2", "f1", "f2", "r1", "r2")
    await scene.advance(*(Completed(id_of(name), 1, b"\x01") for name in ("c1", "c2")))
    await scene.advance(Retrying(id_of("r2"), 1, 0.0, ERROR), slots=1)
    await scene.advance(Failing(id_of("f1"), 1, ERROR))
    await asyncio.sleep(0.002)  # two milliseconds apart, so that there is a newer one
    await scene.advance(Failing(id_of("f2"), 1, ERROR))
    await scene.enqueue("low", line=Line.LOW)
    await scene.enqueue("q1", "q2", "gone")
    await scene.broker.requests.cancel(id_of("gone"))
    await scene.enqueue("s1", "s2", delay=60.0)

    async def names(state: State, **page: int) -> list[str]:
        return [name_of(job.id) for job in await inspector.listings.in_state(state, **page)]

    assert await names(State.COMPLETED) == ["c2", "c1"]
    assert await names(State.COMPLETED, offset=1, limit=1) == ["c1"]
    assert await names(State.FAILED) == ["f2", "f1"]
    assert await names(State.CANCELLED) == ["gone"]
    assert await names(State.RUNNING) == ["r1", "r2"]
    assert await names(State.QUEUED) == ["q1", "q2", "low"]
    assert await names(State.QUEUED, offset=1, limit=1) == ["q2"]
    assert await names(State.QUEUED, offset=1, limit=3) == ["q2", "low"]
    assert await names(State.QUEUED, offset=3) == ["low"]
    assert await names(State.QUEUED, offset=4) == []
    assert await names(State.SCHEDULED) == ["s1", "s2"]
    assert [name_of(job.id) for job in await inspector.listings.recent(limit=3)] == ["s2", "s1", "gone"]


async def test_an_owners_jobs_are_paged_newest_first_over_all_queues(
    scene: Scene, inspector: Inspector
) -> None:
    names = [str(n) for n in range(60)]
    for index, name in enumerate(names):
        options = EntryOptions(owner="me" if index % 3 else "you")
        await scene.broker.requests.enqueue(
            SPACE,
            line_name(("default", "other")[index % 2], "async", Line.NORMAL),
            [Entry(token_of(name), spec(), options)],
        )

    seen: list[str] = []
    before: Cursor | None = None
    while page := await inspector.listings.owned("me", before=before, limit=7):
        seen += [job.id for job in page]
        before = Cursor(page[-1].created_ms, page[-1].id)

    assert len(seen) == len(set(seen)) == 40
    created = [(await inspector.jobs.record(job_id)).created_ms for job_id in seen]
    assert created == sorted(created, reverse=True)


@pytest.mark.parametrize("jobs", [30, 1_200])
async def test_paging_loses_nobody_where_many_jobs_were_made_in_one_millisecond(
    scene: Scene, inspector: Inspector, jobs: int
) -> None:
    entries = [Entry(token_of(f"x{n}"), spec(), EntryOptions(owner="me")) for n in range(jobs)]
    await scene.broker.requests.enqueue(SPACE, DEFAULT_LINE, entries)
    for entry in entries:
        scene.database.zadd(scene.key("owned:me"), {entry.token: 1_700_000_000_000})
        scene.database.hset(scene.key(f"job:{entry.token}"), "c", 1_700_000_000_000)

    seen: list[str] = []
    before: Cursor | None = None
    while page := await inspector.listings.owned("me", before=before, limit=100):
        seen += [job.id for job in page]
        before = Cursor(page[-1].created_ms, page[-1].id)

    assert len(seen) == len(set(seen)) == jobs


async def test_paging_goes_on_behind_a_job_that_is_gone(scene: Scene, inspector: Inspector) -> None:
    entries = [Entry(token_of(f"x{n}"), spec(), EntryOptions(owner="me")) for n in range(10)]
    await scene.broker.requests.enqueue(SPACE, DEFAULT_LINE, entries)
    whole = await inspector.listings.owned("me")
    last = whole[3]
    await scene.broker.requests.cancel(last.id)
    await scene.broker.pruning.delete(last.id)

    rest = await inspector.listings.owned("me", before=Cursor(last.created_ms, last.id))

    assert rest == whole[4:]


async def test_a_page_behind_many_jobs_of_one_millisecond_reads_only_itself(
    scene: Scene, inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [Entry(token_of(f"x{n}"), spec(), EntryOptions(owner="me")) for n in range(300)]
    await scene.broker.requests.enqueue(SPACE, DEFAULT_LINE, entries)
    middle = (await inspector.listings.owned("me", limit=150))[-1]
    pages: list[Argument] = []
    call = scene.broker.client.call

    async def count(*command: Argument) -> Reply:
        pages.append(command[-1])
        return await call(*command)

    monkeypatch.setattr(scene.broker.client, "call", count)
    page = await inspector.listings.owned("me", before=Cursor(middle.created_ms, middle.id))

    assert len(page) == 25
    assert pages == [26]


async def test_the_oldest_in_line_is_found_behind_cancelled_ones(scene: Scene, inspector: Inspector) -> None:
    assert await inspector.figures.oldest_seconds() == {}
    await scene.enqueue(*(f"x{n}" for n in range(250)), "a")
    for n in range(250):
        await scene.broker.requests.cancel(id_of(f"x{n}"))
    scene.database.hincrby(scene.job_key("a"), "c", -5_000)

    oldest = await inspector.figures.oldest_seconds()

    assert oldest.keys() == {"default"}
    assert 5.0 <= oldest["default"] < 10.0


async def test_runners_are_listed_with_their_life_and_load(scene: Scene, inspector: Inspector) -> None:
    await scene.register("second")
    scene.database.delete(scene.key("alive:second"))
    await scene.run("a", "b")

    runners = {runner.id: runner for runner in await inspector.figures.runners()}

    assert (runners["runner"].alive, runners["runner"].running) == (True, 2)
    assert (runners["second"].alive, runners["second"].running) == (False, 0)
    assert (runners["runner"].worker, runners["runner"].slots) == ("worker", {"async": 10})
    assert runners["runner"].queues == ("default",)


async def test_a_job_that_cannot_be_read_does_not_hide_the_others(scene: Scene, inspector: Inspector) -> None:
    await scene.enqueue("a", "b")
    scene.database.hset(scene.job_key("a"), "p", b"\xc1 garbage")

    assert [job.kind for job in await inspector.listings.recent()] == ["kind", ""]


async def test_the_servers_state_is_told(queue: Queue, redis_server: PrivateRedis) -> None:
    server = await queue.inspector.figures.server()

    assert server.version == redis_server.version
    assert (server.persistence, server.eviction) == ("aof", "noeviction")
    assert server.used_memory > 0
    assert 0 < server.latency_ms < 5_000


async def test_persistence_is_what_is_configured(tmp_path: Path) -> None:
    with PrivateRedis(tmp_path, configuration={"appendonly": "no"}) as server:
        async with Queue.connect(server.url) as queue:
            assert (await queue.inspector.figures.server()).persistence == "none"

            await queue.broker.client.call("CONFIG", "SET", "save", "3600 1")

            assert (await queue.inspector.figures.server()).persistence == "rdb"

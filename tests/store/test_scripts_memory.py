"""At Redis' memory limit no new jobs come in, and everything that ends or protects work goes on."""

from collections.abc import Iterator

import pytest

from queuecore.client import Inspector
from queuecore.model import (
    Completed,
    Crashing,
    ProgressUpdate,
    QueueFull,
    Releasing,
    Retention,
    Retrying,
    State,
)
from tests.store.scene import DIED, ERROR, SPACE, Scene, id_of, name_of, token_of

A = id_of("a")
AT_ONCE = Retention(completed=0, failed=0, cancelled=0)


@pytest.fixture
async def busy(scene: Scene) -> Scene:
    """Jobs a to e are claimed, f waits, g is scheduled."""
    await scene.run(*"abcde")
    await scene.enqueue("f")
    await scene.enqueue("g", delay=60.0)
    await scene.register("second")
    return scene


@pytest.fixture
def full(busy: Scene) -> Iterator[None]:
    """Redis is at its memory limit."""
    busy.database.config_set("maxmemory", 1)
    yield
    busy.database.config_set("maxmemory", 0)


@pytest.mark.usefixtures("full")
async def test_a_full_redis_takes_no_new_jobs(busy: Scene) -> None:
    before = busy.see()

    with pytest.raises(QueueFull, match="maxmemory"):
        await busy.enqueue("new")

    assert busy.see() == before


@pytest.mark.usefixtures("full")
async def test_a_full_redis_starts_no_job_again(busy: Scene) -> None:
    await busy.broker.requests.cancel(id_of("f"))

    with pytest.raises(QueueFull):
        await busy.broker.requests.requeue(id_of("f"))

    assert busy.state("f") == "cancelled"


@pytest.mark.usefixtures("full")
async def test_a_full_redis_settles_and_claims(busy: Scene) -> None:
    claims = await busy.advance(
        Completed(A, 1, b"\x01" * 10_000),
        Retrying(id_of("b"), 1, 60.0, ERROR),
        Releasing(id_of("c"), 1),
        Crashing(id_of("d"), 1, DIED),
        slots=3,
    )

    assert [name_of(claim.id) for claim in claims] == ["c", "f"]
    assert busy.line(runs="alone") == ["d"]
    assert [busy.state(name) for name in "ab"] == ["completed", "scheduled"]


@pytest.mark.usefixtures("full")
async def test_a_full_redis_cancels(busy: Scene) -> None:
    assert await busy.broker.requests.cancel(id_of("f")) is State.CANCELLED
    assert await busy.broker.requests.cancel(id_of("g")) is State.CANCELLED
    assert await busy.broker.requests.cancel(A) is State.RUNNING


@pytest.mark.usefixtures("full")
async def test_a_full_redis_takes_progress_and_checkpoints(busy: Scene) -> None:
    reply = await busy.broker.claims.progress(SPACE, [ProgressUpdate(A, 1, None, b"here", ("a line",))])

    assert reply.fenced == []
    assert busy.see()[f"job:{token_of('a')}"]["CHECKPOINT"] == "here"


@pytest.mark.usefixtures("full")
async def test_a_full_redis_takes_heartbeats_and_promotes(busy: Scene) -> None:
    busy.database.config_set("maxmemory", 0)
    busy.database.zadd(busy.key("scheduled"), {token_of("g"): 1})
    busy.database.delete(busy.key("alive:runner"))
    busy.database.config_set("maxmemory", 1)

    reply = await busy.broker.upkeep.heartbeat(SPACE, ["runner"], queues=["default"], ttl=60.0)

    assert reply.forgotten == []
    assert "alive:runner" in busy.see()
    assert busy.line() == ["f", "g"]


@pytest.mark.usefixtures("full")
async def test_a_full_redis_recovers_what_was_abandoned(busy: Scene) -> None:
    recovered = await busy.broker.upkeep.recover(SPACE, "runner", DIED, seen_dead=True)

    assert sorted(name_of(each.id) for each in recovered) == list("abcde")
    assert busy.line(runs="alone") + busy.line() == list("abcdef")


@pytest.mark.usefixtures("full")
async def test_a_full_redis_gives_back_what_a_runner_does_not_know(busy: Scene) -> None:
    released = await busy.broker.claims.reconcile(SPACE, "runner", [(A, 1)])

    assert sorted(name_of(job_id) for job_id in released) == list("bcde")


@pytest.mark.usefixtures("full")
async def test_a_full_redis_lets_runners_come_and_go(busy: Scene) -> None:
    await busy.register("third")

    assert await busy.broker.claims.unregister(SPACE, "third") == 0


@pytest.mark.usefixtures("full")
async def test_a_full_redis_puts_damage_right(busy: Scene) -> None:
    busy.database.delete(busy.key("line:default:async:normal"), busy.key("scheduled"), busy.key("runners"))

    cursor, repaired = await busy.broker.upkeep.sweep(SPACE)
    while cursor:
        cursor, more = await busy.broker.upkeep.sweep(SPACE, cursor)
        repaired += more

    assert sorted(name_of(job_id) for job_id in repaired) == list("abcdefg")


@pytest.mark.usefixtures("full")
async def test_a_full_redis_is_emptied_by_pruning(busy: Scene) -> None:
    await busy.broker.requests.cancel(id_of("f"))

    expired = await busy.broker.pruning.expired(SPACE, AT_ONCE)

    assert await busy.broker.pruning.prune(SPACE, expired, AT_ONCE) == [id_of("f")]


@pytest.mark.usefixtures("full")
async def test_a_full_redis_answers_questions(busy: Scene) -> None:
    inspector = Inspector(busy.broker, space=SPACE)

    assert (await inspector.jobs.record(A)).state is State.RUNNING
    assert (await inspector.figures.counts()).running == 5
    assert await busy.broker.client.run("watch", busy.key(""), token_of("a"), "client", 2) == 2

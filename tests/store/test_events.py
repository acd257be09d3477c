"""Waiting for a job's next change."""

import asyncio
import time

import pytest

from launch.private_redis import PrivateRedis
from queuecore import Queue
from queuecore.model import BrokerUnavailable, Completed, Failing, JobNotFound, Releasing
from queuecore.store import Broker, Events
from queuecore.store.client import Client
from queuecore.store.events import LOOK_AGAIN
from queuecore.store.keys import RESULT_IN_MESSAGE
from tests.store.fault_proxy import FaultProxy
from tests.store.scene import ERROR, Scene, id_of, next_message, token_of
from tests.store.test_client import until

A = id_of("a")


async def waiting(scene: Scene, events: Events, *, since: int, timeout: float = 10.0) -> "asyncio.Task[int]":
    """A task that waits, once Redis knows of it."""
    task = asyncio.create_task(events.changed(A, since=since, timeout=timeout))
    watched = scene.key("watched")
    await until(lambda: task.done() or scene.database.hexists(watched, token_of("a")), "the job is watched")
    return task


async def test_a_change_is_heard_at_once(scene: Scene, queue: Queue) -> None:
    await scene.enqueue("a")
    task = await waiting(scene, queue.events, since=1)
    begun = time.monotonic()

    await scene.advance(slots=1)

    assert await task == 2
    assert time.monotonic() - begun < LOOK_AGAIN / 2


async def test_what_already_changed_is_told_without_waiting(scene: Scene, queue: Queue) -> None:
    await scene.run("a")

    assert await queue.events.changed(A, since=1, timeout=10.0) == 2


async def test_when_nothing_happens_in_time_the_version_is_the_one_known(scene: Scene, queue: Queue) -> None:
    await scene.enqueue("a")

    assert await queue.events.changed(A, since=1, timeout=0.05) == 1
    assert await queue.events.changed(A, since=1, timeout=0.0) == 1


async def test_what_is_not_there_is_not_waited_for(queue: Queue) -> None:
    with pytest.raises(JobNotFound):
        await queue.events.changed(A, since=1, timeout=10.0)


async def test_a_job_that_goes_while_it_is_waited_for_is_not_found(scene: Scene, queue: Queue) -> None:
    await scene.enqueue("a")
    await scene.broker.requests.cancel(A)
    task = await waiting(scene, queue.events, since=2)

    await scene.broker.pruning.delete(A)

    with pytest.raises(JobNotFound):
        await asyncio.wait_for(task, LOOK_AGAIN / 2)


async def test_many_wait_for_one_job(scene: Scene, queue: Queue) -> None:
    await scene.enqueue("a")
    tasks = [await waiting(scene, queue.events, since=1) for _ in range(50)]

    await scene.advance(slots=1)

    assert await asyncio.gather(*tasks) == [2] * 50


async def test_old_news_is_waited_through_without_asking_again_and_again(scene: Scene, queue: Queue) -> None:
    await scene.enqueue("a")
    task = await waiting(scene, queue.events, since=5)
    await scene.advance(slots=1)
    scene.database.config_resetstat()

    await asyncio.wait([task], timeout=0.2)

    assert not task.done()
    calls = sum(each["calls"] for each in scene.database.info("commandstats").values())
    assert calls < 30
    await scene.advance(Completed(A, 1, b"\x01"))
    task.cancel()


async def test_one_question_is_enough_for_all_changes(scene: Scene, queue: Queue) -> None:
    await scene.enqueue("a")
    with queue.events.follow(A) as follower:
        assert await follower.changed(since=1, timeout=0.0) == 1
        scene.database.config_resetstat()

        for version, outcome in enumerate([Releasing(A, 1), Releasing(A, 2), Completed(A, 3, b"\x01")]):
            await scene.advance(slots=1)
            claimed = await follower.changed(since=1 + 2 * version, timeout=LOOK_AGAIN / 2)
            await scene.advance(outcome)
            settled = await follower.changed(since=claimed, timeout=LOOK_AGAIN / 2)

            assert (claimed, settled) == (2 + 2 * version, 3 + 2 * version)

    assert scene.database.info("commandstats")["cmdstat_evalsha"]["calls"] == 6  # none of them to watch


@pytest.mark.parametrize("size", [1, RESULT_IN_MESSAGE, RESULT_IN_MESSAGE + 1])
async def test_who_wants_the_end_only_hears_of_nothing_else(scene: Scene, queue: Queue, size: int) -> None:
    await scene.enqueue("a")
    result = bytes(range(256)) * (size // 256) + b" " * (size % 256)
    with queue.events.follow(A, only_end=True) as follower:
        task = asyncio.create_task(follower.changed(since=1, timeout=LOOK_AGAIN / 2))
        watched = scene.key("watched")
        await until(lambda: scene.database.hexists(watched, token_of("a")), "the job is watched")
        with scene.listen(f"changed:{queue.events._name}") as ears:
            await scene.advance(slots=1)
            await scene.advance(Releasing(A, 1), slots=1)
            await scene.advance(Completed(A, 2, result))

            told = b" " + result if size <= RESULT_IN_MESSAGE else b""
            assert next_message(ears) == f"{token_of('a')} 5".encode() + told
        assert await task == 5
        assert follower.result == (result if told else None)


async def test_the_end_is_heard_also_without_a_result(scene: Scene, queue: Queue) -> None:
    await scene.run("a")
    with queue.events.follow(A, only_end=True) as follower:
        task = asyncio.create_task(follower.changed(since=1, timeout=LOOK_AGAIN / 2))
        watched = scene.key("watched")
        await until(lambda: scene.database.hexists(watched, token_of("a")), "the job is watched")

        await scene.advance(Failing(A, 1, ERROR))

        assert await task == 3
        assert follower.result is None


async def test_one_client_can_wait_for_the_end_and_for_all_changes(scene: Scene, queue: Queue) -> None:
    await scene.enqueue("a")
    with queue.events.follow(A, only_end=True) as end:
        task = asyncio.create_task(end.changed(since=3, timeout=LOOK_AGAIN / 2))
        every = await waiting(scene, queue.events, since=1)

        await scene.advance(slots=1)
        assert await every == 2
        await scene.advance(Completed(A, 1, b"\x07"))

        await asyncio.wait([task], timeout=LOOK_AGAIN / 2)
        assert end.result == b"\x07"
        task.cancel()


async def test_after_a_gap_in_the_subscription_everyone_looks_again(
    scene: Scene, redis_server: PrivateRedis
) -> None:
    await scene.enqueue("a")
    async with FaultProxy(redis_server.socket_path) as proxy:
        broker = Broker(Client(proxy.url, name="test", patience=5.0))
        events = Events(broker)
        task = await waiting(scene, events, since=1)
        # The message of the change is lost: nobody hears it.
        await proxy.refuse()
        await scene.advance(slots=1)
        await proxy.listen()

        assert await asyncio.wait_for(task, LOOK_AGAIN * 0.8) == 2

        await events.close()
        await broker.close()


async def test_closing_lets_go_of_everyone_who_waits(scene: Scene, queue: Queue) -> None:
    await scene.enqueue("a")
    task = await waiting(scene, queue.events, since=1)

    await queue.events.close()

    assert await asyncio.wait_for(task, 2.0) == 1
    assert await queue.events.changed(A, since=1, timeout=10.0) == 1


async def test_all_who_cannot_wait_hear_why(redis_url: str, redis_server: PrivateRedis) -> None:
    async with FaultProxy(redis_server.socket_path) as proxy:
        await proxy.refuse()
        broker = Broker(Client(proxy.url, name="test", patience=0.1))
        events = Events(broker)

        outcomes = await asyncio.gather(
            *(events.changed(A, since=1, timeout=10.0) for _ in range(5)), return_exceptions=True
        )

        assert all(isinstance(outcome, BrokerUnavailable) for outcome in outcomes)
        await events.close()
        await broker.close()

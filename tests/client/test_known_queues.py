"""What holds over all queues that a process knows."""

import pytest
import redis

from queuecore import IdempotencyConflict, JobContext, JobRequest, Queue, Registry, handler


@handler("known.one", queue="imports")
async def one(ctx: JobContext) -> None:
    """Does nothing."""


@handler("known.two", queue="exports")
async def two(ctx: JobContext) -> None:
    """Does nothing either."""


async def test_jobs_are_listed_though_redis_lost_the_list_of_queues(redis_url: str) -> None:
    async with Queue.connect(redis_url, registry=Registry([one])) as queue:
        job = await queue.options(owner="ann").enqueue(one)
        with redis.Redis.from_url(redis_url) as client:
            client.delete("qc:queues")

        listed = await queue.inspector.owned("ann")

    assert [each.id for each in listed] == [job.id]


async def test_an_idempotency_key_of_one_queue_is_refused_in_another(redis_url: str) -> None:
    async with Queue.connect(redis_url, registry=Registry([one, two])) as queue:
        first = await queue.submit(JobRequest(kind="known.one", owner="ann", idempotency_key="k"))

        with pytest.raises(IdempotencyConflict, match=first.id):
            await queue.submit(JobRequest(kind="known.two", owner="ann", idempotency_key="k"))
        again = await queue.submit(JobRequest(kind="known.one", owner="ann", idempotency_key="k"))
        others = await queue.submit(JobRequest(kind="known.two", owner="bob", idempotency_key="k"))

    assert (again.id, again.created) == (first.id, False)
    assert others.created


async def test_a_key_whose_job_was_deleted_is_free_in_every_queue(redis_url: str) -> None:
    async with Queue.connect(redis_url, registry=Registry([one, two])) as queue:
        first = await queue.submit(JobRequest(kind="known.one", idempotency_key="k"))
        await queue.cancel(first.id)
        await queue.delete(first.id)

        second = await queue.submit(JobRequest(kind="known.two", idempotency_key="k"))

    assert second.created

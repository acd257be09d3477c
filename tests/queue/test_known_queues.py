"""The list of queues is rebuilt from what the process knows."""

import redis

from queuecore import JobContext, Queue, Registry, handler


@handler("known.one", queue="imports")
async def one(ctx: JobContext) -> None:
    """Does nothing."""


async def test_jobs_are_listed_though_redis_lost_the_list_of_queues(redis_url: str) -> None:
    async with Queue.connect(redis_url, registry=Registry([one])) as queue:
        job = await queue.options(owner="ann").enqueue(one)
        with redis.Redis.from_url(redis_url) as client:
            client.delete("qc:queues")

        listed = await queue.inspector.owned("ann")

    assert [each.id for each in listed] == [job.id]

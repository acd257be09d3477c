"""What holds over all queues of a space, and what does not hold over two spaces."""

import pytest

from queuecore import IdempotencyConflict, JobContext, JobNotFound, JobRequest, Queue, Registry, handler


@handler("space.import", queue="imports")
async def load(ctx: JobContext) -> int:
    """Runs in the event loop."""
    return 1


@handler("space.export", queue="exports", runs="process")
def dump(ctx: JobContext) -> None:
    """Runs in a process."""


REGISTRY = Registry([load, dump])


async def test_an_owners_jobs_of_all_queues_are_one_list(redis_url: str) -> None:
    async with Queue.connect(redis_url, registry=REGISTRY) as queue:
        mine = queue.options(owner="ann")
        jobs = [await mine.enqueue(load), await mine.enqueue(dump), await mine.enqueue(load)]

        listed = await queue.inspector.listings.owned("ann")

    assert sorted(each.queue for each in listed) == ["exports", "imports", "imports"]
    assert {each.id for each in listed} == {job.id for job in jobs}


async def test_one_idempotency_key_makes_one_job_over_all_queues(redis_url: str) -> None:
    async with Queue.connect(redis_url, registry=REGISTRY) as queue:
        first = await queue.submit(JobRequest(kind="space.import", owner="ann", idempotency_key="k"))

        again = await queue.submit(
            JobRequest(kind="space.import", owner="ann", idempotency_key="k", queue="exports")
        )
        with pytest.raises(IdempotencyConflict, match=first.id):
            await queue.submit(JobRequest(kind="space.export", owner="ann", idempotency_key="k"))
        others = await queue.submit(JobRequest(kind="space.export", owner="bob", idempotency_key="k"))
        counts = await queue.inspector.figures.counts()

    assert (again.id, again.created) == (first.id, False)
    assert others.created
    assert counts.queued == 2


async def test_jobs_that_are_submitted_together_have_one_key_and_one_fate(redis_url: str) -> None:
    async with Queue.connect(redis_url, registry=REGISTRY) as queue:

        def ask(fingerprint: str) -> list[JobRequest]:
            first = JobRequest(kind="space.import", owner="ann", idempotency_key="k", fingerprint=fingerprint)
            return [first, *[JobRequest(kind="space.import", owner="ann")] * 2]

        made = await queue.submit_together(ask("f"))
        again = await queue.submit_together(ask("f"))
        with pytest.raises(IdempotencyConflict, match=made[0].id):
            await queue.submit_together(ask("other"))
        plain = await queue.submit_together([JobRequest(kind="space.export")] * 2)
        counts = await queue.inspector.figures.counts()

    assert len({each.id for each in made}) == 3
    assert all(each.created for each in made + plain)
    assert [(each.id, each.created) for each in again] == [(made[0].id, False)] * 3
    assert counts.queued == 5


async def test_jobs_that_cannot_share_a_fate_are_not_submitted_together(redis_url: str) -> None:
    async with Queue.connect(redis_url, registry=REGISTRY) as queue:
        with pytest.raises(ValueError, match="one line, not to 2"):
            await queue.submit_together([JobRequest(kind="space.import"), JobRequest(kind="space.export")])
        with pytest.raises(ValueError, match="only the first"):
            await queue.submit_together(
                [JobRequest(kind="space.import", idempotency_key=key) for key in "ab"]
            )

        assert (await queue.inspector.figures.counts()).queued == 0


async def test_a_key_whose_job_was_deleted_is_free_in_every_queue(redis_url: str) -> None:
    async with Queue.connect(redis_url, registry=REGISTRY) as queue:
        first = await queue.submit(JobRequest(kind="space.import", idempotency_key="k"))
        await queue.cancel(first.id)
        await queue.delete(first.id)

        second = await queue.submit(JobRequest(kind="space.export", idempotency_key="k"))

    assert second.created


async def test_spaces_do_not_see_each_other_but_find_each_others_jobs_by_id(redis_url: str) -> None:
    async with (
        Queue.connect(redis_url, registry=REGISTRY) as queue,
        Queue.connect(redis_url, registry=REGISTRY, space="second") as other,
    ):
        request = JobRequest(kind="space.import", owner="ann", idempotency_key="k")
        first, second = await queue.submit(request), await other.submit(request)

        assert first.created
        assert second.created
        assert [job.id for job in await other.inspector.listings.owned("ann")] == [second.id]
        assert (await queue.inspector.figures.counts()).queued == 1
        assert (await queue.inspector.jobs.record(second.id)).space == "second"
        assert await queue.cancel(second.id) == "cancelled"
        assert (await other.inspector.figures.counts()).cancelled == 1


async def test_a_handle_is_made_of_an_id(redis_url: str) -> None:
    async with Queue.connect(redis_url, registry=REGISTRY) as queue:
        made = await queue.enqueue(load)

        handle = queue.job(made.id, load)

        assert (await handle.record()).kind == "space.import"
        with pytest.raises(JobNotFound, match="nonsense"):
            queue.job("nonsense")

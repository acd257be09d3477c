"""Redis did not say that it stored a job: the error names it, and the same request again is safe."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from launch.private_redis import PrivateRedis
from queuecore import BrokerUnavailable, Job, JobContext, JobRequest, Queue, Registry, Unconfirmed, handler
from queuecore.store import Broker
from queuecore.store.client import Client
from tests.store.fault_proxy import Fault, FaultProxy


@handler("unconfirmed.add")
async def add(ctx: JobContext, number: int) -> int:
    """Never runs."""
    return number


@pytest.fixture
async def proxy(redis_url: str, redis_server: PrivateRedis) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(redis_server.socket_path) as proxy:
        yield proxy


@pytest.fixture
async def impatient(proxy: FaultProxy) -> AsyncIterator[Queue]:
    """A queue that gives up after its first try."""
    client = Client(proxy.url, name="test", patience=5.0, timeout=0.3)
    async with Queue(Broker(client), registry=Registry([add])) as queue:
        await queue.inspector.figures.counts()  # it is connected
        client._patience = 0.0
        yield queue


async def retry(queue: Queue, error: Unconfirmed) -> Any:
    """Send the request again, and wait for the connection this time."""
    queue.broker.client._patience = 5.0
    return await error.retry()


async def test_a_job_whose_answer_was_lost_is_named_and_stored_once(
    impatient: Queue, proxy: FaultProxy
) -> None:
    proxy.reset({0: Fault.DROP_REPLY})

    with pytest.raises(Unconfirmed) as caught:
        await impatient.enqueue(add, number=1)

    assert isinstance(caught.value, BrokerUnavailable)
    (job_id,) = caught.value.job_ids
    assert job_id in str(caught.value)
    assert "await error.retry()" in str(caught.value)
    job = await retry(impatient, caught.value)
    assert isinstance(job, Job)
    assert job.id == job_id
    assert (await impatient.inspector.figures.counts()).queued == 1


async def test_the_retry_makes_the_job_where_the_request_was_lost(
    impatient: Queue, proxy: FaultProxy
) -> None:
    proxy.reset({0: Fault.DROP_REQUEST})

    with pytest.raises(Unconfirmed) as caught:
        await impatient.options(owner="ann").enqueue(add, number=1)

    job = await retry(impatient, caught.value)
    assert (await job.record()).owner == "ann"


@pytest.mark.parametrize("fault", [Fault.DROP_REPLY, Fault.DROP_REQUEST])
async def test_a_submission_is_retried_under_its_id(
    impatient: Queue, proxy: FaultProxy, fault: Fault
) -> None:
    proxy.reset({0: fault})
    request = JobRequest(kind="unconfirmed.add", args={"number": 1}, owner="ann", idempotency_key="k")

    with pytest.raises(Unconfirmed) as caught:
        await impatient.submit(request)

    submitted = await retry(impatient, caught.value)
    assert submitted.id == caught.value.job_ids[0]
    assert (await impatient.submit(request)).id == submitted.id
    assert (await impatient.inspector.figures.counts()).queued == 1


async def test_many_are_retried_together(impatient: Queue, proxy: FaultProxy) -> None:
    proxy.reset({1: Fault.DROP_REPLY})
    requests = [JobRequest(kind="unconfirmed.add", args={"number": n}) for n in range(1_200)]

    with pytest.raises(Unconfirmed, match="1200 jobs may be stored") as caught:
        await impatient.enqueue_many(requests)

    submitted = await retry(impatient, caught.value)
    assert [each.id for each in submitted] == list(caught.value.job_ids)
    records = await impatient.inspector.jobs.records([each.id for each in submitted])
    assert [record.args["number"] for record in records] == list(range(1_200))
    assert (await impatient.inspector.figures.counts()).queued == 1_200

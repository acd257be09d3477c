"""Holding a request open until a job changes, or until the server is about to end."""

import asyncio
import time

from api.service import Service
from queuecore import JobRecord

LOOK_AT_PLACE = 2.0  # seconds after which the place of a queued job, which has no version, is looked at again


async def wait_for_change(service: Service, job_id: str, *, since: int, timeout: float) -> int:
    """Wait until a job has a version above `since`, for `timeout` seconds at most; returns its version."""
    try:
        async with asyncio.timeout(timeout + 5.0) as limit:
            with service.waiting(limit):
                return await service.queue.events.changed(job_id, since=since, timeout=timeout)
    except TimeoutError:
        return since


async def wait_for_end(service: Service, job_id: str, *, timeout: float) -> JobRecord:
    """Wait until a job has ended, for `timeout` seconds at most; returns it as it is then."""
    deadline = time.monotonic() + timeout
    while True:
        job = await service.queue.inspector.jobs.record(job_id)
        left = deadline - time.monotonic()
        if job.state.final or left <= 0 or service.closing.is_set():
            return job
        await wait_for_change(service, job_id, since=job.version, timeout=left)

"""Many jobs at once: every one of them, exactly once."""

import asyncio
from pathlib import Path

from queuecore import Queue
from tests.service.kinds import do_nothing
from tests.service.service import SHORT_HEARTBEAT, Service, wait_until

JOBS = 10_000


def test_ten_thousand_jobs_enqueued_one_by_one_and_at_once_are_each_done_exactly_once(tmp_path: Path) -> None:
    with Service(tmp_path, settings={**SHORT_HEARTBEAT, "LOG_LEVEL": "warning"}, workers=0) as service:

        async def enqueue(queue: Queue) -> set[str]:
            jobs = await asyncio.gather(*(queue.enqueue(do_nothing) for _ in range(JOBS)))
            return {job.id for job in jobs}

        async def count(queue: Queue) -> tuple[int, int]:
            counts = await queue.inspector.figures.counts()
            return counts.completed, counts.queued + counts.running + counts.scheduled

        ids = service.with_queue(enqueue)
        assert len(ids) == JOBS
        assert service.with_queue(count) == (0, JOBS)
        service.start_worker("--burst", ready=False, LOG_LEVEL="warning")
        assert service.workers[0].process.wait(within=60) == 0

        assert service.with_queue(count) == (JOBS, 0)
        wait_until(lambda: service.statistics()["completed"] == JOBS, "the counter says so, too")
        statistics = service.statistics()
        assert statistics == {"enqueued": JOBS, "completed": JOBS}

"""A worker that was taken for dead and comes back finds its job given to another."""

import os
import re
import signal
from pathlib import Path

import pytest

from tests.service.service import Service, wait_until

pytestmark = pytest.mark.fault


def test_the_late_result_of_a_suspended_worker_is_refused_logged_and_counted(
    service: Service, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    job = service.start("test.mark", path=str(marks), seconds=1.0)
    service.wait_for_state(job["id"], "running")
    runner = service.job(job["id"])["attempts"][0]["worker"]
    (worker,) = service.workers
    pid = service.runner_pid(runner)

    worker.process.signal(signal.SIGSTOP)
    os.kill(pid, signal.SIGSTOP)
    try:
        service.start_worker()
        settled = service.completed(job["id"])
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: "attempt.fenced" in worker.log(), "the refusal is logged")
    worker.process.signal(signal.SIGCONT)

    assert settled["attempt"] == settled["result"] == 2
    assert [each["outcome"] for each in settled["attempts"]] == ["crashed", "completed"]
    assert "gave no sign of life for 1.5 s" in settled["attempts"][0]["error"]["title"]
    assert service.job(job["id"]) == settled, "the accepted result stands"
    wait_until(lambda: service.statistics().get("fenced") == 1, "the refusal is counted")
    wait_until(lambda: pid not in worker.runners(), "the runner that was given up ends")
    wait_until(lambda: len(re.findall("runner.ready.*async", worker.log())) == 2, "and is replaced")


def test_a_runner_that_is_suspended_for_less_than_its_heartbeat_keeps_its_jobs(service: Service) -> None:
    job = service.start("demo.sleep", seconds=1.5)
    pid = service.runner_pid(service.running(job["id"])["attempts"][0]["worker"])
    before = service.statistics()

    os.kill(pid, signal.SIGSTOP)
    # One full round of heartbeats without this runner, which is less than its last one lives.
    wait_until(lambda: not _refreshed(service, pid), "its heartbeat runs down", within=1.4)
    os.kill(pid, signal.SIGCONT)

    assert service.completed(job["id"])["attempt"] == 1
    assert service.statistics().get("crashed", 0) == before.get("crashed", 0)


def _refreshed(service: Service, pid: int) -> bool:
    """Whether the runner's heartbeat has more than two thirds of its life left."""

    async def look(queue: object) -> bool:
        broker = queue.broker  # type: ignore[attr-defined]
        for runner in await queue.inspector.figures.runners():  # type: ignore[attr-defined]
            if runner.pid == pid:
                key = broker.keys("main").of("ALIVE", runner.id)
                return bool(await broker.client.call("PTTL", key) > 1000)
        return False

    return service.with_queue(look)

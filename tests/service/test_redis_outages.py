"""Redis dies, fills up, or forgets everything: what was acknowledged completes all the same."""

import itertools
import time
from collections.abc import Callable

import pytest
import redis

from queuecore import JobRequest, Queue, State
from queuecore.model import JobRecord
from tests.service.service import SHORT_HEARTBEAT, Service, wait_until

pytestmark = pytest.mark.fault

StartService = Callable[..., Service]


def test_a_killed_redis_costs_no_job_and_no_attempt(start_service: StartService) -> None:
    service = start_service(settings=SHORT_HEARTBEAT, workers=2)
    ids = _submit_sleeps(service, 200, seconds=4.0)
    wait_until(lambda: _count(service, State.RUNNING) == 200, "all 200 jobs run")
    _wait_for_disk(service)

    service.redis.kill()
    died_at = time.monotonic()
    refusals = [service.client.get(f"/api/check-status/{ids[0]}") for _ in range(2)]
    refusals.append(service.client.post("/api/jobs", json={"kind": "test.nothing"}))
    refusals.append(
        service.client.post("/api/upload", data={"kind": "test.copy"}, files={"file": ("a.csv", b"1")})
    )
    live = service.client.get("/health/live")
    ready = service.client.get("/health/ready")
    health = service.client.get("/health")
    page = service.client.get("/")
    wait_until(lambda: time.monotonic() - died_at > 3.0, "all heartbeats have run out")
    service.redis.restart()
    restarted_at = time.monotonic()
    wait_until(service.is_ready, "the API is back by itself")
    print(f"the API was back {time.monotonic() - restarted_at:.3f} s after Redis")
    wait_until(lambda: _count(service, State.COMPLETED) >= 200, "all jobs complete", within=40)

    for answer in refusals:
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "/problems/queue-unavailable"
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert (live.status_code, ready.status_code, health.status_code) == (200, 503, 503)
    assert health.json()["checks"]["redis:responseTime"][0]["status"] == "fail"
    assert page.status_code == 200
    records = _records(service, ids)
    assert [(r.state, r.attempt, r.failures, r.crashes) for r in records] == [
        (State.COMPLETED, 1, 0, 0)
    ] * 200
    assert service.completed(service.start("test.nothing")["id"])["attempt"] == 1


def test_a_full_redis_refuses_new_jobs_and_lets_running_ones_end(start_service: StartService) -> None:
    service = start_service(settings=SHORT_HEARTBEAT)
    running = [service.start("demo.sleep", seconds=4)["id"], service.start("demo.crunch", seconds=1)["id"]]
    waiting = service.start("demo.sleep", seconds=60)["id"]
    for id in [*running, waiting]:
        service.running(id)
    _fill(service)

    refused = [
        service.client.post("/api/jobs", json={"kind": "test.nothing"}),
        service.client.post("/api/upload", data={"kind": "test.copy"}, files={"file": ("a.csv", b"1")}),
    ]
    cancelled = service.client.post(f"/api/jobs/{waiting}/cancel")
    completed = [service.completed(id) for id in running]
    ended = service.wait_for_state(waiting, "cancelled")
    health = service.client.get("/health").json()
    _empty(service)

    for answer in refused:
        assert (answer.status_code, answer.json()["type"]) == (507, "/problems/queue-full")
        assert int(answer.headers["Retry-After"]) > 0
    assert [job["attempt"] for job in completed] == [1, 1], "no heartbeat was missed"
    assert cancelled.status_code == 202
    assert ended["attempts"][0]["outcome"] == "cancelled"
    assert health["checks"]["redis:memory"][0]["status"] == "warn"
    assert not list((service.data_dir / "files").glob("??/*")), "a refused upload leaves no file"
    # It goes on as soon as there is room, without a restart.
    assert service.completed(service.start("test.nothing")["id"])


def test_uploads_come_back_from_disk_when_redis_has_lost_everything(start_service: StartService) -> None:
    service = start_service(settings=SHORT_HEARTBEAT)
    jobs = [
        service.upload(f"{n}.csv", f"{n}\n".encode() * 100, "test.copy", label=f"number {n}", seconds="1")
        for n in range(6)
    ]
    _wait_for_looks(service)

    async def lose_everything(queue: Queue) -> None:
        await queue.broker.client.call("FLUSHALL")

    service.with_queue(lose_everything)
    lost_at = time.monotonic()
    wait_until(
        lambda: all(service.client.get(job["links"]["self"]).status_code == 200 for job in jobs),
        "all jobs are known again under their own ids",
        within=30,
    )
    print(f"all uploads were jobs again after {time.monotonic() - lost_at:.3f} s")
    completed = [service.completed(job["id"], within=30) for job in jobs]

    for n, job in enumerate(completed):
        assert job["result"]["given"]["label"] == f"number {n}"
        assert service.client.get(job["links"]["result"]).content == f"{n}\n".encode() * 100


def _submit_sleeps(service: Service, count: int, *, seconds: float) -> list[str]:
    async def submit(queue: Queue) -> list[str]:
        requests = [JobRequest(kind="demo.sleep", args={"seconds": seconds}) for _ in range(count)]
        return [submitted.id for submitted in await queue.enqueue_many(requests)]

    return service.with_queue(submit)


def _count(service: Service, state: State) -> int:
    async def count(queue: Queue) -> int:
        return int(getattr(await queue.inspector.figures.counts(), state.value))

    return service.with_queue(count)


def _records(service: Service, ids: list[str]) -> list[JobRecord]:
    async def read(queue: Queue) -> list[JobRecord]:
        return await queue.inspector.jobs.records(ids)

    return service.with_queue(read)


def _wait_for_disk(service: Service) -> None:
    """Wait until Redis has written what it knows: with `everysec` a crash may cost the last second."""

    async def settled(queue: Queue) -> bool:
        info = bytes(await queue.broker.client.call("INFO", "persistence")).decode()
        pending = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
        return pending["aof_pending_bio_fsync"] == "0" and pending["aof_buffer_length"] == "0"

    wait_until(lambda: service.with_queue(settled), "Redis has written its log")


def _wait_for_looks(service: Service) -> None:
    """Wait until the API has asked Redis what it knows, which it does every other second."""
    with redis.Redis.from_url(service.redis.url) as client:

        def asked() -> int:
            return int(client.info("commandstats")["cmdstat_info"]["calls"])

        before = asked()
        own = itertools.count(1)
        wait_until(lambda: asked() - before > next(own), "the API has looked", every=0.1)


def _fill(service: Service) -> None:
    """Let Redis be at its limit."""

    async def fill(queue: Queue) -> None:
        await queue.broker.client.call("CONFIG", "SET", "maxmemory", 1_000_000)

    service.with_queue(fill)


def _empty(service: Service) -> None:
    async def empty(queue: Queue) -> None:
        await queue.broker.client.call("CONFIG", "SET", "maxmemory", "100mb")

    service.with_queue(empty)

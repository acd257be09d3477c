"""What operators and load balancers are told."""

import asyncio
from typing import Any

import pytest

from queuecore import BrokerUnavailable
from queuecore.model import Blocked, RunnerInfo, ServerRecord
from tests.api.site import Site


async def health(site: Site) -> tuple[int, dict[str, Any]]:
    response = await site.client.get("/health")
    assert response.headers["content-type"] == "application/health+json"
    return response.status_code, response.json()


async def attend(site: Site) -> None:
    info = RunnerInfo(
        id="runner-1", worker="worker-1", host="here", pid=1, queues=("default",), slots={"async": 10}
    )
    await site.service.queue.broker.claims.register("main", info, ttl=30.0)


async def test_all_is_well_with_a_worker_for_every_queue(site: Site) -> None:
    await attend(site)

    status, document = await health(site)

    assert (status, document["status"]) == (200, "pass"), document
    checks = document["checks"]
    assert checks["workers:alive"][0]["observedValue"] == 1
    assert checks["redis:persistence"][0]["observedValue"] == "aof"
    assert checks["redis:responseTime"][0]["observedUnit"] == "ms"
    assert checks["disk:free"][0]["observedValue"] > 0


async def test_a_missing_worker_is_a_warning_that_says_what_to_do(site: Site) -> None:
    await site.wait_job()

    status, document = await health(site)

    assert (status, document["status"]) == (200, "warn")
    assert "python worker.py" in document["checks"]["workers:alive"][0]["output"]
    assert document["checks"]["queue:default:backlog"][0]["observedValue"] == 1


async def test_a_paused_queue_is_a_warning_that_tells_nobody_who_and_why(site: Site) -> None:
    await attend(site)
    await site.wait_job()
    await site.service.queue.pause_queue("default", by="ann", why="the exchange")

    status, document = await health(site)

    (check,) = document["checks"]["queue:default:paused"]
    assert (status, document["status"], check["observedValue"]) == (200, "warn", 1)
    assert "paused since" in check["output"]
    assert "ann" not in check["output"]
    assert "exchange" not in check["output"]


async def test_no_room_for_uploads_is_a_failure(site: Site) -> None:
    site.service.storage.for_uploads.reserve = 1 << 60

    status, document = await health(site)
    ready = await site.client.get("/health/ready")

    assert (status, document["checks"]["disk:free"][0]["status"]) == (503, "fail")
    assert ready.status_code == 503


async def test_a_redis_that_does_not_answer_is_a_failure_but_no_reason_to_restart_us(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise BrokerUnavailable("refused")

    for name in ("server", "ping"):
        monkeypatch.setattr(site.service.queue.inspector.figures, name, fail)

    status, document = await health(site)
    ready = await site.client.get("/health/ready")
    live = await site.client.get("/health/live")

    assert (status, document["status"]) == (503, "fail")
    assert "redis_url" in document["checks"]["redis:responseTime"][0]["output"]
    assert (ready.status_code, live.status_code) == (503, 200)
    assert ready.headers["retry-after"] == "1"


async def test_a_redis_that_hangs_is_told_with_how_long_nothing_came(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*_: object) -> ServerRecord:
        await asyncio.Event().wait()
        raise AssertionError("nothing ends this")

    monkeypatch.setattr("api.ops.health.CHECKED_WITHIN", 0.05)
    monkeypatch.setattr(site.service.queue.inspector.figures, "server", hang)

    status, document = await health(site)

    output = document["checks"]["redis:responseTime"][0]["output"]
    assert (status, output.partition(". ")[0]) == (503, "Redis does not answer: nothing came within 0.05 s")


@pytest.mark.parametrize(
    ("server", "check", "word"),
    [
        (ServerRecord("7.0", "none", "noeviction", 1, 0, 0.1), "redis:persistence", "appendonly"),
        (ServerRecord("7.0", "aof", "allkeys-lru", 1, 100, 0.1), "redis:memory", "noeviction"),
        (ServerRecord("7.0", "aof", "noeviction", 95, 100, 0.1), "redis:memory", "maxmemory"),
    ],
)
async def test_a_dangerous_redis_is_a_warning(
    site: Site, monkeypatch: pytest.MonkeyPatch, server: ServerRecord, check: str, word: str
) -> None:
    async def say(*_: object) -> ServerRecord:
        return server

    await attend(site)
    monkeypatch.setattr(site.service.queue.inspector.figures, "server", say)

    status, document = await health(site)

    assert (status, document["status"]) == (200, "warn")
    assert word in document["checks"][check][0]["output"]


async def test_no_ids_are_shown(site: Site) -> None:
    job = await site.wait_job()

    assert job["id"].partition(".")[2] not in (await site.client.get("/health")).text


async def test_a_service_that_is_about_to_stop_is_not_ready_but_lives(site: Site) -> None:
    site.service.close()

    assert (await site.client.get("/health/ready")).status_code == 503
    assert (await site.client.get("/health/live")).status_code == 200


async def test_a_handler_that_keeps_its_event_loop_is_a_warning_while_it_does(site: Site) -> None:
    await attend(site)
    upkeep = site.service.queue.broker.upkeep
    by = Blocked(job="main.AAAAAAAAAAAAAAAAAAAAAA", kind="file.clean", attempt=2)

    async def beat(blocked: tuple[float, Blocked] | None) -> dict[str, Any]:
        await upkeep.heartbeat(
            "main", ["runner-1"], queues=["default"], ttl=30.0, blocked={"runner-1": blocked}
        )
        _, document = await health(site)
        (check,) = document["checks"]["workers:blocked"]
        return dict(check)

    during, after = await beat((12.0, by)), await beat(None)

    assert (during["status"], after["status"]) == ("warn", "pass")
    assert "runner-1 of worker worker-1" in during["output"]
    assert "file.clean" in during["output"]
    assert 'runs="thread"' in during["output"]
    assert 12.0 <= during["observedValue"] < 60.0

"""Files and jobs are kept in step, whatever is lost."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis

from api.uploads import journal
from api.uploads import receiving as uploads
from api.uploads.journal import reconcile
from queuecore import BrokerUnavailable, State
from tests.api.site import CSV, Site

RAW = "/api/upload?name=data.csv&kind=rows.count"


def lose_everything(url: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.flushall()


async def test_uploads_are_jobs_again_after_redis_lost_everything(site: Site, redis_url: str) -> None:
    jobs = [await site.upload(most=str(number + 1)) for number in range(3)]
    lose_everything(redis_url)

    restored = await reconcile(site.service)

    assert set(restored) == {job["id"] for job in jobs}
    for job in jobs:
        again = (await site.client.get(f"/api/jobs/{job['id']}")).json()
        assert again["state"] == "queued"
        assert {key: again[key] for key in ("kind", "args", "file", "owner")} == {
            key: job[key] for key in ("kind", "args", "file", "owner")
        }
    assert len((await site.client.get("/api/jobs")).json()["items"]) == 3


async def test_a_second_look_changes_nothing(site: Site, redis_url: str) -> None:
    await site.upload()
    lose_everything(redis_url)
    await reconcile(site.service)

    assert await reconcile(site.service) == []
    assert await site.jobs() == 1


async def test_many_processes_may_look_at_once(site: Site, redis_url: str) -> None:
    for _ in range(5):
        await site.upload()
    lose_everything(redis_url)

    await asyncio.gather(*(reconcile(site.service) for _ in range(8)))

    assert await site.jobs() == 5


async def test_an_idempotency_key_still_stands_for_the_restored_job(site: Site, redis_url: str) -> None:
    headers = {"Idempotency-Key": "k-1"}
    first = await site.client.post(RAW, content=CSV, headers=headers)
    lose_everything(redis_url)
    await reconcile(site.service)

    second = await site.client.post(RAW, content=CSV, headers=headers)

    assert second.json()["id"] == first.json()["id"]


async def test_both_jobs_of_a_key_whose_time_was_over_in_between_come_back(
    site: Site, redis_url: str
) -> None:
    headers = {"Idempotency-Key": "k-1"}
    first = (await site.client.post(RAW, content=CSV, headers=headers)).json()
    await make_key_expire(site, redis_url, first["id"])
    second = (await site.client.post(RAW, content=CSV + b"5,6\n", headers=headers)).json()
    lose_everything(redis_url)

    restored = await reconcile(site.service)

    assert set(restored) == {first["id"], second["id"]}
    again = await site.client.post(RAW, content=CSV + b"5,6\n", headers=headers)
    assert again.json()["id"] == second["id"]


async def test_several_files_are_replayed_after_redis_lost_everything(site: Site, redis_url: str) -> None:
    request: dict[str, Any] = {
        "files": [("file", ("one.csv", CSV)), ("file", ("two.csv", CSV))],
        "data": {"kind": "rows.count"},
        "headers": {"Idempotency-Key": "k-1"},
    }
    first = (await site.client.post("/api/upload", **request)).json()
    lose_everything(redis_url)
    await reconcile(site.service)

    second = (await site.client.post("/api/upload", **request)).json()

    assert [job["id"] for job in second["items"]] == [job["id"] for job in first["items"]]
    assert await site.jobs() == 2


async def test_a_deleted_job_does_not_come_back(site: Site, redis_url: str) -> None:
    job = await site.upload()
    await site.worker.run(job["id"], {"rows": 2})
    await site.client.delete(f"/api/jobs/{job['id']}")
    lose_everything(redis_url)

    assert await reconcile(site.service) == []


async def test_a_deletion_that_was_cut_short_is_finished(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    job = await site.upload()
    await site.worker.run(job["id"], {"rows": 2})
    site.service.storage.hold(job["id"])
    await site.service.queue.delete(job["id"])

    await reconcile(site.service)
    assert site.files() != []
    monkeypatch.setattr(journal, "UNDECIDED_FOR", -1.0)
    await reconcile(site.service)

    assert (site.files(), await site.jobs()) == ([], 0)


async def test_a_deletion_that_did_not_happen_leaves_the_job_its_files(site: Site) -> None:
    job = await site.upload()
    site.service.storage.hold(job["id"])

    await reconcile(site.service)

    assert site.service.storage.is_live(job["id"])


class TestRedisAwayInTheLastMoment:
    """The file is stored, the queue is asked, no answer comes: whether the job is there is not known."""

    async def test_what_redis_did_not_take_goes(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        async def refuse(*_: object) -> None:
            raise BrokerUnavailable("gone")

        monkeypatch.setattr(uploads, "PATIENCE", 0.1)
        monkeypatch.setattr(site.service.queue, "submit_together", refuse)
        response = await site.client.post(RAW, content=CSV)
        monkeypatch.undo()

        assert (response.status_code, response.json()["type"]) == (503, "/problems/queue-unavailable")
        assert int(response.headers["retry-after"]) >= 1
        assert await reconcile(site.service) == []
        monkeypatch.setattr(journal, "UNDECIDED_FOR", -1.0)
        await reconcile(site.service)
        assert (site.files(), await site.jobs()) == ([], 0)

    async def test_what_redis_took_stays(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        submit = site.service.queue.submit_together

        async def take_and_vanish(request: object) -> None:
            await submit(request)  # type: ignore[arg-type]
            raise BrokerUnavailable("gone")

        monkeypatch.setattr(uploads, "PATIENCE", 0.1)
        monkeypatch.setattr(site.service.queue, "submit_together", take_and_vanish)
        response = await site.client.post(RAW, content=CSV)
        monkeypatch.setattr(journal, "UNDECIDED_FOR", -1.0)
        await reconcile(site.service)

        assert response.status_code == 503
        (job,) = (await site.client.get("/api/jobs")).json()["items"]
        assert job["state"] == State.QUEUED
        assert site.service.storage.is_live(job["id"])


async def test_an_upload_whose_kind_is_gone_is_kept_for_a_person(
    site: Site, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await site.upload()
    lose_everything(redis_url)
    monkeypatch.delitem(site.service.queue.registry._handlers, "rows.count")

    assert await reconcile(site.service) == []
    assert site.service.storage.is_live(job["id"])


async def test_files_of_a_job_that_is_gone_go_after_a_while(site: Site) -> None:
    gone = "main." + "g" * 22
    with site.service.storage.attempt(gone, 1) as files:
        (files.scratch / "x").write_text("x")
        files.publish("x")
    await reconcile(site.service)
    assert site.service.storage.has_files(gone)

    make_old(site.service.storage.root / "gg")
    await reconcile(site.service)

    assert not site.service.storage.has_files(gone)


async def make_key_expire(site: Site, redis_url: str, job_id: str) -> None:
    """Have the time of the only idempotency key, whose job this is, be over."""
    with redis.Redis.from_url(redis_url) as client:
        client.delete(*client.keys("*idempotency:*"))
    (path,) = site.service.storage.root.glob(f"??/{job_id.partition('.')[2]}/upload.json")
    written = msgspec.json.decode(path.read_bytes())
    written["received_ms"] -= 86_400_000 + 1
    path.write_bytes(msgspec.json.encode(written))


def make_old(directory: Path) -> None:
    past = time.time() - 10_000
    for path in [*directory.rglob("*"), directory]:
        os.utime(path, (past, past))

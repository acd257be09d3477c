"""Jobs as they are shown: decoded once while Redis holds the same of them, and never old."""

import msgspec
import pytest

from api.shown import views
from queuecore import ErrorRecord
from queuecore.model import JobRecord, Retrying
from queuecore.store import Jobs, StoredJob
from tests.api.site import Site, Users


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the jobs that were decoded, in order."""
    ids: list[str] = []
    read = Jobs.read

    def count(self: Jobs, stored: StoredJob) -> JobRecord:
        ids.append(stored.id)
        return read(self, stored)

    monkeypatch.setattr(Jobs, "read", count)
    return ids


async def test_a_job_that_did_not_change_is_decoded_once(site: Site, decoded: list[str]) -> None:
    job = await site.wait_job()
    await site.worker.run(job["id"], "done")
    decoded.clear()

    answers = [await site.client.get(f"/api/check-status/{job['id']}") for _ in range(3)]

    assert decoded == [job["id"]]
    assert len({answer.text for answer in answers}) == 1
    assert len({answer.headers["etag"] for answer in answers}) == 1


async def test_every_change_is_seen_at_once(site: Site) -> None:
    job = await site.upload()
    path = f"/api/check-status/{job['id']}"

    async def look() -> tuple[str, object, int]:
        shown = (await site.client.get(path)).json()
        return shown["state"], shown["progress"] and shown["progress"]["percent"], len(shown["attempts"])

    seen = [await look(), await look()]
    claim = await site.worker.claim()
    seen.append(await look())
    for fraction in (0.25, 0.5):
        await site.worker.report(claim, fraction)
        seen += [await look(), await look()]
    await site.worker.settle(Retrying(claim.id, 1, 30.0, ErrorRecord("io", "The disk hiccupped")))
    seen.append(await look())

    queued, running = ("queued", None, 0), ("running", None, 1)
    quarter, half = ("running", 25.0, 1), ("running", 50.0, 1)
    assert seen == [queued, queued, running, quarter, quarter, half, half, ("scheduled", 50.0, 1)]


async def test_the_place_in_line_is_never_kept(site: Site) -> None:
    first = await site.wait_job()
    second = await site.wait_job()
    path = f"/api/check-status/{second['id']}"

    before = (await site.client.get(path)).json()
    await site.worker.run(first["id"])
    after = (await site.client.get(path)).json()

    assert (before["position"], after["position"]) == (2, 1)


async def test_what_was_shown_to_the_owner_is_not_there_for_others(users: Users) -> None:
    made = await users.alice.post("/api/jobs", json={"kind": "demo.wait", "args": {"seconds": 1}})
    path = f"/api/check-status/{made.json()['id']}"

    answers = [await user.get(path) for user in (users.alice, users.bob, users.olga, users.nobody)]

    assert [answer.status_code for answer in answers] == [200, 404, 200, 401]


async def test_new_settings_hold_for_jobs_that_were_shown_before(site: Site) -> None:
    job = await site.wait_job()
    await site.worker.run(job["id"])
    path = f"/api/check-status/{job['id']}"
    before = (await site.client.get(path)).json()

    jobs = msgspec.structs.replace(site.service.settings.jobs, retention_completed=60.0)
    site.service.use(msgspec.structs.replace(site.service.settings, jobs=jobs))
    after = (await site.client.get(path)).json()

    assert after["expires_at"] < before["expires_at"]


async def test_few_and_small_jobs_are_kept(
    site: Site, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "MOST_JOBS", 2)
    monkeypatch.setattr(views, "MOST_BYTES", 500)
    small = [(await site.wait_job())["id"] for _ in range(3)]
    for job_id in small:
        await site.worker.run(job_id)
    large = (await site.wait_job())["id"]
    await site.worker.run(large, "x" * 500)
    decoded.clear()

    for job_id in (*small, large, large, small[1], small[2], small[0]):
        assert (await site.client.get(f"/api/check-status/{job_id}")).status_code == 200

    assert decoded == [*small, large, large, small[0]]

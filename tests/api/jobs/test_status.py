"""GET /api/check-status: the truth about a job, cheaply."""

import asyncio
import time

import msgspec
import pytest

from queuecore import ErrorRecord
from queuecore.model import Retrying
from tests.api.site import Served, Site, until


async def test_every_state_is_told_with_200(site: Site) -> None:
    job = await site.upload()
    path = f"/api/check-status/{job['id']}"

    queued = await site.client.get(path)
    claim = await site.worker.claim()
    await site.worker.report(claim, 0.4567)
    running = await site.client.get(path)
    await site.worker.settle(Retrying(claim.id, 1, 30.0, ErrorRecord("io", "The disk hiccupped")))
    scheduled = await site.client.get(path)
    await site.client.post(f"/api/jobs/{job['id']}/cancel")
    cancelled = await site.client.get(path)

    answers = [queued, running, scheduled, cancelled]
    assert [answer.status_code for answer in answers] == [200] * 4
    states = [answer.json()["state"] for answer in answers]
    assert states == ["queued", "running", "scheduled", "cancelled"]
    assert queued.json()["position"] == 1
    assert queued.json()["max_attempts"] == 4
    assert "position" not in running.json()
    progress = running.json()["progress"]
    assert (progress["percent"], progress["eta_seconds"], progress["unit"]) == (45.6, 2.0, "rows")
    assert running.json()["attempts"][0]["worker"] == "runner-1"
    assert running.json()["attempts"][0]["ended_at"] is None
    assert scheduled.json()["due_at"].endswith("Z")
    assert scheduled.json()["attempts"][0]["error"]["title"] == "The disk hiccupped"
    assert cancelled.json()["finished_at"] is not None
    assert cancelled.json()["expires_at"] > cancelled.json()["finished_at"]


async def test_retry_after_is_told_until_the_end(site: Site) -> None:
    job = await site.wait_job()
    path = f"/api/check-status/{job['id']}"

    before = await site.client.get(path)
    await site.worker.run(job["id"], "done")
    after = await site.client.get(path)

    assert before.headers["retry-after"] == "1"
    assert "retry-after" not in after.headers
    assert after.json()["result"] == "done"


async def test_links_hold_what_can_be_done(site: Site) -> None:
    job = await site.upload()
    own = f"/api/jobs/{job['id']}"

    assert job["links"] == {"self": f"/api/check-status/{job['id']}", "cancel": f"{own}/cancel"}
    await site.worker.fail(job["id"])
    failed = (await site.client.get(own)).json()

    assert failed["error"] == {
        "type": "not-a-table",
        "title": "The file is not a table",
        "detail": "Send a CSV file.",
        "retryable": False,
    }
    assert failed["links"] == {"self": job["links"]["self"], "retry": f"{own}/retry", "delete": own}


async def test_a_result_without_files_is_shown_whole(site: Site) -> None:
    job = await site.upload()

    await site.worker.run(job["id"], {"rows": 2, "artifacts": [], "warnings": ["One row was odd."]})
    done = (await site.client.get(f"/api/jobs/{job['id']}")).json()

    assert (done["result"], done["artifacts"], done["warnings"]) == ({"rows": 2}, [], ["One row was odd."])
    assert "result" not in done["links"]


@pytest.mark.parametrize(
    "job_id",
    [
        "x",
        "main." + "a" * 22,
        "main." + "a" * 21,
        "Process." + "a" * 22,
        "..%2F..",
        "%00",
        "ü",
        "a" * 5000,
    ],
)
async def test_an_id_that_is_unknown_or_none_is_not_found(site: Site, job_id: str) -> None:
    response = await site.client.get(f"/api/check-status/{job_id}")

    assert (response.status_code, response.headers["content-type"]) == (404, "application/problem+json")


class TestEntityTag:
    async def test_304_while_nothing_changed(self, site: Site) -> None:
        job = await site.wait_job()
        claim = await site.worker.claim()
        path = f"/api/check-status/{job['id']}"
        first = await site.client.get(path)

        second = await site.client.get(path, headers={"If-None-Match": first.headers["etag"]})
        await site.worker.report(claim, 0.5)
        third = await site.client.get(path, headers={"If-None-Match": first.headers["etag"]})

        assert (second.status_code, second.content) == (304, b"")
        assert second.headers["etag"] == first.headers["etag"]
        assert second.headers["retry-after"] == "1"
        assert (third.status_code, third.json()["progress"]["percent"]) == (200, 50.0)

    async def test_the_place_in_line_is_part_of_the_tag(self, site: Site) -> None:
        first = await site.wait_job()
        second = await site.wait_job()
        path = f"/api/check-status/{second['id']}"
        waiting = await site.client.get(path)
        headers = {"If-None-Match": waiting.headers["etag"]}

        unchanged = await site.client.get(path, headers=headers)
        await site.worker.run(first["id"])
        moved = await site.client.get(path, headers=headers)

        assert (waiting.json()["position"], unchanged.status_code) == (2, 304)
        assert (moved.status_code, moved.json()["position"]) == (200, 1)

    @pytest.mark.parametrize("header", ['"0"', "W/", "*", '"999999999999999999999"', "nonsense", '""'])
    async def test_a_tag_that_is_not_ours_is_passed_over(self, site: Site, header: str) -> None:
        job = await site.wait_job()

        response = await site.client.get(f"/api/check-status/{job['id']}", headers={"If-None-Match": header})

        assert response.status_code == 200

    async def test_a_weak_tag_in_a_list_is_found(self, site: Site) -> None:
        job = await site.wait_job()
        path = f"/api/check-status/{job['id']}"
        tag = (await site.client.get(path)).headers["etag"]

        response = await site.client.get(path, headers={"If-None-Match": f'"other", W/{tag}'})

        assert response.status_code == 304

    async def test_304_asks_redis_for_nothing_but_the_version(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job = await site.wait_job()
        await site.worker.run(job["id"])
        path = f"/api/check-status/{job['id']}"
        tag = (await site.client.get(path)).headers["etag"]
        monkeypatch.delattr(type(site.service.queue.inspector.jobs), "stored")

        response = await site.client.get(path, headers={"If-None-Match": tag})

        assert response.status_code == 304


class TestLongPoll:
    async def test_it_answers_at_the_next_change(self, site: Site) -> None:
        job = await site.wait_job()
        claim = await site.worker.claim()
        path = f"/api/check-status/{job['id']}"
        tag = (await site.client.get(path)).headers["etag"]

        poll = asyncio.create_task(site.client.get(f"{path}?wait=20", headers={"If-None-Match": tag}))
        await asyncio.sleep(0.1)
        assert not poll.done()
        await site.worker.report(claim, 0.25)
        begun = time.monotonic()
        response = await poll

        assert response.json()["progress"]["percent"] == 25.0
        assert time.monotonic() - begun < 1.0

    async def test_it_answers_304_when_nothing_happens(self, site: Site) -> None:
        job = await site.wait_job()
        await site.worker.claim()
        path = f"/api/check-status/{job['id']}"
        tag = (await site.client.get(path)).headers["etag"]

        begun = time.monotonic()
        response = await site.client.get(f"{path}?wait=0.3", headers={"If-None-Match": tag})

        assert response.status_code == 304
        assert 0.25 < time.monotonic() - begun < 2.0

    async def test_without_a_tag_it_answers_200_at_the_next_change_or_the_end_of_the_time(
        self, site: Site
    ) -> None:
        job = await site.wait_job()

        response = await site.client.get(f"/api/check-status/{job['id']}?wait=0.2")

        assert response.status_code == 200

    async def test_an_ended_job_is_not_waited_for(self, site: Site) -> None:
        job = await site.wait_job()
        await site.worker.run(job["id"])
        path = f"/api/check-status/{job['id']}"
        tag = (await site.client.get(path)).headers["etag"]

        begun = time.monotonic()
        with_tag = await site.client.get(f"{path}?wait=20", headers={"If-None-Match": tag})
        without = await site.client.get(f"{path}?wait=20")

        assert (with_tag.status_code, without.status_code) == (304, 200)
        assert time.monotonic() - begun < 1.0

    async def test_a_job_that_is_deleted_meanwhile_is_not_found(self, site: Site) -> None:
        job = await site.wait_job()
        poll = asyncio.create_task(site.client.get(f"/api/check-status/{job['id']}?wait=20"))
        await asyncio.sleep(0.1)

        await site.client.post(f"/api/jobs/{job['id']}/cancel")
        assert (await poll).json()["state"] == "cancelled"

    @pytest.mark.parametrize("wait", ["-1", "soon", "nan", ""])
    async def test_a_wait_that_is_no_time_is_refused(self, site: Site, wait: str) -> None:
        job = await site.wait_job()

        response = await site.client.get(f"/api/check-status/{job['id']}?wait={wait}")

        assert (response.status_code, response.json()["type"]) == (400, "/problems/bad-parameter")

    async def test_the_time_is_bounded_by_the_setting(self, site: Site) -> None:
        http = msgspec.structs.replace(site.service.settings.http, max_wait=0.2)
        site.service.use(msgspec.structs.replace(site.service.settings, http=http))
        job = await site.wait_job()

        begun = time.monotonic()
        await site.client.get(f"/api/check-status/{job['id']}?wait=1e9")

        assert time.monotonic() - begun < 2.0

    async def test_the_end_of_the_server_ends_it_at_once(self, served: Served) -> None:
        job = await served.site.wait_job()
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
            request = f"GET /api/check-status/{job['id']}?wait=30 HTTP/1.1\r\nHost: localhost\r\n\r\n"
            writer.write(request.encode())
            await until("the poll is held", lambda: len(served.server.server_state.tasks) == 1)
            await asyncio.sleep(0.2)

            begun = time.monotonic()
            served.server.should_exit = True
            answer = await reader.read()

        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert time.monotonic() - begun < 1.0
        writer.close()

"""Making jobs without a file, and what can be done with jobs later."""

import asyncio
from typing import Any

import pytest

from queuecore import InvalidOption, JobRequest
from queuecore.model import Cancelling
from tests.api.site import Site


async def test_a_job_without_a_file_is_made(site: Site) -> None:
    response = await site.client.post("/api/jobs", json={"kind": "demo.wait", "args": {"seconds": 2}})

    job = response.json()
    assert response.status_code == 202
    assert response.headers["location"] == f"/api/check-status/{job['id']}"
    assert (job["kind"], job["args"], job["file"]) == ("demo.wait", {"seconds": 2}, None)


@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        ({"kind": "demo.wait"}, 422, "wrong-option"),
        ({"kind": "demo.wait", "args": {"seconds": "2"}}, 422, "wrong-option"),
        ({"kind": "demo.wait", "args": {"seconds": -1}}, 422, "wrong-option"),
        ({"kind": "demo.wait", "args": {"seconds": 1, "minutes": 1}}, 422, "unknown-option"),
        ({"kind": "demo.wait", "args": {"seconds": 1, "note": "x" * 300_000}}, 413, "field-too-large"),
        ({"kind": "demo.wait", "args": {"seconds": 1, "note": "x" * 2_000_000}}, 413, "field-too-large"),
        ({"kind": "demo.wait", "args": [1]}, 400, "body-not-json"),
        ({"kind": "demo.wait", "arg": {}}, 400, "body-not-json"),
        ({"args": {}}, 400, "body-not-json"),
        ([], 400, "body-not-json"),
        ({"kind": "demo.dance"}, 422, "unknown-kind"),
        ({"kind": "rows.count"}, 422, "file-needed"),
    ],
)
async def test_a_bad_request_makes_no_job(site: Site, body: Any, status: int, problem: str) -> None:
    response = await site.client.post("/api/jobs", json=body)

    assert (response.status_code, response.json()["type"]) == (status, f"/problems/{problem}")
    assert await site.jobs() == 0


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b"[" * 100_000, b'{"kind": "demo.wait", "args": {"seconds": NaN}}']
)
async def test_a_body_that_is_no_json_makes_no_job(site: Site, body: bytes) -> None:
    response = await site.client.post("/api/jobs", content=body, headers={"Content-Type": "application/json"})

    assert (response.status_code, response.json()["type"]) == (400, "/problems/body-not-json")
    assert await site.jobs() == 0


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"kind": "demo.wait", "args": {"note": "\xff"}}', "Byte 41 of it is not UTF-8."),
        (b"\xc3", "Byte 1 of it is not UTF-8."),
        (b"\xfe\xff\x00{", "Byte 1 of it is not UTF-8."),
    ],
)
async def test_a_body_that_is_no_utf_8_is_told_where(site: Site, body: bytes, said: str) -> None:
    for path in ("/api/jobs", "/api/session"):
        response = await site.client.post(path, content=body, headers={"Content-Type": "application/json"})

        assert (response.status_code, response.json()["type"]) == (400, "/problems/body-not-json")
        assert response.json()["detail"].startswith(said)


@pytest.mark.parametrize("number", ["2.0", "2e0", "20E-1", "2"])
async def test_a_whole_number_may_be_written_as_any_number(site: Site, number: str) -> None:
    body = f'{{"kind": "demo.wait", "args": {{"seconds": 1, "times": {number}, "more": [{number}, 3]}}}}'

    response = await site.client.post(
        "/api/jobs", content=body.encode(), headers={"Content-Type": "application/json"}
    )

    assert response.status_code == 202, response.text
    assert response.json()["args"] == {"seconds": 1, "times": 2, "more": [2, 3]}


@pytest.mark.parametrize("number", ["2.5", "1e300", "-0.1"])
async def test_a_number_that_is_not_whole_is_refused_for_one_that_is(site: Site, number: str) -> None:
    body = f'{{"kind": "demo.wait", "args": {{"seconds": 1, "times": {number}}}}}'

    response = await site.client.post(
        "/api/jobs", content=body.encode(), headers={"Content-Type": "application/json"}
    )

    assert (response.status_code, response.json()["argument"]) == (422, "times")


@pytest.mark.parametrize(
    "headers",
    [
        [("Content-Encoding", "gzip")],
        [("Content-Encoding", "identity"), ("Content-Encoding", "br")],
        [("Content-Encoding", "identity, gzip")],
        [("Transfer-Encoding", "gzip, chunked")],
        [("Transfer-Encoding", "gzip"), ("Transfer-Encoding", "chunked")],
    ],
)
async def test_a_body_that_is_encoded_is_refused(site: Site, headers: list[tuple[str, str]]) -> None:
    for path in ("/api/jobs", "/api/upload?name=a.csv&kind=rows.count", "/api/session"):
        response = await site.client.post(
            path, content=b"{}", headers=[("Content-Type", "application/json"), *headers]
        )

        assert response.status_code == 415
        assert response.json()["type"] == "/problems/content-encoding-not-accepted"
    assert (site.files(), await site.jobs()) == ([], 0)


async def test_a_request_that_the_queue_takes_for_senseless_is_told_so(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def submit(request: JobRequest) -> None:
        raise InvalidOption("delay", -1, "seconds from 0 on")

    monkeypatch.setattr(site.service.queue, "submit", submit)

    response = await site.client.post("/api/jobs", json={"kind": "demo.wait", "args": {"seconds": 2}})

    assert (response.status_code, response.json()["type"]) == (422, "/problems/wrong-option")
    assert "delay=-1 must be seconds from 0 on" in response.json()["detail"]


async def test_a_form_is_no_json(site: Site) -> None:
    # A foreign page can send forms and texts without asking, but no JSON.
    response = await site.client.post("/api/jobs", data={"kind": "demo.wait"})

    assert (response.status_code, response.json()["type"]) == (415, "/problems/content-type-not-accepted")


async def test_a_repeated_request_answers_with_the_first_job(site: Site) -> None:
    body = {"kind": "demo.wait", "args": {"seconds": 2}}
    headers = {"Idempotency-Key": '"abc"'}
    first = await site.client.post("/api/jobs", json=body, headers=headers)

    second = await site.client.post("/api/jobs", json=body, headers=headers)
    other = await site.client.post("/api/jobs", json={**body, "args": {"seconds": 3}}, headers=headers)

    assert second.json()["id"] == first.json()["id"]
    assert second.headers["idempotency-replayed"] == "true"
    assert other.status_code == 422
    assert await site.jobs() == 1


async def test_cancelling_a_waiting_job_ends_it_and_may_be_repeated(site: Site) -> None:
    job = await site.wait_job()

    answers = [await site.client.post(f"/api/jobs/{job['id']}/cancel") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[1].json()["state"] == "cancelled"


async def test_cancelling_a_running_job_asks_it_to_end(site: Site) -> None:
    job = await site.wait_job()
    claim = await site.worker.claim()

    asked = await site.client.post(f"/api/jobs/{job['id']}/cancel")
    await site.worker.settle(Cancelling(claim.id, claim.attempt))
    ended = await site.client.get(f"/api/jobs/{job['id']}")

    assert (asked.status_code, asked.json()["state"]) == (202, "running")
    assert asked.json()["cancel_requested"] is True
    assert "cancel" not in asked.json()["links"]
    assert ended.json()["state"] == "cancelled"


async def test_what_cannot_be_is_refused_with_the_true_state(site: Site) -> None:
    job = await site.wait_job()
    path = f"/api/jobs/{job['id']}"

    waiting = [await site.client.post(f"{path}/retry"), await site.client.delete(path)]
    await site.worker.run(job["id"])
    done = [await site.client.post(f"{path}/retry"), await site.client.post(f"{path}/cancel")]

    for answer, state in [
        *((answer, "queued") for answer in waiting),
        *((answer, "completed") for answer in done),
    ]:
        assert answer.status_code == 409
        assert (answer.json()["type"], answer.json()["state"]) == ("/problems/wrong-state", state)
        assert state in answer.json()["detail"]


async def test_a_failed_job_is_retried_under_its_id(site: Site) -> None:
    job = await site.upload()
    await site.worker.fail(job["id"])

    response = await site.client.post(f"/api/jobs/{job['id']}/retry")
    await site.worker.run(job["id"], {"rows": 2})
    done = (await site.client.get(f"/api/jobs/{job['id']}")).json()

    assert (response.status_code, response.json()["state"]) == (202, "queued")
    assert (done["state"], done["attempt"]) == ("completed", 2)


async def test_a_job_whose_file_is_gone_is_not_retried(site: Site) -> None:
    job = await site.upload()
    await site.worker.fail(job["id"])
    site.service.storage.delete(job["id"])

    response = await site.client.post(f"/api/jobs/{job['id']}/retry")

    assert (response.status_code, response.json()["type"]) == (410, "/problems/file-gone")


async def test_deleting_takes_the_record_and_the_files(site: Site) -> None:
    job = await site.upload()
    await site.worker.run(job["id"], {"rows": 2})

    first = await site.client.delete(f"/api/jobs/{job['id']}")
    second = await site.client.delete(f"/api/jobs/{job['id']}")

    assert (first.status_code, second.status_code) == (204, 404)
    assert (site.files(), (await site.client.get("/api/jobs")).json()["items"]) == ([], [])


async def test_a_job_that_cannot_be_deleted_keeps_its_files(site: Site) -> None:
    job = await site.upload()
    files = site.files()

    response = await site.client.delete(f"/api/jobs/{job['id']}")

    assert (response.status_code, site.files()) == (409, files)


async def test_kinds_are_described_with_the_schema_of_their_options(site: Site) -> None:
    kinds = {kind["kind"]: kind for kind in (await site.client.get("/api/kinds")).json()["items"]}

    assert sorted(kinds) == ["bytes.count", "demo.wait", "rows.count"]
    rows = kinds["rows.count"]
    assert (rows["title"], rows["needs_file"], rows["file_types"]) == (
        "Count the rows of a table",
        True,
        [".csv", ".xlsx"],
    )
    assert (rows["runs"], rows["queue"], rows["retries"]) == ("process", "default", 3)
    assert sorted(rows["schema"]["properties"]) == ["columns", "delimiter", "header", "most", "share"]
    assert rows["schema"]["properties"]["most"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 1000,
        "default": 100,
    }
    assert rows["schema"]["required"] == []
    assert "FileRef" not in str(rows["schema"])
    assert kinds["demo.wait"]["schema"]["required"] == ["seconds"]
    assert kinds["bytes.count"]["file_types"] == []


async def test_requests_at_once_on_one_job_agree(site: Site) -> None:
    job = await site.wait_job()

    answers = await asyncio.gather(*(site.client.post(f"/api/jobs/{job['id']}/cancel") for _ in range(20)))

    assert {answer.status_code for answer in answers} == {200}

"""What one client may have: jobs, bytes and requests, and what it is told at the bound."""

from typing import Any

import httpx
import msgspec
import pytest

from api.access import Pace
from tests.api.site import CSV, Site

RAW = "/api/upload?kind=rows.count&name=a.csv"
WAIT = {"kind": "demo.wait", "args": {"seconds": 3600}}


def bound(site: Site, **bounds: int) -> None:
    service = site.service
    service.settings = msgspec.structs.replace(
        service.settings, bounds=msgspec.structs.replace(service.settings.bounds, **bounds)
    )


def refusal(response: httpx.Response) -> tuple[int, str]:
    document: dict[str, Any] = response.json()
    return response.status_code, document.get("type", "")


async def test_a_client_that_throws_its_cookie_away_stays_the_same_client(site: Site) -> None:
    bound(site, unfinished_jobs=3)

    answers = []
    for _ in range(4):
        site.client.cookies.clear()
        await site.client.get("/api/session")
        answers.append(await site.client.post("/api/jobs", json=WAIT))

    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert refusal(answers[3])[1] == "/problems/too-many-jobs"
    assert int(answers[3].headers["retry-after"]) >= 1
    detail = answers[3].json()["detail"]
    assert "3 of your jobs wait or run, and 3 are allowed at one time" in detail
    assert "cancel some" in detail
    assert await site.jobs() == 3


async def test_two_thousand_jobs_in_a_moment_are_not_taken_by_default(site: Site) -> None:
    site.service.pace = Pace(clock=lambda: 0.0)

    answers = [(await site.client.post("/api/jobs", json=WAIT)).status_code for _ in range(310)]

    assert answers == [202] * 300 + [429] * 10


async def test_a_person_with_two_hundred_files_is_not_hindered(site: Site) -> None:
    answers = [(await site.client.post(RAW, content=CSV)).status_code for _ in range(200)]

    assert set(answers) == {202}


async def test_an_ended_job_makes_room_for_another(site: Site) -> None:
    bound(site, unfinished_jobs=1)
    job = (await site.client.post("/api/jobs", json=WAIT)).json()
    refused = await site.client.post("/api/jobs", json=WAIT)

    await site.client.post(f"/api/jobs/{job['id']}/cancel")
    taken = await site.client.post("/api/jobs", json=WAIT)
    again = await site.client.post(f"/api/jobs/{job['id']}/retry")

    assert (refused.status_code, taken.status_code) == (429, 202)
    assert refusal(again) == (429, "/problems/too-many-jobs")


async def test_a_retried_job_counts_again(site: Site) -> None:
    bound(site, unfinished_jobs=1)
    job = (await site.client.post("/api/jobs", json=WAIT)).json()
    await site.client.post(f"/api/jobs/{job['id']}/cancel")
    await site.service.queue.check_bounds([])
    assert (await site.client.post(f"/api/jobs/{job['id']}/retry")).status_code == 202

    refused = await site.client.post("/api/jobs", json=WAIT)

    assert refusal(refused) == (429, "/problems/too-many-jobs")


async def test_each_file_of_a_form_counts_and_all_are_refused_or_none(site: Site) -> None:
    bound(site, unfinished_jobs=3)
    files = [("file", (f"{name}.csv", CSV)) for name in "ab"]
    form = "/api/upload?kind=rows.count"

    first = await site.client.post(form, files=files)
    second = await site.client.post(form, files=files)

    assert first.status_code == 202
    assert refusal(second) == (429, "/problems/too-many-jobs")
    assert await site.jobs() == 2
    assert len(list(site.service.storage.journals())) == 2


async def test_each_file_of_a_form_is_a_request(site: Site) -> None:
    bound(site, requests_a_minute=2)
    files = [("file", (f"{name}.csv", CSV)) for name in "abc"]

    refused = await site.client.post("/api/upload?kind=rows.count", files=files)

    assert refusal(refused) == (429, "/problems/too-many-requests")
    assert (await site.jobs(), list(site.service.storage.journals())) == (0, [])


@pytest.mark.parametrize("named", ["requests_a_minute", "unfinished_jobs", "stored_bytes"])
async def test_a_repeated_request_is_answered_at_the_bound_and_spends_nothing(site: Site, named: str) -> None:
    bound(site, **{named: len(CSV) if named == "stored_bytes" else 1})
    headers = {"Idempotency-Key": "k"}
    first = await site.client.post(RAW, content=CSV, headers=headers)

    repeated = [await site.client.post(RAW, content=CSV, headers=headers) for _ in range(3)]
    another = await site.client.post(RAW, content=CSV)

    assert {answer.status_code for answer in repeated} == {202}
    assert {answer.json()["id"] for answer in repeated} == {first.json()["id"]}
    assert another.status_code == 429


async def test_a_repeated_request_below_the_bound_spends_nothing(site: Site) -> None:
    bound(site, requests_a_minute=2)
    headers = {"Idempotency-Key": "k"}
    for _ in range(5):
        assert (await site.client.post("/api/jobs", json=WAIT, headers=headers)).status_code == 202

    assert (await site.client.post("/api/jobs", json=WAIT)).status_code == 202
    assert (await site.client.post("/api/jobs", json=WAIT)).status_code == 429


async def test_kept_files_take_room_until_they_go(site: Site) -> None:
    bound(site, stored_bytes=2 * len(CSV))
    first = (await site.client.post(RAW, content=CSV)).json()
    await site.client.post(RAW, content=CSV)
    full = await site.client.post(RAW, content=CSV)

    await site.client.post(f"/api/jobs/{first['id']}/cancel")
    still_full = await site.client.post(RAW, content=CSV)
    await site.client.delete(f"/api/jobs/{first['id']}")
    taken = await site.client.post(RAW, content=CSV)

    assert refusal(full) == refusal(still_full) == (429, "/problems/too-much-stored")
    assert taken.status_code == 202


async def test_a_file_larger_than_all_that_may_be_kept_is_too_large(site: Site) -> None:
    bound(site, stored_bytes=len(CSV) - 1)

    async def stream() -> Any:
        yield CSV

    announced = await site.client.post(RAW, content=CSV)
    unannounced = await site.client.post(RAW, content=stream())

    assert refusal(announced) == refusal(unannounced) == (413, "/problems/file-too-large")


async def test_uploads_that_come_together_are_bounded_together(site: Site) -> None:
    bound(site, stored_bytes=3 * len(CSV))
    service = site.service
    await site.client.post(RAW, content=CSV)
    (journal,) = service.storage.journals()
    service.coming[journal.client] += len(CSV) + 1

    refused = await site.client.post(RAW, content=CSV)

    assert refusal(refused) == (429, "/problems/too-much-stored")
    assert service.coming == {journal.client: len(CSV) + 1}


async def test_a_bound_of_0_bounds_nothing(site: Site) -> None:
    bound(site, unfinished_jobs=0, stored_bytes=0, requests_a_minute=0)

    answers = [(await site.client.post(RAW, content=CSV)).status_code for _ in range(5)]

    assert answers == [202] * 5


async def test_no_address_is_written_anywhere(site: Site) -> None:
    await site.client.post(RAW, content=CSV)

    (journal,) = site.service.storage.journals()
    assert journal.client.startswith("address/")
    assert "127.0.0.1" not in journal.client


async def test_bounds_hold_over_several_api_processes(site: Site) -> None:
    """The queue decides, in the call that makes the job: a second process knows nothing of the first."""
    bound(site, unfinished_jobs=2)
    for _ in range(2):
        await site.client.post("/api/jobs", json=WAIT)
    site.service.pace = Pace()

    refused = await site.client.post("/api/jobs", json=WAIT)

    assert refusal(refused) == (429, "/problems/too-many-jobs")

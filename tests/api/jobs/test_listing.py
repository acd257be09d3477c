"""GET /api/jobs: one's own jobs, newest first."""

import asyncio

import pytest

from tests.api.site import Site, Users


async def ids(site: Site, query: str = "") -> list[str]:
    return [job["id"] for job in (await site.client.get(f"/api/jobs?{query}")).json()["items"]]


async def test_the_newest_come_first_over_all_queues(site: Site) -> None:
    made = []
    for number in range(6):
        made.append((await (site.upload() if number % 2 else site.wait_job()))["id"])
        await asyncio.sleep(0.002)  # jobs of one millisecond have no order

    assert await ids(site) == made[::-1]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 200])
async def test_pages_together_are_the_whole_list(site: Site, limit: int) -> None:
    made = {(await site.wait_job())["id"] for _ in range(7)}
    found: list[str] = []
    cursor = ""
    while True:
        page = (await site.client.get(f"/api/jobs?limit={limit}&cursor={cursor}")).json()
        assert len(page["items"]) <= limit
        found += [job["id"] for job in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = page["next_cursor"]

    assert len(found) == len(set(found)) == 7
    assert set(found) == made


async def test_jobs_with_much_in_them_make_short_pages(site: Site) -> None:
    made = {(await site.wait_job(note="x" * 200_000))["id"] for _ in range(14)}
    pages: list[list[str]] = []
    cursor = ""
    while cursor is not None:
        response = await site.client.get(f"/api/jobs?limit=200&cursor={cursor}")
        assert len(response.content) < 1_300_000
        pages.append([job["id"] for job in response.json()["items"]])
        cursor = response.json()["next_cursor"]

    assert [len(page) for page in pages] == [6, 6, 2]
    assert {job_id for page in pages for job_id in page} == made


async def test_the_next_page_is_linked(site: Site) -> None:
    for _ in range(3):
        await site.wait_job()

    response = await site.client.get("/api/jobs?limit=2&kind=demo.wait")
    link = response.links["next"]["url"]
    following = (await site.client.get(link)).json()

    assert len(following["items"]) == 1
    assert following["next_cursor"] is None


async def test_filters_take_state_kind_and_text(site: Site) -> None:
    upload = await site.upload()
    waiting = await site.wait_job()
    await site.worker.run(upload["id"], {"rows": 2})

    assert await ids(site, "state=completed") == [upload["id"]]
    assert await ids(site, "state=queued") == [waiting["id"]]
    assert await ids(site, "kind=demo.wait") == [waiting["id"]]
    assert await ids(site, "q=DATA.c") == [upload["id"]]
    assert await ids(site, f"q={waiting['id'][8:20]}") == [waiting["id"]]
    assert await ids(site, "q=nothing") == []
    assert len(await ids(site, "state=&kind=&q=")) == 2


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("cursor=nonsense", "bad-cursor"),
        ("cursor=AAAA", "bad-cursor"),
        ("cursor=%00", "bad-cursor"),
        ("cursor=" + "A" * 5000, "bad-cursor"),
        ("limit=0", "bad-parameter"),
        ("limit=-1", "bad-parameter"),
        ("limit=many", "bad-parameter"),
        ("state=sleeping", "bad-parameter"),
        ("q=" + "x" * 201, "bad-parameter"),
    ],
)
async def test_a_bad_query_is_refused(site: Site, query: str, problem: str) -> None:
    response = await site.client.get(f"/api/jobs?{query}")

    assert (response.status_code, response.json()["type"]) == (400, f"/problems/{problem}")


async def test_a_cursor_is_only_good_for_its_own_list(site: Site) -> None:
    for _ in range(3):
        await site.wait_job()
    cursor = (await site.client.get("/api/jobs?limit=1")).json()["next_cursor"]

    changed = [
        await site.client.get(f"/api/jobs?limit=1&state=queued&cursor={cursor}"),
        await site.client.get(f"/api/jobs?limit=1&cursor={cursor[:-1]}{'A' if cursor[-1] != 'A' else 'B'}"),
    ]
    async with site.browser() as other:
        await other.get("/api/session")
        changed.append(await other.get(f"/api/jobs?limit=1&cursor={cursor}"))

    assert [answer.status_code for answer in changed] == [400, 400, 400]
    assert (await site.client.get(f"/api/jobs?limit=2&cursor={cursor}")).status_code == 200


async def test_an_operator_pages_through_the_jobs_of_all(closed_site: Site, users: Users) -> None:
    made = []
    for number in range(130):
        client = users.alice if number % 3 else users.bob
        made.append(
            (await (closed_site.upload(client) if number % 2 else closed_site.wait_job(client)))["id"]
        )
    found: list[str] = []
    cursor = ""
    while cursor is not None:
        page = (await users.olga.get(f"/api/jobs?limit=23&cursor={cursor}")).json()
        found += [job["id"] for job in page["items"]]
        cursor = page["next_cursor"]
        made.append((await closed_site.wait_job(users.alice))["id"])  # new jobs come in meanwhile

    assert len(found) == len(set(found)) == 130
    assert set(found) == set(made[:130])


async def test_who_has_no_cookie_lists_nothing(site: Site) -> None:
    async with site.browser() as program:
        job = await site.upload(program)

        assert (await program.get("/api/jobs")).json() == {"items": [], "next_cursor": None}
        assert (await program.get(f"/api/check-status/{job['id']}")).status_code == 200
        assert job["owner"] == ""

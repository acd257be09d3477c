"""Jobs of which there is one at a time, by program: 200 with the one there is, or 409 and its address."""

import httpx
import pytest

from queuecore import JobContext, Registry, Unique, handler
from storage import FileRef
from tests.api.site import Site, Users


@handler("once.existing", unique=Unique("{name}"))
async def existing(ctx: JobContext, name: str) -> None:
    """Do it once."""


@handler("once.refuse", unique=Unique("{name}", on_conflict="refuse"))
async def refuse(ctx: JobContext, name: str) -> None:
    """Do it once, and say so."""


@handler("once.file", runs="process", unique=Unique(lambda given: given.file.sha256[:16]))
def same_file(ctx: JobContext, file: FileRef) -> None:
    """Read a file once."""


@handler(
    "once.refused_file", runs="process", unique=Unique(lambda given: given.file.name, on_conflict="refuse")
)
def refused_file(ctx: JobContext, file: FileRef) -> None:
    """Read a file once, and say so."""


@pytest.fixture
def registry() -> Registry:
    return Registry([existing, refuse, same_file, refused_file])


def body(kind: str) -> dict[str, object]:
    return {"kind": kind, "args": {"name": "a"}}


def stored(site: Site) -> int:
    """How many jobs have files."""
    return len({path.rpartition("/")[0] for path in site.files()})


async def test_a_second_request_is_answered_with_the_job_that_is_there(site: Site) -> None:
    first = await site.client.post("/api/jobs", json=body("once.existing"))
    second = await site.client.post("/api/jobs", json=body("once.existing"))

    assert (first.status_code, second.status_code) == (202, 200)
    assert second.json()["id"] == first.json()["id"]
    assert second.headers["location"] == first.headers["location"]
    assert "idempotency-replayed" not in second.headers


async def test_a_refused_request_names_the_job_that_is_there(site: Site) -> None:
    first = await site.client.post("/api/jobs", json=body("once.refuse"))
    second = await site.client.post("/api/jobs", json=body("once.refuse"), headers={"Idempotency-Key": "k"})

    problem = second.json()
    assert (second.status_code, problem["type"]) == (409, "/problems/not-unique")
    assert problem["job"] == first.json()["id"]
    assert second.headers["location"] == problem["status_url"] == first.headers["location"]


@pytest.mark.parametrize("kind", ["once.existing", "once.refuse"])
async def test_nothing_is_told_of_somebody_elses_job(users: Users, kind: str) -> None:
    first = await users.alice.post("/api/jobs", json=body(kind))
    second = await users.bob.post("/api/jobs", json=body(kind))
    operator = await users.olga.post("/api/jobs", json=body(kind))

    assert second.status_code == 409
    assert first.json()["id"] not in second.text + str(second.headers)
    assert operator.json().get("job", operator.json().get("id")) == first.json()["id"]


async def test_nothing_is_told_to_who_is_not_signed_in_either(site: Site) -> None:
    first = await site.client.post("/api/jobs", json=body("once.existing"))
    async with site.browser() as other:
        await other.get("/api/session")
        second = await other.post("/api/jobs", json=body("once.existing"))

    assert second.status_code == 409
    assert first.json()["id"] not in second.text + str(second.headers)


async def test_a_retry_is_refused_with_the_job_that_is_there(site: Site) -> None:
    first = await site.client.post("/api/jobs", json=body("once.existing"))
    await site.client.post(f"/api/jobs/{first.json()['id']}/cancel")
    second = await site.client.post("/api/jobs", json=body("once.existing"))

    answer = await site.client.post(f"/api/jobs/{first.json()['id']}/retry")

    assert (answer.status_code, answer.json()["job"]) == (409, second.json()["id"])


async def upload(site: Site, kind: str, *contents: bytes) -> httpx.Response:
    files = [("file", (f"{content[:1].decode()}.csv", content, "text/csv")) for content in contents]
    return await site.client.post("/api/upload", data={"kind": kind}, files=files)


async def test_a_second_upload_of_the_same_is_answered_with_the_first(site: Site) -> None:
    first = await upload(site, "once.file", b"a\n1\n")
    second = await upload(site, "once.file", b"a\n1\n")

    assert (first.status_code, second.status_code) == (202, 200)
    assert second.json()["id"] == first.json()["id"]
    assert await site.jobs() == 1
    assert stored(site) == 1


async def test_of_several_files_one_that_is_refused_refuses_all(site: Site) -> None:
    await upload(site, "once.refused_file", b"b\n1\n")

    answer = await upload(site, "once.refused_file", b"a\n1\n", b"b\n2\n")

    assert answer.status_code == 409
    assert await site.jobs() == 1
    assert stored(site) == 1


async def test_of_several_files_each_has_the_job_that_stands_for_it(site: Site) -> None:
    first = await upload(site, "once.file", b"b\n1\n")

    answer = await upload(site, "once.file", b"a\n1\n", b"b\n1\n", b"c\n1\n", b"c\n1\n")

    ids = [job["id"] for job in answer.json()["items"]]
    assert ids[1] == first.json()["id"]
    assert ids[2] == ids[3]
    assert await site.jobs() == stored(site) == 3

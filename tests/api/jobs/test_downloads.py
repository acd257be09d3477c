"""Downloading what jobs made."""

import unicodedata
from email.message import Message
from urllib.parse import unquote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.names import content_disposition
from tests.api.site import Site

CONTENT = bytes(range(256)) * 40


async def publish(site: Site, job_id: str, *names: str, content: bytes = CONTENT) -> None:
    """Run the job, with these files as its result."""
    claim = await site.worker.claim()
    with site.service.storage.attempt(job_id, claim.attempt) as files:
        artifacts = []
        for number, name in enumerate(names):
            (files.scratch / str(number)).write_bytes(content)
            artifacts.append(files.publish(str(number), name=name))
    await site.worker.complete(claim, msgspec.to_builtins({"rows": 2, "artifacts": artifacts}))


@pytest.fixture
async def done(site: Site) -> str:
    """A completed job with two files: the path of the first."""
    job = await site.upload()
    await publish(site, job["id"], "clean.csv", "report.json")
    return f"/api/jobs/{job['id']}/result"


async def test_the_result_is_the_first_file(site: Site, done: str) -> None:
    job = (await site.client.get(done.removesuffix("/result"))).json()

    response = await site.client.get(job["links"]["result"])
    second = await site.client.get(job["artifacts"][1]["url"])
    same = await site.client.get(f"{done}?artifact=1")

    assert response.content == second.content == CONTENT
    assert response.headers["content-length"] == str(len(CONTENT))
    assert second.headers["content-disposition"] == same.headers["content-disposition"]
    assert [artifact["name"] for artifact in job["artifacts"]] == ["clean.csv", "report.json"]
    assert job["result"] == {"rows": 2}
    assert "key" not in job["artifacts"][0]


async def test_a_browser_saves_it_and_never_runs_it(site: Site) -> None:
    job = await site.upload()
    await publish(site, job["id"], "x.html", content=b"<script>alert(1)</script>")

    response = await site.client.get(f"/api/jobs/{job['id']}/result")

    headers = response.headers
    assert headers["content-type"] == "application/octet-stream"
    assert headers["content-disposition"] == 'attachment; filename="x.html"'
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=10-19", 10, 19),
        ("bytes=10000-", 10000, 10239),
        ("bytes=-5", 10235, 10239),
        ("bytes=-99999", 0, 10239),
        ("bytes=10-99999999", 10, 10239),
        ("bytes= 3 - 4 ", 3, 4),
    ],
)
async def test_a_range_is_a_part_of_the_file(
    site: Site, done: str, wanted: str, first: int, last: int
) -> None:
    response = await site.client.get(done, headers={"Range": wanted})

    assert response.status_code == 206
    assert response.content == CONTENT[first : last + 1]
    assert response.headers["content-range"] == f"bytes {first}-{last}/{len(CONTENT)}"


@pytest.mark.parametrize("wanted", ["bytes=10240-", "bytes=99999-100000", "bytes=-0"])
async def test_a_range_outside_is_refused_with_the_size(site: Site, done: str, wanted: str) -> None:
    response = await site.client.get(done, headers={"Range": wanted})

    assert (response.status_code, response.headers["content-range"]) == (416, "bytes */10240")


@pytest.mark.parametrize(
    "wanted",
    ["bytes=5-3", "bytes=-", "rows=1-2", "bytes=a-b", "bytes=0-1,3-4", "bytes=" + "0-1," * 10_000, "", "x"],
)
async def test_a_range_that_is_none_or_several_gets_the_whole_file(
    site: Site, done: str, wanted: str
) -> None:
    response = await site.client.get(done, headers={"Range": wanted})

    assert (response.status_code, response.content) == (200, CONTENT)


async def test_conditions_compare_the_content(site: Site, done: str) -> None:
    tag = (await site.client.get(done)).headers["etag"]

    async def get(**headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return (await site.client.get(done, headers=named)).status_code

    assert await get(if_none_match=tag) == 304
    assert await get(if_none_match=f'"x", W/{tag}') == 304
    assert await get(if_none_match='"x"') == 200
    assert await get(range="bytes=0-1", if_range=tag) == 206
    assert await get(range="bytes=0-1", if_range='"x"') == 200
    assert await get(range="bytes=0-1", if_range=f"W/{tag}") == 200


async def test_head_tells_the_size_without_the_content(site: Site, done: str) -> None:
    response = await site.client.head(done)

    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == str(len(CONTENT))


async def test_an_empty_file_can_be_downloaded(site: Site) -> None:
    job = await site.upload()
    await publish(site, job["id"], "rejected.csv", content=b"")

    response = await site.client.get(f"/api/jobs/{job['id']}/result")

    assert (response.status_code, response.content) == (200, b"")


async def test_what_is_not_there_is_told(site: Site, done: str) -> None:
    waiting = await site.upload()
    without = await site.wait_job()
    await site.worker.run(without["id"], "done")
    base = done.removesuffix("/result")

    answers = [
        await site.client.get(f"/api/jobs/{waiting['id']}/result"),
        await site.client.get(f"/api/jobs/{without['id']}/result"),
        await site.client.get(f"{base}/artifacts/2"),
        await site.client.get(f"{base}/artifacts/-1"),
        await site.client.get(f"{base}/artifacts/..%2F0"),
        await site.client.get(f"{base}/artifacts/9999999999999"),
        await site.client.get(f"{done}?artifact=x"),
    ]

    assert [answer.status_code for answer in answers] == [409, 404, 404, 404, 404, 404, 404]
    assert answers[0].json()["state"] == "queued"
    assert answers[0].headers["retry-after"] == "1"


@pytest.mark.parametrize("damage", ["gone", "cut"])
async def test_a_file_that_was_lost_is_told_as_such(site: Site, done: str, damage: str) -> None:
    (path,) = (path for path in site.service.storage.root.rglob("results-1/0"))
    path.unlink() if damage == "gone" else path.write_bytes(b"x")

    response = await site.client.get(done)

    assert (response.status_code, response.json()["type"]) == (410, "/problems/file-gone")


@given(st.text(max_size=300))
def test_any_name_is_a_safe_header_that_reads_back(name: str) -> None:
    header = content_disposition(name)

    header.encode("ascii")
    assert not set(header) & set("\r\n\0\\/%") - ({"%"} if "filename*" in header else set())
    plain = header.partition("; filename*")[0]
    assert plain.count('"') == 2
    message = Message()
    message["Content-Disposition"] = header
    assert message.get_content_disposition() == "attachment"
    saved = unquote(header.partition("filename*=UTF-8''")[2]) or plain.partition('"')[2][:-1]
    assert saved.strip(" .")
    assert not set(saved) & set('/\\:*?"<>|\r\n\0')


@given(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=60))
def test_an_ordinary_name_reads_back_as_it_is(stem: str) -> None:
    name = unicodedata.normalize("NFC", f"{stem} v1.2 (neu).csv")

    header = content_disposition(name)

    saved = unquote(header.partition("filename*=UTF-8''")[2]) or header.partition('"')[2][:-1]
    assert saved == name

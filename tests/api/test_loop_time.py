"""Whatever a request brings, it does not hold the event loop for long."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.api.jobs.test_downloads import publish
from tests.api.site import CSV, Site

LONGEST = 0.15  # seconds of this thread, with those of the client; what is refused well takes a tenth
MOST_ANSWER = 8_000  # bytes

Ask = Callable[[httpx.AsyncClient, str], Any]


def post_job(body: bytes) -> Ask:
    return lambda client, _: client.post(
        "/api/jobs", content=body, headers={"Content-Type": "application/json"}
    )


def get(path: str, **headers: str) -> Ask:
    return lambda client, job: client.get(path.replace("{id}", job), headers=headers)


def form_part(disposition: str) -> Ask:
    body = f"--x\r\nContent-Disposition: form-data; {disposition}\r\n\r\na\r\n--x--\r\n".encode()
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    return lambda client, _: client.post("/api/upload", content=body, headers=headers)


MARKS = "\u0301\u0323"  # two combining marks, in the order in which composing has to swap them

REQUESTS: dict[str, Ask] = {
    "the name of an unknown option": post_job(
        b'{"kind": "demo.wait", "args": {"seconds": 1, "' + b"second" * 170_000 + b'": 1}}'
    ),
    "the name of an unknown member": post_job(b'{"kind": "demo.wait", "' + b"x" * 1_000_000 + b'": 1}'),
    "an unknown kind": post_job(b'{"kind": "' + b"demo.wai" * 125_000 + b'"}'),
    "a text where a number is wanted": post_job(
        b'{"kind": "demo.wait", "args": {"seconds": "' + b"1" * 1_000_000 + b'"}}'
    ),
    "digits": post_job(b'{"kind": "demo.wait", "args": {"seconds": ' + b"1" * 1_000_000 + b"}}"),
    "depth": post_job(b'{"kind": "demo.wait", "args": {"note": ' + b"[" * 1_000_000 + b"}}"),
    "an option of a form": form_part(f'name="{"o" * 4_000}"'),
    "a value of a form": lambda client, _: client.post(
        "/api/upload", files={"file": ("a.csv", CSV)}, data={"kind": "rows.count", "most": "1" * 60_000}
    ),
    "a cookie of backslashes": get("/api/session", Cookie='queuecore="' + '\\"' * 30_000 + '"'),
    "many cookies": get("/api/session", Cookie="a=b; " * 12_000),
    "a range of spaces": get("/api/jobs/{id}/result", Range="bytes=" + " " * 60_000 + "x"),
    "many ranges": get("/api/jobs/{id}/result", Range="bytes=" + "0-1," * 15_000),
    "many tags": get("/api/jobs/{id}", **{"If-None-Match": '"1", ' * 12_000}),
    "many preferences": lambda client, _: client.post(
        "/api/jobs", content=b"", headers={"Prefer": ", wait" + " " * 60_000}
    ),
    "a name of combining marks": lambda client, _: client.put(
        f"/api/upload?kind=bytes.count&name={MARKS * 2_500}", content=b"x"
    ),
    "a name of combining marks in a form": form_part(f'name="file"; filename="{MARKS * 1_000}"'),
    "a type with many parameters": lambda client, _: client.post(
        "/api/upload", content=b"", headers={"Content-Type": "multipart/form-data" + ";" * 60_000}
    ),
    "a long search": get("/api/jobs?q=" + "x" * 60_000),
    "a long kind": get("/api/jobs?kind=" + "x" * 60_000),
    "many parameters": get("/api/jobs?" + "a&" * 30_000),
    "a long cursor": get("/api/jobs?cursor=" + "a" * 60_000),
    "a long id": get("/api/jobs/main." + "a" * 60_000),
    "a long key": lambda client, _: client.post(
        "/api/jobs", content=b"", headers={"Idempotency-Key": '"' + "\\" * 60_000 + '"'}
    ),
    "a long token": get("/api/jobs", Authorization="Bearer " + "a" * 60_000),
    "a long state": get("/api/jobs?state=" + "a" * 60_000),
}


@pytest.fixture
async def job(site: Site) -> str:
    """A completed job with a file, among a hundred that wait."""
    job = await site.upload()
    await publish(site, job["id"], "clean.csv")
    for _ in range(100):
        await site.wait_job(note="x" * 200)
    job_id: str = job["id"]
    return job_id


@pytest.mark.parametrize("what", REQUESTS)
async def test_no_request_holds_the_loop_for_long(site: Site, job: str, what: str) -> None:
    before = time.thread_time()
    response = await REQUESTS[what](site.client, job)
    taken = time.thread_time() - before

    assert taken < LONGEST
    assert response.status_code < 500
    if response.status_code >= 400:
        assert len(response.content) < MOST_ANSWER

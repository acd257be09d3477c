"""What holds for every request: origins, hosts, headers, patience."""

import asyncio
import time
from typing import Any

import msgspec
import pytest
from starlette.routing import Route

import config
from api.http.problems import Problem
from api.serving import guard
from api.serving.guard import PacedReceive
from queuecore import Registry
from tests.api.site import Site, run_app

JOB = {"kind": "demo.wait", "args": {"seconds": 1}}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 202),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:8000"}, 202),
        ({"Sec-Fetch-Site": "none"}, 202),
        ({"Origin": "http://localhost:8000"}, 202),
        ({"Origin": "https://localhost:8000"}, 202),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "http://localhost:9999"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:8000.evil.example"}, 403),
    ],
)
async def test_a_foreign_page_changes_nothing(site: Site, headers: dict[str, str], status: int) -> None:
    response = await site.client.post("/api/jobs", json=JOB, headers=headers)

    assert response.status_code == status
    assert await site.jobs() == (1 if status == 202 else 0)


async def test_every_changing_route_refuses_a_foreign_page(site: Site) -> None:
    routes = [route for route in site.app.routes if isinstance(route, Route)]
    changing = [(m, r.path) for r in routes for m in r.methods or () if m not in ("GET", "HEAD")]
    assert len(changing) >= 8

    for method, path in changing:
        response = await site.client.request(method, path, headers={"Sec-Fetch-Site": "cross-site"})
        assert (response.status_code, response.json()["type"]) == (403, "/problems/cross-origin")


async def test_a_link_from_elsewhere_still_opens_the_page(site: Site) -> None:
    response = await site.client.get("/", headers={"Sec-Fetch-Site": "cross-site"})

    assert response.status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8000", 200),
        ("127.0.0.1", 200),
        ("127.0.0.1:1234", 200),
        ("[::1]:8000", 200),
        ("app.localhost", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost/evil", 421),
        ("a b", 421),
        ("", 421),
    ],
)
async def test_a_service_for_this_machine_answers_under_its_names_only(
    site: Site, host: str, status: int
) -> None:
    response = await site.client.get("/api/kinds", headers={"Host": host})

    assert response.status_code == status


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
async def test_health_is_told_under_any_name(site: Site, path: str) -> None:
    for host in ("10.0.3.7:8000", "queuecore.internal", "[fe80::1]", "a b", ""):
        response = await site.client.get(path, headers={"Host": host})
        assert response.status_code == 200, response.text

        other = await site.client.get(path + "/more", headers={"Host": host})
        assert other.status_code == 421


async def test_a_service_for_a_network_answers_under_any_name(
    settings: config.Settings, registry: Registry
) -> None:
    http = msgspec.structs.replace(settings.http, host="0.0.0.0")

    async with run_app(msgspec.structs.replace(settings, http=http), registry) as site:
        assert (await site.client.get("/api/kinds", headers={"Host": "files.example"})).status_code == 200
        assert (await site.client.get("/api/kinds", headers={"Host": "a b"})).status_code == 421


@pytest.mark.parametrize(
    "path", ["/", "/static/api.js", "/api/kinds", "/api/jobs/x", "/nowhere", "/problems"]
)
async def test_every_answer_has_the_security_headers(site: Site, path: str) -> None:
    headers = (await site.client.get(path)).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.replace("style-src 'unsafe-inline'", "") or path == "/problems"
    assert "access-control-allow-origin" not in headers


async def test_the_page_loads_nothing_from_elsewhere(site: Site) -> None:
    policy = (await site.client.get("/")).headers["content-security-policy"]

    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


async def test_static_files_are_sent_again_only_when_they_changed(site: Site) -> None:
    first = await site.client.get("/static/api.js")
    second = await site.client.get("/static/api.js", headers={"If-None-Match": first.headers["etag"]})

    assert first.headers["content-type"] == "text/javascript; charset=utf-8"
    assert (second.status_code, second.content) == (304, b"")


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/app.py", "/static/", "/static"]
)
async def test_only_the_page_s_own_files_are_sent(site: Site, path: str) -> None:
    assert (await site.client.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/api/upload", {"POST", "PUT"}),
        ("PUT", "/api/jobs", {"GET", "HEAD", "POST"}),
        ("POST", "/health", {"GET", "HEAD"}),
        ("PATCH", "/api/jobs/x", {"DELETE", "GET", "HEAD"}),
        ("OPTIONS", "/api/jobs", {"GET", "HEAD", "POST"}),
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(
    site: Site, method: str, path: str, allowed: set[str]
) -> None:
    response = await site.client.request(method, path)

    assert (response.status_code, response.json()["type"]) == (405, "/problems/method-not-allowed")
    assert set(response.headers["allow"].split(", ")) == allowed


@pytest.mark.parametrize(
    "path", ["/nowhere", "/api", "/api/jobs/", "/api/upload/", "/problems/none", "/%00", "/api/jobs/a/b"]
)
async def test_an_unknown_address_is_a_problem_too(site: Site, path: str) -> None:
    response = await site.client.get(path)

    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "name",
    ["Authorization", "Content-Type", "Idempotency-Key", "If-Range", "Origin", "Range", "Sec-Fetch-Site"],
)
@pytest.mark.parametrize("other", ["a", "b"])
async def test_a_header_of_which_there_is_one_is_refused_when_there_are_two(
    site: Site, name: str, other: str
) -> None:
    response = await site.client.post("/api/jobs", content=b"{}", headers=[(name, "a"), (name, other)])

    assert (response.status_code, response.json()["type"]) == (400, "/problems/bad-request")
    assert name.lower() in response.json()["detail"]


@pytest.mark.parametrize("query", ["q=%ff", "q=%C3", "cursor=%80", "x=%ED%A0%80", "%ff"])
async def test_an_address_that_is_no_utf_8_is_refused(site: Site, query: str) -> None:
    response = await site.client.get(f"/api/jobs?{query}")

    assert (response.status_code, response.json()["type"]) == (400, "/problems/bad-parameter")


async def test_a_crash_tells_nothing_of_the_inside(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def crash(*_: object) -> None:
        raise RuntimeError("secret path /srv/x")

    monkeypatch.setattr(site.service.queue.inspector.listings, "owned", crash)

    response = await site.client.get("/api/jobs")

    assert (response.status_code, response.json()["type"]) == (500, "/problems/internal")
    assert "secret" not in response.text


class TestPace:
    """A body must come at a tolerable rate; only the time spent waiting for it counts."""

    async def test_a_body_that_stands_still_is_ended(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(guard, "PAUSE", 0.1)

        async def receive() -> Any:
            await asyncio.sleep(10)

        begun = time.monotonic()
        with pytest.raises(Problem, match="too-slow"):
            await PacedReceive(receive, 1000)()
        assert time.monotonic() - begun < 1.0

    async def test_a_body_that_drips_is_ended(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(guard, "PAUSE", 0.1)

        async def receive() -> Any:
            await asyncio.sleep(0.02)
            return {"type": "http.request", "body": b"x", "more_body": True}

        paced = PacedReceive(receive, 1000)

        async def read_all() -> None:
            while True:
                await paced()

        with pytest.raises(Problem, match="too-slow"):
            await asyncio.wait_for(read_all(), 2.0)

    async def test_what_came_quickly_buys_no_more_than_a_pause(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(guard, "PAUSE", 0.1)
        messages = [{"type": "http.request", "body": b"x" * (8 << 20), "more_body": True}]

        async def receive() -> Any:
            if messages:
                return messages.pop()
            await asyncio.sleep(10)

        paced = PacedReceive(receive, 1000)
        await paced()

        with pytest.raises(Problem, match="too-slow"):
            await asyncio.wait_for(paced(), 2.0)

    async def test_without_a_rate_a_body_may_drip_but_not_stand(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(guard, "PAUSE", 0.2)
        drops = 5

        async def receive() -> Any:
            nonlocal drops
            await asyncio.sleep(0.1 if drops else 10)
            drops -= 1
            return {"type": "http.request", "body": b"x", "more_body": True}

        paced = PacedReceive(receive, 0)
        for _ in range(5):
            await paced()

        with pytest.raises(Problem, match="too-slow"):
            await asyncio.wait_for(paced(), 2.0)

    async def test_a_slow_disk_is_not_the_sender_s_fault(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(guard, "PAUSE", 0.05)

        async def receive() -> Any:
            return {"type": "http.request", "body": b"x", "more_body": True}

        paced = PacedReceive(receive, 10)
        for _ in range(4):
            await paced()
            await asyncio.sleep(0.05)

    async def test_after_the_body_nothing_is_timed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(guard, "PAUSE", 0.01)
        messages = [{"type": "http.request", "body": b"x", "more_body": False}]

        async def receive() -> Any:
            if messages:
                return messages.pop()
            await asyncio.sleep(0.1)
            return {"type": "http.disconnect"}

        paced = PacedReceive(receive, 1000)

        assert (await paced())["body"] == b"x"
        assert (await paced())["type"] == "http.disconnect"

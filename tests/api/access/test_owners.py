"""Who may see and do what: every route, for every kind of caller."""

from collections.abc import Awaitable, Callable

import httpx
import msgspec
import pytest
from starlette.routing import Route

import config
from tests.api.site import CSV, Site, Users

Ask = Callable[[httpx.AsyncClient, str], Awaitable[httpx.Response]]

# What the owner, the operator, somebody else and nobody get, on a job that is in line.
MATRIX: dict[str, tuple[Ask, int, int, int, int]] = {
    "GET /api/check-status/{id}": (lambda c, i: c.get(f"/api/check-status/{i}"), 200, 200, 404, 401),
    "GET /api/jobs/{id}": (lambda c, i: c.get(f"/api/jobs/{i}"), 200, 200, 404, 401),
    "DELETE /api/jobs/{id}": (lambda c, i: c.delete(f"/api/jobs/{i}"), 409, 409, 404, 401),
    "POST /api/jobs/{id}/retry": (lambda c, i: c.post(f"/api/jobs/{i}/retry"), 409, 409, 404, 401),
    "GET /api/jobs/{id}/result": (lambda c, i: c.get(f"/api/jobs/{i}/result"), 409, 409, 404, 401),
    "GET /api/jobs/{id}/artifacts/{index}": (
        lambda c, i: c.get(f"/api/jobs/{i}/artifacts/0"),
        409,
        409,
        404,
        401,
    ),
    "POST /api/jobs/{id}/cancel": (lambda c, i: c.post(f"/api/jobs/{i}/cancel"), 200, 200, 404, 401),
    "GET /api/jobs": (lambda c, i: c.get("/api/jobs"), 200, 200, 200, 401),
    "POST /api/jobs": (
        lambda c, i: c.post("/api/jobs", json={"kind": "demo.wait", "args": {"seconds": 1}}),
        202,
        202,
        202,
        401,
    ),
    "POST /api/upload": (
        lambda c, i: c.post("/api/upload?name=a.csv&kind=rows.count", content=CSV),
        202,
        202,
        202,
        401,
    ),
    "PUT /api/upload": (
        lambda c, i: c.put("/api/upload?name=a.csv&kind=rows.count", content=CSV),
        202,
        202,
        202,
        401,
    ),
    "GET /api/kinds": (lambda c, i: c.get("/api/kinds"), 200, 200, 200, 401),
    "GET /api/session": (lambda c, i: c.get("/api/session"), 200, 200, 200, 200),
    "POST /api/session": (lambda c, i: c.post("/api/session", json={"token": "wrong"}), 401, 401, 401, 401),
    "DELETE /api/session": (lambda c, i: c.delete("/api/session"), 204, 204, 204, 204),
    "GET /health": (lambda c, i: c.get("/health"), 200, 200, 200, 200),
    "GET /health/live": (lambda c, i: c.get("/health/live"), 200, 200, 200, 200),
    "GET /health/ready": (lambda c, i: c.get("/health/ready"), 200, 200, 200, 200),
    "GET /openapi.json": (lambda c, i: c.get("/openapi.json"), 200, 200, 200, 200),
    "GET /problems": (lambda c, i: c.get("/problems"), 200, 200, 200, 200),
    "GET /problems/{name}": (lambda c, i: c.get("/problems/sign-in"), 200, 200, 200, 200),
    "GET /": (lambda c, i: c.get("/"), 200, 200, 200, 200),
    "GET /static/{path:path}": (lambda c, i: c.get("/static/api.js"), 200, 200, 200, 200),
}


@pytest.mark.parametrize("route", MATRIX)
async def test_every_route_knows_its_callers(closed_site: Site, users: Users, route: str) -> None:
    ask, *expected = MATRIX[route]
    job = await closed_site.upload(users.alice)

    callers = (users.bob, users.nobody, users.olga, users.alice)  # those who may change something come last
    bob, nobody, olga, alice = [(await ask(caller, job["id"])).status_code for caller in callers]

    assert [alice, olga, bob, nobody] == expected


def test_every_route_is_in_the_matrix(site: Site) -> None:
    routes = {
        f"{method} {route.path}"
        for route in site.app.routes
        if isinstance(route, Route)
        for method in route.methods or ()
        if method != "HEAD"
    }

    assert routes == set(MATRIX)


async def test_a_foreign_job_looks_as_one_that_never_was(closed_site: Site, users: Users) -> None:
    job = await closed_site.upload(users.alice)

    foreign = await users.bob.get(f"/api/check-status/{job['id']}")
    unknown = await users.bob.get(f"/api/check-status/main.{'a' * 22}")

    assert foreign.status_code == unknown.status_code == 404
    assert foreign.content == unknown.content
    assert foreign.headers == unknown.headers


async def test_a_foreign_tag_opens_no_job(closed_site: Site, users: Users) -> None:
    job = await closed_site.wait_job(users.alice)
    await closed_site.worker.run(job["id"])
    path = f"/api/check-status/{job['id']}"
    own = (await users.alice.get(path)).headers["etag"]
    operators = (await users.olga.get(path)).headers["etag"]

    for tag in (own, operators, '"3"', '"3f"', "*"):
        assert (await users.bob.get(path, headers={"If-None-Match": tag})).status_code == 404
    assert (await users.alice.get(path, headers={"If-None-Match": own})).status_code == 304


async def test_nobody_changes_a_foreign_job(closed_site: Site, users: Users) -> None:
    job = await closed_site.upload(users.alice)
    files = closed_site.files()

    for client in (users.bob, users.nobody):
        await client.post(f"/api/jobs/{job['id']}/cancel")
        await client.delete(f"/api/jobs/{job['id']}")

    assert (await users.alice.get(f"/api/jobs/{job['id']}")).json()["state"] == "queued"
    assert closed_site.files() == files


async def test_lists_show_only_ones_own_and_an_operator_all(closed_site: Site, users: Users) -> None:
    of_alice = await closed_site.upload(users.alice)
    of_bob = await closed_site.wait_job(users.bob)

    async def ids(client: httpx.AsyncClient) -> set[str]:
        return {job["id"] for job in (await client.get("/api/jobs")).json()["items"]}

    assert await ids(users.alice) == {of_alice["id"]}
    assert await ids(users.bob) == {of_bob["id"]}
    assert await ids(users.olga) == {of_alice["id"], of_bob["id"]}


@pytest.mark.parametrize(
    "header", ["Bearer wrong", "Bearer ", "Bearer", "Basic YTpi", "bearer token-of-alicf", "", "Bearer ü"]
)
async def test_a_wrong_token_is_refused(closed_site: Site, header: str) -> None:
    response = await closed_site.client.get("/api/jobs", headers={"Authorization": header.encode()})

    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert response.json()["type"] in ("/problems/sign-in", "/problems/token-unknown")


class TestSession:
    async def test_a_browser_signs_in_and_out_with_a_token(self, closed_site: Site) -> None:
        client = closed_site.client
        before = (await client.get("/api/session")).json()

        answer = await client.post("/api/session", json={"token": "token-of-alice"})
        during = (await client.get("/api/session")).json()
        jobs = await client.get("/api/jobs")
        await client.delete("/api/session")
        after = await client.get("/api/jobs")

        assert before == {"owner": None, "role": None, "auth_required": True, "signed_in": False}
        assert during == {"owner": "alice", "role": "user", "auth_required": True, "signed_in": True}
        assert (answer.json(), jobs.status_code, after.status_code) == (during, 200, 401)
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "token-of-alice" not in cookie

    async def test_a_session_ends_when_its_token_is_taken_away(self, closed_site: Site) -> None:
        client, service = closed_site.client, closed_site.service
        await client.post("/api/session", json={"token": "token-of-alice"})

        others = service.settings.auth.tokens[1:]
        auth = msgspec.structs.replace(service.settings.auth, tokens=others)
        service.use(msgspec.structs.replace(service.settings, auth=auth))

        assert (await client.get("/api/jobs")).status_code == 401

    async def test_without_any_token_left_everything_stays_locked(
        self, closed_site: Site, users: Users
    ) -> None:
        job = await closed_site.upload(users.alice)
        await closed_site.client.post("/api/session", json={"token": "token-of-alice"})
        async with closed_site.browser() as newcomer:
            auth = config.Auth(required=True, tokens=())
            closed_site.service.use(msgspec.structs.replace(closed_site.service.settings, auth=auth))

            for client in (closed_site.client, users.alice, users.nobody, users.olga, newcomer):
                view = await client.get("/api/session") if client is newcomer else None
                for path in ("/api/jobs", "/api/kinds", f"/api/jobs/{job['id']}"):
                    assert (await client.get(path)).status_code == 401
                sign_in = await client.post("/api/session", json={"token": "token-of-alice"})
                assert sign_in.status_code == 401
        assert view is not None
        assert view.json()["auth_required"]
        assert "set-cookie" not in view.headers

    async def test_an_anonymous_browser_gets_a_name_that_stays(self, site: Site) -> None:
        async with site.browser() as browser:
            first = await browser.get("/api/session")
            second = await browser.get("/api/session")
            job = await site.upload(browser)
            signed_out = await browser.delete("/api/session")

            assert first.json() == second.json()
            assert first.json()["owner"] == job["owner"] != ""
            assert "set-cookie" not in second.headers
            assert "set-cookie" not in signed_out.headers

    @pytest.mark.parametrize("change", ["last", "first", "cut", "other"])
    async def test_a_changed_cookie_is_nobody(self, site: Site, change: str) -> None:
        await site.upload()
        cookie = site.client.cookies["queuecore"]
        changed = {
            "last": cookie[:-1] + ("A" if cookie[-1] != "A" else "B"),
            "first": ("A" if cookie[0] != "A" else "B") + cookie[1:],
            "cut": cookie[:-4],
            "other": "YW5vbi14",
        }[change]

        async with site.browser(cookie=f"queuecore={changed}") as forger:
            assert (await forger.get("/api/jobs")).json()["items"] == []

    async def test_an_anonymous_cookie_is_no_session(self, site: Site, closed_site: Site) -> None:
        cookie = site.client.cookies["queuecore"]

        async with closed_site.browser(cookie=f"queuecore={cookie}") as browser:
            assert (await browser.get("/api/jobs")).status_code == 401

    async def test_over_https_the_cookie_is_bound_to_the_host(self, site: Site) -> None:
        async with site.browser() as browser:
            response = await browser.get("https://localhost:8000/api/session")

        assert response.headers["set-cookie"].startswith("__Host-queuecore=")
        assert response.headers["set-cookie"].endswith("; Secure")

    @pytest.mark.parametrize("body", [b"", b"{}", b'{"token": 1}', b"x" * 10_000])
    async def test_a_bad_sign_in_is_refused(self, closed_site: Site, body: bytes) -> None:
        response = await closed_site.client.post("/api/session", content=body)

        assert response.status_code in (400, 413)


async def test_without_tokens_knowing_the_id_is_the_right(site: Site) -> None:
    job = await site.upload()
    await site.worker.run(job["id"], {"rows": 2})

    async with site.browser() as friend:
        assert (await friend.get(f"/api/check-status/{job['id']}")).status_code == 200
        assert (await friend.get("/api/jobs")).json()["items"] == []
        assert (await friend.delete(f"/api/jobs/{job['id']}")).status_code == 204

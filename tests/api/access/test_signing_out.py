"""Signing out ends the session, also for who has a copy of its cookie, and wherever it is shown."""

import asyncio
from pathlib import Path

import httpx
import pytest

import config
from queuecore import BrokerUnavailable, Registry
from tests.api.site import TOKENS, Site, run_app


async def sign_in(site: Site, name: str = "alice") -> str:
    """Sign in and return the cookie."""
    site.client.cookies.clear()
    answer = await site.client.post("/api/session", json={"token": TOKENS[name]})
    assert answer.status_code == 200, answer.text
    cookie: str = answer.headers["set-cookie"].partition(";")[0]
    site.client.cookies.clear()
    return cookie


async def asks(site: Site, cookie: str) -> int:
    answer: httpx.Response = await site.client.get("/api/jobs", headers={"Cookie": cookie})
    return answer.status_code


async def refused(site: Site, cookie: str) -> None:
    """Wait until a cookie is worth nothing."""
    async with asyncio.timeout(20):
        while await asks(site, cookie) != 401:  # noqa: ASYNC110 - the service sends no word
            await asyncio.sleep(0.05)


async def sign_out(site: Site, cookie: str) -> httpx.Response:
    answer: httpx.Response = await site.client.delete("/api/session", headers={"Cookie": cookie})
    return answer


async def test_a_copied_cookie_is_worth_nothing_after_the_sign_out(closed_site: Site) -> None:
    cookie, other = await sign_in(closed_site), await sign_in(closed_site)
    assert await asks(closed_site, cookie) == 200

    answer = await sign_out(closed_site, cookie)

    assert answer.status_code == 204
    assert await asks(closed_site, cookie) == 401
    assert await asks(closed_site, other) == 200


async def test_other_api_processes_learn_of_a_sign_out_within_seconds(
    closed_site: Site, settings_with_tokens: config.Settings, registry: Registry, tmp_path: Path
) -> None:
    cookie = await sign_in(closed_site)
    async with run_app(settings_with_tokens, registry) as second:
        assert await asks(second, cookie) == 200

        await sign_out(closed_site, cookie)

        await refused(second, cookie)
    async with run_app(settings_with_tokens, registry) as started_later:
        await refused(started_later, cookie)


async def test_a_sign_out_while_redis_is_away_holds_at_once_and_is_written_later(
    closed_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    cookie = await sign_in(closed_site)
    requests = closed_site.service.queue.broker.requests

    async def away(*_: object) -> None:
        raise BrokerUnavailable("away")

    with monkeypatch.context() as broken:
        broken.setattr(type(requests), "revoke", away)
        answer = await sign_out(closed_site, cookie)
        at_once = await asks(closed_site, cookie)
    assert (answer.status_code, at_once) == (204, 401)
    async with asyncio.timeout(20):
        while not await closed_site.service.queue.inspector.figures.revoked():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_who_signs_out_all_the_time_fills_no_memory(closed_site: Site) -> None:
    for _ in range(15):
        await sign_out(closed_site, await sign_in(closed_site))

    assert len(await closed_site.service.queue.inspector.figures.revoked()) <= 11

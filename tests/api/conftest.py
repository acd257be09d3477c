"""The application on a real Redis: for everybody, for people with tokens, and behind a socket."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

import config
from queuecore import Registry
from tests.api.site import TOKENS, Served, Site, Users, count_bytes, count_rows, run_app, serve, wait


@pytest.fixture
def registry() -> Registry:
    return Registry([count_rows, count_bytes, wait])


@pytest.fixture
def settings(tmp_path: Path, redis_url: str) -> config.Settings:
    return config.Settings(
        data_dir=tmp_path / "data",
        redis_url=redis_url,
        http=config.Http(max_upload_bytes=1 << 20, session_secret="s" * 32),
    )


@pytest.fixture
def settings_with_tokens(settings: config.Settings) -> config.Settings:
    tokens = tuple(
        config.Token(
            name=name,
            owner=name,
            sha256=config.hash_token(token),
            role="operator" if name == "olga" else "user",
        )
        for name, token in TOKENS.items()
    )
    return msgspec.structs.replace(settings, auth=config.Auth(required=True, tokens=tokens))


@pytest.fixture
async def site(settings: config.Settings, registry: Registry) -> AsyncIterator[Site]:
    """The application for everybody, and a browser."""
    async with run_app(settings, registry) as site:
        await site.client.get("/api/session")
        yield site


@pytest.fixture
async def closed_site(settings_with_tokens: config.Settings, registry: Registry) -> AsyncIterator[Site]:
    """The application for people with tokens; its own client has none."""
    async with run_app(settings_with_tokens, registry) as site:
        yield site


@pytest.fixture
async def users(closed_site: Site) -> AsyncIterator[Users]:
    """Alice and Bob, Olga the operator, and nobody."""
    async with AsyncExitStack() as stack:
        clients = {
            name: await stack.enter_async_context(closed_site.browser(authorization=f"Bearer {token}"))
            for name, token in TOKENS.items()
        }
        yield Users(**clients, nobody=closed_site.client)


@pytest.fixture
async def served(settings: config.Settings, registry: Registry) -> AsyncIterator[Served]:
    """The application behind uvicorn on a port of its own."""
    async with serve(settings, registry) as served:
        yield served

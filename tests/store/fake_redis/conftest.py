"""The last resort of `make run`: fakeredis behind a TCP port."""

import importlib.util
from collections.abc import Iterator

import pytest

from launch.fake_redis import FakeRedis


@pytest.fixture(scope="session")
def redis_server() -> Iterator[FakeRedis]:
    if importlib.util.find_spec("fakeredis") is None or importlib.util.find_spec("lupa") is None:
        pytest.skip("fakeredis with Lua is not installed")
    server = FakeRedis()
    server.spawn()
    server.wait_until_ready()
    yield server
    server.stop()

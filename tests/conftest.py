"""What all tests share: a real Redis for the session, a clean database for each test."""

import os
import re
from collections.abc import AsyncIterator, Iterator

import pytest
import redis
from hypothesis import settings

from launch.private_redis import PrivateRedis
from queuecore import Queue, Registry
from queuecore.store.keys import NAMES

# What decides whether a change lands must not depend on luck; elsewhere every run looks somewhere else.
# No example has a deadline: a busy machine is no fault.
settings.register_profile("queuecore", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("queuecore")

# Keys that must end by themselves; every other known key lives until its job, runner or queue is gone.
ENDING = ("IDEMPOTENCY", "ALIVE", "CALL", "COUNTED", "AMOUNT")
KEY = re.compile(r"(?P<prefix>\w+):\{[a-z][a-z0-9_]*\}:(?P<rest>.+)")


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateRedis]:
    """A persistent redis-server of this test session's own."""
    with PrivateRedis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: PrivateRedis) -> Iterator[str]:
    """The address of a Redis with nothing in it; fails the test when it leaves a key nobody answers for."""
    with redis.Redis.from_url(redis_server.url) as client:
        client.flushall()
        yield redis_server.url
        strays = [problem for key in client.scan_iter(count=1000) if (problem := _stray(client, key))]
    assert not strays, "keys that nobody answers for: " + "; ".join(strays)


@pytest.fixture
async def queue(redis_url: str) -> AsyncIterator[Queue]:
    """A queue without handlers."""
    async with Queue.connect(redis_url, registry=Registry(), patience=2.0) as queue:
        yield queue


def _stray(client: "redis.Redis", raw: bytes) -> str | None:
    key = raw.decode()
    match = KEY.fullmatch(key)
    if match is None:
        return f"{key} has no name of ours"
    rest = match["rest"]
    names = [
        name for name, word in NAMES.items() if rest == word or (word[-1] == ":" and rest.startswith(word))
    ]
    if not names:
        return f"{key} is not in keys.NAMES"
    if names[0] in ENDING and client.pttl(raw) == -1:
        return f"{key} has no time to live"
    return None

"""What the queue's tests share: a broker, and a plain client that sees everything."""

from collections.abc import AsyncIterator, Iterator

import pytest
import redis

from queuecore.store import Broker
from tests.store.scene import Scene


@pytest.fixture
def database(redis_url: str) -> Iterator["redis.Redis"]:
    """A plain client on the test's database, to seed and to look."""
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    broker = Broker.connect(redis_url, patience=2.0)
    yield broker
    await broker.close()


@pytest.fixture
async def scene(broker: Broker, database: "redis.Redis") -> Scene:
    """The queue `default` with one registered runner."""
    scene = Scene(broker, database)
    await scene.register("runner")
    return scene

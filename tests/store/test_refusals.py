"""A Redis that will not do it is told from one that is away: one sentence, and what to do."""

from collections.abc import Iterator

import pytest
import redis

from launch.private_redis import PrivateRedis
from queuecore import BrokerRefused, BrokerUnavailable
from queuecore.store import Figures
from queuecore.store.broker import Broker
from queuecore.store.client import Client
from queuecore.store.keys import TYPES
from tests.store.test_client import FakeServer


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateRedis]:
    """A Redis with a password."""
    with PrivateRedis(tmp_path_factory.mktemp("locked")) as server:
        with redis.Redis.from_url(server.url) as client:
            client.config_set("requirepass", "secret")
        yield server
        with redis.Redis.from_url(server.url, password="secret") as client:
            client.config_set("requirepass", "")


@pytest.mark.parametrize(
    ("address", "code", "told"),
    [
        ("unix://{path}", "NOAUTH", "Put user and password into its address"),
        ("unix://:wrong@{path}", "WRONGPASS", "Correct user and password in its address"),
        ("unix://:secret@{path}?db=99", "ERR", "Name a database that it has, such as /0"),
    ],
)
async def test_what_the_address_gets_wrong_is_said(
    locked: PrivateRedis, address: str, code: str, told: str
) -> None:
    client = Client(address.format(path=locked.socket_path), name="test", patience=2.0)

    with pytest.raises(BrokerRefused, match=told) as caught:
        await client.call("PING")

    assert caught.value.code == code
    assert "secret" not in str(caught.value)
    assert "wrong" not in str(caught.value).lower().replace("wrongpass", "")
    await client.close()


async def test_a_server_that_is_too_old_is_refused() -> None:
    async with FakeServer(version="5.0.14") as server:
        client = Client(server.url, name="test", patience=2.0)

        with pytest.raises(BrokerRefused, match=r"version is 5\.0\. Use Redis or Valkey from 6\.2 on"):
            await client.call("PING")
        await client.close()


async def test_a_server_of_something_else_is_unavailable_with_the_reason() -> None:
    async with FakeServer(greeting=b"HTTP/1.1 400 Bad Request\r\n\r\n") as server:
        client = Client(server.url, name="test", patience=0.1)

        with pytest.raises(BrokerUnavailable, match="not Redis' protocol"):
            await client.call("PING")
        await client.close()


async def test_a_node_of_a_cluster_is_told_as_such() -> None:
    async with FakeServer(b"-MOVED 866 127.0.0.1:7001\r\n") as server:
        client = Client(server.url, name="test", patience=2.0)

        with pytest.raises(BrokerRefused, match="a node of a Redis Cluster"):
            await client.call("GET", "x")
        await client.close()


@pytest.mark.parametrize("name", TYPES)
async def test_a_damaged_key_is_named(broker: Broker, database: "redis.Redis", name: str) -> None:
    keys = broker.keys("main")
    figures = Figures(broker.client, keys)
    assert await figures.damaged() == []

    database.set(keys.of(name), "garbage")

    assert await figures.damaged() == [f"{keys.of(name)} holds a string instead of a {TYPES[name]}"]


async def test_a_damaged_line_is_named(broker: Broker, database: "redis.Redis") -> None:
    keys = broker.keys("main")
    database.sadd(keys.of("OPEN"), "mail:async:low")
    database.hset(keys.of("LINE_OF", "mail:async:low"), "a", "b")

    damaged = await Figures(broker.client, keys).damaged()

    assert damaged == [f"{keys.of('LINE_OF', 'mail:async:low')} holds a hash instead of a list"]

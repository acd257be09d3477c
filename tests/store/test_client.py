"""The connection that comes back: what a caller sees of everything that can go wrong below."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from launch.private_redis import PrivateRedis
from queuecore.model import DEFAULT_LINE, BrokerRefused, BrokerUnavailable, Completed, State, Submitted
from queuecore.store import Broker, Entry
from queuecore.store.client import Client, reach
from tests.store import invariants
from tests.store.fault_proxy import Fault, FaultProxy
from tests.store.scene import SPACE, Scene, asks, claimed, id_of, name_of, spec, token_of
from tests.store.snapshot import snapshot

BASE = "qc:{main}:"


@pytest.fixture
async def proxy(redis_url: str, redis_server: PrivateRedis) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(redis_server.socket_path) as proxy:
        yield proxy


@pytest.fixture
async def client(proxy: FaultProxy) -> AsyncIterator[Client]:
    client = Client(proxy.url, name="test", patience=5.0, timeout=0.3)
    yield client
    await client.close()


class FakeServer:
    """Answers every command but the greeting with what the test gives it, in order, then with OK."""

    def __init__(self, *answers: bytes, greeting: bytes = b"+OK\r\n", version: str = "7.0.15") -> None:
        self.answers = list(answers)
        self.version = f"redis_version:{version}".encode()
        self.greeting = greeting
        self.connections = 0
        self.seen: list[bytes] = []

    async def __aenter__(self) -> "FakeServer":
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.url = f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while head := await reader.readline():
            words = []
            for _ in range(int(head[1:])):
                length = int((await reader.readline())[1:])
                words.append((await reader.readexactly(length + 2))[:-2])
            self.seen.append(words[0])
            match words[0]:
                case b"INFO":
                    writer.write(b"$%d\r\n%s\r\n" % (len(self.version), self.version))
                case b"CLIENT":
                    writer.write(self.greeting)
                case b"PING":
                    writer.write(b"+PONG\r\n")
                case _:
                    writer.write(self.answers.pop(0) if self.answers else b"+OK\r\n")
        writer.close()


async def test_a_call_waits_for_a_redis_that_is_away_for_a_moment(proxy: FaultProxy, client: Client) -> None:
    await client.call("PING")
    await proxy.refuse()
    call = asyncio.create_task(client.call("ECHO", "back"))
    await until(lambda: client._trouble != "", "the client has tried in vain")

    await proxy.listen()

    assert await call == b"back"


async def test_a_redis_that_stays_away_is_reported_when_patience_ends(proxy: FaultProxy) -> None:
    client = Client(proxy.url, name="test", patience=0.2)
    await proxy.refuse()
    begun = time.monotonic()

    with pytest.raises(BrokerUnavailable) as unavailable:
        await client.call("PING")

    assert 0.2 <= time.monotonic() - begun < 1.5
    assert unavailable.value.retry_after > 0
    await client.close()


async def test_patience_holds_for_each_of_many_callers_of_a_host_that_says_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def never(*_: Any, **__: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("queuecore.store.client.connect", never)
    client = Client("redis://127.0.0.1:1", name="test", patience=0.2)
    begun = time.monotonic()

    outcomes = await asyncio.gather(*(client.call("PING") for _ in range(50)), return_exceptions=True)

    assert all(isinstance(outcome, BrokerUnavailable) for outcome in outcomes)
    assert time.monotonic() - begun < 1.5
    await client.close()


async def test_many_callers_share_one_new_connection_and_keep_their_order(
    proxy: FaultProxy, client: Client
) -> None:
    await client.call("PING")
    proxy.stall()
    calls = [asyncio.create_task(client.call("RPUSH", "qc:{main}:recent", n)) for n in range(100)]
    await asyncio.sleep(0)
    connections = proxy.connections

    proxy.break_all()
    await asyncio.gather(*calls)

    pushed = [int(n) for n in await client.call("LRANGE", "qc:{main}:recent", 0, -1)]
    # Some may have been carried out before the break, and all were after it: in order each time.
    assert pushed[-100:] == list(range(100))
    assert pushed[:-100] == list(range(len(pushed) - 100))
    assert proxy.connections == connections + 1


async def test_a_cancelled_caller_does_not_end_the_connecting_of_others(
    proxy: FaultProxy, client: Client
) -> None:
    first, second = (asyncio.create_task(client.call("ECHO", n)) for n in (1, 2))
    await asyncio.sleep(0)

    first.cancel()

    assert await second == b"2"
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_black_hole_is_left_after_the_timeout(proxy: FaultProxy, client: Client) -> None:
    await client.call("PING")
    proxy.stall()

    assert await client.call("ECHO", "through") == b"through"


@pytest.mark.parametrize(
    "error",
    [b"-BUSY a\r\n", b"-LOADING b\r\n", b"-TRYAGAIN c\r\n", b"-MISCONF d\r\n", b"-NOREPLICAS e\r\n"],
)
async def test_an_error_that_passes_is_waited_for(error: bytes) -> None:
    async with FakeServer(error, error) as server:
        client = Client(server.url, name="test", patience=5.0)

        assert await client.call("GET", "x") in ("OK", b"OK")

        assert server.connections == 1
        await client.close()


@pytest.mark.parametrize("error", [b"-READONLY replica\r\n", b"-MASTERDOWN gone\r\n"])
async def test_a_server_that_is_no_master_any_more_is_left(error: bytes) -> None:
    async with FakeServer(error) as server:
        client = Client(server.url, name="test", patience=5.0)

        assert await client.call("GET", "x") in ("OK", b"OK")

        assert server.connections == 2
        await client.close()


async def test_an_error_that_stays_is_reported_when_patience_ends() -> None:
    async with FakeServer(*[b"-BUSY Redis is busy\r\n"] * 1000) as server:
        client = Client(server.url, name="test", patience=0.2)

        with pytest.raises(BrokerUnavailable, match="BUSY"):
            await client.call("GET", "x")

        assert len(server.seen) < 50
        await client.close()


async def test_a_server_full_of_clients_is_asked_again() -> None:
    async with FakeServer(greeting=b"-ERR max number of clients reached\r\n") as server:
        client = Client(server.url, name="test", patience=0.3)

        with pytest.raises(BrokerUnavailable, match="max number of clients"):
            await client.call("PING")

        assert server.connections > 1
        await client.close()


async def test_a_closed_client_stays_closed(proxy: FaultProxy, client: Client) -> None:
    await client.call("PING")
    connections = proxy.connections

    await client.close()

    with pytest.raises(BrokerUnavailable, match="closed"):
        await client.call("PING")
    assert proxy.connections == connections


async def test_closing_lets_go_of_callers_that_wait(proxy: FaultProxy) -> None:
    client = Client(proxy.url, name="test", patience=None)
    await proxy.refuse()
    call = asyncio.create_task(client.call("PING"))
    await until(lambda: client._trouble != "", "the client has tried in vain")

    await client.close()

    with pytest.raises(BrokerUnavailable):
        await asyncio.wait_for(call, 5)


async def test_scripts_are_loaded_again_after_they_were_flushed(scene: Scene) -> None:
    for name in "abc":
        scene.database.script_flush()
        await scene.enqueue(name)

    assert scene.line() == ["a", "b", "c"]


# Subscriptions.


async def test_messages_are_heard_in_order(proxy: FaultProxy, client: Client) -> None:
    messages: asyncio.Queue[bytes | None] = asyncio.Queue()

    async with subscribed(client, messages):
        await client.call("PUBLISH", "one", "a")
        await client.call("PUBLISH", "two", "b")
        await client.call("PUBLISH", "one", "c")

        assert [await messages.get(), await messages.get()] == [b"a", b"c"]


async def test_a_subscription_comes_back_and_says_that_there_was_a_gap(
    proxy: FaultProxy, client: Client
) -> None:
    messages: asyncio.Queue[bytes | None] = asyncio.Queue()

    async with subscribed(client, messages):
        proxy.break_all()

        assert await asyncio.wait_for(messages.get(), 5) is None
        await client.call("PUBLISH", "one", "again")
        assert await messages.get() == b"again"


async def test_a_subscription_that_does_not_succeed_is_reported(proxy: FaultProxy) -> None:
    client = Client(proxy.url, name="test", patience=0.1)
    await proxy.refuse()

    with pytest.raises(BrokerUnavailable):
        async with subscribed(client, asyncio.Queue()):
            pass


def test_an_address_that_is_none_is_an_error_at_once() -> None:
    with pytest.raises(ValueError, match="redis://"):
        Client("nonsense://x", name="test", patience=None)


def subscribed(client: Client, messages: "asyncio.Queue[bytes | None]") -> AbstractAsyncContextManager[None]:
    """The messages of the channel `one` go into the queue; None stands for a gap."""
    return client.subscribe("one", heard=messages.put_nowait, missed=lambda: messages.put_nowait(None))


# Every call of a scene, each fault once.

CALLS = 8


async def scene_of_faults(broker: Broker) -> None:
    """Two producers' calls, claims and outcomes, and a cancel: CALLS script calls when all goes well."""
    entries = [Entry(token_of(name), spec()) for name in "abcd"]
    answers = await broker.requests.enqueue(SPACE, DEFAULT_LINE, entries)
    assert [each.id for each in answers if isinstance(each, Submitted)] == [id_of(name) for name in "abcd"]
    await broker.requests.enqueue(SPACE, DEFAULT_LINE, [Entry(token_of("e"), spec())])
    assert await broker.requests.cancel(id_of("c")) is State.CANCELLED
    advance = await broker.claims.advance(SPACE, "runner", lane=0, outcomes=[], asks=asks(2))
    assert [name_of(claim.id) for claim in claimed(advance)] == ["a", "b"]
    while claimed(advance):
        outcomes = [Completed(claim.id, claim.attempt, b"\x01") for claim in claimed(advance)]
        advance = await broker.claims.advance(SPACE, "runner", lane=0, outcomes=outcomes, asks=asks(1))
        assert advance.fenced == []
    assert await broker.requests.cancel(id_of("c")) is State.CANCELLED


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("call", range(CALLS))
async def test_no_single_fault_loses_or_doubles_a_job(
    scene: Scene, proxy: FaultProxy, fault: Fault, call: int
) -> None:
    broker = Broker(Client(proxy.url, name="test", patience=10.0, timeout=0.1))
    await broker.client.call("PING")
    proxy.reset({call: fault})

    await scene_of_faults(broker)

    assert not proxy.faults
    assert proxy.calls > CALLS or fault is Fault.FLUSH_SCRIPTS
    after = snapshot(scene.database)
    invariants.check(after)
    assert [name_of(token) for token in after["completed"]] == list("abde")
    assert after["statistics"] == {"enqueued": 5, "completed": 4, "cancelled": 1}
    assert all(job.get("ATTEMPT", 0) <= 1 for job in invariants.jobs_of(after).values())
    await broker.close()


async def test_the_scene_of_faults_makes_as_many_calls_as_are_spoilt(scene: Scene, proxy: FaultProxy) -> None:
    broker = Broker(Client(proxy.url, name="test", patience=10.0))
    scene.database.script_flush()
    await broker.claims.advance(SPACE, "runner", lane=1, outcomes=[], asks=asks(0))
    await broker.requests.enqueue(SPACE, DEFAULT_LINE, [])
    await broker.client.run("cancel", BASE, token_of("none"))
    proxy.reset()

    await scene_of_faults(broker)

    assert proxy.calls == CALLS
    await broker.close()


async def until(condition: Any, what: str, *, deadline: float = 5.0) -> None:
    end = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < end, f"not within {deadline:g} s: {what}"
        await asyncio.sleep(0.005)


async def test_one_look_tells_whether_redis_can_be_worked_with(redis_url: str, tmp_path: Path) -> None:
    async with FakeServer(b"-LOADING Redis is loading the dataset in memory\r\n") as loading:
        assert await reach(f"{loading.url}/1") == "LOADING Redis is loading the dataset in memory"
    async with FakeServer(b"-NOAUTH Authentication required.\r\n") as closed:
        with pytest.raises(BrokerRefused, match="NOAUTH"):
            await reach(f"{closed.url}/1")

    assert await reach(redis_url) == ""
    assert "No such file" in await reach(f"unix://{tmp_path}/no.sock")

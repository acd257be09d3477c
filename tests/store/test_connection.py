"""One connection: writes together, answers in order, and what happens when it breaks."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from launch.private_redis import PrivateRedis
from queuecore.store.connection import CommandRefused, Connection, ConnectionLost, connect
from tests.store.fault_proxy import FaultProxy


@pytest.fixture
async def connection(redis_url: str) -> AsyncIterator[Connection]:
    connection = await connect(redis_url, name="test")
    yield connection
    connection.close()


@pytest.fixture
def writes(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What the connection has written so far."""
    written: list[bytes] = []
    transport = connection._transport
    assert transport is not None

    class Transport:
        def write(self, data: bytes) -> None:
            written.append(data)
            transport.write(data)

        def abort(self) -> None:
            transport.abort()

    monkeypatch.setattr(connection, "_transport", Transport())
    return written


async def test_a_call_on_an_idle_connection_leaves_at_once(
    connection: Connection, writes: list[bytes]
) -> None:
    for n in range(3):
        call = connection.call("ECHO", n)
        assert len(writes) == n + 1
        await call


async def test_calls_of_one_turn_leave_together_behind_the_first(
    connection: Connection, writes: list[bytes]
) -> None:
    replies = await asyncio.gather(*(connection.call("ECHO", n) for n in range(100)))

    assert replies == [str(n).encode() for n in range(100)]
    assert [written.count(b"ECHO") for written in writes] == [1, 99]


async def test_answers_come_in_the_order_of_the_calls(connection: Connection) -> None:
    async def echo(n: int) -> bytes:
        for _ in range(n % 3):
            await asyncio.sleep(0)
        reply: bytes = await connection.call("ECHO", n)
        return reply

    replies = await asyncio.gather(*(echo(n) for n in range(200)))

    assert replies == [str(n).encode() for n in range(200)]


async def test_a_cancelled_caller_takes_no_answer_from_others(connection: Connection) -> None:
    calls = [asyncio.ensure_future(connection.call("ECHO", n)) for n in range(100)]
    await asyncio.sleep(0)
    for call in calls[::2]:
        call.cancel()

    replies = await asyncio.gather(*calls[1::2])

    assert replies == [str(n).encode() for n in range(1, 100, 2)]
    assert await connection.call("ECHO", "after") == b"after"


async def test_an_error_reply_is_raised_and_the_connection_goes_on(connection: Connection) -> None:
    refused, fine = connection.call("NO-SUCH-COMMAND"), connection.call("PING")

    with pytest.raises(CommandRefused, match="unknown command"):
        await refused
    assert await fine == "PONG" or await fine == b"PONG"


async def test_large_and_binary_values_pass(connection: Connection) -> None:
    value = bytes(range(256)) * 20_000

    assert await connection.call("ECHO", value) == value


async def test_calls_without_answer_end_when_the_connection_breaks(redis_server: PrivateRedis) -> None:
    async with FaultProxy(redis_server.socket_path) as proxy:
        connection = await connect(proxy.url)
        proxy.stall()
        calls = [connection.call("PING") for _ in range(3)]
        await asyncio.sleep(0)

        proxy.break_all()

        for outcome in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(outcome, ConnectionLost)
        with pytest.raises(ConnectionLost):
            await connection.call("PING")
        assert connection.closed.done()


async def test_an_unanswered_call_ends_after_its_timeout_and_not_before(redis_server: PrivateRedis) -> None:
    async with FaultProxy(redis_server.socket_path) as proxy:
        connection = await connect(proxy.url, timeout=0.2)
        await connection.call("PING")
        proxy.stall()
        begun = time.monotonic()

        with pytest.raises(ConnectionLost, match=r"no answer within 0\.2 s"):
            await connection.call("PING")

        assert 0.2 <= time.monotonic() - begun < 2.0


async def test_many_answered_calls_are_no_timeout(redis_url: str) -> None:
    connection = await connect(redis_url, timeout=0.04)
    end = time.monotonic() + 0.2

    while time.monotonic() < end:
        await asyncio.gather(*(connection.call("PING") for _ in range(10)))

    assert not connection.closed.done()
    connection.close()


async def test_closing_ends_all_calls(connection: Connection) -> None:
    call = connection.call("PING")

    connection.close()

    with pytest.raises(ConnectionLost):
        await call


async def test_what_is_no_redis_is_refused() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    with pytest.raises(ConnectionLost, match="not Redis' protocol"):
        await connect(f"redis://127.0.0.1:{port}", name="test")

    server.close()


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1", "unix:///nowhere/redis.sock"])
async def test_an_address_where_nothing_answers_is_a_lost_connection(url: str) -> None:
    with pytest.raises(ConnectionLost):
        await connect(url)


async def test_password_and_database_of_the_address_are_used(redis_url: str) -> None:
    admin = await connect(redis_url)
    await admin.call("ACL", "SETUSER", "someone", "on", ">secret", "+@all", "~*", "&*")
    separator = "&" if "?" in redis_url else "?"

    with pytest.raises(CommandRefused, match="WRONGPASS"):
        await connect(f"{redis_url}{separator}username=someone&password=wrong", name="test")
    connection = await connect(f"{redis_url}{separator}username=someone&password=secret&db=3", name="me")

    assert b" db=3 " in await connection.call("CLIENT", "INFO")
    assert b" user=someone " in await connection.call("CLIENT", "INFO")
    assert b" name=me " in await connection.call("CLIENT", "INFO")
    await admin.call("ACL", "DELUSER", "someone")
    admin.close()
    connection.close()


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("OOM command not allowed when used memory > 'maxmemory'.", "OOM"),
        ("NOSCRIPT No matching script. Please use EVAL.", "NOSCRIPT"),
        ("ERR max number of clients reached", "MAXCLIENTS"),
        (
            "ERR Error running script (call to f_6b1bf486c81ceb7edf3c093f4c48582e38c0e791): @user_script:6: "
            "@user_script: 6: -OOM command not allowed when used memory > 'maxmemory'. ",
            "OOM",
        ),
        ("ERR Error running script (call to f_6b): @user_script:6: attempt to index a nil value", "ERR"),
    ],
)
def test_an_errors_code_is_found(message: str, code: str) -> None:
    assert CommandRefused(message).code == code

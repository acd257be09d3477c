"""What a connection may leave undone, and for how long."""

import asyncio
import http.client
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import msgspec
import pytest

import config
from api.http import client_at, protocol
from storage import Artifact
from tests.api.process import Process
from tests.api.site import Counted, Served, until

LIVE = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
REFUSED = "/api/upload?name=data.csv&kind=rows.count&most=0"


def open_connections(served: Served) -> int:
    return len(served.server.server_state.connections)


async def closed(reader: asyncio.StreamReader) -> bytes:
    """Wait until the server closes; returns what came before."""
    return await asyncio.wait_for(reader.read(), 5)


async def test_blank_lines_do_not_keep_a_connection(served: Served) -> None:
    served.server.config.timeout_keep_alive = 1
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(LIVE)
    assert await reader.readuntil(b'{"status":"pass"}')

    for blank in (b"\r\n", b"\r", b"\n\r\n"):
        writer.write(blank)

    assert await closed(reader) == b""
    writer.close()


async def test_a_request_after_blank_lines_is_answered(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    for _ in range(2):
        writer.write(LIVE + b"\r\n")
        assert await reader.readuntil(b'{"status":"pass"}')
    writer.close()


async def test_a_client_that_sent_its_body_in_vain_is_as_idle_as_others(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "LINGER_SECONDS", 0.3)
    served.server.config.timeout_keep_alive = 1
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(f"PUT {REFUSED} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc".encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 422")

    writer.write(b"\r\n\r\n\r\n\r")
    begun = time.monotonic()

    assert (await closed(reader)).endswith(b"}")
    assert time.monotonic() - begun > 0.8
    writer.close()


def send_and_be_refused(port: int, version: int) -> tuple[int, bytes]:
    """Send a large body that is refused early, as `http.client` does: all of it, then read."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection._http_vsn = version  # type: ignore[attr-defined]
    connection._http_vsn_str = f"HTTP/{version / 10}"  # type: ignore[attr-defined]
    try:
        connection.request("PUT", REFUSED, b"x" * 900_000, {"Host": "localhost", "Connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("version", [10, 11])
async def test_a_refusal_is_read_though_it_comes_early_and_is_the_last(served: Served, version: int) -> None:
    for _ in range(10):
        status, body = await asyncio.to_thread(send_and_be_refused, served.port, version)

        assert status == 422
        assert body.endswith(b"}")
    await until("no connection is left", lambda: open_connections(served) == 0)


async def test_what_is_no_http_is_answered_too_before_it_ends(served: Served) -> None:
    for _ in range(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(b"GET / HTTP/1.1\r\nHost : a\r\n\r\n" + b"x" * 900_000)

        assert (await closed(reader)).startswith(b"HTTP/1.1 400")
        writer.close()
    await until("no connection is left", lambda: open_connections(served) == 0)


@contextmanager
def deaf_client(served: Served, *requests: bytes) -> Iterator[socket.socket]:
    """A client that sends requests and reads nothing."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 10)
        client.connect(("127.0.0.1", served.port))
        client.sendall(b"".join(requests))
        yield client


async def completed_with_a_file(served: Served, size: int) -> str:
    """Make a job that has completed with a file; returns where it can be had."""
    site = served.site
    job = await site.upload()
    files = site.service.storage.attempt(job["id"], 1)
    (files.scratch / "out.csv").write_bytes(b"x" * size)
    artifact: Artifact = files.publish("out.csv")
    await site.worker.run(job["id"], Counted(rows=1, artifacts=(artifact,)))
    return f"/api/jobs/{job['id']}/result"


async def test_a_download_that_is_not_read_is_ended(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "UNREAD_SECONDS", 0.3)
    address = await completed_with_a_file(served, 20 << 20)

    with deaf_client(served, f"GET {address} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()):
        await until("the download runs", lambda: len(served.server.server_state.tasks) == 1)
        await until("the download has ended", lambda: not served.server.server_state.tasks)
        await until("no connection is left", lambda: open_connections(served) == 0)


async def test_a_download_that_is_read_slowly_arrives_whole(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "UNREAD_SECONDS", 0.05)
    address = await completed_with_a_file(served, 4 << 20)

    with deaf_client(
        served, f"GET {address} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    ) as client:
        received = 0
        while piece := await asyncio.to_thread(client.recv, 64 << 10):
            received += len(piece)
            await asyncio.sleep(0.005)

    assert received > 4 << 20


async def test_answers_that_are_not_read_do_not_keep_a_connection(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "UNREAD_SECONDS", 0.3)
    served.server.config.timeout_keep_alive = 0
    request = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"

    with deaf_client(served, *[request] * 500):
        await until("they are answered", lambda: served.server.server_state.total_requests > 20)
        await until("no connection is left", lambda: open_connections(served) == 0)


def connect(served: Served, address: str) -> http.client.HTTPConnection:
    """A client at one of this machine's addresses."""
    return http.client.HTTPConnection("127.0.0.1", served.port, timeout=5, source_address=(address, 0))


@asynccontextmanager
async def uploads(served: Served, *addresses: str, **headers: str) -> AsyncIterator[None]:
    """Connections that are at work: their uploads go on."""
    connections = [connect(served, address) for address in addresses]
    for connection in connections:
        connection.putrequest("PUT", "/api/upload?name=data.csv&kind=rows.count")
        for name, value in {"Content-Length": "1000", **headers}.items():
            connection.putheader(name, value)
        connection.endheaders(b"a")
    await until("all are at work", lambda: len(served.server.server_state.tasks) == len(addresses))
    yield
    for connection in connections:
        connection.close()


async def ask(connection: http.client.HTTPConnection, **headers: str) -> tuple[int, str]:
    """Ask whether the service lives: the status, and the problem, if any."""

    def exchange() -> tuple[int, str]:
        connection.request("GET", "/health/live", headers={"Host": "localhost", **headers})
        answer = connection.getresponse()
        return answer.status, msgspec.json.decode(answer.read()).get("type", "")

    return await asyncio.to_thread(exchange)


BUSY = (503, "/problems/too-many-connections")


class TestBounds:
    """There are only so many connections, of one client and in all."""

    @pytest.fixture
    def settings(self, settings: config.Settings) -> config.Settings:
        bounds = msgspec.structs.replace(
            settings.http, max_connections=6, max_connections_per_client=3, trusted_proxies=("127.0.0.9",)
        )
        return msgspec.structs.replace(settings, http=bounds)

    async def test_a_client_with_too_many_at_work_is_refused_and_no_other(
        self, served: Served, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with uploads(served, *["127.0.0.2"] * 3):
            answers = [await ask(connect(served, "127.0.0.2")) for _ in range(5)]
            other = await ask(connect(served, "127.0.0.3"))

        assert (answers, other) == ([BUSY] * 5, (200, ""))
        said = [record for record in caplog.records if record.message == "connections.refused"]
        assert [record.queuecore_fields["client"] for record in said] == ["127.0.0.2"]  # type: ignore[attr-defined]

    async def test_a_connection_that_waits_makes_room_for_one_of_the_same_client(
        self, served: Served
    ) -> None:
        other = connect(served, "127.0.0.3")
        opened = [connect(served, "127.0.0.2") for _ in range(9)]

        answers = [await ask(connection) for connection in [other, *opened, other]]

        assert answers == [(200, "")] * 11
        await until("there are as many as allowed", lambda: open_connections(served) <= 4)

    async def test_connections_without_a_request_make_room_in_all(self, served: Served) -> None:
        silent = [connect(served, f"127.0.0.{number}") for number in range(2, 9)]
        for connection in silent:
            await asyncio.to_thread(connection.connect)

        assert await ask(connect(served, "127.0.0.20")) == (200, "")
        await until("there are as many as allowed", lambda: open_connections(served) <= 6)

    async def test_a_new_one_is_refused_while_all_are_at_work(self, served: Served) -> None:
        async with uploads(served, *(f"127.0.0.{number}" for number in range(2, 8))):
            assert await ask(connect(served, "127.0.0.20")) == BUSY

    async def test_behind_a_proxy_the_requests_of_each_client_are_counted(self, served: Served) -> None:
        async with uploads(served, *["127.0.0.9"] * 3, **{"X-Forwarded-For": "6.6.6.6, 192.0.2.1"}):
            answers = [
                await ask(connect(served, "127.0.0.9"), **{"X-Forwarded-For": client})
                for client in ("7.7.7.7, 192.0.2.1", "192.0.2.2")
            ]

        assert answers == [BUSY, (200, "")]

    async def test_what_others_say_of_their_address_is_not_believed(self, served: Served) -> None:
        async with uploads(served, *["127.0.0.2"] * 3):
            assert await ask(connect(served, "127.0.0.2"), **{"X-Forwarded-For": "192.0.2.7"}) == BUSY


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("testclient", "testclient"),
        ("x" * 1000, "x" * 45),
    ],
)
def test_addresses_of_one_client_are_one(address: str, client: str) -> None:
    assert client_at(address) == client


def test_fewer_open_files_make_fewer_connections(tmp_path: Path, redis_url: str) -> None:
    running = Process(tmp_path, redis_url, open_files=150)
    try:
        line = running.wait_for("connections.bounded")
        address = running.wait_for_address().removeprefix("http://")
        host, _, port = address.rpartition(":")
        silent = [socket.create_connection((host, int(port))) for _ in range(300)]

        answer = httpx.get(f"http://{address}/health/live")

        assert "most=19 " in line
        assert "ulimit" in line
        assert answer.status_code == 200
        for connection in silent:
            connection.close()
    finally:
        running.stop()

"""What a connection may leave undone, and for how long."""

import asyncio
import http.client
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from api.http import protocol
from storage import Artifact
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

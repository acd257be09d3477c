"""The server on a real socket: limits of uvicorn's that are ours, and its end."""

import asyncio
import hashlib
import json
import logging
import os
import signal
import time
from pathlib import Path

import httpx
import msgspec
import pytest

import config
from api.http import protocol
from launch.private_redis import PrivateRedis
from queuecore import Registry
from tests.api.process import Process
from tests.api.site import CSV, Served, serve, until

RAW = "/api/upload?name=data.csv&kind=rows.count"


async def exchange(served: Served, request: bytes, *, timeout: float = 5.0) -> bytes:
    """Send bytes as they are and return all that comes back until the server closes."""
    async with asyncio.timeout(timeout):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(request)
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()


async def test_an_upload_of_many_batches_arrives_whole(settings: config.Settings, registry: Registry) -> None:
    http = msgspec.structs.replace(settings.http, max_upload_bytes=64 << 20)
    content = os.urandom(20 << 20)
    async with serve(msgspec.structs.replace(settings, http=http), registry) as served:
        async with httpx.AsyncClient(timeout=30) as client:
            bare = await client.put(served.address(RAW), content=content)
            form = await client.post(
                served.address("/api/upload"),
                files={"file": ("data.csv", content)},
                data={"kind": "rows.count"},
            )

        digest = hashlib.sha256(content).hexdigest()
        assert [answer.json()["file"]["sha256"] for answer in (bare, form)] == [digest, digest]


async def test_a_refused_upload_can_still_read_why(served: Served) -> None:
    async with httpx.AsyncClient(timeout=30) as client:
        response = await client.post(served.address(RAW), content=b"x" * (8 << 20))
        again = await client.get(served.address("/health/live"))

    assert (response.status_code, response.json()["type"]) == (413, "/problems/file-too-large")
    assert again.status_code == 200


async def test_a_client_that_asks_first_is_refused_before_it_sends(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    head = f"PUT {RAW}&most=0 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
    writer.write(head.encode() + b"Expect: 100-continue\r\n\r\n")

    line = await asyncio.wait_for(reader.readline(), 5)

    assert line.startswith(b"HTTP/1.1 422")
    writer.close()


async def test_headers_that_never_end_are_left(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEADER_SECONDS", 0.2)

    for beginning in (b"", b"GET /health/live HTTP/1.1\r\nHost: local"):
        begun = time.monotonic()
        assert await exchange(served, beginning) == b""
        assert time.monotonic() - begun < 2.0


@pytest.mark.parametrize("size", [70_000, 300_000, 5_000_000])
async def test_headers_that_are_too_large_are_refused(served: Served, size: int) -> None:
    for name in (b"X-Long: ", b"Cookie: "):
        request = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n" + name + b"a" * size + b"\r\n\r\n"
        answer = await exchange(served, request)
        assert answer.startswith(b"HTTP/1.1 431")


async def test_what_is_no_request_is_answered_with_a_problem_and_said_once_with_its_sender(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    long_header = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"a" * 70_000 + b"\r\n\r\n"

    answers = [await exchange(served, b"\x16\x03\x01 no HTTP\r\n\r\n") for _ in range(20)]
    answers.append(await exchange(served, long_header))

    documents = [json.loads(answer.partition(b"\r\n\r\n")[2]) for answer in answers]
    assert {document["type"] for document in documents[:20]} == {"/problems/not-http"}
    assert (documents[20]["type"], documents[20]["status"]) == ("/problems/headers-too-large", 431)
    assert all(b"application/problem+json" in answer for answer in answers)
    lines = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [line.getMessage() for line in lines] == ["requests.unreadable"]
    assert lines[0].__dict__["queuecore_fields"]["client"] == "127.0.0.1"


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
async def test_a_probe_that_names_no_host_learns_the_health(served: Served, path: str) -> None:
    for head in (f"GET {path} HTTP/1.0", f"GET {path} HTTP/1.1\r\nConnection: close"):
        assert (await exchange(served, f"{head}\r\n\r\n".encode())).startswith(b"HTTP/1.1 200")

    answer = await exchange(served, b"GET /api/kinds HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 421")


async def test_an_address_that_is_too_long_is_refused(served: Served) -> None:
    answer = await exchange(served, b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 431")


async def test_large_headers_that_are_still_allowed_pass(served: Served) -> None:
    request = (
        b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX: "
        + b"a" * 30_000
        + b"\r\n\r\n"
    )

    assert (await exchange(served, request)).startswith(b"HTTP/1.1 200")


async def test_a_client_that_sends_on_after_its_refusal_is_left(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "LINGER_SECONDS", 0.3)
    begun = time.monotonic()

    answer = await exchange(
        served, f"PUT {RAW}&most=0 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc".encode()
    )

    assert answer.startswith(b"HTTP/1.1 422")
    assert 0.2 < time.monotonic() - begun < 3.0


@pytest.mark.parametrize(
    "request_text",
    [
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET",
        "POST /api/jobs HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        "POST /api/jobs HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc",
        "POST /api/jobs HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "POST /api/jobs HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nabcde",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET /\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
async def test_requests_that_two_servers_read_differently_are_refused(
    served: Served, request_text: str
) -> None:
    answer = await exchange(served, request_text.encode("latin-1"))

    assert answer.startswith(b"HTTP/1.1 4")
    assert answer.count(b"HTTP/1.1 ") == 1


async def test_an_answer_leaves_in_one_piece(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")

    piece = await asyncio.wait_for(reader.read(65_536), 5)

    assert piece.startswith(b"HTTP/1.1 200")
    assert piece.endswith(b'{"status":"pass"}')
    writer.close()


async def test_answers_to_requests_that_came_together_keep_their_order(served: Served) -> None:
    head = b"HEAD /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    get = b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    answer = await exchange(served, head + head + get)

    assert [line[9:12] for line in answer.split(b"\r\n") if line.startswith(b"HTTP/")] == [
        b"200",
        b"200",
        b"404",
    ]
    assert answer.endswith(b"}")


async def test_a_body_that_comes_compressed_is_refused(served: Served) -> None:
    head = f"PUT {RAW} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n".encode()

    answer = await exchange(served, head + b"Transfer-Encoding: gzip, chunked\r\n\r\n4\r\na,b\n\r\n0\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 415")
    assert (served.site.files(), await served.site.jobs()) == ([], 0)


class Wire(asyncio.Transport):
    """Where bytes go; keeps each write."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        self.writes.append(b"closed")


class TestHeadWithBody:
    async def test_a_head_waits_for_its_body(self) -> None:
        wire = Wire()
        answer = protocol.HeadWithBody(wire, asyncio.get_running_loop(), end=wire.close)

        answer.write(b"head ")
        answer.write(b"body ")
        answer.write(b"more")
        await asyncio.sleep(0)

        assert wire.writes == [b"head body ", b"more"]

    async def test_a_head_without_a_body_leaves_in_the_same_turn(self) -> None:
        wire = Wire()
        answer = protocol.HeadWithBody(wire, asyncio.get_running_loop(), end=wire.close)

        answer.write(b"head")
        await asyncio.sleep(0)
        answer.write(b"body")

        assert wire.writes == [b"head", b"body"]

    async def test_a_head_leaves_before_the_end(self) -> None:
        wire = Wire()
        answer = protocol.HeadWithBody(wire, asyncio.get_running_loop(), end=wire.close)

        answer.write(b"head")
        answer.close()
        await asyncio.sleep(0)

        assert wire.writes == [b"head", b"closed"]


async def test_slow_clients_do_not_disturb_others(served: Served) -> None:
    slow = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(200)]
    for _, writer in slow:
        writer.write(f"PUT {RAW} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\na".encode())
    await until("all are being served", lambda: len(served.server.server_state.tasks) == 200)

    async with httpx.AsyncClient() as client:
        begun = time.monotonic()
        for _ in range(20):
            assert (await client.get(served.address("/health/live"))).status_code == 200
        assert (time.monotonic() - begun) / 20 < 0.2
    for _, writer in slow:
        writer.close()
    await until("nothing is left", lambda: served.site.files() == [])


def test_the_command_serves_and_ends_with_0_at_sigterm(tmp_path: Path, redis_url: str) -> None:
    running = Process(tmp_path, redis_url)
    try:
        address = running.wait_for_address()
        assert httpx.get(f"{address}/health/ready").status_code == 200
        job = httpx.post(f"{address}/api/jobs", json={"kind": "demo.sleep", "args": {}})
        assert job.status_code == 202, job.text

        running.process.send_signal(signal.SIGTERM)

        assert running.process.wait(10) == 0
    finally:
        running.stop()


def test_the_command_without_a_redis_says_what_to_do(tmp_path: Path) -> None:
    running = Process(tmp_path, "")
    _, errors = running.process.communicate(timeout=20)

    assert running.process.returncode == 2
    assert "REDIS_URL" in errors


def test_the_command_lists_all_mistakes_of_the_configuration(tmp_path: Path) -> None:
    running = Process(tmp_path, "nonsense")
    _, errors = running.process.communicate(timeout=20)

    assert running.process.returncode == 2
    assert "REDIS_URL" in errors


async def test_a_redis_that_goes_and_comes_back_is_503_meanwhile(
    settings: config.Settings, registry: Registry, tmp_path: Path
) -> None:
    directory = tmp_path / "r"
    directory.mkdir()
    with PrivateRedis(directory) as redis:
        async with serve(msgspec.structs.replace(settings, redis_url=redis.url), registry) as served:
            async with httpx.AsyncClient(timeout=20) as client:
                job = (await client.put(served.address(RAW), content=CSV)).json()
                os.kill(redis.pid, signal.SIGKILL)
                away = [
                    await client.get(served.address(f"/api/check-status/{job['id']}")),
                    await client.put(served.address(RAW), content=CSV),
                    await client.get(served.address("/health")),
                ]
                live = await client.get(served.address("/health/live"))
                files = served.site.files()
                await asyncio.to_thread(redis.start)
                again = await client.get(served.address(f"/api/check-status/{job['id']}"))

            assert [answer.status_code for answer in away] == [503, 503, 503]
            assert all(int(answer.headers["retry-after"]) >= 1 for answer in away)
            assert live.status_code == 200
            assert (again.status_code, again.json()["state"]) == (200, "queued")
            assert len(files) == 2  # the upload that was refused left nothing


async def test_a_reload_without_the_last_token_locks_the_service(
    settings_with_tokens: config.Settings, registry: Registry, tmp_path: Path
) -> None:
    table = '[[auth.tokens]]\nname = "bob"\nowner = "bob"\nsha256 = "' + "0" * 64 + '"\n'
    files = ["[auth]\nrequired = true\n" + table, "[auth]\nrequired = true\n", ""]
    path = tmp_path / "queuecore.toml"
    done: list[config.Reloaded] = []

    def reload(old: config.Settings) -> config.Reloaded:
        done.append(config.reload(old, path, environ={}))
        return done[-1]

    async with serve(settings_with_tokens, registry) as served:
        served.server._reload = reload
        async with httpx.AsyncClient(headers={"Authorization": "Bearer token-of-alice"}) as alice:
            job = (await alice.put(served.address(RAW), content=CSV)).json()
            for count, text in enumerate(files, start=1):
                path.write_text(text)
                os.kill(os.getpid(), signal.SIGHUP)
                await until("it is read", lambda count=count: len(done) == count)
                for headers in ({}, {"Authorization": ""}):
                    for address in ("/api/jobs", f"/api/check-status/{job['id']}"):
                        answer = await alice.get(served.address(address), headers=headers)
                        assert answer.status_code == 401


async def test_a_reload_takes_new_tokens_and_refuses_mistakes(
    settings: config.Settings, settings_with_tokens: config.Settings, registry: Registry
) -> None:
    answers: list[config.Reloaded | config.ConfigError] = [
        config.Reloaded(settings_with_tokens, ("auth.tokens",), ()),
        config.ConfigError([config.Mistake("http.port", "the file", "must be a number")]),
    ]

    def reload(old: config.Settings) -> config.Reloaded:
        answer = answers.pop(0)
        if isinstance(answer, config.ConfigError):
            raise answer
        return answer

    async with serve(settings, registry) as served:
        served.server._reload = reload
        async with httpx.AsyncClient() as client:
            before = await client.get(served.address("/api/jobs"))
            os.kill(os.getpid(), signal.SIGHUP)
            await until("the first reload", lambda: len(answers) == 1)
            after = await client.get(served.address("/api/jobs"))
            os.kill(os.getpid(), signal.SIGHUP)
            await until("the second reload", lambda: not answers)
            still = await client.get(served.address("/api/jobs"))

    assert [before.status_code, after.status_code, still.status_code] == [200, 401, 401]

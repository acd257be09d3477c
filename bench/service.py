"""The HTTP service: how many status questions a second it answers, and how fast a large file comes in."""

import contextlib
import hashlib
import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import uvloop

from bench.measures import Values
from bench.processes import SystemBroken, wait_until
from bench.server import BenchRedis, free_port
from queuecore.model import Ask, Completed, RunnerInfo, split_job_id
from queuecore.store import Broker

SECONDS: Final = 3  # of wrk, a route
CONNECTIONS: Final = 32
UPLOAD_BYTES: Final = 1 << 30
BLOCK: Final = 1 << 20
STATUS: Final = "/api/check-status/"


def status(redis: BenchRedis, directory: Path, *, seconds: int = SECONDS) -> Values:
    """Requests a second, by wrk: a bare route, the status of an ended job in full, and as a 304."""
    if shutil.which("wrk") is None:
        raise SystemBroken("wrk is not installed, so the service was not measured")
    redis.empty()
    with serve_api(redis, directory) as api, _serve_bare(redis) as bare:
        job_id = _post_job(api)
        uvloop.run(_complete(redis.url, job_id))
        answer = _get(api, STATUS + job_id)
        assert json.loads(answer.read())["state"] == "completed"
        tag = answer.headers["ETag"]
        assert _get(api, STATUS + job_id, {"If-None-Match": tag}).status == 304
        address = f"http://127.0.0.1:{api}{STATUS}{job_id}"
        return {
            "bare_per_s": _wrk(f"http://127.0.0.1:{bare}/bare/{job_id}", seconds),
            "status_200_per_s": _wrk(address, seconds),
            "status_304_per_s": _wrk(address, seconds, "-H", f"If-None-Match: {tag}", not_modified=True),
        }


def upload(redis: BenchRedis, directory: Path, *, size: int = UPLOAD_BYTES) -> Values:
    """Bytes a second of an upload and of writing and hashing the same, and what memory the upload took."""
    redis.empty()
    block = os.urandom(BLOCK)
    with serve_api(redis, directory) as api:
        pid = _listener_pid(api)
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak counts from now
        idle = _memory_kib(pid, "VmRSS")
        began = time.perf_counter()
        _send_file(api, block, size)
        seconds = time.perf_counter() - began
        peak = _memory_kib(pid, "VmHWM")
    shutil.rmtree(directory / "data")
    return {
        "upload_mb_per_s": size / seconds / 1e6,
        "write_and_hash_mb_per_s": size / _write_and_hash(directory, block, size) / 1e6,
        "upload_memory_mb": (peak - idle) * 1024 / 1e6,
    }


@contextlib.contextmanager
def serve_api(redis: BenchRedis, directory: Path) -> Iterator[int]:
    """The service as users start it, on a port that is returned."""
    port = free_port()
    environment = {
        **os.environ,
        "REDIS_URL": redis.url,
        "DATA_DIR": str(directory / "data"),
        "QUEUECORE_LOG_LEVEL": "warning",
    }
    with _serve([sys.executable, "-m", "api", "--port", str(port)], port, environment):
        yield port


@contextlib.contextmanager
def _serve_bare(redis: BenchRedis) -> Iterator[int]:
    port = free_port()
    with _serve([sys.executable, "-m", "bench.bare_route", redis.url, str(port)], port, dict(os.environ)):
        yield port


@contextlib.contextmanager
def _serve(command: list[str], port: int, environment: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)
    try:
        wait_until(lambda: _listens(port), " ".join(command[1:3]))
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def _listener_pid(port: int) -> int:
    """Who listens on a port; found through the inode of the socket."""
    wanted = f":{port:04X}"
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(wanted) and fields[3] == "0A":
            link = f"socket:[{fields[9]}]"
            for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
                with contextlib.suppress(OSError):
                    if os.readlink(descriptor) == link:
                        return int(descriptor.parts[2])
    raise SystemBroken(f"nobody listens on port {port}")


def _memory_kib(pid: int, field: str) -> int:
    match = re.search(rf"^{field}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert match is not None
    return int(match[1])


def _get(port: int, path: str, headers: dict[str, str] | None = None) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers=headers or {})
    return connection.getresponse()


def _post_job(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    body = json.dumps({"kind": "demo.sleep", "args": {"seconds": 0.0}})
    connection.request("POST", "/api/jobs", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 202:
        raise SystemBroken(f"POST /api/jobs: {answer.status} {text.decode()}")
    job_id: str = json.loads(text)["id"]
    return job_id


async def _complete(url: str, job_id: str) -> None:
    """Run the job as a worker would, without one."""
    broker = Broker.connect(url)
    space = split_job_id(job_id)[0]
    await broker.claims.register(
        space,
        RunnerInfo(
            id="bench.1", worker="bench", host="bench", pid=1, queues=("default",), slots={"async": 1}
        ),
        ttl=60.0,
    )
    advance = await broker.claims.advance(
        space, "bench.1", lane=0, outcomes=[], asks=[Ask("async", 1, ("default",))]
    )
    outcomes = [Completed(claim.id, claim.attempt, b"\xc0") for claim in advance.claims["async"]]
    await broker.claims.advance(space, "bench.1", lane=0, outcomes=outcomes, asks=[])
    await broker.close()


def _wrk(address: str, seconds: int, *options: str, not_modified: bool = False) -> float:
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", *options, address]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    # To wrk a 304 is no success either, so there it has to be every answer.
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    if refused and not not_modified:
        raise SystemBroken(f"{address} did not always answer with 200:\n{text}")
    match = re.search(r"Requests/sec:\s+([\d.]+)", text)
    if match is None:
        raise SystemBroken(text)
    return float(match[1])


def _send_file(port: int, block: bytes, size: int) -> None:
    """Send a file as the body of a request, as fast as it is taken."""
    head = (
        "PUT /api/upload?name=bench.csv&kind=file.clean HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: text/csv\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port)) as client, tempfile.TemporaryFile() as file:
        file.write(block)
        file.flush()
        client.sendall(head.encode())
        for _ in range(size // len(block)):
            client.sendfile(file, 0, len(block))  # the kernel copies, so that sending costs little
        answer = client.makefile("rb").read()
    if b" 202 " not in answer.split(b"\r\n", 1)[0]:
        raise SystemBroken(f"the upload was refused: {answer.decode('utf-8', 'replace')}")


def _write_and_hash(directory: Path, block: bytes, size: int) -> float:
    """Seconds to write a file, hash it on the way and have it on the disk."""
    path = directory / "written"
    began = time.perf_counter()
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for _ in range(size // len(block)):
            digest.update(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    seconds = time.perf_counter() - began
    path.unlink()
    return seconds

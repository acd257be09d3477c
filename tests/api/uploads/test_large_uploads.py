"""An upload of 1 GB: how fast, and with how much memory."""

import hashlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.api.process import Process

SIZE = 1 << 30
BLOCK = os.urandom(1 << 20)
ADDRESS = "/api/upload?name=large.csv&kind=file.clean"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process from /proc"),
]


@pytest.fixture
def running(tmp_path: Path, redis_url: str) -> Iterator[Process]:
    process = Process(tmp_path / "data", redis_url, handlers="handlers.file_clean")
    yield process
    process.stop()


def blocks() -> Iterator[bytes]:
    for _ in range(SIZE // len(BLOCK)):
        yield BLOCK


def write_and_hash(path: Path) -> float:
    """Do on one core, one after the other, what the service has to do; returns seconds."""
    begun = time.perf_counter()
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for block in blocks():
            digest.update(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    return time.perf_counter() - begun


def peak_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize("kind", ["bare", "form"])
def test_a_gigabyte_is_taken_at_the_speed_of_the_disk_in_little_memory(
    running: Process, tmp_path: Path, kind: str
) -> None:
    address = running.wait_for_address()
    alone = write_and_hash(tmp_path / "alone")
    memory = peak_bytes(running.process.pid)
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="large.csv"\r\n\r\n'

    def form() -> Iterator[bytes]:
        yield head
        yield from blocks()
        yield b"\r\n--x--\r\n"

    content, media_type = (
        (blocks(), "text/csv") if kind == "bare" else (form(), "multipart/form-data; boundary=x")
    )
    address += ADDRESS if kind == "bare" else "/api/upload?kind=file.clean"
    begun = time.perf_counter()
    response = httpx.post(address, content=content, headers={"Content-Type": media_type}, timeout=120)
    seconds = time.perf_counter() - begun

    assert response.status_code == 202, response.text
    assert response.json()["file"]["size"] == SIZE
    grown = peak_bytes(running.process.pid) - memory
    print(f"{kind}: {seconds:.2f} s, alone {alone:.2f} s, memory grew by {grown >> 20} MiB")
    assert grown < 64 << 20
    # The client that sends takes its part of the machine too.
    assert seconds < 2.5 * alone + 1.0

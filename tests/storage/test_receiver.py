"""Uploads on their way to the disk."""

import asyncio
import hashlib
import itertools
import os
from pathlib import Path
from typing import Any

import pytest

from queuecore.model import new_token
from storage import FileRef, Journal, LocalStorage, StorageFull
from storage import receiver as receiving

JOB = "main." + "a" * 22


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "files", reserve_bytes=0)


def journal(file: FileRef, **changes: Any) -> Journal:
    values: dict[str, Any] = {
        "job_id": JOB,
        "kind": "file.clean",
        "arguments": {"drop_duplicates": True},
        "parameter": "file",
        "file": file,
        "owner": "someone",
        "received_ms": 1,
    }
    return Journal(**(values | changes))


def files_below(root: Path) -> set[str]:
    """All files but the lock of this process."""
    paths = (path for path in root.rglob("*") if path.is_file() and path.name != "lock")
    return {path.relative_to(root).as_posix() for path in paths}


def open_files() -> list[str]:
    """What this process holds open."""
    descriptors = Path("/proc/self/fd")
    return [str(descriptor.resolve()) for descriptor in descriptors.iterdir()]


async def test_a_committed_file_has_its_content_its_hash_and_its_journal(storage: LocalStorage) -> None:
    content = os.urandom(5 << 20)
    receiver = storage.receive(JOB)

    for start in range(0, len(content), 70_000):
        await receiver.write(content[start : start + 70_000])
    ref = await receiver.commit(journal(await receiver.finish("data.csv")))

    assert storage.path(ref).read_bytes() == content
    assert (ref.name, ref.size) == ("data.csv", len(content))
    assert ref.sha256 == hashlib.sha256(content).hexdigest()
    assert list(storage.journals()) == [journal(ref)]
    assert files_below(storage.root / "tmp") == set()


async def test_nothing_can_be_seen_before_the_commit(storage: LocalStorage) -> None:
    receiver = storage.receive(JOB)

    await receiver.write(b"x" * (3 << 20))
    ref = await receiver.finish("data.csv")

    assert not storage.path(ref).exists()
    assert list(storage.journals()) == []
    await receiver.abort()


@pytest.mark.parametrize("size", [0, 10, 5 << 20])
async def test_an_aborted_upload_leaves_nothing(storage: LocalStorage, size: int) -> None:
    receiver = storage.receive(JOB)
    await receiver.write(b"x" * size)

    await receiver.abort()

    assert files_below(storage.root) == set()
    assert list(storage.root.glob("tmp/*/*/")) == []


async def test_abort_after_the_commit_changes_nothing(storage: LocalStorage) -> None:
    receiver = storage.receive(JOB)
    await receiver.write(b"x")
    ref = await receiver.commit(journal(await receiver.finish("data.csv")))

    await receiver.abort()

    assert storage.verify(ref).read_bytes() == b"x"


async def test_a_full_disk_is_told_before_anything_is_written(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path, reserve_bytes=1 << 60)

    with pytest.raises(StorageFull):
        storage.receive(JOB)


async def test_an_upload_that_is_announced_too_large_for_the_disk_is_refused(storage: LocalStorage) -> None:
    with pytest.raises(StorageFull):
        storage.receive(JOB, expected=1 << 60)


async def test_a_disk_that_fills_up_is_told_and_leaves_nothing(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = storage.receive(JOB)
    await receiver.write(b"x" * (2 << 20))

    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", refuse)

    async def go_on() -> None:
        await receiver.write(b"x" * (2 << 20))
        await receiver.finish("data.csv")

    with pytest.raises(StorageFull):
        await go_on()
    monkeypatch.undo()
    await receiver.abort()

    assert files_below(storage.root) == set()


async def test_a_cancelled_upload_can_still_be_aborted(storage: LocalStorage) -> None:
    receiver = storage.receive(JOB)

    under_way = asyncio.Event()

    async def upload() -> None:
        while True:
            await receiver.write(b"x" * (1 << 20))
            if receiver.size > 8 << 20:
                under_way.set()

    task = asyncio.create_task(upload())
    await under_way.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await receiver.abort()

    assert files_below(storage.root) == set()


async def test_a_file_that_has_come_is_not_held_open(storage: LocalStorage) -> None:
    receivers = [storage.receive(f"main.{letter * 22}") for letter in "abcdefgh"]
    for receiver in receivers:
        await receiver.write(b"x" * (2 << 20))
        await receiver.close()

    assert not [path for path in open_files() if path.endswith("/input")]
    for receiver in receivers:
        assert (await receiver.finish("x")).size == 2 << 20
        await receiver.abort()


async def test_many_slow_uploads_hold_no_more_than_a_few_batches(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "MOST_BATCHES", 1 << 20)
    receivers = [storage.receive(new_token()) for _ in range(20)]
    for receiver in receivers:
        for _ in range(10):
            await receiver.write(b"x" * 65_536)

    assert storage._batches.size <= (1 << 20) + 20 * 65_536
    for receiver in receivers[:10]:
        assert (await receiver.finish("x")).size == 655_360
    for receiver in receivers:
        await receiver.abort()
    assert storage._batches.size == 0


async def test_the_event_loop_turns_while_a_large_file_is_written(storage: LocalStorage) -> None:
    receiver = storage.receive(JOB)
    loop = asyncio.get_running_loop()
    block = b"x" * (256 << 10)
    turns: list[float] = []
    done = False

    async def tick() -> None:
        while not done:
            turns.append(loop.time())
            await asyncio.sleep(0.001)

    async with asyncio.TaskGroup() as group:
        group.create_task(tick())
        for _ in range(400):
            await receiver.write(block)
        await receiver.finish("large.csv")
        done = True
    await receiver.abort()

    longest = max(after - before for before, after in itertools.pairwise(turns))
    assert longest < 0.5

"""The directory that holds the files of all jobs."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from storage import Artifact, FileMissing, FileRef, LocalStorage
from tests.storage.uploads import store

JOB = "main." + "a" * 22
OTHER = "default." + "b" * 22


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "files", reserve_bytes=0)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "../../etc/passwd",
        "/etc/passwd",
        "aa/" + "a" * 22 + "/../input",
        "aa/" + "a" * 22 + "/upload.json",
    ],
)
def test_a_key_that_is_not_ours_leads_nowhere(storage: LocalStorage, key: str) -> None:
    with pytest.raises(FileMissing):
        storage.path(FileRef(name="x", size=1, sha256="", key=key))


@pytest.mark.parametrize(
    "job_id", ["", "x", "process.../../../etc", "main." + "a" * 21 + "/", "process." + "é" * 22]
)
def test_what_is_no_id_never_becomes_a_path(storage: LocalStorage, job_id: str) -> None:
    with pytest.raises(ValueError, match="not the id of a job"):
        storage.delete(job_id)


async def test_a_file_that_is_gone_or_cut_or_changed_is_noticed(storage: LocalStorage) -> None:
    ref = await store(storage)

    storage.verify(ref)
    path = storage.path(ref)
    path.write_bytes(b"a,b\n1,3\n")
    assert storage.check(ref) == path
    with pytest.raises(FileMissing, match="changed"):
        storage.verify(ref)
    path.write_bytes(b"a")
    with pytest.raises(FileMissing, match="instead of"):
        storage.check(ref)
    path.unlink()
    with pytest.raises(FileMissing, match="not exist"):
        storage.check(ref)


async def test_delete_takes_everything_of_one_job_and_nothing_else(storage: LocalStorage) -> None:
    await store(storage, JOB)
    kept = await store(storage, OTHER)
    with storage.attempt(JOB, 1) as files:
        (files.scratch / "out.csv").write_text("x")
        files.publish("out.csv")

    storage.delete(JOB)
    storage.delete(JOB)

    assert not storage.has_files(JOB)
    assert [journal.job_id for journal in storage.journals()] == [OTHER]
    assert storage.check(kept)


async def test_an_open_download_survives_the_deletion(storage: LocalStorage) -> None:
    ref = await store(storage)

    with storage.path(ref).open("rb") as file:
        storage.delete(JOB)

        assert file.read() == b"a,b\n1,2\n"


async def test_a_held_upload_is_no_journal_until_it_is_released(storage: LocalStorage) -> None:
    await store(storage)

    storage.hold(JOB)
    assert list(storage.journals()) == []
    assert [entry.standing for entry in storage.entries()] == ["held"]
    assert not storage.is_live(JOB)

    storage.release(JOB)
    assert [entry.standing for entry in storage.entries()] == ["live"]
    assert storage.is_live(JOB)


def test_an_attempt_publishes_files_under_the_names_it_gives_them(storage: LocalStorage) -> None:
    with storage.attempt(JOB, 1) as files:
        (files.scratch / "a.csv").write_text("1")
        (files.scratch / "b.json").write_text("{}")
        first = files.publish("a.csv", name="Bericht März.csv")
        second = files.publish("b.json")
        scratch = files.scratch

    assert storage.verify(first).read_text() == "1"
    assert (first.name, first.media_type) == ("Bericht März.csv", "text/csv; charset=utf-8")
    assert (second.name, second.media_type) == ("b.json", "application/json")
    assert "März" not in first.key
    assert not scratch.exists()


@pytest.mark.parametrize("name", ["../input", "a/b", "/etc/passwd", "", ".", ".."])
def test_an_attempt_publishes_only_from_its_own_directory(storage: LocalStorage, name: str) -> None:
    with storage.attempt(JOB, 1) as files, pytest.raises(ValueError, match="plain name"):
        files.publish(name)


async def test_a_later_attempt_clears_what_earlier_ones_left_and_keeps_the_upload(
    storage: LocalStorage,
) -> None:
    ref = await store(storage)
    late = storage.attempt(JOB, 1)
    (late.scratch / "a.csv").write_text("late")
    lost = late.publish("a.csv")
    (late.scratch / "b.csv").write_text("late")

    with storage.attempt(JOB, 2) as files:
        (files.scratch / "a.csv").write_text("accepted")
        accepted = files.publish("a.csv")

    assert storage.verify(accepted).read_text() == "accepted"
    assert storage.check(ref)
    with pytest.raises(FileMissing):
        storage.check(lost)
    with pytest.raises(FileNotFoundError):
        late.publish("b.csv")


def test_an_attempt_that_comes_late_does_not_touch_a_later_one(storage: LocalStorage) -> None:
    with storage.attempt(JOB, 2) as files:
        (files.scratch / "a.csv").write_text("accepted")
        accepted = files.publish("a.csv")

    storage.attempt(JOB, 1).close()

    assert storage.verify(accepted).read_text() == "accepted"


def test_files_of_a_job_without_an_upload_are_found_by_its_id(storage: LocalStorage) -> None:
    with storage.attempt(OTHER, 1) as files:
        (files.scratch / "a.csv").write_text("x")
        files.publish("a.csv")

    (entry,) = storage.entries()

    assert (entry.job_id, entry.standing, entry.journal) == (OTHER, "bare", None)


def make_old(directory: Path) -> None:
    hour_ago = time.time() - 3600
    for path in (directory, *directory.rglob("*")):
        os.utime(path, (hour_ago, hour_ago))


async def test_collect_never_takes_what_an_upload_still_writes(storage: LocalStorage) -> None:
    receiver = storage.receive(JOB)
    await receiver.write(b"x" * (2 << 20))
    make_old(storage.root)

    assert LocalStorage(storage.root, reserve_bytes=0).collect(older_than=1800) == 0
    assert storage.collect(older_than=1800) == 0

    assert (await receiver.finish("x")).size == 2 << 20


UPLOAD_AND_DIE = """
import asyncio, os, pathlib, sys
from storage import LocalStorage

async def upload():
    receiver = LocalStorage(pathlib.Path(sys.argv[1]), reserve_bytes=0).receive("main." + "a" * 22)
    await receiver.write(b"x" * (2 << 20))
    await receiver.close()
    os._exit(1)

asyncio.run(upload())
"""


def test_collect_takes_old_leftovers_of_processes_that_are_gone(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", UPLOAD_AND_DIE, str(tmp_path)], check=False, timeout=30)
    storage = LocalStorage(tmp_path, reserve_bytes=0)

    assert len(list(tmp_path.glob("tmp/*/*/input"))) == 1
    assert storage.collect(older_than=1800) == 0
    make_old(tmp_path)
    assert storage.collect(older_than=1800) == 1
    assert list((tmp_path / "tmp").iterdir()) == []


def test_an_artifact_has_the_fields_of_a_file() -> None:
    assert set(FileRef.__struct_fields__) < set(Artifact.__struct_fields__)

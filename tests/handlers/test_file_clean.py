"""The kind `file.clean` as a worker runs it: storage in, artifacts out, errors in the sender's words."""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

import storage
from handlers.file_clean import Cleaned, clean
from queuecore import JobContext, Permanent, Registry, new_job_id
from queuecore.handling import describe
from storage import FileRef, LocalStorage
from tests.disks import small_disk
from tests.storage.uploads import store

MESSY = 'id, Name ,amount\n1, Ann ,"1,234.50"\n2,Bob,7\n,,\n3,short\n'


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStorage:
    """A storage of this test's own, where handlers find it."""
    local = LocalStorage(tmp_path / "files", reserve_bytes=0)
    monkeypatch.setattr(storage, "current", lambda: local)
    return local


def upload(files: LocalStorage, job_id: str, content: bytes, name: str) -> FileRef:
    """Store a file as the API does."""
    return asyncio.run(store(files, job_id, content, name=name))


def run(
    files: LocalStorage, content: bytes, *, name: str = "data.csv", attempt: int = 1, **options: Any
) -> Cleaned:
    """Run the kind directly on a file."""
    job_id = new_job_id("process")
    ctx = JobContext.detached(job_id=job_id, attempt=attempt)
    return clean(ctx, file=upload(files, job_id, content, name), **options)


def test_a_messy_file_gives_a_clean_one_the_rejected_rows_and_a_report(files: LocalStorage) -> None:
    cleaned = run(files, MESSY.encode(), name="Kunden März.csv")

    assert [artifact.name for artifact in cleaned.artifacts] == [
        "Kunden März-cleaned.csv",
        "rejected.csv",
        "report.json",
    ]
    texts = [files.path(artifact).read_text("utf-8") for artifact in cleaned.artifacts]
    assert texts[0] == "id,Name,amount\n1,Ann,1234.50\n2,Bob,7\n"
    assert texts[1] == "row,reason,id,Name,amount\n5,has 2 cells where the header has 3,3,short\n"
    report = json.loads(texts[2])
    assert report["rows"] == {"read": 4, "written": 2, "blank": 1, "duplicates": 0, "rejected": 1}
    assert {rule["rule"]: rule["count"] for rule in report["rules"]} == {
        "trim": 1,
        "headers": 1,
        "numbers": 1,
        "blank_rows": 1,
        "rejected": 1,
    }
    assert report["warnings"] == list(cleaned.warnings)


def test_a_cleaning_on_a_full_disk_is_tried_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_disk(tmp_path / "disk", size=6 << 20) as disk:
        local = LocalStorage(disk / "files", reserve_bytes=0)
        monkeypatch.setattr(storage, "current", lambda: local)
        rows = b"".join(b"%d,some text that takes room\n" % n for n in range(110_000))

        with pytest.raises(Exception) as caught:  # noqa: PT011 - any will do that is described rightly
            run(local, b"id,text\n" + rows)
        failure = describe(caught.value)
        left = list(disk.glob("files/*/*/scratch-*"))

    assert (failure.error.type, failure.of_disk) == ("disk-full", True), caught.value
    assert left == []


def test_a_clean_file_gives_no_rejected_rows(files: LocalStorage) -> None:
    cleaned = run(files, b"a,b\n1,2\n")

    assert [artifact.name for artifact in cleaned.artifacts] == ["data-cleaned.csv", "report.json"]
    assert cleaned.warnings == ()


def test_the_result_is_small_whatever_the_file_is(files: LocalStorage) -> None:
    header = ",".join(f"{'x' * 200} {number}" for number in range(20_000))
    rows = f"{',' * 19_999}\n{', y' * 19_999} \n" * 3

    cleaned = run(files, f"{header}\n{rows}".encode())

    assert cleaned.report.column_count == 19_999
    assert len(msgspec.msgpack.encode(cleaned)) < 256 << 10


def test_what_is_wrong_with_the_file_fails_the_job_at_once_in_words(files: LocalStorage) -> None:
    with pytest.raises(Permanent) as caught:
        run(files, b"\x89PNG\r\n\x1a\n", name="data.csv")

    assert caught.value.title == "This is a picture, not a table."
    assert caught.value.type == "not-a-table"
    assert caught.value.detail


def test_two_attempts_give_the_same_bytes(files: LocalStorage) -> None:
    first = run(files, MESSY.encode(), output="xlsx")
    second = run(files, MESSY.encode(), output="xlsx", attempt=2)

    assert [artifact.sha256 for artifact in first.artifacts] == [
        artifact.sha256 for artifact in second.artifacts
    ]


def test_progress_is_told_by_bytes_until_the_rows_are_counted_then_by_rows(files: LocalStorage) -> None:
    content = b"a,b\n" + b"1,2\n" * 200_000
    job_id = new_job_id("process")
    ctx = JobContext.detached(job_id=job_id)
    seen = []
    original = JobContext.progress

    def spy(self: JobContext, done: float, total: float | None = None, **more: Any) -> None:
        seen.append((more["step"].index, more["step"].count, done, total, more["unit"], more["fraction"]))
        original(self, done, total, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JobContext, "progress", spy)
        clean(ctx, file=upload(files, job_id, content, "data.csv"))

    assert [fraction for *_, fraction in seen] == sorted(fraction for *_, fraction in seen)
    *_, checked = (told for told in seen if told[0] == 2)
    assert checked[:5] == (2, 3, len(content), len(content), "bytes")
    assert seen[-1] == (3, 3, 200_000, 200_000, "rows", 1.0)
    assert {index for index, *_ in seen} == {1, 2, 3}
    assert ctx.last_progress is not None


def test_the_form_can_be_made_from_the_signature() -> None:
    kind = Registry.load(["handlers"])["file.clean"]

    properties = kind.json_schema()["properties"]

    assert kind.runs == "process"
    assert kind.title == "Clean a table"
    for name, schema in properties.items():
        assert schema["title"], name
        if name != "file":
            assert schema["description"].endswith("."), name
            assert "default" in schema, name
    assert properties["output"]["default"] == "same"


def test_handlers_are_imported_without_the_heavy_libraries() -> None:
    code = (
        "import sys, handlers.file_clean, handlers.demo_sleep, handlers.demo_crunch; "
        "heavy = {'openpyxl', 'python_calamine', 'rustpy_xlsxwriter'}; print(heavy & sys.modules.keys())"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "set()"


def test_what_a_form_sends_is_decoded() -> None:
    kind = Registry.load(["handlers"])["file.clean"]
    started = time.monotonic()

    arguments: Any = kind.decode(
        kind.encode_mapping(
            {"file": {"name": "x.csv", "size": 1, "sha256": "", "key": "x"}, "output": "xlsx", "sheet": "2"}
        )
    )

    assert (arguments.output, arguments.sheet, arguments.drop_duplicates) == ("xlsx", "2", False)
    assert time.monotonic() - started < 5

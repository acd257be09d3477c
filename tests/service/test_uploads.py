"""Properties of a file's way through the service."""

import hashlib
import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import storage
from queuecore import JobContext, Permanent
from storage import FileRef, LocalStorage
from tests.service.service import Job, Service, accepted, wait_until

FEW = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters='/\\"'), max_size=40
)


@FEW
@given(
    stem=NAMES,
    content=st.binary(min_size=1, max_size=5000),
    times=st.integers(1, 3),
    label=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20),
    loud=st.booleans(),
    raw=st.booleans(),
)
def test_an_upload_makes_exactly_one_job_with_the_right_file_kind_and_options(
    service: Service, stem: str, content: bytes, times: int, label: str, loud: bool, raw: bool
) -> None:
    before = service.statistics().get("enqueued", 0)
    name = f"a{stem}.bin"
    options = {"kind": "test.copy", "times": str(times), "label": label, "loud": "true" if loud else ""}

    if raw:
        job = accepted(service.client.put("/api/upload", params={"name": name, **options}, content=content))
    else:
        job = service.upload(name, content, options.pop("kind"), **options)
    done = service.completed(job["id"])

    assert service.statistics()["enqueued"] - before == 1
    assert (done["kind"], done["attempt"]) == ("test.copy", 1)
    digest = hashlib.sha256(content).hexdigest()
    assert done["file"] == {"name": name, "size": len(content), "sha256": digest}
    assert done["result"]["given"] == {"times": times, "label": label, "loud": loud}
    assert [artifact["sha256"] for artifact in done["artifacts"]] == [digest] * times
    for artifact in done["artifacts"]:
        assert service.client.get(artifact["url"]).content == content
    assert service.client.get(done["links"]["result"]).content == content


@pytest.fixture
def direct(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalStorage:
    """A storage of this process's own, for handlers that are called directly."""
    files = LocalStorage(tmp_path / "files")
    monkeypatch.setattr(storage, "current", lambda: files)
    return files


ROWS = st.lists(
    st.lists(
        st.one_of(
            st.sampled_from(["", " x ", "007", "1,234.50", "31/12/2026", "=1+1", "a,b", 'say "hi"', "né"]),
            st.integers(-1000, 1000).map(str),
        ),
        min_size=1,
        max_size=5,
    ),
    min_size=1,
    max_size=30,
)


@FEW
@given(rows=ROWS, duplicates=st.booleans(), encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_the_result_of_a_queued_job_equals_that_of_a_direct_call_byte_for_byte(
    service: Service, direct: LocalStorage, rows: list[list[str]], duplicates: bool, encoding: str
) -> None:
    text = "".join(";".join(cell.replace(";", "") for cell in row) + "\n" for row in [["a", "b", "c"], *rows])
    content = text.encode(encoding)

    options = {"drop_duplicates": str(duplicates).lower()}
    done = service.wait_for_end(service.upload("table.csv", content, "file.clean", **options)["id"])
    ref, job_id = _put(direct, content)
    clean = service.registry["file.clean"]
    call = partial(clean, JobContext.detached(job_id=job_id), file=ref, drop_duplicates=duplicates)
    if done["state"] == "failed":
        with pytest.raises(Permanent) as raised:
            call()
        assert (done["error"]["type"], done["error"]["title"]) == (raised.value.type, raised.value.title)
        return
    result = call()

    assert done["state"] == "completed", done["error"]
    assert [(a["name"], a["size"], a["sha256"]) for a in done["artifacts"]] == [
        (a.name, a.size, a.sha256) for a in result.artifacts
    ]
    for sent, artifact in zip(done["artifacts"], result.artifacts, strict=True):
        assert service.client.get(sent["url"]).content == direct.path(artifact).read_bytes()
    assert done["warnings"] == list(result.warnings)


@settings(FEW, max_examples=4)
@given(steps=st.lists(st.integers(1, 200), min_size=1, max_size=4))
def test_progress_only_grows_adds_up_and_reaches_100_only_with_the_result(
    service: Service, steps: list[int]
) -> None:
    seen: list[Job] = []
    job = service.start("test.count", steps=steps, seconds=0.8)

    def look() -> bool:
        answer = service.client.get(job["links"]["self"], params={"wait": 0.2})
        seen.append(answer.json())
        return bool(seen[-1]["state"] == "completed")

    wait_until(look, "the job is completed", every=0.0)

    told = [each["progress"] for each in seen if each["progress"]]
    percents = [progress["percent"] for progress in told if progress["percent"] is not None]
    assert percents == sorted(percents)
    places = [(progress["step"]["index"], progress["done"]) for progress in told]
    assert places == sorted(places)
    for each in seen:
        progress = each["progress"]
        assert (progress is not None and progress["percent"] == 100) == (each["state"] == "completed")
        if progress:
            assert progress["total"] == steps[progress["step"]["index"] - 1]
            assert 0 <= progress["done"] <= progress["total"]
            assert progress["step"]["count"] == len(steps)
    last: dict[str, Any] = told[-1]
    assert (last["done"], last["step"]["index"]) == (steps[-1], len(steps))
    assert seen[-1]["result"] == sum(steps)


def test_a_cleaned_file_of_real_size_tells_its_steps_and_counts_its_rows(service: Service) -> None:
    content = b"id,name,when\n" + b"".join(
        b"%d, Ann ,%02d/05/2026\n" % (n, n % 28 + 1) for n in range(30_000)
    )

    job = service.completed(service.upload("rows.csv", content, "file.clean")["id"], within=40)

    assert job["progress"]["percent"] == 100
    assert job["progress"]["step"]["index"] == job["progress"]["step"]["count"]
    assert job["progress"]["done"] == job["progress"]["total"]
    cleaned = service.client.get(job["links"]["result"])
    assert cleaned.content.count(b"\n") == 30_001


def _put(files: LocalStorage, content: bytes) -> tuple[FileRef, str]:
    """Lay a file into a storage as an upload does; returns it and the id of its job."""
    token = hashlib.sha256(content + os.urandom(8)).hexdigest()[:22]
    home = files.root / token[:2] / token
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    (home / "input").write_bytes(content)
    key = f"{token[:2]}/{token}/input"
    ref = FileRef(name="table.csv", size=len(content), sha256=hashlib.sha256(content).hexdigest(), key=key)
    return ref, f"process.{token}"

"""Sending files, as a form and as a bare body."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis

from api.http import Memory
from api.uploads import journal
from api.uploads import receiving as uploads
from api.uploads.journal import reconcile
from queuecore import JobRequest, Submitted
from tests.api.site import CSV, Site, until

RAW = "/api/upload?name=data.csv&kind=rows.count"
FILES = {"file": ("data.csv", CSV)}


async def test_a_form_makes_a_job_with_its_file_kind_and_options(site: Site) -> None:
    response = await site.client.post(
        "/api/upload",
        files={"file": ("Übersicht.csv", CSV, "text/csv")},
        data={"kind": "rows.count", "delimiter": ";", "header": "off", "most": "7", "share": "0.5"},
    )

    job = response.json()
    assert response.status_code == 202
    assert response.headers["location"] == f"/api/check-status/{job['id']}"
    assert response.headers["retry-after"] == "1"
    assert (job["state"], job["kind"], job["position"]) == ("queued", "rows.count", 1)
    assert job["file"] == {
        "name": "Übersicht.csv",
        "size": len(CSV),
        "sha256": hashlib.sha256(CSV).hexdigest(),
    }
    record = await site.service.queue.inspector.jobs.record(job["id"])
    file = record.args.pop("file")
    assert record.args == {"delimiter": ";", "header": False, "most": 7, "share": 0.5}
    assert (site.service.storage.root / file["key"]).read_bytes() == CSV


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_bare_body_makes_a_job_with_its_file_kind_and_options(site: Site, method: str) -> None:
    response = await site.client.request(
        method, f"{RAW}&header=true&columns=a&columns=b", content=CSV, headers={"Content-Type": "text/csv"}
    )

    assert response.status_code == 202
    record = await site.service.queue.inspector.jobs.record(response.json()["id"])
    file = record.args.pop("file")
    assert record.args == {"header": True, "columns": ["a", "b"]}
    assert (site.service.storage.root / file["key"]).read_bytes() == CSV


async def test_the_file_may_come_before_the_kind(site: Site) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="data.csv"\r\n\r\n' + CSV + b"\r\n"
        b'--x\r\nContent-Disposition: form-data; name="most"\r\n\r\n3\r\n'
        b'--x\r\nContent-Disposition: form-data; name="kind"\r\n\r\nrows.count\r\n--x--\r\n'
    )

    response = await site.client.post(
        "/api/upload", content=body, headers={"Content-Type": "multipart/form-data; boundary=x"}
    )

    assert response.status_code == 202
    assert response.json()["args"] == {"file": {"name": "data.csv", "size": len(CSV)}, "most": 3}


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
async def test_a_form_is_read_alike_in_pieces_of_any_size(site: Site, size: int) -> None:
    content = b"a\r\n--x\r\n--\r\n--xyz-\r\n\n" * 20
    body = (
        b'--xyz\r\nContent-Disposition: form-data; name="kind"\r\n\r\nbytes.count\r\n'
        b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="d.bin"\r\n\r\n'
        + content
        + b"\r\n--xyz--\r\n"
    )

    async def pieces() -> Any:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    response = await site.client.post(
        "/api/upload", content=pieces(), headers={"Content-Type": "multipart/form-data; boundary=xyz"}
    )

    assert response.status_code == 202, response.text
    assert response.json()["file"]["sha256"] == hashlib.sha256(content).hexdigest()


async def test_several_files_make_a_job_each(site: Site) -> None:
    response = await site.client.post(
        "/api/upload",
        files=[("file", ("one.csv", CSV)), ("file", ("two.csv", CSV + b"5,6\n"))],
        data={"kind": "rows.count"},
    )

    assert response.status_code == 202
    assert [job["file"]["name"] for job in response.json()["items"]] == ["one.csv", "two.csv"]
    assert await site.jobs() == 2


async def test_one_bad_file_of_several_makes_no_job_at_all(site: Site) -> None:
    response = await site.client.post(
        "/api/upload",
        files=[("file", ("one.csv", CSV)), ("file", ("two.pdf", CSV))],
        data={"kind": "rows.count"},
    )

    assert response.status_code == 415
    assert (site.files(), await site.jobs()) == ([], 0)


async def test_the_journal_on_disk_holds_the_whole_job(site: Site) -> None:
    job = await site.upload(most="5")

    (journal,) = site.service.storage.journals()

    assert (journal.job_id, journal.kind, journal.parameter) == (job["id"], "rows.count", "file")
    assert journal.arguments == {"most": 5}
    assert journal.owner == job["owner"] != ""


async def test_prefer_wait_answers_with_the_ended_job(site: Site) -> None:
    request = asyncio.create_task(site.client.post(RAW, content=CSV, headers={"Prefer": "wait=10"}))
    await until("the job is in line", site.jobs)
    (job,) = (await site.client.get("/api/jobs")).json()["items"]
    await site.worker.run(job["id"], {"rows": 2})

    response = await request

    assert response.status_code == 200
    assert response.headers["preference-applied"] == "wait=10"
    assert (response.json()["state"], response.json()["result"]) == ("completed", {"rows": 2})


async def test_prefer_wait_answers_202_when_the_job_goes_on(site: Site) -> None:
    response = await site.client.post(RAW, content=CSV, headers={"Prefer": "respond-async, wait=0"})

    assert response.status_code == 202


class TestIdempotencyKey:
    """The same request with the same key makes no second job."""

    @pytest.mark.parametrize("again", ['"k-1"', "k-1"])
    async def test_a_repeated_upload_answers_with_the_first_job(self, site: Site, again: str) -> None:
        first = await site.client.post(RAW, content=CSV, headers={"Idempotency-Key": "k-1"})
        files = site.files()

        second = await site.client.post(RAW, content=CSV, headers={"Idempotency-Key": again})

        assert (first.status_code, second.status_code) == (202, 202)
        assert first.json()["id"] == second.json()["id"]
        assert second.headers["idempotency-replayed"] == "true"
        assert "idempotency-replayed" not in first.headers
        assert (site.files(), await site.jobs()) == (files, 1)

    @pytest.mark.parametrize(
        ("address", "content"),
        [(RAW, CSV + b"5,6\n"), (RAW + "&most=3", CSV), (RAW.replace("data", "other"), CSV)],
    )
    async def test_another_upload_with_the_key_is_refused(
        self, site: Site, address: str, content: bytes
    ) -> None:
        await site.client.post(RAW, content=CSV, headers={"Idempotency-Key": "k-1"})
        files = site.files()

        response = await site.client.post(address, content=content, headers={"Idempotency-Key": "k-1"})

        assert response.status_code == 422
        assert response.json()["type"] == "/problems/idempotency-key-reused"
        assert (site.files(), await site.jobs()) == (files, 1)

    async def test_a_second_request_while_the_first_is_worked_on_is_refused(self, site: Site) -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def slowly() -> Any:
            yield CSV
            begun.set()
            await go_on.wait()

        headers = {"Idempotency-Key": "k-1"}
        first = asyncio.create_task(site.client.post(RAW, content=slowly(), headers=headers))
        await begun.wait()
        second = await site.client.post(RAW, content=CSV, headers=headers)
        go_on.set()

        assert (second.status_code, second.json()["type"]) == (409, "/problems/request-in-progress")
        assert (await first).status_code == 202

    async def test_keys_of_two_owners_have_nothing_to_do_with_each_other(self, site: Site) -> None:
        async with site.browser() as other:
            await other.get("/api/session")
            first = await site.client.post(RAW, content=CSV, headers={"Idempotency-Key": "k-1"})
            second = await other.post(RAW, content=CSV, headers={"Idempotency-Key": "k-1"})

        assert first.json()["id"] != second.json()["id"]

    async def test_several_files_are_replayed_together(self, site: Site) -> None:
        request: dict[str, Any] = {
            "files": [("file", ("one.csv", CSV)), ("file", ("two.csv", CSV))],
            "data": {"kind": "rows.count"},
            "headers": {"Idempotency-Key": "k-1"},
        }
        first = await site.client.post("/api/upload", **request)

        second = await site.client.post("/api/upload", **request)

        assert first.json() == second.json()
        assert second.headers["idempotency-replayed"] == "true"
        assert await site.jobs() == 2

    @pytest.mark.parametrize("key", ["", '""', "x" * 201, "a\tb"])
    async def test_a_key_that_is_none_is_refused(self, site: Site, key: str) -> None:
        response = await site.client.post(RAW, content=CSV, headers={"Idempotency-Key": key})

        assert (response.status_code, response.json()["type"]) == (400, "/problems/bad-idempotency-key")


async def test_a_full_disk_is_told_and_leaves_nothing(site: Site) -> None:
    site.service.storage.for_uploads.reserve = 1 << 60

    response = await site.client.post(RAW, content=CSV)

    assert (response.status_code, response.json()["type"]) == (507, "/problems/storage-full")
    assert (site.files(), await site.jobs()) == ([], 0)


async def test_two_hundred_uploads_at_once_make_two_hundred_right_jobs(site: Site) -> None:
    async def send(number: int) -> None:
        content = f"n\n{number}\n".encode()
        response = await site.client.post(
            f"/api/upload?name={number}.csv&kind=rows.count&most={number + 1}", content=content
        )
        assert response.status_code == 202
        record = await site.service.queue.inspector.jobs.record(response.json()["id"])
        file = record.args["file"]
        assert (record.args["most"], file["name"]) == (number + 1, f"{number}.csv")
        assert (site.service.storage.root / file["key"]).read_bytes() == content

    # A busy machine may need longer for its first connection to Redis than a request waits for one.
    async with asyncio.timeout(20):
        while (await site.client.get("/health/ready")).status_code != 200:
            continue

    async with asyncio.TaskGroup() as group:
        for number in range(200):
            group.create_task(send(number))

    assert await site.jobs() == 200


async def test_the_answer_shows_no_path(site: Site) -> None:
    job = await site.upload()

    text = msgspec.json.encode(job).decode()

    assert "input" not in text
    assert str(site.service.storage.root) not in text


TWO: dict[str, Any] = {
    "files": [("file", ("one.csv", CSV)), ("file", ("two.csv", CSV + b"5,6\n"))],
    "data": {"kind": "rows.count"},
}


class TestSeveralFiles:
    """The files of one request become jobs together, or not at all."""

    async def test_the_key_of_another_request_is_never_that_of_a_second_file(self, site: Site) -> None:
        other = await site.client.post(RAW, content=b"x\n", headers={"Idempotency-Key": "K/1"})

        several = await site.client.post("/api/upload", **TWO, headers={"Idempotency-Key": "K"})
        again = await site.client.post("/api/upload", **TWO, headers={"Idempotency-Key": "K"})

        assert several.status_code == 202, several.text
        assert again.json() == several.json()
        assert other.json()["id"] not in {job["id"] for job in several.json()["items"]}
        assert await site.jobs() == 3

    async def test_a_refused_request_leaves_neither_job_nor_file(self, site: Site) -> None:
        await site.client.post(RAW, content=CSV, headers={"Idempotency-Key": "K"})
        files = site.files()

        refused = await site.client.post("/api/upload", **TWO, headers={"Idempotency-Key": "K"})

        assert (refused.status_code, refused.json()["type"]) == (422, "/problems/idempotency-key-reused")
        assert (site.files(), await site.jobs()) == (files, 1)

    async def test_a_replay_leaves_out_what_its_owner_deleted(self, site: Site) -> None:
        headers = {"Idempotency-Key": "K"}
        first, second = (await site.client.post("/api/upload", **TWO, headers=headers)).json()["items"]
        await site.client.post(f"/api/jobs/{second['id']}/cancel")
        await site.client.delete(f"/api/jobs/{second['id']}")

        again = await site.client.post("/api/upload", **TWO, headers=headers)

        assert [job["id"] for job in again.json()["items"]] == [first["id"]]
        assert again.headers["idempotency-replayed"] == "true"
        assert await site.jobs() == 1

    async def test_a_part_without_a_file_changes_no_key(self, site: Site) -> None:
        def form(files: str) -> bytes:
            empty = '--x\r\nContent-Disposition: form-data; name="file"; filename=""\r\n\r\n\r\n'
            kind = '--x\r\nContent-Disposition: form-data; name="kind"\r\n\r\nrows.count\r\n'
            part = '--x\r\nContent-Disposition: form-data; name="file"; filename="%s.csv"\r\n\r\na\r\n'
            return (kind + "".join(part % f if f != "-" else empty for f in files) + "--x--\r\n").encode()

        headers = {"Idempotency-Key": "K", "Content-Type": "multipart/form-data; boundary=x"}
        with_empty = await site.client.post("/api/upload", content=form("-a-b"), headers=headers)
        without = await site.client.post("/api/upload", content=form("ab"), headers=headers)

        assert with_empty.status_code == 202, with_empty.text
        assert without.json() == with_empty.json()

    async def test_a_queue_without_room_takes_none(self, site: Site, redis_url: str) -> None:
        async with Redis.from_url(redis_url) as redis:
            await redis.config_set("maxmemory", "1")
            try:
                response = await site.client.post("/api/upload", **TWO)
            finally:
                await redis.config_set("maxmemory", "0")

        assert (response.status_code, response.json()["type"]) == (507, "/problems/queue-full")
        assert (site.files(), await site.jobs()) == ([], 0)

    @pytest.mark.parametrize("taken", [True, False])
    async def test_a_request_that_is_cut_short_while_the_queue_is_asked_has_one_fate(
        self, site: Site, monkeypatch: pytest.MonkeyPatch, taken: bool
    ) -> None:
        submit = site.service.queue.submit_together

        async def vanish(requests: Sequence[JobRequest]) -> list[Submitted]:
            if taken:
                await submit(requests)
            raise asyncio.CancelledError

        monkeypatch.setattr(site.service.queue, "submit_together", vanish)
        with contextlib.suppress(asyncio.CancelledError):
            await site.client.post("/api/upload", **TWO)
        monkeypatch.setattr(journal, "UNDECIDED_FOR", 0.0)
        await reconcile(site.service)

        assert await site.jobs() == (2 if taken else 0)
        assert len(list(site.service.storage.journals())) == (2 if taken else 0)
        assert len(site.files()) == (4 if taken else 0)

    async def test_a_process_that_dies_before_it_asks_the_queue_leaves_nothing(
        self, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Killed(BaseException):
            pass

        async def die(*_: object) -> None:
            raise Killed

        monkeypatch.setattr(uploads.Upload, "abort", die)
        monkeypatch.setattr(site.service.queue, "submit_together", die)
        with pytest.raises(Killed):
            await site.client.post("/api/upload", **TWO)
        assert len(site.files()) == 4
        monkeypatch.setattr(journal, "UNDECIDED_FOR", 0.0)

        assert await reconcile(site.service) == []

        assert (site.files(), await site.jobs()) == ([], 0)


def unfinished_form(size: int) -> AsyncIterator[bytes]:
    """A form whose second field does not end."""

    async def body() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="kind"\r\n\r\nrows.count\r\n'
        yield b'--x\r\nContent-Disposition: form-data; name="note"\r\n\r\n' + b"x" * size
        await asyncio.Event().wait()

    return body()


async def unfinished_json() -> AsyncIterator[bytes]:
    yield b'{"kind": "' + b"x" * 50_000
    await asyncio.Event().wait()


async def test_unfinished_requests_together_hold_no_more_than_their_memory(site: Site) -> None:
    site.service.memory = Memory(160_000)
    form = {"content-type": "multipart/form-data; boundary=x"}
    unfinished = [
        site.client.post("/api/upload", content=unfinished_form(50_000), headers=form),
        site.client.post("/api/upload", content=unfinished_form(50_000), headers=form),
        site.client.post(
            "/api/jobs", content=unfinished_json(), headers={"content-type": "application/json"}
        ),
    ]
    tasks = [asyncio.create_task(request) for request in unfinished]
    await until("all are held", lambda: site.service.memory._left < 10_000)

    refused = [
        await site.client.post("/api/upload", files=FILES, data={"kind": "rows.count", "x": "y" * 20_000}),
        await site.client.post("/api/jobs", json={"kind": "x" * 20_000}),
    ]
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)

    assert [answer.status_code for answer in refused] == [503, 503]
    assert {answer.json()["type"] for answer in refused} == {"/problems/too-busy"}
    assert site.service.memory._left == 160_000
    assert (await site.client.post("/api/upload", files=FILES, data={"kind": "rows.count"})).is_success

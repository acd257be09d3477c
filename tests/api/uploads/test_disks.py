"""A disk that takes nothing, whatever the reason and the moment: named, and nothing left of the upload."""

import errno
import logging
from pathlib import Path

import pytest

from tests.api.site import CSV, Site
from tests.disks import BROKEN, FULL, break_calls, small_disk, unprotect, write_protect

CALLS = ("mkdir", "open", "write", "fsync", "rename")


async def upload(site: Site) -> tuple[int, str]:
    response = await site.client.post("/api/upload?kind=rows.count&name=a.csv", content=CSV)
    return response.status_code, response.json().get("type", "")


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("word", [*FULL, *BROKEN], ids=errno.errorcode.__getitem__)
async def test_a_disk_that_takes_nothing_is_named_at_whatever_step(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, call: str, word: int
) -> None:
    with monkeypatch.context() as broken:
        break_calls(broken, call, word, below=site.service.storage.root)
        refused = await upload(site)
    accepted = await upload(site)

    assert refused == (507, "/problems/storage-full" if word in FULL else "/problems/storage-broken")
    assert accepted == (202, "")
    assert len(list(site.service.storage.journals())) == 1
    assert list(site.service.storage.root.glob("tmp/*/*/")) == []
    assert [line for line in caplog.records if line.levelno >= logging.ERROR] == []


async def test_a_read_only_data_directory_is_told_to_senders_and_operators(
    site: Site, tmp_path: Path
) -> None:
    with small_disk(site.service.storage.root, size=64 << 20) as disk:
        (disk / "tmp").mkdir()
        site.service.storage.for_uploads.reserve = 0
        accepted = await upload(site)
        (job_id,) = (journal.job_id for journal in site.service.storage.journals())
        await site.client.post(f"/api/jobs/{job_id}/cancel")
        write_protect(disk)
        refused = await upload(site)
        deleted = await site.client.delete(f"/api/jobs/{job_id}")
        health = await site.client.get("/health")
        ready = await site.client.get("/health/ready")
        unprotect(disk)
        again = await upload(site)

    assert (accepted, refused, again) == ((202, ""), (507, "/problems/storage-broken"), (202, ""))
    assert (deleted.status_code, deleted.json()["type"]) == (507, "/problems/storage-broken")
    disk_check = health.json()["checks"]["disk:free"][0]
    assert (health.status_code, disk_check["status"]) == (503, "fail")
    assert "Read-only file system" in disk_check["output"]
    assert "Read-only file system" in ready.json()["detail"]

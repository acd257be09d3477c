"""Files of jobs in a local directory.

    <root>/tmp/incoming-…/<token>/ an upload that a process receives; nobody refers to it
    <root>/ab/<token>/input        an uploaded file
    <root>/ab/<token>/upload.json  its journal; `upload.held` while somebody decides about the job
    <root>/ab/<token>/job          the job's id, where there is no journal
    <root>/ab/<token>/scratch-3/   where attempt 3 works
    <root>/ab/<token>/results-3/0  the first file that attempt 3 published

The token is the random part of a job's id; `ab` are its first two characters. No text of a
user is in any path.
"""

import contextlib
import errno
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec

from storage.attempt import AttemptFiles
from storage.durable import hash_file, sync_directory
from storage.errors import FileMissing, naming_refusals
from storage.files import JOURNALS, Artifact, Entry, FileRef, Journal, Standing
from storage.incoming import Incoming, collect
from storage.receiver import Batches, Receiver
from storage.room import Room

_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}\Z")
_KEY = re.compile(r"[A-Za-z0-9_-]{2}/[A-Za-z0-9_-]{22}/(input|results-\d{1,9}/\d{1,4})\Z")

RESERVE_BYTES = 64 << 20
LEFT_FOR_RESULTS = 4  # times the reserve: what uploads leave free


class LocalStorage:
    """All files of all jobs, under one directory of this machine (or of a file system that machines share).

    Args:
        root: the directory; made where it does not exist.
        reserve_bytes: room that results leave free.

    Attributes:
        for_uploads, for_results: the room that there is for them. Uploads leave more free than results, so
            that what was accepted can be finished.
    """

    def __init__(self, root: Path, *, reserve_bytes: int = RESERVE_BYTES) -> None:
        self.root = root
        self.for_uploads = Room(root, LEFT_FOR_RESULTS * reserve_bytes)
        self.for_results = Room(root, reserve_bytes)
        self._temporary = root / "tmp"
        self._temporary.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._batches = Batches()
        self._incoming = Incoming(self._temporary)

    def check_writable(self) -> None:
        """Ask the system whether files can be made here, without making one.

        Raises:
            StorageBroken: the directory is read-only, forbidden, or gone.
        """
        with naming_refusals(self.root):
            if not os.access(self._temporary, os.W_OK):
                os.stat(self._temporary)
                read_only = os.statvfs(self._temporary).f_flag & os.ST_RDONLY
                word = errno.EROFS if read_only else errno.EACCES
                raise OSError(word, os.strerror(word))

    def receive(self, job_id: str, *, expected: int = 0) -> Receiver:
        """Begin to take the file of a job.

        Args:
            job_id: the job's id; its random part alone will do where the queue is not known yet.
            expected: bytes that are announced, 0 when unknown.

        Raises:
            StorageFull: there is no room for as much.
            StorageBroken: the disk takes nothing.
        """
        self.for_uploads.check(expected)
        token = _token_of(job_id)
        with naming_refusals(self.root):
            temporary = self._incoming.place(token)
        return Receiver(
            root=self.root,
            temporary=temporary,
            final=self._home(token),
            room=self.for_uploads,
            batches=self._batches,
        )

    def path(self, ref: FileRef | Artifact) -> Path:
        """Return where a file lies.

        Raises:
            FileMissing: the reference is none of this storage.
        """
        if not _KEY.match(ref.key):
            raise FileMissing(ref.key, "the key is not one of this storage")
        return self.root / ref.key

    def check(self, ref: FileRef | Artifact) -> Path:
        """Return where a file lies, after a look whether it is there and of its size.

        Raises:
            FileMissing: it is not.
        """
        path = self.path(ref)
        try:
            size = path.stat().st_size
        except FileNotFoundError as error:
            raise FileMissing(ref.key, "it does not exist") from error
        if size != ref.size:
            raise FileMissing(ref.key, f"it has {size} bytes instead of {ref.size}")
        return path

    def verify(self, ref: FileRef | Artifact) -> Path:
        """Return where a file lies, after reading it whole to compare its SHA-256.

        Raises:
            FileMissing: it is not there, or not what it was.
        """
        path = self.check(ref)
        if hash_file(path) != ref.sha256:
            raise FileMissing(ref.key, "its content has changed")
        return path

    def attempt(self, job_id: str, attempt: int) -> AttemptFiles:
        """Open the directories of one attempt; what earlier attempts of the job left is removed.

        Raises:
            StorageFull: there is no room for results.
        """
        home = self._home(_token_of(job_id))
        return AttemptFiles(root=self.root, home=home, job_id=job_id, attempt=attempt, room=self.for_results)

    def delete(self, job_id: str) -> None:
        """Remove every file of a job; harmless where there is none.

        Raises:
            StorageRefused: the disk takes no change now.
        """
        home = self._home(_token_of(job_id))
        grave = self._temporary / f"deleted-{secrets.token_hex(8)}"
        if not home.exists():  # also where the disk is read-only
            return
        with naming_refusals(self.root):
            try:
                # One rename first: a crash in the middle of many unlinks would leave a journal without its
                # file.
                home.rename(grave)
            except FileNotFoundError:
                return
            sync_directory(home.parent)
        shutil.rmtree(grave, ignore_errors=True)

    def hold(self, job_id: str) -> None:
        """Say that the job may be going: whether its files stay is now for the queue to say.

        Raises:
            StorageRefused: the disk takes no change now.
        """
        self._rename_journal(job_id, "live", "held")

    def release(self, job_id: str) -> None:
        """Take `hold` back: the job stays."""
        self._rename_journal(job_id, "held", "live")

    def is_live(self, job_id: str) -> bool:
        """Whether there is an upload of this job that nobody holds."""
        return (self._home(_token_of(job_id)) / JOURNALS["live"]).exists()

    def has_files(self, job_id: str) -> bool:
        """Whether there is anything of this job on disk."""
        return self._home(_token_of(job_id)).is_dir()

    def entries(self) -> Iterator[Entry]:
        """Go through the files of all jobs, in no particular order."""
        for shard in self.root.iterdir():
            if len(shard.name) != 2 or not shard.is_dir():
                continue
            for home in shard.iterdir():
                if (entry := _read_entry(home)) is not None:
                    yield entry

    def journals(self) -> Iterator[Journal]:
        """Go through the uploads from which jobs can be rebuilt."""
        for entry in self.entries():
            if entry.standing == "live" and entry.journal is not None:
                yield entry.journal

    def collect(self, older_than: float) -> int:
        """Remove what uploads and deletions left when they were cut short; never what an upload still writes.

        Args:
            older_than: seconds without any change.

        Returns: how many were removed.
        """
        return collect(self._temporary, older_than)

    def _home(self, token: str) -> Path:
        return self.root / token[:2] / token

    def _rename_journal(self, job_id: str, before: Standing, after: Standing) -> None:
        home = self._home(_token_of(job_id))
        if not (home / JOURNALS[before]).exists():  # also where the disk is read-only
            return
        with naming_refusals(self.root), contextlib.suppress(FileNotFoundError):
            (home / JOURNALS[before]).rename(home / JOURNALS[after])
            sync_directory(home)


def _token_of(job_id: str) -> str:
    token = job_id.rpartition(".")[2]
    if not _TOKEN.match(token):
        raise ValueError(f"{job_id!r} is not the id of a job")
    return token


def _read_entry(home: Path) -> Entry | None:
    try:
        changed_at = _last_change(home)
        for standing, name in JOURNALS.items():
            if (home / name).exists():
                journal = msgspec.json.decode((home / name).read_bytes(), type=Journal)
                return Entry(job_id=journal.job_id, standing=standing, journal=journal, changed_at=changed_at)
        job_id = (home / "job").read_text()
        return Entry(job_id=job_id, standing="bare", journal=None, changed_at=changed_at)
    except (FileNotFoundError, NotADirectoryError):
        return None  # deleted meanwhile, or not one of ours


def _last_change(path: Path) -> float:
    changed = path.stat().st_mtime
    if path.is_dir():
        for name in os.listdir(path):
            with contextlib.suppress(FileNotFoundError):
                changed = max(changed, (path / name).stat().st_mtime)
    return changed

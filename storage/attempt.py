"""The files of one attempt of a job: a private directory to work in, and the way out of it.

Every attempt has its own directories, so that an attempt that lost its job can only write where nobody reads.
Used inside handlers, without an event loop.
"""

import io
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, cast

from storage.durable import hash_file, make_directory, sync_directory, sync_file
from storage.errors import naming_refusals
from storage.files import Artifact
from storage.room import Room

_BUFFER = 256 << 10  # bytes

# Decided here and not by the machine's own tables, which differ; nothing that a browser would run.
MEDIA_TYPES = {
    ".csv": "text/csv; charset=utf-8",
    ".tsv": "text/tab-separated-values; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".json": "application/json",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".zip": "application/zip",
    ".gz": "application/gzip",
    ".parquet": "application/vnd.apache.parquet",
}


class AttemptFiles:
    """What one attempt writes. As a context manager it removes its scratch directory at the end.

    Attributes:
        scratch: an existing, empty directory that only this attempt uses.
    """

    def __init__(self, *, root: Path, home: Path, job_id: str, attempt: int, room: Room) -> None:
        self._root = root
        self._room = room
        self._results = home / f"results-{attempt}"
        self.scratch = home / f"scratch-{attempt}"
        with naming_refusals(root):
            make_directory(home, below=root)
            _remove_earlier(home, attempt)
            shutil.rmtree(self.scratch, ignore_errors=True)
            room.check(0)
            self.scratch.mkdir(mode=0o700)
            self._name_job(home, job_id)

    def create(self, filename: str) -> BinaryIO:
        """Make a file in the scratch directory that takes its room before it is written.

        Files that are made otherwise find out that the disk is full when it is.

        Args:
            filename: its name in the scratch directory.

        Raises:
            StorageRefused: the disk takes nothing now; so may each write. Let it through: the attempt is
                tried again later, and for a day it costs the job none of its retries, if it has any.
        """
        file = self._room.create(self.scratch / _plain(filename))
        return cast("BinaryIO", io.BufferedWriter(file, _BUFFER))

    def publish(self, filename: str, *, name: str | None = None, media_type: str | None = None) -> Artifact:
        """Move a finished file out of the scratch directory, durably, and say what it is.

        It can be downloaded once the job's result, which names it, is accepted.

        Args:
            filename: its name in the scratch directory.
            name: what it is called when it is downloaded; by default `filename`.
            media_type: by default by the ending of the name.

        Raises:
            FileNotFoundError: there is no such file in the scratch directory.
            StorageFull: with it, less than the reserve would be free.
            StorageBroken: the disk takes nothing.
            ValueError: `filename` is not the plain name of a file.
        """
        source = self.scratch / _plain(filename)
        sync_file(source)
        self._room.check(0)
        shown = name or filename
        with naming_refusals(self._root):
            make_directory(self._results, below=self._root)
        target = self._results / str(sum(1 for _ in self._results.iterdir()))
        artifact = Artifact(
            name=shown,
            size=source.stat().st_size,
            sha256=hash_file(source),
            key=target.relative_to(self._root).as_posix(),
            media_type=media_type or MEDIA_TYPES.get(Path(shown).suffix.lower(), "application/octet-stream"),
        )
        with naming_refusals(self._root):
            source.rename(target)
            sync_directory(self._results)
        return artifact

    def close(self) -> None:
        """Remove the scratch directory; what was published stays."""
        shutil.rmtree(self.scratch, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _name_job(self, home: Path, job_id: str) -> None:
        if not (home / "job").exists():
            # By a rename: on a full disk half a name could be left.
            written = self.scratch / "job"
            written.write_text(job_id)
            written.rename(home / "job")


def _plain(filename: str) -> str:
    if filename != os.path.basename(filename) or filename in ("", ".", ".."):
        raise ValueError(f"{filename!r} is not the plain name of a file in the scratch directory")
    return filename


def _remove_earlier(home: Path, attempt: int) -> None:
    # A later claim is proof that no earlier attempt's result was accepted, so nothing refers to these.
    for directory in home.iterdir():
        word, _, number = directory.name.partition("-")
        if word in ("scratch", "results") and number.isdigit() and int(number) < attempt:
            shutil.rmtree(directory, ignore_errors=True)

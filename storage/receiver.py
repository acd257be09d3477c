"""An upload on its way to the disk.

The caller feeds it bytes as they come; they are hashed and written in a thread, in batches, while the next
batch is being collected. Nothing is visible under its final name before `commit`.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from storage.durable import make_directory, sync_directory, write_file
from storage.errors import naming_refusals
from storage.files import JOURNALS, FileRef, Journal, Standing
from storage.room import Room, RoomyFile

BATCH = 2 << 20  # bytes handed to a thread at a time
MOST_BATCHES = 64 << 20  # bytes of all receivers together


class Batches:
    """What all receivers hold in memory together.

    Attributes:
        size: bytes.
    """

    def __init__(self) -> None:
        self.size = 0

    @property
    def are_too_large(self) -> bool:
        """Whether there is no room for batches now: what comes must be written as it comes."""
        return self.size > MOST_BATCHES

    def let_go(self, size: int) -> None:
        """So many bytes are held no longer."""
        self.size -= size


class Receiver:
    """Takes one uploaded file. `write` as often as needed, `finish`, then `commit`; or `abort` at any point.

    Attributes:
        size: bytes taken so far.
    """

    def __init__(
        self,
        *,
        root: Path,
        temporary: Path,
        final: Path,
        room: Room,
        batches: "Batches",
    ) -> None:
        self.size = 0
        self._batches = batches
        self._root = root
        self._temporary = temporary
        self._final = final
        self._room = room
        self._pending: list[bytes] = []
        self._pending_size = 0
        self._writing: asyncio.Future[None] | None = None
        self._digest = hashlib.sha256()
        self._file: RoomyFile | None = None
        self._closed = False
        self._finished: FileRef | None = None

    async def write(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            StorageRefused: the disk takes nothing more; `abort` is the caller's next step.
        """
        self._pending.append(data)
        self._pending_size += len(data)
        self._batches.size += len(data)
        self.size += len(data)
        if self._pending_size >= BATCH or self._batches.are_too_large:
            await self._pass_on()

    async def close(self) -> None:
        """Make the content durable: all of it has come, and the file need not be open any longer.

        Raises:
            StorageFull: there is no room left.
            StorageBroken: the disk takes nothing.
        """
        if not self._closed:
            await self._pass_on()
            await self._in_thread(self._close_durably)
            self._closed = True

    async def finish(self, name: str) -> FileRef:
        """Make the content durable and say what it is. The file has no final name yet.

        Args:
            name: what its owner calls it.

        Raises:
            StorageFull: there is no room left.
            StorageBroken: the disk takes nothing.
        """
        await self.close()
        if self._finished is None:
            key = (self._final / "input").relative_to(self._root)
            self._finished = FileRef(
                name=name, size=self.size, sha256=self._digest.hexdigest(), key=key.as_posix()
            )
        return self._finished

    async def commit(self, journal: Journal, standing: Standing = "live") -> FileRef:
        """Give the file and its journal their final place, both at once and durably.

        Raises:
            StorageRefused: the disk takes nothing now.
        """
        await self._in_thread(self._publish, msgspec.json.encode(journal), JOURNALS[standing])
        return journal.file

    async def abort(self) -> None:
        """Leave nothing behind. Harmless after `commit`."""
        if self._writing is not None:
            # The thread cannot be stopped, and must not write into what is being removed.
            await asyncio.wait([self._writing])
            self._writing.exception()
            self._writing = None
        self._batches.let_go(self._pending_size)
        self._pending, self._pending_size = [], 0
        await self._in_thread(self._remove)

    async def _pass_on(self) -> None:
        await self._settle()
        if not self._pending:
            return
        batch, self._pending = self._pending, []
        size, self._pending_size = self._pending_size, 0
        self._writing = asyncio.get_running_loop().run_in_executor(None, self._write_batch, batch)
        self._writing.add_done_callback(lambda _: self._batches.let_go(size))

    async def _in_thread(self, work: Callable[..., None], *args: object) -> None:
        await self._settle()
        self._writing = asyncio.get_running_loop().run_in_executor(None, work, *args)
        await self._settle()

    async def _settle(self) -> None:
        if self._writing is not None:
            # Shielded, so that a cancelled request leaves a future that `abort` can still wait for.
            await asyncio.shield(self._writing)
            self._writing = None

    def _write_batch(self, batch: list[bytes]) -> None:
        file = self._open_file()
        for block in batch:
            self._digest.update(block)
            file.write(block)

    def _open_file(self) -> RoomyFile:
        if self._file is None:
            with naming_refusals(self._root):
                self._temporary.mkdir(mode=0o700)
                self._file = self._room.create(self._temporary / "input")
        return self._file

    def _close_durably(self) -> None:
        with self._open_file() as file, naming_refusals(self._root):
            file.make_durable()

    def _publish(self, journal: bytes, name: str) -> None:
        with naming_refusals(self._root):
            write_file(self._temporary / name, journal)
            sync_directory(self._temporary)
            make_directory(self._final.parent, below=self._root)
            self._temporary.rename(self._final)
            sync_directory(self._final.parent)

    def _remove(self) -> None:
        # What a disk that takes nothing keeps, `collect` removes when it can.
        with contextlib.suppress(OSError):
            if self._file is not None:
                self._file.close()
        with contextlib.suppress(OSError):
            for name in ("input", *JOURNALS.values()):
                (self._temporary / name).unlink(missing_ok=True)
            if self._temporary.is_dir():
                self._temporary.rmdir()

"""Room on the disk, taken before it is used.

Who writes takes the next piece of the file system first, and then looks whether the reserve still stands.
If it does not, the piece is given back and the writer refused. So no two writers count on the same free
bytes, of whatever process or machine: each looks after it has taken.
"""

import errno
import io
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from storage.errors import StorageFull, naming_refusals

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

LARGEST_PIECE = 16 << 20  # bytes taken at a time; smaller files take as much as they have already


class Room:
    """What may be written in one file system.

    Args:
        directory: any that lies in it.
        reserve: bytes that are left free.
    """

    def __init__(self, directory: Path, reserve: int) -> None:
        self.directory = directory
        self.reserve = reserve

    def free(self) -> int:
        """Return how much is free, in bytes; the reserve is not counted off.

        Raises:
            StorageBroken: the disk does not say.
        """
        with naming_refusals(self.directory):
            return shutil.disk_usage(self.directory).free

    def check(self, size: int) -> None:
        """Raise `StorageFull` where `size` more bytes would touch the reserve."""
        free = self.free()
        if free - size < self.reserve:
            raise StorageFull(free, self.reserve) from OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def take(self, descriptor: int, size: int, more: int) -> None:
        """Take `more` bytes for an open file that has `size`.

        Raises:
            StorageFull: they would touch the reserve; nothing was taken.
        """
        self.check(more)
        with naming_refusals(self.directory):
            if not _allocate(descriptor, size, more):
                return
        try:
            self.check(0)
        except StorageFull:
            os.ftruncate(descriptor, size)
            raise

    def create(self, path: Path) -> "RoomyFile":
        """Make a new file, readable by its owner only, that takes its room before it is written.

        Raises:
            StorageRefused: the disk takes nothing now.
        """
        with naming_refusals(self.directory):
            return RoomyFile(path, self)


class RoomyFile(io.RawIOBase):
    """A new file that is written from its beginning to its end. Made by `Room`.

    Attributes:
        size: bytes written so far.
    """

    def __init__(self, path: Path, room: Room) -> None:
        self.size = 0
        self._room = room
        self._taken = 0
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write all of `data`; returns its size in bytes.

        Raises:
            StorageFull: there is no room left.
            StorageBroken: the disk takes nothing.
        """
        view = memoryview(data).cast("B")
        needed = self.size + len(view) - self._taken
        if needed > 0:
            more = max(needed, min(self.size, LARGEST_PIECE))
            self._room.take(self._descriptor, self._taken, more)
            self._taken += more
        with naming_refusals(self._room.directory):
            while view:
                written = os.write(self._descriptor, view)
                self.size += written
                view = view[written:]
        return memoryview(data).nbytes

    def make_durable(self) -> None:
        """Give back what was taken in vain, and have the content survive a power cut."""
        with naming_refusals(self._room.directory):
            self._give_back()
            os.fsync(self._descriptor)

    def close(self) -> None:
        if not self.closed:
            super().close()
            try:
                self._give_back()
            finally:
                os.close(self._descriptor)

    def _give_back(self) -> None:
        if self._taken > self.size:
            os.ftruncate(self._descriptor, self.size)
            self._taken = self.size


def _allocate(descriptor: int, size: int, more: int) -> bool:
    """Have the file system set bytes aside; returns False where it cannot, and looking has to do."""
    if not hasattr(os, "posix_fallocate"):
        return False
    try:
        os.posix_fallocate(descriptor, size, more)
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            return False
        os.ftruncate(descriptor, size)  # what was set aside before it failed
        raise
    return True

"""Errors of the storage.

StorageError
├── StorageRefused       the directory takes nothing now; nothing was kept of what was being written
│   ├── StorageFull      there is no room
│   └── StorageBroken    it is read-only, forbidden, gone, or its disk fails
└── FileMissing          what is referred to is not there, or not of the size it had

Which kind an error of the system is, `naming_refusals` says, and nobody else.
"""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_BROKEN = frozenset(
    {
        *(errno.EROFS, errno.EACCES, errno.EPERM),
        *(errno.ENOENT, errno.ENOTDIR),  # of a directory that was unmounted, or removed
        *(errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT),
    }
)


class StorageError(Exception):
    """Base of what the storage raises to its callers."""


class StorageRefused(StorageError):
    """The storage takes nothing now. Nothing is wrong with what was to be written: try again later."""


class StorageFull(StorageRefused):
    """There is no room for the file; what was written of it is gone or goes with `abort`."""

    def __init__(self, free: int, reserve: int) -> None:
        super().__init__(
            f"no room for the file: {free} bytes are free, and {reserve} of them are kept in reserve"
        )
        self.free = free  # bytes
        self.reserve = reserve  # bytes


class StorageBroken(StorageRefused):
    """The storage cannot be written to.

    Attributes:
        reason: in the system's words, such as `Read-only file system`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"the storage cannot be written to: {reason}")
        self.reason = reason


class FileMissing(StorageError):
    """A file that is referred to is not there, or not whole."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"the file {key} is not what it should be: {reason}")
        self.key = key
        self.reason = reason


@contextlib.contextmanager
def naming_refusals(directory: Path) -> Iterator[None]:
    """Turn what the system says of a disk that takes nothing into `StorageFull` or `StorageBroken`.

    Args:
        directory: any in the file system that is written to.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull(_free(directory), 0) from error
        if error.errno in _BROKEN:
            raise StorageBroken(os.strerror(error.errno)) from error
        raise


def _free(directory: Path) -> int:
    try:
        return shutil.disk_usage(directory).free
    except OSError:
        return 0

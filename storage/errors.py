"""Errors of the storage.

StorageError
├── StorageFull      no room: nothing was kept of what was being written
└── FileMissing      what is referred to is not there, or not of the size it had
"""

import contextlib
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class StorageError(Exception):
    """Base of what the storage raises to its callers."""


class StorageFull(StorageError):
    """There is no room for the file; what was written of it is gone or goes with `abort`."""

    def __init__(self, free: int, reserve: int) -> None:
        super().__init__(
            f"no room for the file: {free} bytes are free, and {reserve} of them are kept in reserve"
        )
        self.free = free  # bytes
        self.reserve = reserve  # bytes


class FileMissing(StorageError):
    """A file that is referred to is not there, or not whole."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"the file {key} is not what it should be: {reason}")
        self.key = key
        self.reason = reason


@contextlib.contextmanager
def refusing_when_full(directory: Path) -> Iterator[None]:
    """Turn the operating system's "no space left" for a file in `directory` into `StorageFull`."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise StorageFull(shutil.disk_usage(directory).free, 0) from error

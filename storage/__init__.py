"""Files of jobs: uploads come in, results go out. Names from users are never part of a path.

`current()` is the storage of this installation; handlers and the API use it.
"""

import functools

import config
from storage.attempt import AttemptFiles
from storage.errors import FileMissing, StorageBroken, StorageError, StorageFull, StorageRefused
from storage.files import Artifact, Entry, FileRef, Journal, Standing
from storage.local import LocalStorage
from storage.receiver import Receiver

__all__ = [
    "Artifact",
    "AttemptFiles",
    "Entry",
    "FileMissing",
    "FileRef",
    "Journal",
    "LocalStorage",
    "Receiver",
    "Standing",
    "StorageBroken",
    "StorageError",
    "StorageFull",
    "StorageRefused",
    "current",
]


@functools.cache
def current() -> LocalStorage:
    """Return the storage in the configured data directory, the same one every time."""
    return LocalStorage(config.load().data_dir / "files")

"""Where a process receives its uploads: a directory that is its own as long as it lives.

    <root>/tmp/incoming-<random>/lock      held by the process
    <root>/tmp/incoming-<random>/<token>/  an upload

Whether an upload still goes on cannot be told by its age. Whether its process lives can be told: the system
lets go of the lock when it ends, however it ends.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
import time
from pathlib import Path

_PREFIX = "incoming-"
_LOCK = "lock"


class Incoming:
    """The uploads of this process.

    Args:
        temporary: the directory in which each process has its own.
    """

    def __init__(self, temporary: Path) -> None:
        self._directory = temporary / f"{_PREFIX}{secrets.token_hex(8)}"
        self._lock: int | None = None

    def place(self, token: str) -> Path:
        """Return where an upload may make its directory."""
        if self._lock is None:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            self._lock = os.open(self._directory / _LOCK, os.O_WRONLY | os.O_CREAT, 0o600)
            with contextlib.suppress(OSError):  # a file system without locks: age has to do
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return self._directory / token

    def __del__(self) -> None:
        if self._lock is not None:
            os.close(self._lock)


def collect(temporary: Path, older_than: float) -> int:
    """Remove what uploads and deletions that were cut short left in a temporary directory.

    Args:
        older_than: seconds without any change.

    Returns: how many directories were removed.
    """
    removed = 0
    for leftover in temporary.iterdir():
        if time.time() - _last_change(leftover) > older_than and not _is_in_use(leftover):
            shutil.rmtree(leftover, ignore_errors=True)
            removed += 1
    return removed


def _is_in_use(directory: Path) -> bool:
    if not directory.name.startswith(_PREFIX):
        return False
    try:
        descriptor = os.open(directory / _LOCK, os.O_WRONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return False
    finally:
        os.close(descriptor)
    return False


def _last_change(directory: Path) -> float:
    changed = 0.0
    for parent, _, files in os.walk(directory):
        for name in (".", *files):
            with contextlib.suppress(FileNotFoundError):
                changed = max(changed, os.stat(os.path.join(parent, name)).st_mtime)
    return changed

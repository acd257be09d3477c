"""Disks that tests may fill, write-protect and break."""

import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def small_disk(directory: Path, *, size: int) -> Iterator[Path]:
    """A file system of `size` bytes at a directory; skips the test where none may be mounted."""
    directory.mkdir(parents=True, exist_ok=True)
    mounted = _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(directory))
    if not mounted:
        pytest.skip("no file system may be mounted here")
    try:
        yield directory
    finally:
        while directory.is_mount() and _run("umount", "-l", str(directory)):
            pass


def write_protect(disk: Path) -> None:
    """Have a small disk take no more."""
    # A second face of it: the first cannot be write-protected while files are open on it.
    assert _run("mount", "--bind", str(disk), str(disk))
    assert _run("mount", "-o", "remount,ro,bind", str(disk))


def unprotect(disk: Path) -> None:
    """Have it take files again."""
    assert _run("umount", str(disk))


def break_calls(monkeypatch: pytest.MonkeyPatch, call: str, word: int, *, below: Path) -> None:
    """Have a function of `os` fail with an errno for files below a directory; descriptors count too."""
    whole = getattr(os, call)

    def fail(first: object, *args: object, **options: object) -> object:
        path = os.readlink(f"/proc/self/fd/{first}") if isinstance(first, int) else os.fspath(first)  # type: ignore[call-overload]
        if Path(path).is_relative_to(below):
            raise OSError(word, os.strerror(word), path)
        return whole(first, *args, **options)

    monkeypatch.setattr(os, call, fail)


def _run(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0
    except FileNotFoundError:
        return False


FULL = (errno.ENOSPC, errno.EDQUOT)
BROKEN = (errno.EROFS, errno.EACCES, errno.EIO)

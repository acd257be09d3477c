"""The processes that a process has started, and theirs: found, adopted and ended together."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable
from pathlib import Path

_PROC = Path("/proc")

# Bound before a handler can put something else in its place.
_waitid = getattr(os, "waitid", None)  # macOS has it from Python 3.13 on


def lead_group() -> None:
    """Make this process the leader of a group of its own, in the session of whoever started it."""
    os.setpgid(0, 0)


def end_family(pid: int) -> None:
    """Kill a process of ours that leads a group, and all it has started.

    Where there is no /proc, what has left the group is not found.
    """
    family = descendants(pid)
    end_group(pid)
    # Itself, too: it may not have had the time to become a leader.
    _kill([pid, *family])


def end_group(leader: int) -> None:
    """Kill what is left of a group; its leader may be no more."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def end_session(leader: int) -> None:
    """Kill what is left of the session of a process that is no more."""
    _kill(pid for pid in _processes() if _session(pid) == leader)


def descendants(pid: int) -> list[int]:
    """Return the ids of the processes that `pid` has started, and they in turn, that still have a parent."""
    found: list[int] = []
    parents = [pid]
    while parents:
        children = _children(parents.pop())
        found += children
        parents += children
    return found


def has_children() -> bool:
    """Return whether this process has a child, dead or alive; False where that cannot be told."""
    if _waitid is None:
        return False
    try:
        _waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _children(pid: int) -> list[int]:
    children: list[int] = []
    # A child is listed with the thread that started it.
    for thread in _entries(_PROC / str(pid) / "task"):
        with contextlib.suppress(OSError):
            children += map(int, (_PROC / str(pid) / "task" / thread / "children").read_text().split())
    return children


def _processes() -> list[int]:
    return [int(name) for name in _entries(_PROC) if name.isdigit()]


def _session(pid: int) -> int:
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return 0
    # The name before it is in parentheses and may hold anything.
    return int(stat.rpartition(")")[2].split()[3])


def _entries(directory: Path) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)

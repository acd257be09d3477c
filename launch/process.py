"""Child processes that end with their parent, whatever ends it.

A child is the leader of a session of its own: Ctrl-C in the terminal reaches the launcher only, which then
stops its children in order. The kernel sends the child a signal when the launcher is killed.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

PR_SET_PDEATHSIG = 1


def start_child(
    command: Sequence[str],
    *,
    environ: Mapping[str, str] | None = None,
    when_parent_dies: signal.Signals = signal.SIGKILL,
    pass_fds: Sequence[int] = (),
    quiet: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a process that cannot outlive this one.

    It must be called from a thread that lives as long as the parent, in doubt the main thread: to the kernel
    the parent is the thread.

    Args:
        command: program and arguments.
        environ: its environment; by default that of this process.
        when_parent_dies: what the kernel sends to it then. Linux only.
        pass_fds: descriptors that it inherits.
        quiet: its output goes nowhere; otherwise where that of this process goes.
    """
    return subprocess.Popen(
        command,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL if quiet else None,
        stderr=subprocess.DEVNULL if quiet else None,
        start_new_session=True,
        pass_fds=pass_fds,
        preexec_fn=_death_signal(when_parent_dies),
    )


def stop_child(process: subprocess.Popen[bytes], *, timeout: float) -> bool:
    """Ask a child to end with SIGTERM, and kill it and its group when it has not after `timeout` seconds.

    Returns: whether it ended by itself.
    """
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        return False
    finally:
        kill_group(process)
    return True


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill a child and whatever it left in its process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _death_signal(death_signal: signal.Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    # Loaded before the fork: between fork and exec the child may not do much more than a system call.
    prctl: Any = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask_for_death_signal() -> None:
        prctl(PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != parent:  # the parent died before we asked
            os._exit(1)

    return ask_for_death_signal

"""What a process is started with and what it holds. In processes of their own."""

import mmap
import os
import socket
import subprocess
import sys

import pytest

from queuecore.processes import DescriptorGauge, MemoryGauge, adopt_socket


def test_only_what_was_given_is_inherited() -> None:
    code = """
import os, sys
from queuecore.processes import close_inherited
own = os.open(os.devnull, os.O_RDONLY)
close_inherited(but=(int(sys.argv[1]),))
def is_open(descriptor):
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
print([is_open(descriptor) for descriptor in (0, 1, 2, int(sys.argv[1]), int(sys.argv[2]), own)])
"""
    given, other = os.pipe()
    command = [sys.executable, "-c", code, str(given), str(other)]

    ended = subprocess.run(command, pass_fds=(given, other), capture_output=True, text=True, check=True)

    os.close(given)
    os.close(other)
    assert ended.stdout.strip() == "[True, True, True, True, False, True]"


def test_an_adopted_socket_is_not_handed_on() -> None:
    ours, theirs = socket.socketpair()
    ours.set_inheritable(True)

    with theirs, adopt_socket(ours.detach()) as adopted:
        assert not adopted.get_inheritable()


def test_descriptors_are_counted() -> None:
    gauge = DescriptorGauge()
    before = gauge.read()

    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(10)]
    after = gauge.read()
    for descriptor in opened:
        os.close(descriptor)

    assert (after - before, gauge.read() - before) == (10, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_memory_is_measured() -> None:
    gauge = MemoryGauge()
    before = gauge.read()

    # Mapped: the allocator might hand out what it still holds of an earlier test.
    with mmap.mmap(-1, 50_000_000) as hoard:
        hoard.write(bytes(50_000_000))
        after = gauge.read()

    assert after.resident - before.resident > 45_000_000
    assert after.size - before.size > 45_000_000

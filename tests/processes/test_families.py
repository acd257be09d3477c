"""Processes that belong together: found together, ended together."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from queuecore.processes import descendants, end_family, end_group, end_session, has_children
from tests.worker.worker_process import eventually, is_alive

# A child, a child of a child that has a session of its own, and a word when all are up.
TREE = """
import subprocess, sys
subprocess.Popen(["sleep", "60"])
subprocess.Popen(["sh", "-c", "sleep 60 & exec setsid sleep 60"], stdout=subprocess.DEVNULL)
print("up", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def tree() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", TREE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    for pid in [*descendants(process.pid), process.pid]:
        if is_alive(pid):
            os.kill(pid, 9)
    process.communicate()


async def _grown(tree: "subprocess.Popen[bytes]") -> list[int]:
    def look() -> list[int]:
        found = descendants(tree.pid)
        grown = len(found) == 3 and sum(os.getsid(pid) == tree.pid for pid in found) == 2
        return found if grown else []

    return await eventually(look, "all have been started, and one has left the session")


async def test_a_family_ends_with_those_who_left_the_session(tree: "subprocess.Popen[bytes]") -> None:
    family = await _grown(tree)

    end_family(tree.pid)

    await eventually(lambda: not any(map(is_alive, [tree.pid, *family])), "all are gone")


async def test_a_session_ends_without_its_leader(tree: "subprocess.Popen[bytes]") -> None:
    session = [pid for pid in await _grown(tree) if os.getsid(pid) == tree.pid]
    tree.kill()
    tree.wait()
    assert session
    assert all(map(is_alive, session))

    end_session(tree.pid)

    await eventually(lambda: not any(map(is_alive, session)), "all are gone")


def test_nothing_happens_to_what_is_not_there() -> None:
    nobody = subprocess.Popen(["true"])
    nobody.wait()

    end_family(nobody.pid)
    end_group(nobody.pid)
    end_session(nobody.pid)

    assert descendants(nobody.pid) == []


def test_a_child_is_one_until_somebody_has_waited_for_it() -> None:
    code = """
import subprocess
from queuecore.processes import has_children
seen = [has_children()]
child = subprocess.Popen(["true"])
seen.append(has_children())
child.wait()
seen.append(has_children())
print(seen)
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout == "[False, True, False]\n"
    assert has_children() in (True, False)

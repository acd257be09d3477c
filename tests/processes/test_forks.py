"""Children that a process forks: they hold nothing of its own, and do not come back."""

import subprocess
import sys

import pytest

PREPARE = """
import os, signal, socket, sys, threading
from queuecore.processes import Home, ignore_signals, keep_private, release_private
ours, theirs = socket.socketpair()
kept, _ = os.pipe()
ignore_signals(signal.SIGTERM, signal.SIGINT)
home = Home()
home.guard()
keep_private(ours.fileno())

def told_by_child(look):
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.write(write, repr(look()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    return os.read(read, 1000).decode()

def is_open(descriptor):
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
"""


def run(code: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", PREPARE + code], capture_output=True, text=True, check=True, timeout=20
    )
    return ended.stdout.strip()


def test_a_child_holds_none_of_what_is_private_and_all_else() -> None:
    assert run("print(told_by_child(lambda: [is_open(ours.fileno()), is_open(kept)]))") == "[False, True]"
    assert run("print(is_open(ours.fileno()))") == "True"


def test_what_is_private_no_more_is_left_alone() -> None:
    code = "release_private(ours.fileno())\nprint(told_by_child(lambda: is_open(ours.fileno())))"

    assert run(code) == "True"


def test_a_child_of_a_child_holds_what_its_parent_has_opened() -> None:
    code = """
def look():
    own = os.open(os.devnull, os.O_RDONLY)  # with the number of what was private
    return own == ours.fileno(), told_by_child(lambda: is_open(own))

print(told_by_child(look))
"""
    assert run(code) == "(True, 'True')"


def test_a_child_knows_that_it_is_one() -> None:
    assert run("print(told_by_child(lambda: home.left), home.left)") == "True False"


def test_a_child_can_be_ended_by_the_signals_that_its_parent_ignores() -> None:
    code = """
child = os.fork()
if not child:
    signal.pause()
os.kill(child, signal.SIGTERM)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert run(code) == "-15"


def test_a_handler_of_signals_that_others_have_set_stays() -> None:
    code = """
signal.signal(signal.SIGTERM, lambda *_: None)
print(told_by_child(lambda: signal.getsignal(signal.SIGTERM) is signal.SIG_DFL))
"""
    assert run(code) == "False"


@pytest.mark.parametrize(("how", "code"), [("pass", 0), ("raise ValueError", 1), ("sys.exit(0)", 1)])
def test_a_child_that_comes_back_ends(how: str, code: int) -> None:
    program = f"""
child = os.fork()
if not child:
    try:
        {how}
    finally:
        if home.left:
            home.leave()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert run(program) == str(code)


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("how", ["forks()", "in_a_task()", "in_a_callback()"])
def test_a_child_of_the_event_loop_ends_with_the_step_that_forked_it(loop: str, how: str) -> None:
    program = f"""
import asyncio, {loop}
marks, mark = os.pipe()

async def neighbour():
    for _ in range(5):
        await asyncio.sleep(0)
        os.write(mark, str(os.getpid()).encode() + b" ")

async def forks():
    child = os.fork()
    await asyncio.sleep(0)
    os.write(mark, str(os.getpid()).encode() + b" ")
    os.waitpid(child, 0)

async def in_a_task():
    await asyncio.gather(forks())

async def in_a_callback():
    done = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(fork_and, done.set_result, None)
    await done

def fork_and(call, argument):
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        call(argument)

async def main():
    Home().guard()
    await asyncio.gather(neighbour(), {how}, neighbour())

{loop}.run(main())
print(set(os.read(marks, 1000).split()) == {{str(os.getpid()).encode()}})
"""
    assert run(program) == "True"


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing_works_in_a_coroutine(method: str) -> None:
    program = f"""
import asyncio, multiprocessing

async def main():
    Home().guard()
    with multiprocessing.get_context({method!r}).Pool(1) as pool:
        return pool.map(abs, [-1, -2])

if __name__ == "__main__":
    print(asyncio.run(main()))
"""
    assert run(program) == "[1, 2]"

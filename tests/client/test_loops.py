"""A queue that lives longer than an event loop: a module's own, in one `asyncio.run` after another."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

HEAD = """
import asyncio, gc, sys, threading, warnings
from queuecore import JobContext, OtherLoop, Queue, State, handler

@handler("loops.add")
async def add(ctx: JobContext, number: int) -> int:
    return number

queue = Queue.connect(sys.argv[1])

async def enqueue(number):
    job = await queue.enqueue(add, number=number)
    assert (await job.record()).args == {"number": number}
    return job

async def wait():
    job = await enqueue(0)
    waiting = asyncio.create_task(job.result(timeout=20))
    await asyncio.sleep(0.05)
    await job.cancel()
    try:
        await waiting
    except Exception as error:
        return type(error).__name__
"""

TWICE = """
assert [run(wait()) for _ in range(3)] == ["JobCancelled"] * 3
async def together():
    return await asyncio.gather(*(enqueue(n) for n in range(100)))
assert len(run(together())) == 100
async def connections():
    return bytes(await queue.broker.client.call("CLIENT", "LIST")).count(b" name=producer ")
assert run(connections()) == 1
"""

# What an event loop leaves behind when it ends is different for each of these ways to end.
WAYS = {
    "asyncio.run": TWICE.replace("run(", "asyncio.run("),
    "uvloop": "import uvloop\n" + TWICE.replace("run(", "uvloop.run("),
    "a loop that is not closed": TWICE.replace("run(", "asyncio.new_event_loop().run_until_complete("),
    "a loop with an unfinished enqueue": """
async def leave():
    asyncio.current_task().kept = asyncio.create_task(enqueue(1))
    await asyncio.sleep(0)
first = asyncio.new_event_loop()
first.run_until_complete(leave())
assert asyncio.run(asyncio.wait_for(enqueue(2), 5))
""",
    "a loop with an unfinished wait": """
async def leave():
    job = await enqueue(1)
    asyncio.current_task().kept = asyncio.create_task(job.result())
    await asyncio.sleep(0.1)
first = asyncio.new_event_loop()
first.run_until_complete(leave())
first.close()
assert asyncio.run(wait()) == "JobCancelled"
asyncio.run(queue.close())
""",
    "two loops by turns": """
loops = [asyncio.new_event_loop(), asyncio.new_event_loop()]
for number in range(6):
    loops[number % 2].run_until_complete(enqueue(number))
""",
    "redis is asked by what comes first": """
asyncio.run(enqueue(1))
async def look():
    return await queue.inspector.figures.counts(), await queue.inspector.listings.recent()
assert asyncio.run(look())[0].queued == 1
asyncio.run(queue.close())
""",
}


@pytest.mark.parametrize("way", WAYS)
def test_a_queue_goes_on_in_another_event_loop(redis_url: str, way: str) -> None:
    assert run(WAYS[way], redis_url) == ""


def test_a_second_loop_beside_the_first_is_told_and_the_first_goes_on(redis_url: str) -> None:
    said = run(
        """
        async def main():
            await enqueue(1)
            def beside():
                counts = queue.inspector.figures.counts
                for ask in (lambda: enqueue(2), counts, lambda: follow(job)):
                    try:
                        asyncio.run(ask())
                    except OtherLoop as error:
                        print(error)
            async def follow(job):
                await job.result()
            job = await enqueue(3)
            waiting = asyncio.create_task(job.result())
            await asyncio.sleep(0.05)
            await asyncio.to_thread(beside)
            await job.cancel()
            try:
                await asyncio.wait_for(waiting, 5)
            except Exception as error:
                print(type(error).__name__)
        asyncio.run(main())
        """,
        redis_url,
    )

    told = "this queue is in use in another event loop, which still runs: make a Queue for each of them"
    assert said.splitlines() == [told] * 3 + ["JobCancelled"]


def test_a_queue_that_was_closed_stays_so(redis_url: str) -> None:
    said = run(
        """
        async def close():
            async with queue:
                await enqueue(1)
        asyncio.run(close())
        try:
            asyncio.run(enqueue(2))
        except Exception as error:
            print(error)
        """,
        redis_url,
    )

    assert "this queue was closed" in said


def run(body: str, redis_url: str) -> str:
    """What a program prints, in a process of its own."""
    program = HEAD + textwrap.dedent(body)
    ended = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", program, redis_url],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout

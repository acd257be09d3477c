"""A paused queue and real workers: the pause outlives them, and the resume reaches them at once."""

import signal
from collections.abc import Callable

from queuecore import Queue, Registry, State
from tests.worker.worker_process import Worker


async def test_a_paused_queue_stays_so_through_the_death_of_its_worker(
    queue: Queue, registry: Registry, start_worker: Callable[..., Worker]
) -> None:
    first = start_worker(queues=("default", "extra"))
    before = await queue.enqueue(registry["test.echo"], value=1, twice=False)
    assert await before.result(timeout=15) == [1]
    await queue.pause_queue("default", why="deploy")
    first.signal(signal.SIGKILL)
    first.wait()
    start_worker(queues=("default", "extra"))
    other = await queue.options(queue="extra").enqueue(registry["test.echo"], value=2, twice=False)
    held = await queue.enqueue(registry["test.echo"], value=3, twice=False)

    assert await other.result(timeout=15) == [2]
    assert (await held.record()).state is State.QUEUED

    await queue.resume_queue("default")

    assert await held.result(timeout=15) == [3]

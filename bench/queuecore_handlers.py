"""The same jobs for queuecore's workers, and one for each way it can run a handler."""

from bench import handlers
from queuecore import JobContext, handler


@handler("bench.noop")
async def noop(ctx: JobContext, number: int) -> int:
    """Nothing but to be counted."""
    return await handlers.async_noop(number)


@handler("bench.sleep")
async def sleep(ctx: JobContext, number: int) -> int:
    """Wait, as for an answer over the network."""
    return await handlers.async_sleep(number)


@handler("bench.thread", runs="thread")
def thread_noop(ctx: JobContext, number: int) -> int:
    """Nothing, in a thread."""
    return handlers.noop(number)


@handler("bench.process", runs="process")
def process_noop(ctx: JobContext, number: int) -> int:
    """Nothing, in a job process."""
    return handlers.noop(number)

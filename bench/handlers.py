"""What the jobs of a benchmark do, for every system the same."""

import asyncio
import time
from typing import Final

from bench.tally import Tally

SECONDS_OF_SLEEP: Final = 0.1
TALLY: Final = Tally.of_this_process()


def noop(number: int) -> int:
    """Nothing but to be counted."""
    TALLY.begin(number)
    return number


async def async_noop(number: int) -> int:
    """Nothing but to be counted."""
    TALLY.begin(number)
    return number


def sleep(number: int) -> int:
    """Wait, as for an answer over the network."""
    TALLY.begin(number)
    time.sleep(SECONDS_OF_SLEEP)
    TALLY.end(number)
    return number


async def async_sleep(number: int) -> int:
    """Wait, as for an answer over the network."""
    TALLY.begin(number)
    await asyncio.sleep(SECONDS_OF_SLEEP)
    TALLY.end(number)
    return number

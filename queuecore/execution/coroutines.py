"""Runs a coroutine in a job process: in an event loop that begins and ends with it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_coroutine(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return what `coroutine` returns; what it left running is cancelled then.

    What a signal handler raises ends it as a cancel does, and is raised here once it has cleaned up.
    """
    # asyncio's own: no other loop hands on what a signal handler raises while it waits.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(coroutine)

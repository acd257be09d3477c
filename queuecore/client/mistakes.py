"""What is said to those who hand a queue something else than a handler or a request: what to write."""

from __future__ import annotations

import inspect
from typing import Any

from ..handling import Handler
from ..model import InvalidOption


def no_handler(given: Any) -> InvalidOption:
    """What is said of something that was given in place of a handler."""
    if inspect.iscoroutine(given):
        given.close()
        name = given.__name__
        must = f"the handler itself, which a worker calls: enqueue({name}, ...), not enqueue({name}(...))"
    elif isinstance(given, str):
        must = (
            "the handler itself; a job is made by the name of its kind with "
            f"`await queue.submit(JobRequest(kind={given[:64]!r}, args={{...}}))`"
        )
    elif inspect.isroutine(given):
        must = f'a handler: write @handler("...") above `def {given.__name__}`'
    else:
        must = "a handler, a function with @handler(...) above it"
    return InvalidOption("handler", given, must)


def no_request(given: Any) -> InvalidOption:
    """What is said of something that was given in place of a request."""
    kind = given.kind if isinstance(given, Handler) else "mail.send"
    return InvalidOption("request", given, f"a JobRequest: JobRequest(kind={kind!r}, args={{...}})")

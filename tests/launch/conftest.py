"""Waiting, for tests of real processes."""

import time
from collections.abc import Callable

import pytest


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """Wait for a condition with a deadline."""

    def wait(condition: Callable[[], object], what: str, *, timeout: float = 20.0) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, f"not within {timeout:g} s: {what}"
            time.sleep(0.02)

    return wait

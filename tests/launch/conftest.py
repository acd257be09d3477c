"""Launchers for a test, which leaves none behind."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.launch.running import Launched


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., Launched]]:
    """Start the whole service; all calls of a test use one data directory unless told otherwise."""
    started: list[Launched] = []

    def start(environ: Mapping[str, str] | None = None, *, code: str = "") -> Launched:
        started.append(Launched(tmp_path / "data", environ, code=code))
        return started[-1]

    yield start
    for launched in started:
        launched.destroy()

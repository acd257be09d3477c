"""The client's tests look at Redis with the same eyes as the store's."""

from tests.store.conftest import broker, database, scene

__all__ = ["broker", "database", "scene"]

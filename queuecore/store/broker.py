"""All writes behind one Redis, by who makes them. What may be read without changing anything is beside it."""

from __future__ import annotations

from .claims import Claims
from .client import Client
from .keys import Keys
from .pauses import Pauses
from .pruning import Pruning
from .requests import Requests
from .upkeep import Upkeep


class Broker:
    """The writing side of the spaces behind one Redis.

    Args:
        client: the connection; a worker's has endless patience, a producer's gives up soon.
        prefix: first word of every key, so that several installations can share a server.

    Attributes:
        requests: what producers write.
        claims: what runners write.
        upkeep: what supervisors write.
        pruning: how ended jobs go.
        pauses: what operators pause and resume.
    """

    def __init__(self, client: Client, *, prefix: str = "qc") -> None:
        self.client = client
        self.prefix = prefix
        self._keys: dict[str, Keys] = {}
        self.requests = Requests(client, self.keys)
        self.claims = Claims(client, self.keys)
        self.upkeep = Upkeep(client, self.keys)
        self.pruning = Pruning(client, self.keys)
        self.pauses = Pauses(client, self.keys)

    @classmethod
    def connect(
        cls, url: str, *, prefix: str = "qc", name: str = "worker", patience: float | None = None
    ) -> Broker:
        """A broker on a connection of its own; the connection is made by the first call."""
        return cls(Client(url, name=name, patience=patience), prefix=prefix)

    async def close(self) -> None:
        """Drop the connection."""
        await self.client.close()

    def keys(self, space: str) -> Keys:
        """The keys of a space. Raises ValueError for a name that cannot be one."""
        keys = self._keys.get(space)
        if keys is None:
            keys = self._keys[space] = Keys(self.prefix, space)
        return keys

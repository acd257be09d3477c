"""What operators write of pauses: queues that are not claimed from until they are resumed."""

from __future__ import annotations

from collections.abc import Callable

from ..model import PauseNote
from .client import Client
from .keys import Keys
from .wire import to_json


class Pauses:
    """The writes of those who pause and resume."""

    def __init__(self, client: Client, keys: Callable[[str], Keys]) -> None:
        self._client = client
        self._keys = keys

    async def pause_queue(self, space: str, queue: str, note: PauseNote) -> bool:
        """Have a queue not claimed from. Returns whether it was not paused before."""
        return bool(await self._client.run("pause_queue", self._keys(space).base, queue, to_json(note)))

    async def resume_queue(self, space: str, queue: str) -> bool:
        """Have a queue claimed from again, at once. Returns whether it was paused."""
        return bool(await self._client.run("resume_queue", self._keys(space).base, queue))

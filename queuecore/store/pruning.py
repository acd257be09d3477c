"""How ended jobs go: when their retention is over, or when their owner deletes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from ..model import JobNotFound, Retention, StateConflict, split_job_id
from .client import Client
from .keys import Keys
from .wire import job_ids, retention_ms

NOTHING: Final = Retention(completed=0, failed=0, cancelled=0)


class Pruning:
    """Removes ended jobs."""

    def __init__(self, client: Client, keys: Callable[[str], Keys]) -> None:
        self._client = client
        self._keys = keys

    async def expired(self, space: str, retention: Retention, *, limit: int = 100) -> list[str]:
        """Ids of ended jobs that have outlived their retention; their files go first, then `prune`."""
        reply = await self._client.run("expired", self._keys(space).base, *retention_ms(retention), limit)
        return job_ids(space, reply)

    async def prune(self, space: str, job_ids: Sequence[str], retention: Retention) -> list[str]:
        """Remove ended jobs that have outlived their retention. Returns the ids of those that are gone."""
        if not job_ids:
            return []
        tokens = [split_job_id(job_id)[1] for job_id in job_ids]
        kept = await self._prune(space, tokens, retention)
        return [f"{space}.{token}" for token in tokens if token not in kept]

    async def delete(self, job_id: str) -> None:
        """Remove an ended job's record.

        Raises:
            JobNotFound, StateConflict: it has not ended.
        """
        space, token = split_job_id(job_id)
        if not await self._client.call("EXISTS", self._keys(space).of("JOB", token)):
            raise JobNotFound(job_id)
        for kept, state in (await self._prune(space, [token], NOTHING)).items():
            raise StateConflict(f"{space}.{kept}", state, "deleted")

    async def _prune(self, space: str, tokens: Sequence[str], retention: Retention) -> dict[str, str]:
        """Those tokens that were kept, with the state that keeps them."""
        reply = await self._client.run("prune", self._keys(space).base, *retention_ms(retention), *tokens)
        return {
            token.decode(): answer.decode()
            for token, answer in zip(reply[::2], reply[1::2], strict=True)
            if answer != b"gone"
        }

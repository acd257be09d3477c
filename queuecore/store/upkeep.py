"""What supervisors write: heartbeats, the recovery of what dead runners had, the sweep."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from ..model import Blocked, ErrorRecord, Heartbeat, Recovered, State
from .client import Client
from .keys import Keys
from .wire import error_json, job_ids, literal, to_ms


class Upkeep:
    """The writes of supervisors."""

    def __init__(self, client: Client, keys: Callable[[str], Keys]) -> None:
        self._client = client
        self._keys = keys

    async def heartbeat(
        self,
        space: str,
        runner_ids: Sequence[str],
        *,
        queues: Sequence[str],
        ttl: float,
        blocked: Mapping[str, tuple[float, Blocked] | None] | None = None,
    ) -> Heartbeat:
        """Say that these runners, which serve `queues`, live for `ttl` more seconds; promotes what is due.

        Args:
            blocked: those of them whose event loop does not turn: for how many seconds, and what keeps it;
                None for one that turns again.
        """
        notes = [part for runner, found in (blocked or {}).items() for part in (runner, *_note(found))]
        cancels, suspects, blind, forgotten, due, backlog = await self._client.run(
            "heartbeat",
            self._keys(space).base,
            to_ms(ttl),
            len(queues),
            *queues,
            len(blocked or ()),
            *notes,
            *runner_ids,
        )
        return Heartbeat(
            cancels=[
                (f"{space}.{token.decode()}", runner.decode())
                for token, runner in zip(cancels[::2], cancels[1::2], strict=True)
            ],
            suspects=[runner.decode() for runner in suspects],
            blind=blind / 1000,
            forgotten=[runner.decode() for runner in forgotten],
            next_due=due / 1000 if due >= 0 else None,
            backlog=bool(backlog),
        )

    async def recover(
        self, space: str, runner_id: str, error: ErrorRecord, *, seen_dead: bool
    ) -> list[Recovered]:
        """Put a dead runner's jobs back in line; each exactly once, however many call this.

        Args:
            seen_dead: its death was seen; otherwise only a runner without heartbeat is touched.
        """
        recovered: list[Recovered] = []
        how = "dead" if seen_dead else "silent"
        left = 1
        while left > 0:
            left, *flat = await self._client.run(
                "take_over", self._keys(space).base, runner_id, how, error_json(error), 100
            )
            recovered += [
                Recovered(f"{space}.{token.decode()}", int(attempt), State(state.decode()))
                for token, attempt, state in zip(flat[::3], flat[1::3], flat[2::3], strict=True)
            ]
        return recovered

    async def sweep_limits(self, space: str, cursor: int = 0) -> tuple[int, list[str]]:
        """Take back the places of attempts that are no more, of some hundred limits; also returns which."""
        keys = self._keys(space)
        following, names = await self._client.call("SSCAN", keys.of("HELD"), cursor, "COUNT", 200)
        repaired = await self._client.run("sweep_limits", keys.base, *names) if names else []
        return int(following), [name.decode() for name in repaired]

    async def sweep_unique(self, space: str, cursor: int = 0) -> tuple[int, list[str]]:
        """Free the unique names of jobs that are no more, of some hundred; also returns which."""
        keys = self._keys(space)
        following, flat = await self._client.call("HSCAN", keys.of("UNIQUE"), cursor, "COUNT", 200)
        repaired = await self._client.run("sweep_unique", keys.base, *flat) if flat else []
        return int(following), [name.decode() for name in repaired]

    async def sweep(self, space: str, cursor: int = 0) -> tuple[int, list[str]]:
        """Check some hundred jobs for being where their state says; done when the cursor is 0 again."""
        beginning = self._keys(space).of("JOB")
        following, found = await self._client.call(
            "SCAN", cursor, "MATCH", f"{literal(beginning)}*", "COUNT", 500
        )
        if not found:
            return int(following), []
        tokens = [key.decode().removeprefix(beginning) for key in found]
        error = ErrorRecord("lost", "The runner that had this job is not known any more")
        repaired = await self._client.run("sweep", self._keys(space).base, error_json(error), *tokens)
        return int(following), job_ids(space, repaired)


def _note(found: tuple[float, Blocked] | None) -> tuple[int, str | bytes]:
    """How long a loop has been blocked in ms, and what of it is stored."""
    return (0, "") if found is None else (to_ms(found[0]), msgspec.json.encode(found[1]))

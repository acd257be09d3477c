"""What one client may have of the service: requests in a minute, unfinished jobs, bytes of files.

Requests are counted in this process, before anything else is done. Jobs and bytes are counted by the queue,
in the very call that makes the jobs, so that several API processes cannot both let in the last one; what is
asked before an upload only saves sending what would be refused.
"""

import math

from starlette.requests import Request

import config
from api.access import Caller
from api.http import TOO_MANY_JOBS, TOO_MANY_REQUESTS, TOO_MUCH_STORED, Problem, ProblemType, client_at
from api.service import Service, service_of
from queuecore import Bound, BoundReached

JOBS_AGAIN = 10  # seconds until a job may have ended
BYTES_AGAIN = 300  # seconds until a file may have gone


class Admission:
    """One request that makes jobs. Made by `admit`.

    Attributes:
        client: what its jobs count under: an owner, or the mark of an address.

    Args:
        service: the service.
        client: the client's name.
        owner: whose the idempotency key is.
        key: of the request, None where it has none.
    """

    def __init__(self, service: Service, client: str, *, owner: str, key: str | None) -> None:
        self.client = client
        self._service = service
        self._owner = owner
        self._key = key
        self._known = False  # at a bound, and to be answered nevertheless
        self._spent = 0
        self._stored = 0
        self._coming = 0

    @property
    def _bounds(self) -> config.Bounds:
        return self._service.settings.bounds

    def bounds(self, size: int = 0) -> tuple[Bound, ...]:
        """What a job counts under whose file has `size` bytes."""
        jobs = Bound(self.client, self._bounds.unfinished_jobs or None)
        if not size:
            return (jobs,)
        return jobs, Bound(self.client, self._bounds.stored_bytes or None, amount=size, until="removed")

    async def begin(self) -> None:
        """Take note of the request. Raises Problem where that is one too many."""
        wait = self._service.pace.take(self.client, self._bounds.requests_a_minute)
        if not wait:
            self._spent = 1
        elif not await self._is_known():
            raise _too_fast(self._bounds, wait)

    async def check_room(self, announced: int) -> None:
        """Refuse an upload that the queue would refuse, before its bytes come. Costs one question to Redis.

        Raises:
            BoundReached: the client has no room for a job, or not for so many bytes.
            BrokerUnavailable: the queue is away.
        """
        try:
            amounts = await self._service.queue.check_bounds(self.bounds(max(announced, 1)))
        except BoundReached:
            if not await self._is_known():
                raise
        else:
            self._stored = amounts[1]

    def take_file(self) -> None:
        """Take note of one more file of the same request. Raises Problem where that is one too many."""
        if not self._known:
            wait = self._service.pace.take(self.client, self._bounds.requests_a_minute)
            if wait:
                raise _too_fast(self._bounds, wait)
            self._spent += 1

    def take_bytes(self, size: int) -> None:
        """Take note of what all files of the request have by now. Raises Problem where that is too much."""
        coming = self._service.coming
        coming[self.client] += size - self._coming
        self._coming = size
        most = self._bounds.stored_bytes
        amount = self._stored + coming[self.client]
        if most and not self._known and amount > most:
            raise explain(BoundReached(self.client, "removed", amount=amount, most=most))

    def give_back(self) -> None:
        """The request made nothing new: it spends nothing."""
        for _ in range(self._spent):
            self._service.pace.give_back(self.client, self._bounds.requests_a_minute)
        self._spent = 0

    async def _is_known(self) -> bool:
        """Whether the request was made before. Only who is at a bound has the queue asked."""
        if self._key is not None and not self._known:
            known = await self._service.queue.inspector.listings.of_key(self._owner, self._key)
            self._known = known is not None
        return self._known

    def close(self) -> None:
        """The bytes have come, or never will."""
        coming = self._service.coming
        coming[self.client] -= self._coming
        if not coming[self.client]:
            del coming[self.client]
        self._coming = 0


async def admit(request: Request, caller: Caller, key: str | None = None) -> Admission:
    """Let a request in that wants to make a job.

    Args:
        key: its idempotency key; where that is known, its job is answered, however many requests there were.

    Raises:
        Problem: its client has made as many as it may for now.
    """
    service = service_of(request)
    admission = Admission(service, client_of(service, request, caller), owner=caller.owner, key=key)
    await admission.begin()
    return admission


def client_of(service: Service, request: Request, caller: Caller) -> str:
    """Name the client whose bounds hold.

    An owner is one only where a token says so: a cookie can be thrown away for a new one.
    """
    if caller.signed_in:
        return f"owner/{caller.owner}"
    address = client_at(request.client.host) if request.client else ""
    return f"address/{service.clients.mark(address)}"


def explain(error: BoundReached) -> Problem:
    """Say which bound of its client a job met, and what to do."""
    if error.until == "removed":
        detail = (
            f"{_size(error.amount)} of files are kept for you, and {_size(error.most)} are allowed together "
            "(bounds.stored_bytes)."
        )
        return _refusal(TOO_MUCH_STORED, detail, BYTES_AGAIN, bound="stored_bytes", limit=error.most)
    detail = (
        f"{error.amount} of your jobs wait or run, and {error.most} are allowed at one time "
        "(bounds.unfinished_jobs)."
    )
    return _refusal(TOO_MANY_JOBS, detail, JOBS_AGAIN, bound="unfinished_jobs", limit=error.most)


def _too_fast(bounds: config.Bounds, wait: float) -> Problem:
    most = bounds.requests_a_minute
    detail = f"{most} in a minute are allowed (bounds.requests_a_minute)."
    return _refusal(TOO_MANY_REQUESTS, detail, math.ceil(wait), bound="requests_a_minute", limit=most)


def _refusal(type: ProblemType, detail: str, seconds: int, **members: object) -> Problem:
    return Problem(type, detail, headers={"Retry-After": str(max(seconds, 1))}, **members)


def _size(count: int) -> str:
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"

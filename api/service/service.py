"""What the routes work with, made once an application."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import Request

import config
from api.access import SIGNED_IN_SECONDS, Authority, Pace, SignedOut, Signer
from api.http import Memory
from api.kinds import Kinds
from api.shown import Views
from queuecore import Queue, Registry, Retention
from queuecore.log import event
from storage import LocalStorage

logger = logging.getLogger(__name__)


class Service:
    """The parts that the routes share.

    Attributes:
        settings: as they are now; `use` replaces them.
        queue: the jobs.
        storage: the files.
        kinds: what can be asked for.
        authority: who may ask.
        views: jobs as they are shown.
        cursors, tags, siblings: signers of cursors, entity tags, and ids of jobs that one request made.
        memory: what requests hold while they come in.
        clients: marks the addresses of clients, which are stored nowhere themselves.
        signed_out: sessions that were ended before their cookie.
        pace: the requests of clients that make jobs.
        coming: bytes of unfinished uploads, by client.
        in_flight: owner and idempotency key of the requests that are being worked on.
        closing: set when the server is about to end.
    """

    def __init__(
        self, settings: config.Settings, *, registry: Registry, queue: Queue, storage: LocalStorage
    ) -> None:
        self._secret = config.session_secret(settings)
        self.queue = queue
        self.storage = storage
        self.kinds = Kinds(registry)
        self.cursors = Signer(self._secret, "cursor")
        self.tags = Signer(self._secret, "entity tag")
        self.memory = Memory()
        self.siblings = Signer(self._secret, "sibling")
        self.clients = Signer(self._secret, "client address")
        self.pace = Pace()
        self.signed_out = SignedOut(queue, lifetime=SIGNED_IN_SECONDS)
        self.coming: Counter[str] = Counter()
        self.in_flight: set[tuple[str, str]] = set()
        self.closing = asyncio.Event()
        self._waits: set[asyncio.Timeout] = set()
        self.use(settings)

    def use(self, settings: config.Settings) -> None:
        """Go on with other settings; those that need a restart keep their effect."""
        self.settings = settings
        self.authority = Authority(self._secret, settings.auth, self.signed_out)
        if settings.auth.required and not settings.auth.tokens:
            event(logger, logging.WARNING, "service.locked", reason="auth.required, and no auth.tokens")
        self.queue.inspector.jobs.retention = Retention(
            completed=settings.jobs.retention_completed,
            failed=settings.jobs.retention_failed,
            cancelled=settings.jobs.retention_cancelled,
        )
        self.views = Views(self.queue.inspector.jobs, self.kinds)

    def close(self) -> None:
        """Let everything that waits for a change answer now."""
        self.closing.set()
        now = asyncio.get_running_loop().time()
        for wait in self._waits:
            wait.reschedule(now)

    @contextmanager
    def waiting(self, wait: asyncio.Timeout) -> Iterator[None]:
        """While inside, `close` ends the given timeout, so that a long poll never delays the end."""
        self._waits.add(wait)
        try:
            if self.closing.is_set():
                wait.reschedule(asyncio.get_running_loop().time())
            yield
        finally:
            self._waits.discard(wait)


def service_of(request: Request) -> Service:
    """Return the service that a request was made to."""
    service: Service = request.app.state.service
    return service

"""Keeps files and jobs in step: uploads without a job get one, files without a job go.

The files on disk are the journal: should Redis lose everything, each upload is enqueued again under the same
id. Any number of processes can do this at once, since a job is made once however often it is enqueued.
"""

import asyncio
import logging
import time

import msgspec

from api.service import Service
from api.uploads.receiving import request_of
from queuecore import Bound, BrokerUnavailable, IdempotencyConflict, JobNotFound, QueueError
from queuecore.log import event
from queuecore.model import ServerMemory
from storage import Entry, Journal

logger = logging.getLogger(__name__)

AT_ONCE = 100  # jobs that are asked for together
EVERY = 300.0  # seconds between two looks
LOST_EVERY = 2.0  # seconds between two questions whether Redis has lost something, which has us look at once
# Seconds that a held upload is left alone: the others of its request may still be made durable, and a call to
# Redis may be on its way.
UNDECIDED_FOR = 600.0
BARE_FOR = 3600.0  # seconds that files of a job without an upload are left alone
ABANDONED_AFTER = 3600.0  # seconds without a byte after which an upload's temporary file is a leftover


async def keep_in_step(service: Service) -> None:
    """Look at the start, every few minutes, and when Redis has lost jobs; until cancelled."""
    while True:
        try:
            memory = await service.queue.inspector.figures.memory()
            await reconcile(service)
            await asyncio.to_thread(service.storage.collect, ABANDONED_AFTER)
            await _wait_for_loss(service, memory)
        except BrokerUnavailable as error:
            event(logger, logging.WARNING, "files.reconcile_postponed", reason=str(error))
            await asyncio.sleep(error.retry_after)
        except Exception as error:  # one bad file must not end the care for all others
            event(logger, logging.ERROR, "files.reconcile_failed", exc_info=error)
            await asyncio.sleep(EVERY)


async def _wait_for_loss(service: Service, memory: ServerMemory) -> None:
    """Return when Redis may have lost jobs since `memory` was read, else after a few minutes."""
    waited = 0.0
    while waited < EVERY:
        await asyncio.sleep(LOST_EVERY)
        waited += LOST_EVERY
        now = await service.queue.inspector.figures.memory()
        if now.lost_since(memory):
            event(logger, logging.WARNING, "redis.forgot", before=memory.enqueued, now=now.enqueued)
            return
        memory = now


async def reconcile(service: Service) -> list[str]:
    """Look at the files of all jobs once.

    Returns: the ids of the jobs that were enqueued again.
    Raises:
        BrokerUnavailable: Redis does not answer; nothing was decided without it.
    """
    restored = []
    entries = await asyncio.to_thread(lambda: list(service.storage.entries()))
    for first in range(0, len(entries), AT_ONCE):
        page = entries[first : first + AT_ONCE]
        known = await asyncio.gather(*(_has_job(service, entry) for entry in page))
        for entry, has_job in zip(page, known, strict=True):
            if not has_job and await _settle_without_job(service, entry):
                restored.append(entry.job_id)
            elif has_job and entry.standing == "held":
                await asyncio.to_thread(service.storage.release, entry.job_id)
    return restored


async def _has_job(service: Service, entry: Entry) -> bool:
    try:
        await service.queue.inspector.jobs.version(entry.job_id)
    except JobNotFound:
        return False
    return True


async def _settle_without_job(service: Service, entry: Entry) -> bool:
    """Decide about files whose job the queue does not know; returns whether it knows it now."""
    age = time.time() - entry.changed_at
    match entry.standing:
        case "live" if entry.journal is not None:
            return await _restore(service, entry.journal)
        case "held" if age > UNDECIDED_FOR:
            await _remove(service, entry.job_id)
        case "bare" if age > BARE_FOR:
            await _remove(service, entry.job_id)
    return False


async def _restore(service: Service, journal: Journal) -> bool:
    # A job is deleted after its upload was held or removed. So what is still live now, after the queue was
    # asked, was not deleted but lost.
    if not await asyncio.to_thread(service.storage.is_live, journal.job_id):
        return False
    # It was accepted once. What was unique then need not be so now, and no accepted file is to be lost.
    request = msgspec.structs.replace(request_of(journal, _bounds_of(journal)), unique=False)
    if time.time() - journal.received_ms / 1000 > service.settings.jobs.idempotency_window:
        # The key may be that of a later upload by now, which is another job.
        request = msgspec.structs.replace(request, idempotency_key=None)
    try:
        submitted = await service.queue.submit(request)
    except BrokerUnavailable:
        raise
    except IdempotencyConflict:
        await _remove(service, journal.job_id)
        return False
    except QueueError as error:
        # The kind is gone or has other arguments now. The file is kept: this is for a person to decide.
        event(logger, logging.ERROR, "job.restore_refused", id=journal.job_id, reason=str(error))
        return False
    if submitted.id != journal.job_id:
        await _remove(service, journal.job_id)
        return False
    event(logger, logging.WARNING, "job.restored", id=journal.job_id, kind=journal.kind)
    return True


def _bounds_of(journal: Journal) -> tuple[Bound, ...]:
    """What the job counts under again. None of it refuses what was accepted once."""
    if not journal.client:
        return ()
    name = journal.client
    return Bound(name, None), Bound(name, None, amount=journal.file.size, until="removed")


async def _remove(service: Service, job_id: str) -> None:
    await asyncio.to_thread(service.storage.delete, job_id)
    event(logger, logging.INFO, "files.removed", id=job_id)

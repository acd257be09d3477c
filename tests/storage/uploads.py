"""A stored upload, for the tests of what happens to it."""

from storage import FileRef, Journal, LocalStorage

JOB = "main." + "a" * 22


async def store(
    storage: LocalStorage, job_id: str = JOB, content: bytes = b"a,b\n1,2\n", *, name: str = "data.csv"
) -> FileRef:
    """Receive a file and commit it."""
    receiver = storage.receive(job_id)
    await receiver.write(content)
    file = await receiver.finish(name)
    return await receiver.commit(
        Journal(job_id=job_id, kind="k", arguments={}, parameter="file", file=file, owner="me", received_ms=1)
    )

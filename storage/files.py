"""What is said about files: the references that jobs carry, and the journal that is kept beside an upload."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec


class FileRef(msgspec.Struct, frozen=True):
    """An uploaded file, as a job's argument.

    Attributes:
        name: what its owner calls it; shown to people, never part of a path.
        size: bytes.
        sha256: of the content, 64 hexadecimal digits.
        key: where it lies inside the storage.
    """

    name: str
    size: int
    sha256: str
    key: str


class Artifact(msgspec.Struct, frozen=True):
    """A file that a job made; the fields are those of `FileRef`."""

    name: str
    size: int
    sha256: str
    key: str
    media_type: str = "application/octet-stream"


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """The job that an upload asks for, kept beside the file so that the loss of Redis does not lose the job.

    Attributes:
        job_id: the id of the job.
        kind: the kind of the job.
        arguments: its arguments by name, without the file.
        parameter: the name of the argument that takes the file.
        file: the file itself.
        owner: whose job it is.
        received_ms: when it was received, UTC.
        idempotency_key: the key of the request, scoped as the queue gets it; of several files of one request
            the first has it.
        fingerprint: what the key stands for.
        client: whose bounds the job counts under; empty for nobody's.
    """

    job_id: str
    kind: str
    arguments: dict[str, Any]
    parameter: str
    file: FileRef
    owner: str
    received_ms: int
    idempotency_key: str | None = None
    fingerprint: str = ""
    client: str = ""


# live: the job exists, or is to exist. held: somebody is deciding, and the queue has the last word:
# where it knows the job the files stay, where it does not they go. bare: files of a job without an upload.
Standing = Literal["live", "held", "bare"]

# What the journal is called, by standing.
JOURNALS: Mapping[Standing, str] = {"live": "upload.json", "held": "upload.held"}


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """All files of one job, as they are found on disk.

    Attributes:
        job_id: the job they belong to.
        standing: whether the upload is live, held, or there is none.
        journal: of the upload; None where there is none.
        changed_at: UNIX seconds of the last change of the directory.
    """

    job_id: str
    standing: Standing
    journal: Journal | None
    changed_at: float

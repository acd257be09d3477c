"""The job as JSON. The structs here are also the source of the schemas in /openapi.json."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from api.kinds import Kinds
from queuecore import ErrorRecord, JobRecord, Progress, State
from queuecore.model import AttemptRecord
from storage import Artifact, FileRef

_FILE_KEYS = frozenset(FileRef.__struct_fields__)


class FileView(msgspec.Struct, frozen=True):
    """An uploaded file."""

    name: str
    size: int
    sha256: str


class ArtifactView(msgspec.Struct, frozen=True):
    """A file that the job made, and where it is downloaded."""

    name: str
    size: int
    sha256: str
    media_type: str
    url: str


class StepView(msgspec.Struct, frozen=True):
    """Part `index` of `count` of the work, counted from 1."""

    name: str
    index: int
    count: int


class ProgressView(msgspec.Struct, frozen=True, kw_only=True):
    """How far the job is. `percent` is null when unknown, and 100 only when the job is completed."""

    percent: float | None
    done: float
    total: float | None
    unit: str
    rate: float | None
    eta_seconds: float | None
    message: str
    updated_at: datetime | None
    step: StepView | None


class ErrorView(msgspec.Struct, frozen=True):
    """Why an attempt, or the job, failed."""

    type: str
    title: str
    detail: str
    retryable: bool


class AttemptView(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt; `ended_at` is null and `outcome` is `running` while it runs."""

    attempt: int
    worker: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str
    error: ErrorView | None


class Links(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What can be done with the job now; what cannot is left out."""

    self: str
    cancel: str | UnsetType = UNSET
    retry: str | UnsetType = UNSET
    delete: str | UnsetType = UNSET
    result: str | UnsetType = UNSET


class WaitsForView(msgspec.Struct, frozen=True):
    """What a waiting job waits for: for the reason `limit`, a place of the limit with this key; for `unique`,
    the end of the job that holds this unique key."""

    reason: str
    name: str


class JobView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A job. `position` is there while queued, `due_at` while scheduled, `waits_for` while waiting."""

    id: str
    kind: str
    queue: str
    state: State
    attempt: int
    max_attempts: int | None
    version: int
    owner: str
    args: dict[str, Any]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    file: FileView | None
    position: int | UnsetType | None = UNSET
    due_at: datetime | UnsetType | None = UNSET
    waits_for: WaitsForView | UnsetType = UNSET
    progress: ProgressView | None
    result: Any
    artifacts: list[ArtifactView]
    warnings: list[str]
    error: ErrorView | None
    attempts: list[AttemptView]
    cancel_requested: bool
    links: Links


class JobList(msgspec.Struct, frozen=True):
    """Jobs, newest first. `next_cursor` is null on the last page."""

    items: list[JobView]
    next_cursor: str | None


class Accepted(msgspec.Struct, frozen=True):
    """The jobs that an upload of several files made, in the order of the files."""

    items: list[JobView]


def view_job(job: JobRecord, kinds: Kinds, *, position: int | None = None) -> JobView:
    """Write a job for its owner: without paths, with links to what can be done now.

    Args:
        position: its place in line, where it is queued.
    """
    result, artifacts, warnings = _split_result(job)
    args, file = _split_arguments(job.args)
    return JobView(
        id=job.id,
        kind=job.kind,
        queue=job.queue,
        state=job.state,
        attempt=job.attempt,
        max_attempts=_max_attempts(job, kinds),
        version=job.version,
        owner=job.owner,
        args=args,
        created_at=_time(job.created_ms),
        started_at=_optional_time(job.started_ms),
        finished_at=_optional_time(job.finished_ms),
        expires_at=_optional_time(job.expires_ms),
        file=file,
        position=position if job.state is State.QUEUED else UNSET,
        due_at=_optional_time(job.due_ms) if job.state is State.SCHEDULED else UNSET,
        waits_for=WaitsForView(job.waits_for.reason, job.waits_for.name) if job.waits_for else UNSET,
        progress=_view_progress(job.progress, job.state) if job.progress else None,
        result=result,
        artifacts=[_view_artifact(job.id, index, artifact) for index, artifact in enumerate(artifacts)],
        warnings=warnings,
        error=_view_error(job.error),
        attempts=[_view_attempt(attempt) for attempt in job.attempts],
        cancel_requested=job.cancel_requested,
        links=_links(job, has_result=bool(artifacts)),
    )


def artifacts_of(job: JobRecord) -> list[Artifact]:
    """Return the files in a job's result; none unless it is completed."""
    if job.state is not State.COMPLETED or not isinstance(job.result, dict):
        return []
    try:
        return msgspec.convert(job.result.get("artifacts", ()), list[Artifact])
    except msgspec.ValidationError:
        return []  # a handler's own field that happens to have this name


def file_of(job: JobRecord) -> FileRef | None:
    """Return the file that a job works on."""
    for value in job.args.values():
        if _is_file(value):
            return msgspec.convert(value, FileRef)
    return None


def _split_arguments(args: dict[str, Any]) -> tuple[dict[str, Any], FileView | None]:
    shown: dict[str, Any] = {}
    first = None
    for name, value in args.items():
        if _is_file(value):
            shown[name] = {"name": value["name"], "size": value["size"]}
            first = first or FileView(value["name"], value["size"], value["sha256"])
        else:
            shown[name] = value
    return shown, first


def _is_file(value: Any) -> bool:
    # By its shape and not by the handler's signature: the kind may be gone by now.
    return isinstance(value, dict) and value.keys() == _FILE_KEYS


def _split_result(job: JobRecord) -> tuple[Any, list[Artifact], list[str]]:
    if not isinstance(job.result, dict):
        return job.result, [], []
    artifacts = artifacts_of(job)
    given = job.result.get("warnings", ())
    warnings = [text for text in given if isinstance(text, str)] if isinstance(given, list) else []
    rest = {
        name: value
        for name, value in job.result.items()
        if not (name == "artifacts" and artifacts) and not (name == "warnings" and isinstance(given, list))
    }
    if artifacts == [] and rest.get("artifacts") == []:
        del rest["artifacts"]
    return rest or None, artifacts, warnings


def _view_progress(progress: Progress, state: State) -> ProgressView:
    if state is State.COMPLETED:
        percent: float | None = 100.0
    elif progress.fraction is None:
        percent = None
    else:
        # Rounded down: 100 is said only when the result is there.
        percent = min(int(max(progress.fraction, 0.0) * 1000) / 10, 99.9)
    step = progress.step
    return ProgressView(
        percent=percent,
        done=progress.done,
        total=progress.total,
        unit=progress.unit,
        rate=progress.rate,
        eta_seconds=progress.eta if state is State.RUNNING else None,
        message=progress.message,
        updated_at=_optional_time(progress.updated_ms or None),
        step=StepView(step.name, step.index, step.count) if step else None,
    )


def _view_artifact(job_id: str, index: int, artifact: Artifact) -> ArtifactView:
    url = f"/api/jobs/{job_id}/artifacts/{index}"
    return ArtifactView(artifact.name, artifact.size, artifact.sha256, artifact.media_type, url)


def _view_error(error: ErrorRecord | None) -> ErrorView | None:
    return ErrorView(error.type, error.title, error.detail, error.retryable) if error else None


def _view_attempt(attempt: AttemptRecord) -> AttemptView:
    return AttemptView(
        attempt=attempt.attempt,
        worker=attempt.runner,
        started_at=_time(attempt.started_ms),
        ended_at=_optional_time(attempt.ended_ms),
        outcome=attempt.outcome,
        error=_view_error(attempt.error),
    )


def _links(job: JobRecord, *, has_result: bool) -> Links:
    own = f"/api/jobs/{job.id}"
    final = job.state.final
    return Links(
        self=f"/api/check-status/{job.id}",
        cancel=UNSET if final or job.cancel_requested else f"{own}/cancel",
        retry=f"{own}/retry" if job.state in (State.FAILED, State.CANCELLED) else UNSET,
        delete=own if final else UNSET,
        result=f"{own}/result" if has_result else UNSET,
    )


def _max_attempts(job: JobRecord, kinds: Kinds) -> int | None:
    if job.retries is not None:
        return job.retries + 1
    kind = kinds.find(job.kind)
    return kind.handler.retries + 1 if kind else None


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _optional_time(ms: int | None) -> datetime | None:
    return None if ms is None else _time(ms)

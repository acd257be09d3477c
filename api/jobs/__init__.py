"""Routes of jobs: create, list, ask, wait, cancel, retry, delete, download."""

from api.jobs import downloads, listing, requests, status
from api.jobs.requests import NewJob, answer_accepted, check_own, claim_key, not_unique

__all__ = [
    "NewJob",
    "answer_accepted",
    "check_own",
    "claim_key",
    "downloads",
    "listing",
    "not_unique",
    "requests",
    "status",
]

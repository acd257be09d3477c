"""Routes of jobs: create, list, ask, wait, cancel, retry, delete, download."""

from api.jobs import downloads, listing, requests, status
from api.jobs.requests import NewJob, answer_accepted, claim_key

__all__ = ["NewJob", "answer_accepted", "claim_key", "downloads", "listing", "requests", "status"]

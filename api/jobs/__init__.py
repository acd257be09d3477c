"""Routes of jobs: create, list, ask, wait, cancel, retry, delete, download."""

from api.jobs import downloads, listing, requests, status
from api.jobs.admission import Admission, admit
from api.jobs.admission import explain as explain_bound
from api.jobs.requests import NewJob, answer_accepted, check_own, claim_key, not_unique

__all__ = [
    "Admission",
    "NewJob",
    "admit",
    "answer_accepted",
    "check_own",
    "claim_key",
    "downloads",
    "explain_bound",
    "listing",
    "not_unique",
    "requests",
    "status",
]

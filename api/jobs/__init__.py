"""Routes of jobs: create, list, ask, wait, cancel, retry, delete, download."""

from api.jobs import downloads, listing, requests, status
from api.jobs.admission import Admission, admit
from api.jobs.admission import explain as explain_bound
from api.jobs.requests import NewJob, answer_accepted, claim_key

__all__ = [
    "Admission",
    "NewJob",
    "admit",
    "answer_accepted",
    "claim_key",
    "downloads",
    "explain_bound",
    "listing",
    "requests",
    "status",
]

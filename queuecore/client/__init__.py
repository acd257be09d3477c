"""The producer's side: put jobs in line, follow them, get their results."""

from .queue import Job, Queue

__all__ = [
    "Job",
    "Queue",
]

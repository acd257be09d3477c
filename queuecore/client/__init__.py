"""The producer's side: put jobs in line, follow them, get their results, look at a space."""

from .inspector import Inspector
from .job import Job
from .queue import Queue

__all__ = ["Inspector", "Job", "Queue"]

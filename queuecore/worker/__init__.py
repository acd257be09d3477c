"""A worker: the supervisor that keeps jobs safe, and the runners that it keeps.

Here the wings meet: claims come from the store, are executed, and their outcomes are settled.
"""

from .supervisor import Supervisor

__all__ = [
    "Supervisor",
]

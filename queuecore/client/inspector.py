"""The reading side of a space, for people and programs that look. Nothing here changes anything."""

from __future__ import annotations

from ..model import Retention
from ..store import Broker, Figures, Jobs, Listings


class Inspector:
    """Looks at a space.

    Args:
        broker: whose connection and keys are used.
        space: whose lists and figures are read; single jobs are found by their ids in any.
        retention: how long ended jobs are kept, to say when one will go; may be changed at any time.

    Attributes:
        jobs: single jobs.
        listings: many.
        figures: numbers.
    """

    def __init__(self, broker: Broker, *, space: str, retention: Retention | None = None) -> None:
        keys = broker.keys(space)
        self.jobs = Jobs(broker.client, broker.keys, retention=retention or Retention())
        self.listings = Listings(broker.client, keys, self.jobs)
        self.figures = Figures(broker.client, keys)

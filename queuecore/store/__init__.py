"""The only speaker of Redis: connection, keys, scripts, and what is written and read with them.

One wing of the house. It never runs or imports what users write; `handling` and `execution`
never come here. They meet in `client` and `worker`.
"""

from .address import parse_address
from .broker import Broker
from .client import reach
from .events import Events
from .figures import Figures
from .jobs import Jobs, StoredJob
from .keys import idempotency_name
from .listings import Cursor, Listings
from .loops import OwnLoop
from .requests import IDEMPOTENCY_WINDOW, Answer, CountedUnder, Entry, EntryOptions, counted_under

__all__ = [
    "IDEMPOTENCY_WINDOW",
    "Answer",
    "Broker",
    "CountedUnder",
    "Cursor",
    "Entry",
    "EntryOptions",
    "Events",
    "Figures",
    "Jobs",
    "Listings",
    "OwnLoop",
    "StoredJob",
    "counted_under",
    "idempotency_name",
    "parse_address",
    "reach",
]

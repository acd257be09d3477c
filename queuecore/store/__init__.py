"""The only speaker of Redis: connection, keys, scripts, and what is written and read with them.

One wing of the house. It never runs or imports what users write; `handling` and `execution`
never come here. They meet in `client` and `worker`.
"""

from .broker import IDEMPOTENCY_WINDOW, LONGEST, Broker, Entry, EntryOptions
from .events import Events
from .inspector import Cursor, Inspector, StoredJob
from .keys import unique_name

__all__ = [
    "IDEMPOTENCY_WINDOW",
    "LONGEST",
    "Broker",
    "Cursor",
    "Entry",
    "EntryOptions",
    "Events",
    "Inspector",
    "StoredJob",
    "unique_name",
]

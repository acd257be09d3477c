"""Which rows were there before: exact enough to rely on, in bounded memory.

A row is remembered by 128 bits of BLAKE2b: two different rows would have to collide to be taken for one,
which does not happen. Past a number of rows the memory moves into an SQLite file in the scratch directory.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from itertools import compress
from pathlib import Path

from handlers.cleaning.report import Sample, Tally, shorten
from handlers.cleaning.table import Written
from handlers.cleaning.values import SEPARATOR

MOST_IN_MEMORY = 800_000
_KEYS_A_STATEMENT = 500


class SeenRows:
    """Remembers rows.

    Args:
        directory: where a file may be written when the rows are many.
        most_in_memory: how many rows are remembered without that file.
    """

    def __init__(self, directory: Path, *, most_in_memory: int = MOST_IN_MEMORY) -> None:
        self._path = directory / "seen-rows.sqlite"
        self._most_in_memory = most_in_memory
        self._seen: set[bytes] = set()
        self._database: sqlite3.Connection | None = None

    def find_new(self, rows: Iterable[str]) -> list[bool]:
        """Say for each row, as one text, whether it is the first of its kind, and remember it."""
        keys = [
            hashlib.blake2b(row.encode("utf-8", "surrogatepass"), digest_size=16).digest() for row in rows
        ]
        if self._database is None and len(self._seen) + len(keys) > self._most_in_memory:
            self._move_to_disk()
        fresh = self._remember(set(keys))
        new = []
        for key in keys:
            new.append(key in fresh)
            # The next row with this key is a duplicate, also within these rows.
            fresh.discard(key)
        return new

    def close(self) -> None:
        """Forget everything."""
        self._seen.clear()
        if self._database is not None:
            self._database.close()
            self._database = None
            self._path.unlink(missing_ok=True)

    def _remember(self, keys: set[bytes]) -> set[bytes]:
        """Remember keys and return those that were not known."""
        if self._database is None:
            fresh = keys - self._seen
            self._seen |= fresh
            return fresh
        fresh = set()
        # In their order, so that neighbours in the table are inserted together.
        ordered = sorted(keys)
        for start in range(0, len(ordered), _KEYS_A_STATEMENT):
            part = ordered[start : start + _KEYS_A_STATEMENT]
            values = ",".join(["(?)"] * len(part))
            inserted = self._database.execute(
                f"INSERT OR IGNORE INTO seen VALUES {values} RETURNING key", part
            )
            fresh.update(key for (key,) in inserted)
        return fresh

    def _move_to_disk(self) -> None:
        self._path.unlink(missing_ok=True)
        self._database = sqlite3.connect(self._path, isolation_level=None)
        # Nobody reads the file after a crash, so nothing is spent on surviving one.
        for setting in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-65536", "locking_mode=EXCLUSIVE"):
            self._database.execute(f"PRAGMA {setting}")
        self._database.execute("CREATE TABLE seen (key BLOB PRIMARY KEY) WITHOUT ROWID")
        self._database.execute("BEGIN")
        self._database.executemany("INSERT INTO seen VALUES (?)", ((key,) for key in sorted(self._seen)))
        self._seen.clear()


def without_duplicates(written: Written, numbers: Sequence[int], seen: SeenRows, tally: Tally) -> Written:
    """Return rows without those that were there before, and count these.

    Args:
        numbers: of the rows in the file.
    """
    rows = list(map(SEPARATOR.join, zip(*written.columns, strict=True)))
    new = seen.find_new(rows)
    if all(new):
        return written
    tally.count("duplicates", len(new) - sum(new))
    for number, row, is_new in zip(numbers, rows, new, strict=True):
        if not tally.wants_samples("duplicates"):
            break
        if not is_new:
            tally.sample("duplicates", Sample(number, before=shorten(row.replace(SEPARATOR, " | "))))
    return Written(
        [list(compress(cells, new)) for cells in written.columns],
        written.natives and [cells and list(compress(cells, new)) for cells in written.natives],
    )

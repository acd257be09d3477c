"""What the handlers of a benchmark leave behind: when each job began and ended, and how often it ran.

Each process that runs handlers maps a file of its own in a directory that they share; whoever measures
reads them all. Marking costs 0.15 µs a job and sends nothing, so it weighs the same on every system. The
times are of CLOCK_MONOTONIC, which all processes of a machine share.

A file holds, for `capacity` jobs: begins (doubles, seconds), ends (doubles), runs (a byte each).
`peers/bullmq.mjs` writes the same.
"""

import mmap
import os
import time
from array import array
from pathlib import Path

DIRECTORY = "BENCH_TALLY_DIRECTORY"
CAPACITY = "BENCH_TALLY_CAPACITY"
BYTES_A_JOB = 17


class Tally:
    """The writing side, one in each process that imports handlers."""

    def __init__(self, capacity: int, path: Path | None) -> None:
        size = capacity * BYTES_A_JOB
        if path is None:
            memory = mmap.mmap(-1, size)
        else:
            with path.open("x+b") as file:
                file.truncate(size)
                memory = mmap.mmap(file.fileno(), size)
        view = memoryview(memory)
        self._begins = view[: capacity * 8].cast("d")
        self._ends = view[capacity * 8 : capacity * 16].cast("d")
        self._runs = view[capacity * 16 :]

    @classmethod
    def of_this_process(cls) -> "Tally":
        """The tally that the environment asks for; one that nobody reads where it asks for none."""
        capacity = int(os.environ.get(CAPACITY, "1"))
        directory = os.environ.get(DIRECTORY)
        return cls(capacity, Path(directory, f"{os.getpid()}.tally") if directory else None)

    def begin(self, number: int) -> None:
        """Note that job `number` begins now."""
        self._begins[number] = time.monotonic()
        self._runs[number] += 1

    def end(self, number: int) -> None:
        """Note that job `number` ends now; only for jobs that take time."""
        self._ends[number] = time.monotonic()


class Reading:
    """The tallies of all processes, as they stand.

    Attributes:
        begins, ends: seconds, 0 where there is none; of the run that was noted last.
        runs: how often each job ran.
    """

    def __init__(self, directory: Path, capacity: int) -> None:
        self.begins = array("d", bytes(capacity * 8))
        self.ends = array("d", bytes(capacity * 8))
        self.runs = array("L", [0]) * capacity
        for path in directory.glob("*.tally"):
            content = path.read_bytes()
            if len(content) < capacity * BYTES_A_JOB:
                continue  # its process has only just made it
            times = array("d", content[: capacity * 16])
            runs = content[capacity * 16 :]
            if not any(runs):
                continue
            for number, count in enumerate(runs):
                if count:
                    self.begins[number] = max(self.begins[number], times[number])
                    self.ends[number] = max(self.ends[number], times[capacity + number])
                    self.runs[number] += count

    def check_exactly_once(self, first: int, last: int) -> None:
        """Make sure that the jobs `first` to `last` - 1 ran once each. Raises AssertionError."""
        runs = self.runs[first:last]
        missing, doubled = runs.count(0), sum(count > 1 for count in runs)
        if missing or doubled:
            raise AssertionError(f"of {last - first} jobs {missing} did not run and {doubled} ran repeatedly")

    def steady_rate(self) -> float:
        """Jobs a second in the middle of the run, when all runners had started and none had run out."""
        begins = sorted(begin for begin in self.begins if begin)
        fifth = len(begins) // 5
        return (len(begins) - 2 * fifth) / (begins[-fifth] - begins[fifth])

    def span(self, first: int, last: int) -> float:
        """Seconds from the first beginning to the last beginning or end of the jobs `first` to `last` - 1."""
        return max(*self.begins[first:last], *self.ends[first:last]) - min(self.begins[first:last])


def count_runs(directory: Path, capacity: int) -> int:
    """How many of the jobs have begun; cheap, for waiting."""
    total = 0
    for path in directory.glob("*.tally"):
        with path.open("rb") as file:
            file.seek(capacity * 16)
            runs = file.read(capacity)
            total += len(runs) - runs.count(0)
    return total

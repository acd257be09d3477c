"""Two checkouts in turn, to see what a change is worth: `python -m bench.compare ../before .`.

    git worktree add ../before HEAD~1

The machine's speed changes from minute to minute, so what was measured at another time says nothing. Each
round measures each checkout; printed are medians, with the smallest and the largest, and their ratio.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Final

from bench.measures import Values

# Both checkouts bring these functions; a checkout's own `bench` measures its own queue.
MEASURE: Final = """
import json, sys, tempfile
from pathlib import Path
sys.path.insert(0, "")
from bench import measures
from bench.server import start
from bench.systems import QUEUECORE
with tempfile.TemporaryDirectory(prefix="bench-") as directory, start(Path(directory)) as redis:
    values = measures.enqueue(redis, QUEUECORE) | measures.latency(redis, QUEUECORE, jobs=300)
    print(json.dumps(values | measures.drain(redis, QUEUECORE)))
"""


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description="Compares two checkouts.")
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    trees = {"before": options.before, "after": options.after}
    found: dict[str, list[Values]] = {name: [] for name in trees}
    for number in range(options.rounds):
        for name in (*trees,) if number % 2 else (*reversed(trees),):
            found[name].append(_measure(trees[name]))
    for measure in found["after"][0]:
        if all(measure in values for each in found.values() for values in each):
            _show(measure, *([values[measure] for values in found[name]] for name in trees))


def _measure(tree: Path) -> Values:
    command = [sys.executable, "-c", MEASURE]
    answer = subprocess.run(command, cwd=tree, stdout=subprocess.PIPE, check=True).stdout
    values: Values = json.loads(answer.splitlines()[-1])
    return values


def _show(measure: str, before: list[float], after: list[float]) -> None:
    cells = [f"{median(each):>10,.4g} ({min(each):,.4g} to {max(each):,.4g})" for each in (before, after)]
    print(f"{measure:26} {cells[0]:36} {cells[1]:36} {median(after) / median(before):.2f}")


if __name__ == "__main__":
    main()

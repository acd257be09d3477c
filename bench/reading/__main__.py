"""Prints how well tables are read, by ours and by others.

python -m bench.reading [pollution | dialects] [--reader ours] [--faults]
"""

import argparse
import concurrent.futures
import sys
from collections import defaultdict
from collections.abc import Sequence

from bench.reading.dialects import SETS, Written
from bench.reading.pollution import Polluted, pollute
from bench.reading.readers import READERS, is_installed
from bench.reading.scoring import is_same_table, score


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", nargs="*", help="pollution, dialects; all unless named")
    parser.add_argument("--reader", default="", help="only readers with this in their name")
    parser.add_argument("--faults", action="store_true", help="show what ours does not read right")
    options = parser.parse_args()
    names = [name for name in READERS if options.reader in name]
    missing = [name for name in names if not is_installed(READERS[name])]
    for name in missing:
        print(f"{name}: not installed; pip install --group bench", file=sys.stderr)
    names = [name for name in names if name not in missing]
    with concurrent.futures.ProcessPoolExecutor() as workers:
        if not options.what or "pollution" in options.what:
            print_pollution(names, workers, faults=options.faults)
        if not options.what or "dialects" in options.what:
            print_dialects(names, workers, faults=options.faults)


def print_pollution(names: Sequence[str], workers: concurrent.futures.Executor, *, faults: bool) -> None:
    """Print the scores on polluted files, of ten, and the kinds that cost the first reader most."""
    files = list(pollute())
    print(f"\n{len(files):,} polluted files: simple and weighted score, of 10")
    for number, name in enumerate(names):
        scores = list(workers.map(_score, [name] * len(files), files, chunksize=16))
        weight = sum(file.weight for file in files)
        simple = sum(scores) / len(scores)
        weighted = sum(file.weight * each for file, each in zip(files, scores, strict=True)) / weight
        print(f"  {name:20}{simple:8.3f}{weighted:8.3f}")
        if faults and number == 0:
            kinds = defaultdict(list)
            for file, each in zip(files, scores, strict=True):
                kinds[file.kind].append(each)
            for kind, each in sorted(kinds.items(), key=lambda item: sum(item[1]) / len(item[1])):
                if min(each) < 9.999:
                    print(f"      {sum(each) / len(each):7.3f}  lowest {min(each):6.3f}  {kind}")


def _score(name: str, file: Polluted) -> float:
    return score(file.meant, READERS[name](file.content).rows)


def print_dialects(names: Sequence[str], workers: concurrent.futures.Executor, *, faults: bool) -> None:
    """Print for each set how often the delimiter is right, and how often the whole table is."""
    for title, make in SETS.items():
        files = list(make())
        print(f"\n{len(files):,} files, {title}: delimiter right, same table")
        for number, name in enumerate(names):
            found = list(workers.map(_judge, [name] * len(files), files, chunksize=8))
            right = sum(each for each, _ in found) / len(files)
            same = sum(each for _, each in found) / len(files)
            print(f"  {name:20}{right:8.3f}{same:8.3f}")
            if faults and number == 0:
                missed = [file for file, (_, is_same) in zip(files, found, strict=True) if not is_same]
                examples = {file.kind: file for file in missed}
                for kind, file in examples.items():
                    count = sum(each.kind == kind for each in missed)
                    print(f"      {count:3} x {kind}: {file.content[:70].decode(errors='replace')!r}")


def _judge(name: str, file: Written) -> tuple[bool, bool]:
    read = READERS[name](file.content)
    return read.delimiter == file.delimiter, is_same_table(file.meant, read.rows)


if __name__ == "__main__":
    main()

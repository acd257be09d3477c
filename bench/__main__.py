"""The command: `python -m bench`, `python -m bench --quick`, `python -m bench --report`."""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Final

from bench import chart, environments, machine, report, rounds
from bench.results import Results

HERE: Final = Path(__file__).parent
RESULTS: Final = HERE / "results.json"
QUICK: Final = HERE / "quick.json"


def main() -> int:
    """Run what the command line asks for; returns the exit code."""
    options = _parse()
    if options.report:
        content = json.loads(RESULTS.read_text())
        _write_report(Results.from_json(content), content["machine"], content["rounds"])
        return 0
    plan = rounds.QUICK_PLAN if options.quick else rounds.FULL_PLAN
    systems = tuple(system for system in plan.systems if system.name not in options.without)
    plan = plan._replace(systems=systems, rounds=options.rounds or plan.rounds)
    if options.scale < 1.0:
        plan = rounds.scaled(plan, options.scale)
    began = time.monotonic()
    try:
        environments.prepare(plan.systems)
    except environments.EnvironmentFailed as error:
        print(error, file=sys.stderr)
        return 1
    described = machine.describe(plan.systems)
    results, version = rounds.run(plan)
    described |= {"Redis": version, "took": f"{(time.monotonic() - began) / 60:.0f} minutes"}
    content = {"machine": described, "rounds": plan.rounds, **results.as_json()}
    target = QUICK if options.quick else RESULTS
    target.write_text(json.dumps(content, indent=1) + "\n")
    if not options.quick:
        _write_report(results, described, plan.rounds)
    print(f"Wrote {target} in {time.monotonic() - began:.0f} s.")
    for name, value in results.ratios().items():
        print(f"  {name:18} {value:.3g}")
    return 1 if any(failure.startswith("queuecore") for failure in results.failures) else 0


def _write_report(results: Results, described: dict[str, str], number_of_rounds: int) -> None:
    (HERE / "RESULTS.md").write_text(report.write(results, described, rounds=number_of_rounds))
    (HERE / "results.svg").write_text(chart.draw(results))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures queuecore and its peers.")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--quick", action="store_true", help="few systems and measures, under three minutes")
    which.add_argument("--report", action="store_true", help="write RESULTS.md again from results.json")
    parser.add_argument("--rounds", type=int, default=0, help="how often everything is measured")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the jobs, to try it out")
    parser.add_argument("--without", nargs="*", default=[], metavar="SYSTEM", help="systems to leave out")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

"""Writes docs/lifecycle.md from the table of transitions and the checks of the invariants.

python -m docs.lifecycle
"""

from pathlib import Path

from queuecore.model import State
from queuecore.model.states import TRANSITIONS
from tests.store.invariants import OF_A_MOMENT, OF_A_STEP

PAGE = Path(__file__).with_name("lifecycle.md")

MEANINGS = {
    State.SCHEDULED: ("waits for its time", "`scheduled`, sorted by that time"),
    State.QUEUED: ("stands in line", "its line's list"),
    State.WAITING: ("set aside until a limit leaves room", "`waiting`, and the limit's own line"),
    State.RUNNING: ("an attempt has it", "its runner's set"),
    State.COMPLETED: ("an attempt's result was accepted", "`completed`"),
    State.FAILED: ("no attempt is left, or none can help", "`failed`"),
    State.CANCELLED: ("ended on request", "`cancelled`"),
}

HEAD = """\
<!-- Written by `python -m docs.lifecycle` from queuecore/model/states.py and tests/store/invariants.py. -->
# The life of a job

A job is in exactly one state, and each state is one place in Redis. Every arrow is one Lua script
or a part of one, so no job is ever between two places, whatever dies when.
"""

ATTEMPTS = """\
## Attempts

Every claim gives the job's next attempt number, and the number only grows. It is the fencing token:
an outcome, a progress report or a checkpoint is accepted only from the attempt that the job is
running now. All others are refused and counted (`fenced`), and nothing of theirs is written.

Three numbers are counted apart:

| number | grows when | ends the job when |
|---|---|---|
| attempt | the job is claimed | never |
| failures | an attempt fails or times out | they are more than the `retries` of the handler or the job |
| crashes | what ran the attempt dies: job process, runner, machine | they reach `max_crashes`, 3 by default |

A shutdown gives its attempts back: neither failures nor crashes grow, and the job goes to the front
of its line. So does a job whose runner died. A requeue starts a new series: failures and crashes
are forgotten, the attempt number goes on growing, history and checkpoint stay.

A cancel of a running job is a request. The attempt may still complete; any other end of it makes
the job cancelled.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, _diagram(), _states(), _transitions(), ATTEMPTS, _invariants()])


def _diagram() -> str:
    arrows: dict[tuple[str, str], list[str]] = {}
    for transition in TRANSITIONS:
        into = [("[*]", target) for target in transition.targets if not transition.sources]
        out_of = [(source, "[*]") for source in transition.sources if not transition.targets]
        for source, target in (*into, *transition.arrows, *out_of):
            if source != target:
                arrows.setdefault((source, target), []).append(transition.name)
    lines = [
        "```mermaid",
        "stateDiagram-v2",
        *(f"    {source} --> {target}: {', '.join(names)}" for (source, target), names in arrows.items()),
        "```",
    ]
    return "\n".join(lines) + "\n"


def _states() -> str:
    rows = [
        f"| `{state}` | {meaning} | {place} | {'yes' if state.final else 'no'} |"
        for state, (meaning, place) in MEANINGS.items()
    ]
    return "\n".join(
        ["## States", "", "| state | meaning | place in Redis | final |", "|---|---|---|---|", *rows, ""]
    )


def _transitions() -> str:
    rows = [
        f"| {transition.name} | {_names(transition.sources)} | {_names(transition.targets)} "
        f"| {transition.actor} | {transition.meaning} |"
        for transition in TRANSITIONS
    ]
    return "\n".join(
        ["## Transitions", "", "| name | from | to | who | what |", "|---|---|---|---|---|", *rows, ""]
    )


def _invariants() -> str:
    lines = [f"- {invariant.__doc__}" for invariant in (*OF_A_MOMENT, *OF_A_STEP)]
    return "\n".join(
        [
            "## What always holds",
            "",
            "Checked after every step of `tests/store/test_state_machine.py`, which lets producers, runners,",
            "deaths, lost replies and late outcomes happen in any order on a real Redis.",
            "",
            *lines,
            "",
        ]
    )


def _names(states: tuple[State, ...]) -> str:
    return ", ".join(states) or "—"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

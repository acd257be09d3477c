"""The table of transitions, the headers of the Lua files, the broker and the documents say the same."""

import inspect
import re
from pathlib import Path

import pytest

from docs import lifecycle
from queuecore.model import LINES, SLOT_CLASSES, Outcome, State
from queuecore.model.states import FINAL, TRANSITIONS
from queuecore.store import claims
from queuecore.store.claims import Claims
from queuecore.store.keys import FIELDS, NAMES
from queuecore.store.pruning import Pruning
from queuecore.store.requests import Requests
from queuecore.store.scripts import LUA, PARTS, SELDOM, header, scripts, source
from queuecore.store.upkeep import Upkeep

pytestmark = pytest.mark.docs

ROOT = Path(__file__).resolve().parents[2]
KEYS_PAGE = (ROOT / "docs" / "redis-keys.md").read_text("utf-8")

FILES = {path.stem for path in LUA.glob("*.lua")}
TABLE = {transition.name: transition for transition in TRANSITIONS}
# Every script that ends or protects work passes at maxmemory; only these make new work and need not.
REFUSED_WHEN_FULL = {"enqueue", "idempotency", "take_name", "hand_over", "requeue", "bounds", "room"}
# How an outcome's verb, as advance.lua knows it, is called by the runner.
OUTCOMES = {
    "complete": "Completed",
    "retry": "Retrying",
    "fail": "Failing",
    "release": "Releasing",
    "recover": "Crashing",
    "stop": "Cancelling",
}


# What is a part of a larger call, and of which.
WITHIN = {"claim": "advance", "promote": "heartbeat", "set_aside": "advance", "admit": "advance"}


def states_in(row: str) -> tuple[State, ...]:
    return tuple(State(word) for word in re.findall(r"[a-z]+", row))


@pytest.mark.parametrize("name", TABLE)
def test_a_transitions_header_repeats_its_row_of_the_table(name: str) -> None:
    rows = header(name)

    assert states_in(rows["from"]) == TABLE[name].sources
    assert states_in(rows["to"]) == TABLE[name].targets


@pytest.mark.parametrize("name", sorted(FILES - TABLE.keys()))
def test_what_is_no_transition_does_not_claim_to_be_one(name: str) -> None:
    assert header(name).keys().isdisjoint({"from", "to"})


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_file_begins_with_its_name(name: str) -> None:
    assert source(name).startswith(f"-- {name}: ")


def test_every_lua_file_is_called_or_used() -> None:
    assert set(PARTS).union(*PARTS.values(), *SELDOM.values()) == FILES


def test_every_transition_is_a_lua_file() -> None:
    assert TABLE.keys() < FILES


@pytest.mark.parametrize("name", PARTS)
def test_called_scripts_say_what_they_take_and_answer(name: str) -> None:
    assert {"KEYS", "ARGV", "reply", "flags"} <= header(name).keys()


@pytest.mark.parametrize("name", sorted(FILES))
def test_what_ends_or_protects_work_passes_at_maxmemory(name: str) -> None:
    flags = header(name)["flags"]

    assert flags == ("-" if name in REFUSED_WHEN_FULL else "allow-oom")


@pytest.mark.parametrize("name", PARTS)
def test_flags_become_a_first_line_on_servers_that_know_it(name: str) -> None:
    new, old = scripts(shebang=True)[name], scripts(shebang=False)[name]

    assert new.text.splitlines()[0] in ("#!lua", "#!lua flags=allow-oom")
    assert not old.text.startswith("#!")
    assert new.sha != old.sha


@pytest.mark.parametrize("name", PARTS)
def test_no_script_carries_what_it_does_not_use(name: str) -> None:
    text = scripts(shebang=True)[name].text
    defined = re.findall(r"^local (?:function )?(\w+)", text, re.MULTILINE)

    assert [word for word in defined if len(re.findall(rf"\b{word}\b", text)) == 1] == []
    for part in (*PARTS[name], *SELDOM.get(name, ())):
        words = re.findall(r"^local (?:function )?(\w+)", source(part), re.MULTILINE)
        assert set(words) & set(defined), f"{name} does not use {part}"


def test_a_file_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(LookupError, match="no Lua file 'nonsense'"):
        source("nonsense")


@pytest.mark.parametrize("name", PARTS)
def test_every_script_is_called_by_somebody(name: str) -> None:
    code = "".join(path.read_text("utf-8") for path in (ROOT / "queuecore" / "store").glob("*.py"))

    assert f'"{name}"' in code


def test_every_transition_has_a_method_or_an_outcome() -> None:
    for name in TABLE:
        if name in OUTCOMES:
            assert OUTCOMES[name] in {outcome.__name__ for outcome in Outcome.__args__}  # type: ignore[attr-defined]
        else:
            method = WITHIN.get(name, name)
            writers = [topic for topic in (Requests, Claims, Upkeep, Pruning) if hasattr(topic, method)]
            assert [inspect.iscoroutinefunction(getattr(writer, method)) for writer in writers] == [True]


def test_the_verbs_of_outcomes_are_those_of_advance() -> None:
    table = re.search(
        r"^  local verbs = \{ complete = complete_tied, (.*)\}$", source("settle_others"), re.MULTILINE
    )

    assert table is not None
    verbs = dict(re.findall(r"(\w+) = (\w+)", table[1]))
    assert verbs == {verb: verb for verb in OUTCOMES if verb != "complete"}
    assert OUTCOMES.keys() <= {*PARTS["advance"], *SELDOM["advance"]}
    for verb, outcome in OUTCOMES.items():
        assert re.search(rf"case {outcome}\(.*\):\s+return \"{verb}\", ", inspect.getsource(claims))


def test_lua_knows_the_lines_in_the_same_order() -> None:
    urgencies = re.search(r"URGENCIES = \{(.*)\}", source("lines"))
    classes = re.search(r"CLASSES = \{(.*)\}", source("lines"))

    assert urgencies is not None
    assert classes is not None
    assert re.findall(r"\w+", urgencies[1]) == list(LINES)
    assert re.findall(r"\w+", classes[1]) == list(SLOT_CLASSES)


def test_final_states_lead_nowhere_but_to_requeue_and_prune() -> None:
    leaving = {
        transition.name for transition in TRANSITIONS for state in transition.sources if state in FINAL
    }

    assert leaving == {"requeue", "prune"}


def test_every_state_can_be_reached_and_left() -> None:
    assert {state for transition in TRANSITIONS for state in transition.targets} == set(State)
    assert {state for transition in TRANSITIONS for state in transition.sources} == set(State)


def test_the_page_of_the_lifecycle_is_up_to_date() -> None:
    assert lifecycle.PAGE.read_text("utf-8") == lifecycle.page(), "run `python -m docs.lifecycle`"


@pytest.mark.parametrize("name", NAMES)
def test_every_key_is_described(name: str) -> None:
    row = re.search(rf"^\| {name} \| (.*) \|$", KEYS_PAGE, re.MULTILINE)

    assert row is not None
    key, kind, *rest = row[1].split(" | ")
    assert f"`{NAMES[name]}" in key
    assert kind.split()[0] in {"HASH", "LIST", "ZSET", "SET", "STRING", "channel"}
    assert len(rest) == 4 if kind != "channel" else rest


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_of_a_job_is_described(name: str) -> None:
    assert re.search(rf"^\| {name} \| `{FIELDS[name]}` \| .+ \|$", KEYS_PAGE, re.MULTILINE)


def test_nothing_is_described_that_is_not_there() -> None:
    described = set(re.findall(r"^\| ([A-Z_]+) \|", KEYS_PAGE, re.MULTILINE))

    assert described == NAMES.keys() | FIELDS.keys()


def test_every_counter_is_described() -> None:
    code = "".join(source(name) for name in FILES)
    counted = set(re.findall(r"count\('(\w+)'", code)) | {"failed", "cancelled"}
    table = KEYS_PAGE.partition("## Counters")[2]

    assert counted == {
        word for row in re.findall(r"^\| ([a-z_, ]+) \|", table, re.MULTILINE) for word in row.split(", ")
    } - {"counter"}

"""What the documentation shows does what it says: Python is run, names and texts are looked for."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.service import ROOT, SHORT_HEARTBEAT, Service

PAGE = ROOT / "docs" / "adding-a-job.md"
OPERATIONS = ROOT / "docs" / "operations.md"
# Where the page says `handlers`, the test has a package of its own beside the project.
PACKAGE = "guide"


@pytest.fixture(scope="module")
def guide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with all files of the page."""
    directory = tmp_path_factory.mktemp("guide")
    for block in re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL):
        name = re.match(r'"""([\w/]+\.py)"""\n', block)
        assert name is not None, f"a block does not say which file it is:\n{block}"
        file = directory / name[1].replace("handlers/", f"{PACKAGE}/")
        file.parent.mkdir(exist_ok=True)
        file.write_text(block.replace("from handlers.", f"from {PACKAGE}."))
    (directory / PACKAGE / "__init__.py").touch()
    return directory


@pytest.fixture(scope="module")
def service(guide: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that has the kinds of the page and no others."""
    settings = {**SHORT_HEARTBEAT, "WORKER_HANDLERS": PACKAGE}
    directory = tmp_path_factory.mktemp("service")
    with Service(directory, settings=settings, environ={"PYTHONPATH": str(guide)}) as service:
        yield service


def test_the_ten_lines_are_a_kind_with_a_form(service: Service) -> None:
    kinds = {kind["kind"]: kind for kind in service.client.get("/api/kinds").json()["items"]}

    job = service.completed(service.upload("a.csv", b"name\nx\ny\n", "rows.count")["id"])

    assert kinds["rows.count"]["title"] == "Count the rows of a text file"
    assert kinds["rows.count"]["schema"]["properties"]["header"]["type"] == "boolean"
    assert job["result"] == 2


def test_the_three_ways_to_run_all_run(service: Service) -> None:
    jobs = [service.start(kind) for kind in ("wait.async", "wait.thread", "work.process")]

    results = [service.completed(job["id"])["result"] for job in jobs]

    assert results[0] == 0.1
    assert results[1] >= 0.1
    assert results[2] == 45


def test_errors_do_what_the_table_says(service: Service) -> None:
    paid = service.completed(service.start("card.charge", amount=5, card="busy")["id"])
    refused = service.wait_for_end(service.start("card.charge", amount=0, card="x")["id"])

    assert paid["result"] == "charged 5 to busy in attempt 2"
    assert (refused["state"], refused["error"]["type"]) == ("failed", "bad-amount")


def test_files_go_in_and_out(service: Service) -> None:
    job = service.completed(service.upload("a.txt", b"hello\nyou\n", "text.shout")["id"])
    refused = service.client.post(
        "/api/upload", data={"kind": "text.shout"}, files={"file": ("a.csv", b"hello\n")}
    )

    assert (job["result"], job["artifacts"][0]["name"]) == ({"lines": 2}, "LOUD-a.txt")
    assert service.client.get(job["links"]["result"]).content == b"HELLO\nYOU\n"
    assert refused.status_code == 415


def test_the_program_gets_its_results(service: Service, guide: Path) -> None:
    ended = _run(guide, [str(guide / "program.py")], REDIS_URL=service.redis.url)

    assert ended.stdout.splitlines() == ["3", "charged 5 to busy in attempt 2"], ended.stderr


def test_the_tests_of_the_page_pass(guide: Path) -> None:
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml")]
    ended = _run(guide, [*command, "--rootdir", str(guide), str(guide / "tests")])

    assert ended.returncode == 0, ended.stdout
    assert "3 passed" in ended.stdout


def _run(guide: Path, command: list[str], **environ: str) -> subprocess.CompletedProcess[str]:
    paths = {"PYTHONPATH": f"{guide}:{ROOT}", "PATH": "/usr/bin:/bin", "HOME": str(guide)}
    return subprocess.run(
        [sys.executable, *command], env={**paths, **environ}, capture_output=True, text=True, timeout=60
    )


@pytest.mark.docs
def test_every_event_that_is_logged_is_described() -> None:
    code = [*(ROOT / "queuecore").rglob("*.py"), *(ROOT / "api").rglob("*.py"), ROOT / "worker.py"]
    source = "\n".join(file.read_text() for file in code)
    logged = set(re.findall(r'\bevent\([^()]*?"([a-z]+\.[a-z_]+)"', source))
    logged |= set(re.findall(r'logger\.\w+\(\s*"([a-z]+\.[a-z_]+) ', source)) - {"subscription.lost"}
    logged |= set(re.findall(r'name(?:, [a-z, ]+)? = "(attempt\.[a-z_]+)"', source))

    described = set(re.findall(r"`([a-z]+\.[a-z_]+)`", OPERATIONS.read_text()))

    assert len(logged) > 30
    assert logged <= described, f"docs/operations.md says nothing of {sorted(logged - described)}"


def test_every_check_of_health_is_described(service: Service) -> None:
    checks = service.client.get("/health").json()["checks"]

    described = set(re.findall(r"^\| `([a-z]+:\S+)` \|", OPERATIONS.read_text(), re.MULTILINE))

    assert {re.sub(r"^queue:\w+:", "queue:<name>:", name) for name in checks} == described


@pytest.mark.docs
def test_what_the_troubleshooting_table_quotes_is_what_is_said() -> None:
    folders = ("queuecore", "api", "launch")
    source = "\n".join(file.read_text() for name in folders for file in (ROOT / name).rglob("*.py"))
    table = OPERATIONS.read_text().partition("## Troubleshooting")[2]

    for quoted in re.findall(r'"([^"]+)"', table):
        for part in quoted.split("…"):
            assert part in source, f"nothing says {part!r} any more"
    for problem in re.findall(r"/problems/([a-z-]+)", OPERATIONS.read_text()):
        assert f'"{problem}"' in source

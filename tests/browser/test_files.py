"""A person with files: send, watch, download."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.browser.tables import write_messy_csv, write_workbook
from tests.service.service import wait_until

pytestmark = pytest.mark.browser

SLOW_LINE = {"offline": False, "latency": 5, "downloadThroughput": 10_000_000, "uploadThroughput": 400_000}


def test_a_messy_file_is_sent_cleaned_and_downloaded(
    page: Page, tmp_path: Path, keep_picture: Callable[[Page, str], None]
) -> None:
    file = write_messy_csv(tmp_path / "messy.csv")
    keep_picture(page, "empty")

    page.get_by_label("Choose files").set_input_files(file)
    keep_picture(page, "chosen")
    line = page.context.new_cdp_session(page)
    line.send("Network.enable")
    line.send("Network.emulateNetworkConditions", SLOW_LINE)
    page.get_by_role("button", name="Send 1 file").click()
    expect(page.get_by_role("progressbar", name="Upload of messy.csv")).to_be_visible()
    wait_until(
        lambda: page.evaluate("said.some((text) => /Uploading, [1-9]\\d %/.test(text))"),
        "the upload's bar moves",
    )
    keep_picture(page, "uploading")
    line.send("Network.emulateNetworkConditions", {**SLOW_LINE, "uploadThroughput": -1})

    card = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="messy.csv"))
    expect(card.get_by_text("Completed")).to_be_visible()
    card.get_by_role("button", name="Details of messy.csv").click()
    expect(card.get_by_role("heading", name="Report")).to_be_visible()
    keep_picture(page, "completed")
    with page.expect_download() as downloading:
        card.get_by_role("link", name="Download the result of messy.csv").click()
    downloaded = Path(downloading.value.path()).read_bytes()
    job = page.evaluate("fetch('/api/jobs').then((answer) => answer.json())")["items"][0]
    from_api = page.request.get(job["links"]["result"]).body()
    assert downloaded == from_api
    assert len(downloaded) == job["artifacts"][0]["size"]
    assert re.search(rb"Zo\xc3\xab", downloaded)
    said = page.evaluate("said")
    assert any(text.startswith("Progress of messy.csv: ") for text in said), said


def test_files_that_are_too_many_for_now_wait_and_go_by_themselves(
    page: Page, tmp_path: Path, keep_picture: Callable[[Page, str], None]
) -> None:
    files = [write_messy_csv(tmp_path / f"{name}.csv") for name in ("one", "two", "three")]
    refused = []

    def refuse(route: Route) -> None:
        refused.append(route.request.url)
        problem = {
            "type": "/problems/too-many-jobs",
            "title": "You have as many unfinished jobs as are allowed at one time",
            "status": 429,
            "detail": "500 of your jobs wait or run, and 500 are allowed at one time.",
        }
        route.fulfill(
            status=429,
            headers={"Retry-After": "2", "Content-Type": "application/problem+json"},
            body=json.dumps(problem),
        )

    page.route("**/api/upload?*", refuse)
    page.get_by_label("Choose files").set_input_files(files)
    page.get_by_role("button", name="Send 3 files").click()

    told = page.get_by_text("You have as many unfinished jobs as are allowed at one time. This file is sent")
    expect(told).to_have_count(3)
    keep_picture(page, "bound")
    assert len(refused) <= 2
    page.unroute("**/api/upload?*")
    for name in ("one", "two", "three"):
        card = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=f"{name}.csv"))
        expect(card.get_by_text("Completed")).to_be_visible(timeout=60_000)


@pytest.mark.parametrize(
    ("name", "write", "rows"),
    [("large.csv", write_messy_csv, 200_000), ("large.xlsx", write_workbook, 50_000)],
)
def test_a_large_file_is_sent_cleaned_and_downloaded(
    page: Page,
    tmp_path: Path,
    keep_picture: Callable[[Page, str], None],
    name: str,
    write: Callable[..., Path],
    rows: int,
) -> None:
    file = write(tmp_path / name, rows=rows)

    page.get_by_label("Choose files").set_input_files(file)
    page.get_by_role("button", name="Send 1 file").click()

    card = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=name))
    expect(card.get_by_text("Completed")).to_be_visible(timeout=60_000)
    keep_picture(page, name.replace(".", "-"))
    with page.expect_download() as downloading:
        card.get_by_role("link", name=f"Download the result of {name}").click()
    downloaded = Path(downloading.value.path()).read_bytes()
    job = page.evaluate("fetch('/api/jobs').then((answer) => answer.json())")["items"][0]
    counted = job["result"]["report"]["rows"]
    assert hashlib.sha256(downloaded).hexdigest() == job["artifacts"][0]["sha256"]
    assert counted["read"] - (counted["written"] + counted["blank"] + counted["rejected"]) == 0
    assert counted["read"] in (rows, rows + 1)  # the messy table has a blank line below its header


def test_two_files_become_two_jobs_side_by_side(page: Page, tmp_path: Path) -> None:
    files = [write_messy_csv(tmp_path / name, rows=200) for name in ("north.csv", "south.csv")]

    page.get_by_label("Choose files").set_input_files(files)
    page.get_by_role("button", name="Send 2 files").click()

    for name in ("north.csv", "south.csv"):
        card = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=name))
        expect(card.get_by_role("link", name=f"Download the result of {name}")).to_be_visible()
    expect(page.locator("#jobs > li")).to_have_count(2)


def test_a_file_of_another_type_is_refused_before_it_is_sent(page: Page, tmp_path: Path) -> None:
    wrong = tmp_path / "notes.pdf"
    wrong.write_text("no table")

    page.get_by_label("Choose files").set_input_files(wrong)
    page.get_by_role("button", name="Send").click()

    chosen = page.get_by_role("list", name="Chosen files")
    expect(chosen.get_by_text(re.compile("This is not a .*CSV.* file"))).to_be_visible()
    expect(page.get_by_role("alert").filter(has_text="None of the chosen files can be sent")).to_be_attached()
    expect(page.locator("#jobs > li, #uploads > li")).to_have_count(0)


def test_an_empty_file_is_refused_before_it_is_sent(page: Page, tmp_path: Path) -> None:
    empty = tmp_path / "empty.csv"
    empty.touch()

    page.get_by_label("Choose files").set_input_files(empty)

    expect(page.get_by_role("list", name="Chosen files")).to_contain_text("This file is empty")


def test_a_file_that_is_no_table_fails_with_a_sentence(
    page: Page, tmp_path: Path, keep_picture: Callable[[Page, str], None]
) -> None:
    broken = tmp_path / "broken.xlsx"
    broken.write_bytes(b"PK\x03\x04 but no workbook at all")

    page.get_by_label("Choose files").set_input_files(broken)
    page.get_by_role("button", name="Send 1 file").click()

    card = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="broken.xlsx"))
    expect(card.locator(".failure").filter(visible=True)).to_have_text(re.compile(r"\w+ \w+ \w+.*\."))
    expect(page.get_by_role("alert").filter(has_text="broken.xlsx")).to_be_attached()
    keep_picture(page, "failed")


def test_files_can_be_dropped_anywhere(page: Page) -> None:
    page.locator("input[value='demo.sleep']").check()
    drop = """(name) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(["a;b\\n1;2\\n"], name));
      for (const type of ["dragenter", "drop"]) {
        document.body.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer }));
      }
    }"""

    page.evaluate(drop, "dropped.csv")

    expect(page.get_by_role("list", name="Chosen files")).to_contain_text("dropped.csv")
    expect(page.get_by_role("button", name="Send 1 file")).to_be_visible()


def test_an_upload_that_was_cut_is_tried_again_and_makes_one_job(page: Page, tmp_path: Path) -> None:
    file = write_messy_csv(tmp_path / "cut.csv", rows=100)
    page.get_by_label("Choose files").set_input_files(file)
    # The service gets the file, the browser never hears of it.
    page.route("**/api/upload?*", lambda route: (route.fetch(), route.abort()), times=1)

    page.get_by_role("button", name="Send 1 file").click()
    expect(page.locator("#uploads > li")).to_contain_text("The upload was interrupted")
    page.get_by_role("button", name="Try again to upload cut.csv").click()

    expect(page.locator("#uploads > li")).to_have_count(0)
    jobs = page.evaluate("fetch('/api/jobs').then((answer) => answer.json())")["items"]
    assert [job["file"]["name"] for job in jobs] == ["cut.csv"]


def test_an_upload_can_be_cancelled_and_leaves_nothing(page: Page, tmp_path: Path) -> None:
    line = page.context.new_cdp_session(page)
    line.send("Network.enable")
    line.send("Network.emulateNetworkConditions", {**SLOW_LINE, "uploadThroughput": 20_000})
    page.get_by_label("Choose files").set_input_files(write_messy_csv(tmp_path / "long.csv"))
    page.get_by_role("button", name="Send 1 file").click()

    page.get_by_role("button", name="Cancel the upload of long.csv").click()

    expect(page.locator("#uploads > li")).to_have_count(0)
    expect(page.get_by_text("No jobs yet")).to_be_visible()


def test_without_scripts_a_plain_form_sends_the_file(
    open_context: Callable[..., BrowserContext], tmp_path: Path, keep_picture: Callable[[Page, str], None]
) -> None:
    page = open_context(java_script_enabled=False).new_page()
    page.goto("/")
    keep_picture(page, "without-scripts")

    page.get_by_label("File (CSV or XLSX)").set_input_files(write_messy_csv(tmp_path / "plain.csv", rows=10))
    with page.expect_response("**/api/upload") as answering:
        page.get_by_role("button", name="Send").click()

    assert answering.value.status == 202
    assert answering.value.json()["file"]["name"] == "plain.csv"

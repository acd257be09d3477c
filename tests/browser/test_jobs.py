"""The list of jobs: cancel, try again, delete, find, come back."""

import os
import re
import signal
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.service.service import Service

pytestmark = pytest.mark.browser


def start_sleep(page: Page, *, seconds: float = 60) -> Locator:
    """Start a demo.sleep by the form; returns its card."""
    page.locator("input[value='demo.sleep']").check()
    page.get_by_label("Seconds").fill(str(seconds))
    page.get_by_role("button", name="Start").click()
    return page.locator("#jobs > li").first


def start_failing(page: Page) -> Locator:
    """Start a job that fails at first; returns its card."""
    page.locator("input[value='test.fail_once']").check()
    page.get_by_role("button", name="Start").click()
    return page.locator("#jobs > li").first


def stop_api(service: Service) -> None:
    """Stop the API as a deployment does."""
    assert service.api is not None
    service.api.signal(signal.SIGTERM)
    assert service.api.wait() == 0


def test_a_running_job_can_be_cancelled(page: Page, keep_picture: Callable[[Page, str], None]) -> None:
    card = start_sleep(page)
    expect(card.locator(".state")).to_have_text("Running")
    expect(page).to_have_title(re.compile("%|…"))
    keep_picture(page, "running")

    card.get_by_role("button", name="Cancel").click()

    expect(card.locator(".state")).to_have_text("Cancelled")
    expect(card.get_by_role("button", name="Try again")).to_be_visible()
    expect(page).to_have_title("queuecore")
    keep_picture(page, "cancelled")


def test_a_failed_job_says_why_and_can_be_tried_again(page: Page) -> None:
    card = start_failing(page)
    expect(card).to_contain_text("The moon is not full. Wait for the full moon and try again.")
    expect(page.get_by_role("alert").filter(has_text="The moon is not full")).to_be_attached()

    card.get_by_role("button", name="Try again").click()

    expect(card.locator(".state")).to_have_text("Completed")
    card.get_by_role("button", name="Details").click()
    expect(card.get_by_role("heading", name="Attempts")).to_be_visible()
    expect(card).to_contain_text("Attempt 1: failed")
    expect(card).to_contain_text("Attempt 2: completed")


def test_an_attempt_that_was_killed_is_told_and_the_job_goes_on(page: Page, service: Service) -> None:
    page.locator("input[value='demo.crunch']").check()
    page.get_by_label("Seconds").fill("3")
    page.get_by_role("button", name="Start").click()
    card = page.locator("#jobs > li").first
    expect(card).to_contain_text("primes found")

    # All are found before the first is killed: another worker may take the job up at once.
    for pid in [pid for worker in service.workers for pid in worker.job_processes()]:
        os.kill(pid, signal.SIGKILL)

    expect(card.locator(".note")).to_contain_text("Attempt 1 was interrupted")
    expect(card.locator(".state")).to_have_text("Completed")
    card.get_by_role("button", name="Details").click()
    expect(card).to_contain_text("Attempt 1: interrupted")
    expect(card).to_contain_text("Attempt 2: completed")


def test_the_jobs_are_still_there_after_a_reload_and_a_restart_of_the_api(
    page: Page, service: Service
) -> None:
    card = start_failing(page)
    expect(card.locator(".state")).to_have_text("Failed")
    running = start_sleep(page)
    expect(running.locator(".state")).to_have_text("Running")

    page.reload()
    expect(page.locator("#jobs > li .state")).to_have_text(["Running", "Failed"])
    stop_api(service)
    service.start_api()
    page.reload()

    expect(page.locator("#jobs > li .state")).to_have_text(["Running", "Failed"])
    page.get_by_role("button", name="Cancel").click()


def test_another_person_sees_none_of_them(page: Page, open_page: Callable[..., Page]) -> None:
    expect(start_failing(page).locator(".state")).to_have_text("Failed")

    other = open_page()

    expect(other.get_by_text("No jobs yet")).to_be_visible()


def test_a_job_is_deleted_after_it_was_asked_for_twice(page: Page) -> None:
    card = start_failing(page)
    expect(card.locator(".state")).to_have_text("Failed")

    card.get_by_role("button", name="Delete Fail at first").click()
    expect(card.get_by_role("button", name="Keep")).to_be_focused()
    page.keyboard.press("Escape")
    expect(card.get_by_text("Delete this job and its files?")).to_be_hidden()
    card.get_by_role("button", name="Delete Fail at first").click()
    card.get_by_role("group").get_by_role("button", name="Delete").click()

    expect(page.get_by_text("No jobs yet")).to_be_visible()
    page.reload()
    expect(page.get_by_text("No jobs yet")).to_be_visible()


def test_the_list_is_filtered_and_the_address_keeps_the_filter(page: Page) -> None:
    expect(start_failing(page).locator(".state")).to_have_text("Failed")
    expect(start_sleep(page, seconds=0).locator(".state")).to_have_text("Completed")

    page.get_by_label("Show jobs in state").select_option("Failed")
    expect(page.locator("#jobs > li .state")).to_have_text(["Failed"])
    page.reload()
    expect(page.locator("#jobs > li .state")).to_have_text(["Failed"])
    page.get_by_label("Search by name").fill("nothing is called so")

    expect(page.get_by_text("Nothing found")).to_be_visible()


def test_a_long_list_is_shown_in_parts(page: Page) -> None:
    page.evaluate(
        """async () => {
          for (let n = 0; n < 30; n += 1) {
            const body = JSON.stringify({ kind: "demo.sleep", args: { seconds: 0 } });
            const headers = { "Content-Type": "application/json" };
            await fetch("/api/jobs", { method: "POST", body, headers });
          }
        }"""
    )
    page.reload()
    expect(page.locator("#jobs > li")).to_have_count(25)

    page.get_by_role("button", name="Load more").click()

    expect(page.locator("#jobs > li")).to_have_count(30)
    expect(page.get_by_role("button", name="Load more")).to_be_hidden()


def test_waiting_jobs_say_how_many_are_ahead(page: Page, open_page: Callable[..., Page]) -> None:
    cards = page.locator("#jobs > li")
    page.locator("input[value='demo.crunch']").check()
    page.get_by_label("Seconds").fill("60")
    for number in range(1, 5):
        page.get_by_role("button", name="Start").click()
        expect(cards).to_have_count(number)

    expect(cards.first).to_contain_text(re.compile("jobs? ahead of yours|Next in line"))

    for number in range(4):
        cards.nth(number).get_by_role("button", name="Cancel").click()
    expect(page.locator(".job[data-state=cancelled]")).to_have_count(4)

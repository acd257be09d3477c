"""The page while the service is away."""

import signal
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.service.service import Service

pytestmark = pytest.mark.browser


def test_an_outage_of_the_api_is_said_and_passes(
    page: Page, service: Service, keep_picture: Callable[[Page, str], None]
) -> None:
    page.locator("input[value='test.fail_once']").check()
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#jobs > li .state")).to_have_text(["Failed"])

    assert service.api is not None
    service.api.signal(signal.SIGTERM)
    service.api.wait()
    try:
        page.get_by_label("Show jobs in state").dispatch_event("change")
        page.get_by_role("button", name="Try again").click()
        expect(page.get_by_text("Connection lost, retrying")).to_be_visible()
        expect(page.locator("#jobs > li")).to_have_count(1)
        keep_picture(page, "outage")
    finally:
        service.start_api()

    expect(page.get_by_text("Connection lost, retrying")).to_be_hidden()
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#jobs > li .state")).to_have_text(["Completed"])


def test_an_outage_of_the_queue_is_said_and_passes(page: Page, service: Service) -> None:
    page.locator("input[value='demo.sleep']").check()
    page.get_by_label("Seconds").fill("2")
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#jobs > li .state")).to_have_text(["Running"])

    service.redis.kill()
    try:
        expect(page.get_by_text("Connection lost, retrying")).to_be_visible()
        expect(page.locator("#jobs > li")).to_have_count(1)
    finally:
        service.redis.restart()

    expect(page.get_by_text("Connection lost, retrying")).to_be_hidden()
    expect(page.locator("#jobs > li .state")).to_have_text(["Completed"], timeout=60_000)

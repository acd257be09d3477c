"""A browser in front of the whole service.

Set QUEUECORE_REQUIRE_BROWSER to fail where no browser is installed, QUEUECORE_SCREENSHOTS to a directory
to keep a picture of every state that a test has gone through.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.service.service import Service

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 20_000

# Everything that a progress bar has said, in its order; two of the same are one.
RECORD_BARS = """
window.said = [];
new MutationObserver(() => {
  for (const bar of document.querySelectorAll("[role=progressbar]")) {
    const text = `${bar.getAttribute("aria-label")}: ${bar.getAttribute("aria-valuetext")}`;
    if (!window.said.includes(text)) window.said.push(text);
  }
}).observe(document, { subtree: true, childList: true, attributes: true });
"""


@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The whole service as real processes, without tokens."""
    settings = {"WORKER_HANDLERS": "handlers,tests.browser.kinds"}
    with Service(tmp_path_factory.mktemp("service"), settings=settings) as running:
        yield running


@pytest.fixture(scope="package")
def browser() -> "Iterator[Browser]":
    """Chromium, started once."""
    try:
        from playwright.sync_api import expect, sync_playwright
    except ImportError as error:
        _miss(f"playwright is not installed: {error}")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        _miss("chromium is not on the path")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def open_context(browser: "Browser", service: Service) -> "Iterator[Callable[..., BrowserContext]]":
    """Open a browser profile of its own, which is a new person to the service.

    The options are those of playwright's `new_context`.
    """
    contexts = []

    def open_one(**options: object) -> "BrowserContext":
        context = browser.new_context(
            **{
                "base_url": str(service.client.base_url),
                "viewport": {"width": 1280, "height": 900},
                **options,
            }
        )
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(RECORD_BARS)
        contexts.append(context)
        return context

    yield open_one
    for context in contexts:
        context.close()


@pytest.fixture
def open_page(open_context: "Callable[..., BrowserContext]") -> "Iterator[Callable[..., Page]]":
    """Open the page as a new person; fails the test when a script threw an error or broke the policy."""
    errors: list[str] = []

    def open_one(path: str = "/", **options: object) -> "Page":
        page = open_context(**options).new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if "Security Policy" in line.text else None)
        page.goto(path)
        page.locator("#send-button:visible, #token:visible").wait_for()
        return page

    yield open_one
    assert errors == []


@pytest.fixture
def page(open_page: "Callable[..., Page]") -> "Page":
    """The page on a desk, in light."""
    return open_page()


@pytest.fixture
def keep_picture(request: pytest.FixtureRequest) -> "Callable[[Page, str], None]":
    """Keep a screenshot, if screenshots are wanted."""
    directory = os.environ.get("QUEUECORE_SCREENSHOTS")

    def keep(page: "Page", name: str) -> None:
        if directory:
            Path(directory).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(directory, f"{name}.png"), full_page=True, animations="disabled")

    return keep


def _miss(reason: str) -> None:
    if os.environ.get("QUEUECORE_REQUIRE_BROWSER"):
        pytest.fail(f"{reason}, and QUEUECORE_REQUIRE_BROWSER is set")
    pytest.skip(reason)

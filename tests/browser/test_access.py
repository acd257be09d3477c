"""The page for everybody: keyboard, screen reader, phone, light and dark."""

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.tables import write_messy_csv
from tests.service.service import wait_until

pytestmark = pytest.mark.browser

PHONE = {"width": 360, "height": 740}
SCHEMES = ["light", "dark"]
# A checkbox is pressed by its whole line, which reaches a little beyond its text.
FIND_SMALL_TARGETS = """() =>
  [...document.querySelectorAll("button, a:not(.skip), summary, select, label.button, label.kind, .toggle")]
    .filter((element) => element.checkVisibility())
    .map((element) => {
      const { width, height } = element.getBoundingClientRect();
      return [element.textContent.trim(), width, height + (element.matches(".toggle") ? 19 : 0)];
    })
    .filter(([, width, height]) => width < 44 || height < 44)
"""


def fill_with_states(page: Page, tmp_path: Path) -> None:
    """Bring jobs in all the usual states onto the page, one with its details open."""
    broken = tmp_path / "broken.xlsx"
    broken.write_bytes(b"no workbook")
    files = [broken, write_messy_csv(tmp_path / "messy.csv", rows=2000)]
    page.get_by_label("Choose files").set_input_files(files)
    page.get_by_role("button", name="Send 2 files").click()
    expect(page.get_by_role("link", name="Download")).to_be_visible()
    expect(page.locator("#jobs .job[data-state=failed]")).to_be_visible()
    page.locator("input[value='demo.sleep']").check()
    page.get_by_label("Seconds").fill("60")
    for _ in range(2):
        before = page.locator("#jobs > li").count()
        page.get_by_role("button", name="Start").click()
        expect(page.locator("#jobs > li")).to_have_count(before + 1)
        expect(page.locator("#jobs > li").first.locator(".state")).to_have_text("Running")
    page.locator("#jobs > li").first.get_by_role("button", name="Cancel").click()
    expect(page.locator("#jobs .job[data-state=cancelled]")).to_be_visible()
    page.locator("input[value='file.clean']").check()
    page.get_by_role("button", name="Details of messy.csv").click()
    page.get_by_text("Options", exact=True).click()
    page.evaluate("document.querySelectorAll('details.rule').forEach((rule) => (rule.open = true))")


def stop_running(page: Page) -> None:
    page.locator(".job[data-state=running]").get_by_role("button", name="Cancel").click()
    expect(page.locator(".job[data-state=running]")).to_have_count(0)


def violations(page: Page) -> str:
    """What axe objects to on the page as it is, WCAG A and AA and its best practices; empty when nothing."""
    found = Axe().run(page)
    return found.generate_report() if found.violations_count else ""


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_objects_to_nothing(
    scheme: str,
    open_page: Callable[..., Page],
    tmp_path: Path,
    keep_picture: Callable[[Page, str], None],
) -> None:
    page = open_page(color_scheme=scheme, reduced_motion="reduce")
    assert violations(page) == ""

    fill_with_states(page, tmp_path)
    keep_picture(page, f"states-{scheme}")

    assert violations(page) == ""
    stop_running(page)


def test_a_phone_needs_no_sideways_scrolling_and_has_room_for_fingers(
    open_page: Callable[..., Page], tmp_path: Path, keep_picture: Callable[[Page, str], None]
) -> None:
    page = open_page(viewport=PHONE, has_touch=True, is_mobile=True)
    fill_with_states(page, tmp_path)
    keep_picture(page, "phone")

    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    too_small = page.evaluate(FIND_SMALL_TARGETS)
    assert too_small == []
    assert violations(page) == ""
    stop_running(page)


def test_everything_can_be_done_with_the_keyboard(page: Page) -> None:
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to my jobs")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Choose files")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("input[value='file.clean']")).to_be_focused()
    for _ in range(10):
        if page.evaluate("document.activeElement.value") == "demo.sleep":
            break
        page.keyboard.press("ArrowDown")
    expect(page.locator("input[value='demo.sleep']")).to_be_checked()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Seconds")).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("60")
    page.keyboard.press("Enter")

    card = page.locator("#jobs > li").first
    expect(card.locator(".state")).to_have_text("Running")
    press_until_focused(page, "Cancel")
    page.keyboard.press("Enter")
    expect(card.locator(".state")).to_have_text("Cancelled")
    expect(card.locator(":focus")).to_have_count(1)
    press_until_focused(page, "Details")
    page.keyboard.press("Space")
    expect(card.get_by_role("heading", name="About this job")).to_be_visible()
    press_until_focused(page, "Delete")
    page.keyboard.press("Enter")
    expect(card.get_by_role("button", name="Keep")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")

    expect(page.get_by_text("No jobs yet")).to_be_visible()
    expect(page.get_by_role("heading", name="My jobs")).to_be_focused()


def test_progress_is_spoken_seldom_and_the_end_once(page: Page) -> None:
    page.evaluate(
        """() => {
          window.spoken = [];
          const region = document.getElementById("polite");
          const listen = () => window.spoken.push(region.textContent.trim());
          new MutationObserver(listen).observe(region, { childList: true });
        }"""
    )
    page.locator("input[value='demo.sleep']").check()
    page.get_by_label("Seconds").fill("3")

    page.get_by_role("button", name="Start").click()
    wait_until(
        lambda: page.evaluate("spoken.some((text) => text.endsWith('completed'))"), "the end is spoken"
    )

    spoken = page.evaluate("spoken")
    assert len(spoken) <= 4, spoken
    assert sum(text.endswith("completed") for text in spoken) == 1, spoken


def press_until_focused(page: Page, text: str) -> None:
    """Go on with Tab until a control that begins with `text` has the focus."""
    for _ in range(40):
        focused = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent"
        if str(page.evaluate(focused)).startswith(text):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no control {text!r} was reached")

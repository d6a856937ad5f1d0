"""The report page in a real browser: read, filtered, followed, without a mouse and without scripts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from blueprint.catalogue import read_catalogue
from provision.processes import run
from reports.page import render
from reports.screenshot import QUIET, chromium_path
from tests.sample_run import write

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    return render(write(tmp_path_factory.mktemp("out"))).as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium_path(), args=list(QUIET))
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The page, loaded; a complaint on the console, or a request for anything else, is an error at the end."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened, strange = context.new_page(), list[str]()
    opened.on("request", lambda request: None if request.url.startswith(address) else strange.append(request.url))
    opened.on("console", lambda message: strange.append(message.text))
    opened.on("pageerror", lambda error: strange.append(str(error)))
    opened.goto(address)
    yield opened
    context.close()
    assert strange == []


def test_a_filter_leaves_the_clauses_that_have_such_a_case(page: Page) -> None:
    page.get_by_role("combobox", name="Verdict").select_option("fail")
    page.get_by_role("combobox", name="Tier").select_option("static")
    expect(page.locator("details.clause:visible .id")).to_have_text(["CMP-007", "CMP-008"])
    expect(page.get_by_role("status")).to_have_text(f"2 of {len(list(read_catalogue()))} clauses")


def test_a_search_finds_what_stands_in_the_details(page: Page) -> None:
    page.get_by_role("searchbox").fill("loki.health services.tool_executor")
    expect(page.locator("details.clause:visible")).to_have_count(0)
    page.get_by_role("searchbox").fill("services.tool_executor.healthcheck")
    expect(page.locator("details.clause:visible .id")).to_have_text(["CMP-008"])
    expect(page.locator("section.chapter:visible")).to_have_count(1)


def test_a_link_opens_its_clause_though_it_was_filtered_away(page: Page) -> None:
    page.get_by_role("combobox", name="Chapter").select_option("RUN")
    page.locator(".card a", has_text="CMP-007").click()
    expect(page.locator("#CMP-007")).to_have_attribute("open", "")
    expect(page.locator("#CMP-007 .reasoning")).to_be_visible()
    expect(page.locator("#CMP-007 > summary")).to_be_focused()


def test_the_keyboard_opens_and_closes(page: Page) -> None:
    page.locator("#CMP-009 > summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#CMP-009 .body")).to_be_visible()
    page.keyboard.press("Space")
    expect(page.locator("#CMP-009 .body")).to_be_hidden()


def test_all_can_be_opened_at_once(page: Page) -> None:
    page.get_by_role("button", name="Open all").click()
    expect(page.locator("details.clause:not([open])")).to_have_count(0)
    page.get_by_role("button", name="Close all").click()
    expect(page.locator("details.clause[open]")).to_have_count(0)


@pytest.mark.parametrize("width", [360, 768, 1280, 1920])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_window(browser: Browser, address: str, width: int, scheme: str) -> None:
    dark = scheme == "dark"
    shown = browser.new_page(viewport={"width": width, "height": 800}, color_scheme="dark" if dark else "light")
    shown.goto(address)
    shown.get_by_role("button", name="Open all").click()
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    light = int(shown.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]"))
    assert (light < 60) is dark
    shown.close()


def test_without_scripts_everything_can_be_read(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    shown = context.new_page()
    shown.goto(address)
    expect(shown.locator("form.filter")).to_be_hidden()
    shown.locator("#CMP-008 > summary").click()
    expect(shown.locator("#CMP-008 .findings li")).to_have_count(2)
    context.close()


def test_on_paper_every_clause_is_open(page: Page) -> None:
    page.emulate_media(media="print")
    expect(page.locator("#CMP-008 .findings li").first).to_be_visible()
    expect(page.locator("form.filter")).to_be_hidden()


def test_the_picture_is_taken(tmp_path: Path) -> None:
    """In a process of its own: two Playwrights do not go into one."""
    out, picture = write(tmp_path / "out"), tmp_path / "images" / "report.png"
    done = run([sys.executable, "-m", "reports.screenshot", out, picture], cwd=ROOT)
    assert done.stdout == f"{picture}\n"
    assert picture.read_bytes().startswith(b"\x89PNG")
    lost = run([sys.executable, "-m", "reports.screenshot", tmp_path, picture], cwd=ROOT, check=False)
    assert (lost.exit_code, lost.stdout) == (2, "")
    assert "verdicts.json: is not there" in lost.stderr

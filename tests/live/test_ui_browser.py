"""The page in a real browser, on five real services."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.services.running import STOPPED, Stack, running

CHROMIUM = "/usr/bin/chromium"
PAGE_SAYS_MS = 30_000
"""The page asks for health every 5 s, and a busy machine may miss the bound of a look or two."""
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """All five services."""
    with running(tmp_path_factory.mktemp("services")) as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    expect.set_options(timeout=PAGE_SAYS_MS)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser, stack: Stack) -> Iterator[Page]:
    """The page, loaded; whatever it asks of another origin, or complains of on the console, is an error at the end."""
    context = browser.new_context(viewport={"width": 1100, "height": 720})
    opened, strange, errors = context.new_page(), list[str](), list[str]()

    def asked(url: str) -> None:
        if not url.startswith((stack.urls["ui"], "data:")):
            strange.append(url)

    opened.on("request", lambda request: asked(request.url))
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(stack.urls["ui"])
    yield opened
    context.close()
    assert (strange, errors) == ([], [])


def say(page: Page, text: str) -> None:
    page.get_by_label("Message", exact=True).fill(text)
    page.get_by_role("button", name="Send").click()


def test_a_message_is_answered_and_its_steps_show_as_they_happen(page: Page, tmp_path: Path) -> None:
    expect(page.locator("#health")).to_have_attribute("data-status", "ok")
    expect(page.locator("#health-text")).to_have_text("All services are well")
    say(page, "What is 6 times 7?")
    expect(page.locator(".answer")).to_have_text("6 * 7 = 42")
    expect(page.locator(".step .kind")).to_have_text(
        ["received", "planned", "memory stored", "memory recalled", "tool called", "answered"]
    )
    expect(page.locator(".step .by")).to_have_text(
        [
            "conversation_worker",
            "conversation_worker",
            "memory_service",
            "memory_service",
            "tool_executor",
            "conversation_worker",
        ]
    )
    say(page, "Remember that the spare key is under the mat")
    expect(page.locator(".answer").nth(1)).to_contain_text("I will remember")
    say(page, "What did I tell you about keys?")
    expect(page.locator(".answer").nth(2)).to_have_text("You told me: the spare key is under the mat")
    expect(page.locator(".question")).to_have_count(3)
    expect(page.get_by_label("Message", exact=True)).to_be_focused()
    page.screenshot(path=tmp_path / "page.png")


def test_an_answer_that_overtakes_the_reply_to_its_post_frees_the_form(browser: Browser, stack: Stack) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script("""
        const original = window.fetch;
        window.fetch = async (...asked) => {
          const answer = await original(...asked);
          if (String(asked[0]).endsWith("/message")) await new Promise((go) => setTimeout(go, 1500));
          return answer;
        };
    """)
    page.goto(stack.urls["ui"])
    for number in (1, 2, 3):
        say(page, f"{number}+{number}")
        expect(page.locator(".answer")).to_have_count(number)
        expect(page.get_by_role("button", name="Send")).to_be_enabled()
    context.close()


def test_text_that_looks_like_markup_stays_text(page: Page) -> None:
    say(page, "Remember that <img src=x onerror=alert(1)> & <b>bold</b>")
    expect(page.locator(".answer")).to_contain_text("<img src=x onerror=alert(1)> & <b>bold</b>")
    assert page.locator("#talk img, #talk b, #steps img").count() == 0


def test_the_page_can_be_used_by_keyboard_and_read_aloud(page: Page) -> None:
    expect(page.get_by_label("Message", exact=True)).to_be_focused()
    page.keyboard.type("2+2")
    page.keyboard.press("Enter")
    expect(page.get_by_role("log", name="Conversation")).to_contain_text("2+2 = 4")
    assert page.get_by_role("log").get_attribute("aria-live") == "polite"
    expect(page.get_by_role("heading", level=1)).to_have_text("SomaAgent01")
    expect(page.get_by_role("status")).to_contain_text("All services are well")
    assert page.locator("html").get_attribute("lang") == "en"


def test_a_narrow_screen_needs_no_sideways_scrolling(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 640})
    say(page, "word" * 200)
    expect(page.locator(".answer")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_gateway_that_is_gone_is_shown_and_what_was_typed_is_kept(page: Page, stack: Stack) -> None:
    stack.running["gateway"].signal(signal.SIGTERM)
    assert stack.running["gateway"].wait(STOPPED) == 0
    say(page, "Is anybody there?")
    expect(page.get_by_role("alert")).to_contain_text("gateway does not answer")
    expect(page.get_by_label("Message", exact=True)).to_have_value("Is anybody there?")
    expect(page.get_by_role("button", name="Send")).to_be_enabled()
    expect(page.locator("#health")).to_have_attribute("data-status", "down")
    with stack.start("gateway"):
        expect(page.locator("#health")).to_have_attribute("data-status", "ok")
        page.get_by_role("button", name="Send").click()
        expect(page.locator(".answer")).to_have_count(1)
        expect(page.get_by_role("alert")).to_be_hidden()
        stack.running["tool_executor"].signal(signal.SIGKILL)
        stack.running["tool_executor"].wait(STOPPED)
        say(page, "What is 1+1?")
        expect(page.get_by_role("alert")).to_contain_text(re.compile("No answer: tool_executor does not answer"))
        expect(page.locator("#health-text")).to_have_text("tool_executor is down")

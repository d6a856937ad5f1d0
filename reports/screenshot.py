"""``python -m reports.screenshot OUT_DIR docs/images/report.png``: the head of a report, as a browser shows it.

Needs Playwright and a Chromium; the rest of this package needs neither.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from blueprint.trouble import Trouble
from reports.page import render

WIDTH, HEIGHT = 1280, 900
_NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--no-sandbox",  # root in a container has no user namespaces; the page is our own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Render the page of a run and take the picture; exit code 2 and one message where that fails."""
    parser = argparse.ArgumentParser(prog="python -m reports.screenshot", description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT_DIR", help="folder of a run")
    parser.add_argument("picture", type=Path, metavar="PNG", help="where the picture goes")
    parser.add_argument("--dark", action="store_true", help="in the dark scheme")
    asked = parser.parse_args(arguments)
    try:
        take(render(asked.out), asked.picture, dark=asked.dark)
    except Trouble as trouble:
        sys.stderr.write(f"{trouble}\n")
        return 2
    sys.stdout.write(f"{asked.picture}\n")
    return 0


def chromium_path() -> str:
    """The browser that is used.

    Raises:
        Trouble: there is none.
    """
    browser = next(filter(None, map(shutil.which, _NAMES)), None)
    if browser is None:
        raise Trouble(f"no browser is on PATH: {', '.join(_NAMES)}", next_command="apt-get install chromium")
    return browser


def take(page: Path, picture: Path, *, dark: bool = False) -> None:
    """Write the first screen of a page as a picture.

    Raises:
        Trouble: there is no browser.
    """
    from playwright.sync_api import sync_playwright

    browser = chromium_path()
    picture.parent.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=list(QUIET))
        scheme: Literal["dark", "light"] = "dark" if dark else "light"
        tab = chromium.new_page(
            viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme, device_scale_factor=1.5
        )
        tab.goto(page.resolve().as_uri())
        tab.screenshot(path=picture)
        chromium.close()


if __name__ == "__main__":
    sys.exit(main())

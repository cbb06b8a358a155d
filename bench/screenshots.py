"""Takes the pictures of a running page: `python bench/screenshots.py FOLDER [--page URL] [--job NAME] [--last S]`.

Starts nothing: the stack has to be up (./up.sh), best for some minutes, so that there is something to see. Needs
playwright (dependency group dev) and a Chromium: /usr/bin/chromium, or the one that ATIPICO_CHROMIUM names.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from playwright.sync_api import Browser, Error, sync_playwright

VIEWS = {  # file -> (width, height, colours, pixels a unit)
    "light": (1360, 1000, "light", 1.5),
    "dark": (1360, 1000, "dark", 1.5),
    "phone": (360, 780, "light", 2.0),
    "phone-dark": (360, 780, "dark", 2.0),
}
PATIENCE_MS = 20_000


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("folder", type=Path)
    port = os.environ.get("ATIPICO_PAGE_PORT") or "8050"
    asked.add_argument("--page", default=f"http://127.0.0.1:{port}/", help="where the page answers")
    asked.add_argument("--job", default="payments")
    asked.add_argument("--field", default="")
    asked.add_argument("--last", type=int, default=300, help="seconds to look back")
    asked.add_argument("--whole", action="store_true", help="the whole length of the page")
    given = asked.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    url = f"{given.page.rstrip('/')}/?job={given.job}&field={given.field}&last={given.last}"
    chromium = os.environ.get("ATIPICO_CHROMIUM") or "/usr/bin/chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            for name in VIEWS:
                take(browser, url, given.folder / f"{name}.png", name, given.whole)
        except Error as error:
            print(f"{url}: {error.message.splitlines()[0]}; is the stack up? (./up.sh)", file=sys.stderr)
            return 1
        finally:
            browser.close()
    return 0


def take(browser: Browser, url: str, path: Path, name: str, whole: bool) -> None:
    """One picture, when the page has drawn its charts and heard of the parts."""
    width, height, scheme, pixels = VIEWS[name]
    page = browser.new_page(
        viewport={"width": width, "height": height}, color_scheme=scheme, device_scale_factor=pixels
    )
    page.goto(url, timeout=PATIENCE_MS)
    page.wait_for_selector("#values canvas", timeout=PATIENCE_MS)
    page.wait_for_selector("#parts tbody tr", timeout=PATIENCE_MS)
    page.wait_for_selector('#state[data-state="live"]', timeout=PATIENCE_MS)
    page.wait_for_timeout(1500)  # a second of news, and the charts' next frame
    page.screenshot(path=str(path), full_page=whole)
    print(path)
    page.close()


if __name__ == "__main__":
    sys.exit(main())

"""A browser for tests: Debian's chromium, or what MTDH_BROWSER names. It asks nothing of other machines by itself."""

import contextlib
import os
import shutil

import pytest

NAMES = ["chromium", "chromium-browser", "google-chrome"]
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]


@contextlib.contextmanager
def launched(*arguments):
    """A browser, with further arguments; where none is installed, the test is skipped."""
    path = os.environ.get("MTDH_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
    if not path:
        pytest.skip("no browser (chromium) is installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=[*ARGUMENTS, *arguments])
        yield browser
        browser.close()

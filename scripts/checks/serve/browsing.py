"""A browser for the tests of the page, and what a page says and asks for while it is opened."""

import os
import pathlib

import pytest

from chromium import launched

# Widths and colours that every page is looked at in; the other two in the long mode.
LOOKS = [(1440, "light"), (390, "dark"), *([(1440, "dark"), (390, "light")] if "MTDH_LONG" in os.environ else [])]


@pytest.fixture(scope="module")
def browser():
    """A browser."""
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def axe():
    """The script of axe."""
    import axe_playwright_python

    return (pathlib.Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()


def opened(context, address, path, may_fail=False):
    """A page, with what it said and what it asked for."""
    page = context.new_page()
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: (said.append("a dialog"), dialog.dismiss()))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address + path)
    assert may_fail or not said, (path, said)
    assert all(url.startswith((address, "data:")) for url in asked), asked
    return page


def violations(page, axe):
    """What axe finds, with all that is folded opened."""
    page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true })")
    page.evaluate(axe)
    return page.evaluate("axe.run().then(r => r.violations.map(v => [v.id, v.nodes.map(n => n.html.slice(0, 120))]))")

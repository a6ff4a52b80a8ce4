"""The page of what is recorded now: it follows tape, book and candles by itself, on narrow and wide screens, light and dark."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "serve"))
from browsing import axe, browser, opened, violations  # noqa: E402,F401
from recording import served, stand_in, status  # noqa: E402
from stage import wait_until  # noqa: E402

pytestmark = pytest.mark.xdist_group("page")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    lake = tmp_path_factory.mktemp("live-page") / "lake"
    lake.mkdir()
    with stand_in() as addresses, served(lake, addresses) as port:
        wait_until(lambda: any(one["rows"] > 3 for venue in status(port)["venues"] for one in venue["streams"]), lambda: status(port))
        yield f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_it_follows(address, browser, axe, tmp_path, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = opened(context, address, "/live?symbol=BTCUSDT")
    updates = lambda: int(page.locator("main").get_attribute("data-updates") or 0)
    wait_until(lambda: updates() >= 3, lambda: page.locator("main").inner_text()[:3000])
    # Events may come before the first answer about the state.
    state = lambda: page.locator("#state").inner_text()
    wait_until(lambda: state().endswith("recording"), state)
    assert page.locator("#ladder tbody tr").count() == 20
    prices = [float(cell) for cell in page.locator("#ladder tbody td:nth-child(2)").all_inner_texts()]
    assert prices == sorted(prices, reverse=True), prices
    assert 3 <= page.locator("#tape tbody tr").count() <= 30
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than the screen"
    assert violations(page, axe) == []
    if pathlib.Path(tmp_path).exists():
        page.screenshot(path=tmp_path / f"live-{width}-{scheme}.png", full_page=True)
    context.close()


def test_a_candle_is_drawn_when_its_interval_has_ended(address, browser):
    page = opened(browser.new_context(), address, "/live?symbol=BTCUSDT&timeframe=15s")
    wait_until(lambda: "from" in page.locator("#candle-note").inner_text(), lambda: page.locator("main").inner_text()[:3000])
    assert page.evaluate("window.mtdhChart.candles.data.xs.length") >= 1


def test_a_symbol_that_is_not_recorded_is_named(address, browser):
    page = opened(browser.new_context(), address, "/live?symbol=NOPE", may_fail=True)
    assert "NOPE" in page.locator("main").inner_text()

"""The page over a lake of many partitions with gaps, bad bytes, bad grades and long names: nothing is wider than the screen, tables
come in parts, what is left out is said, and its numbers are still those of the files.

MTDH_PARTITIONS=100000 makes it as large as a year of a venue; MTDH_WIDE_LAKE names one that wide_lake.py has made."""

import json
import os
import pathlib
import urllib.request

import pyarrow.parquet as pq
import pytest

import served
import wide_lake
from browsing import LOOKS, opened, violations
from stage import mtdh

pytestmark = pytest.mark.xdist_group("page")

PARTITIONS = int(os.environ.get("MTDH_PARTITIONS", "8000"))
# A smaller lake has fewer days, so that it has as many instruments.
DAYS = wide_lake.DAYS if PARTITIONS >= 100_000 else 120
LONG = "BINANCE:SPOT_PAIR:" + "L" * 60 + "10-USDT"
DAY, GRADED = "2023-03-05", "2023-03-03"
PAGES = {
    "coverage": "/", "coverage by key": "/?by=key", "the second part": "/?by=key&page=2", "grades": "/?by=key&show=grade",
    "rows": "/?by=data_type&show=rows", "day": f"/days/{DAY}", "venue": f"/days/{DAY}/BINANCE",
    "missing of a venue": f"/days/{DAY}/DERIBIT?status=missing", "instruments": "/instruments", "instrument": f"/instruments/{LONG}",
    "candles": f"/instruments/{LONG}/candles?start={DAY}", "rows of it": f"/instruments/{LONG}/rows?start={DAY}",
    "book": f"/instruments/{LONG}/book", "get": f"/instruments/{LONG}/get", "evidence": f"/days/{DAY}/BINANCE/trades/{LONG}",
    "quality": "/quality", "runs": "/runs",
}


@pytest.fixture(scope="module")
def wide(tmp_path_factory, vendor):
    """The lake; its first days are graded."""
    lake = pathlib.Path(os.environ.get("MTDH_WIDE_LAKE", tmp_path_factory.mktemp("wide") / "lake"))
    if not lake.exists():
        wide_lake.make(lake, PARTITIONS, DAYS)
    mtdh("check", "all", "--lake", lake, "--start-date", "2023-03-02", "--end-date", GRADED, expect=(0, 1), env=vendor)
    return lake


@pytest.fixture(scope="module")
def address(wide):
    """The address of a server over it."""
    with served.server(wide) as address:
        yield address


@pytest.mark.parametrize("width, scheme", LOOKS)
def test_every_page_of_a_wide_lake(browser, address, axe, request, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    for name, path in PAGES.items():
        may_fail = name == "instruments"  # it has no instrument table
        page = opened(context, address, path, may_fail=may_fail)
        assert page.locator("h1").count() == 1, name
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, "wider than the screen")
        assert page.locator("tbody tr").count() <= 1000 and len(page.content()) < 1_500_000, (name, len(page.content()))
        if pictures := request.config.getoption("--pictures"):
            page.screenshot(path=pathlib.Path(pictures) / f"wide-{name.replace(' ', '-')}-{width}-{scheme}.png")
        assert not violations(page, axe), name
        page.close()
    context.close()


def test_what_is_left_out_is_said(browser, address):
    page = opened(browser.new_context(viewport={"width": 390, "height": 900}), address, "/?by=key")
    made = [number for number in range(DAYS) if number not in wide_lake.GAPS]
    keys = len(wide_lake.keys(PARTITIONS // len(made) + 1))
    text = page.locator("main").inner_text()
    assert f"Rows 1 to 50 of {keys}" in text, text[:3000]
    assert "2023-06-10 to 2023-06-12" in text
    # Names stay in view while the days are scrolled, and lead to their own page.
    names, scroll = page.locator(".heat-labels"), page.locator(".heat-scroll")
    assert scroll.evaluate("e => e.scrollLeft") > 0
    assert abs(names.bounding_box()["x"] - scroll.bounding_box()["x"]) < 2
    page.get_by_role("link", name="next ›").click()
    assert f"Rows 51 to {min(100, keys)} of {keys}" in page.locator("main").inner_text()
    names.click(position={"x": 20, "y": 30})
    page.wait_for_url("**/instruments/**")


def test_bad_grades_are_told(browser, address):
    page = opened(browser.new_context(), address, f"/?start=2023-03-02&end={GRADED}&by=key&show=grade")
    told = page.locator("#worst").inner_text()
    assert "bad" in told and GRADED in told, told
    page.goto(f"{address}/days/{GRADED}/DERIBIT?grade=bad")
    assert page.locator("tbody tr").count() > 0 and "bad" in page.locator("tbody").inner_text()
    # The same as JSON, with the choices of the page.
    with urllib.request.urlopen(address + page.locator("body > footer a").get_attribute("href")) as answer:
        lines = json.load(answer)["partitions"]
    keys = page.eval_on_selector_all("tbody th", "all => all.map(e => e.textContent)")
    assert sorted(line["key"] for line in lines) == sorted(keys) and all(line["grade"] == "bad" for line in lines)


def test_the_numbers_are_those_of_the_files(browser, address, wide):
    """Recounted from Parquet; objects that cannot be trusted are missing."""
    rows = size = good = bad = 0
    for path in pathlib.Path(wide).rglob("data_type-trades/*.parquet"):
        try:
            rows += pq.read_metadata(path).num_rows
            good, size = good + 1, size + path.stat().st_size
        except Exception:
            bad += 1
    assert bad > 0
    page = opened(browser.new_context(), address, "/")
    script = "all => Object.fromEntries(all.map(e => [e.dataset.number, +(e.dataset.value ?? e.textContent.replaceAll(',', ''))]))"
    shown = page.eval_on_selector_all("[data-number]", script)
    assert (shown["stored"], shown["missing"], shown["rows"], shown["bytes"]) == (good, bad, rows, size), shown
    with urllib.request.urlopen(address + page.locator("body > footer a").get_attribute("href")) as answer:
        total = json.load(answer)["total"]
    assert (total["stored"], total["missing"], total["rows"], total["bytes"]) == (good, bad, rows, size), total


def test_how_long_the_first_page_takes(browser, address, tell):
    page = browser.new_context().new_page()
    times = []
    for _ in range(3):
        page.goto(address + "/")
        times.append(page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd"))
    tell(f"a year of {PARTITIONS} partitions is ready in {min(times):.0f} ms at best, {max(times):.0f} ms at worst (goal: 1000)")

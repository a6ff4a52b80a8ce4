"""A browser opens the HTML report: no request, no complaint, nothing cut on a phone, a tablet and a desk, no fault that axe
finds, readable in the dark, and its numbers are those of the JSON report. Its tables are sorted, filtered and saved."""

import csv
import datetime
import io
import json
import os
import pathlib
import shutil
import sys

import pytest

from chromium import launched
from stage import DAY, PROGRAM, ROOT, ask, mtdh, partition, run, sim

sys.path.insert(0, str(ROOT / "scripts/checks/serve"))
from browsing import axe, violations  # noqa: E402, F401

# What the tests share is made once.
pytestmark = pytest.mark.xdist_group("report")

# Contrast of each text with what is behind it, by the formula of WCAG 2; an element without own background has that of
# the nearest one that has.
CONTRASTS = """() => {
  const parts = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const behind = element => {
    for (; element; element = element.parentElement) {
      const colour = parts(getComputedStyle(element).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].filter(n => n.nodeType === 3 && n.textContent.trim()).map(n => n.textContent.trim());
    if (!own.length || ['STYLE', 'TITLE', 'title'].includes(element.tagName)) continue;
    const style = getComputedStyle(element);
    const ink = light(parts(element.tagName === 'text' ? style.fill : style.color)), ground = light(behind(element));
    found.push([(Math.max(ink, ground) + .05) / (Math.min(ink, ground) + .05), own[0].slice(0, 40)]);
  }
  return found;
}"""


# What lies beyond the screen's edge, or is larger than the box that hides its rest.
CUT = """() => {
  const cut = [], wide = document.documentElement.clientWidth;
  for (const element of document.querySelectorAll('body *')) {
    const place = element.getBoundingClientRect();
    if (!place.width || !place.height || element.closest('svg') && element.tagName !== 'svg' && element.tagName !== 'text') continue;
    const hides = getComputedStyle(element).overflowX !== 'visible' && element.tagName !== 'INPUT' && element.tagName !== 'svg';
    if (place.left < -1 || place.right > wide + 1 || hides && element.scrollWidth > element.clientWidth + 1)
      cut.push([element.tagName, element.className.baseVal ?? element.className, Math.round(place.right), element.textContent.slice(0, 40)]);
  }
  return cut;
}"""


@pytest.fixture(scope="module")
def chromium():
    """A browser."""
    with launched() as browser:
        yield browser


def klines(vendor, file):
    """The stand-in's klines of a day as the public archive writes them; every tenth close of a
    minute with trades is half a percent off."""
    start = int(datetime.datetime.fromisoformat(f"{DAY}T00:00:00+00:00").timestamp() * 1000)
    rows = []
    for half in [0, 43_200_000]:
        where = f"{vendor['BINANCE_URL']}/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=720&startTime={start + half}"
        rows += json.loads(ask("GET", where))
    traded = [row for row in rows if row[8]]
    for row in traded[::10]:
        row[4] = str(float(row[4]) * 1.005)
    file.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    return len(traded[::10])


def make_faulty(folder, vendor):
    """A report of checks of a lake with faults."""
    lake, page = folder / "lake", folder / "faulty.html"
    types = "trades,incremental_book_L2,book_snapshot_5,quotes,derivative_ticker"
    days = ["--start-date", "2024-02-28", "--end-date", DAY, "--lake", lake]
    mtdh("download", *days, "--venues", "BINANCE,DERIBIT", "--data-types", types, env=vendor)
    partition(lake, "trades", "DERIBIT:PERP:BTC-USD").unlink()
    partition(lake, "quotes", "DERIBIT:PERP:BTC-USD").write_bytes(b"no Parquet")
    mtdh("check", "all", *days, "--report", page, page.with_suffix(".json"), expect=1, env=vendor)


def make_compared(folder, vendor):
    """A report of candles of that lake against klines."""
    lake, page, reference = folder / "lake", folder / "compared.html", folder / "klines.csv"
    day = ["--start-date", DAY, "--lake", lake]
    mtdh("candles", *day, "--instruments", "BINANCE:SPOT_PAIR:BTC-USDT", "--timeframes", "1m", env=vendor)
    changed = klines(vendor, reference)
    mtdh("check", "cross-source", *day, "--symbol", "BTC-USDT", "--reference-file", reference,
         "--report", page, page.with_suffix(".json"), expect=1, env=vendor)
    report = json.loads(page.with_suffix(".json").read_text())
    prices = [finding["count"] for finding in report["findings"] if finding["check"] == "reference_price"]
    assert sum(prices) == changed > 5, (prices, changed)


def make_nothing(folder):
    """A report of a file of a strange name, which finds nothing."""
    page, strange = folder / "nothing.html", folder / "<img src=x onerror=alert(1)>&.parquet"
    shutil.copy(partition(folder / "lake", "trades", "BINANCE:SPOT_PAIR:BTC-USDT"), strange)
    mtdh("check", "timestamp", "--data-file", strange, "--report", page, page.with_suffix(".json"))


@pytest.fixture(scope="module")
def reports(chromium, tmp_path_factory):
    """A folder with the three reports, as pages and as JSON."""
    folder = tmp_path_factory.mktemp("reports")
    with sim("--small") as vendor:
        make_faulty(folder, vendor)
        make_compared(folder, vendor)
    make_nothing(folder)
    return folder


def assert_numbers_agree(page, report):
    """Each number on the page is the one of the JSON report."""
    shown = page.eval_on_selector_all("[data-number]", "all => all.map(e => [e.dataset.number, e.textContent])")
    assert len(shown) >= 5, shown
    for path, text in shown:
        value = report
        for name in path.split("."):
            value = value[name]
        assert int(text.replace(",", "")) == value, (path, text, value)
    rows = page.evaluate("JSON.parse(document.getElementById('data').textContent).sheets")
    assert len(rows["findings"]["rows"]) == len(report["findings"])
    assert sum(row[4] for row in rows["first"]["rows"]) == len(report["findings"])
    of_check = {row[0]: row[3] for row in rows["checks"]["rows"]}
    assert of_check == {check["name"]: check["findings"] for check in report["checks"]}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 768, 1440])
@pytest.mark.parametrize("name", ["faulty", "nothing", "compared"])
def test_a_page(chromium, reports, axe, request, name, width, scheme):  # noqa: F811
    file = reports / f"{name}.html"
    report = json.loads(file.with_suffix(".json").read_text())
    page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    told, asked = [], []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("dialog", lambda dialog: (told.append("a dialog"), dialog.dismiss()))
    page.on("request", lambda one: asked.append(one.url))
    page.goto(file.as_uri())
    page.eval_on_selector_all("details", "all => all.forEach(e => { e.open = true })")
    assert not told, told
    assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()], asked
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert not (cut := page.evaluate(CUT)), cut[:5]
    assert not (faults := violations(page, axe)), faults
    low = [found for found in page.evaluate(CONTRASTS) if found[0] < 4.5]
    assert not low, low[:5]
    assert_numbers_agree(page, report)
    for series in ["theirs", "ours", "off"]:
        # Its lines and its dots together go up and down.
        height = page.eval_on_selector_all(f"svg.series path.{series}", "all => Math.max(...all.map(e => e.getBBox().height), 0)")
        assert (height > 10) == bool(report["comparisons"]), (series, height)
    if pictures := request.config.getoption("--pictures"):
        page.screenshot(path=pathlib.Path(pictures) / f"{name}-{width}-{scheme}.png", full_page=True)
    page.close()


def texts(page, sheet, column):
    """What a column of a table shows, from above."""
    return page.eval_on_selector_all(f"[data-sheet={sheet}] tbody tr", f"all => all.map(row => row.cells[{column}].textContent)")


def saved(page, sheet, form):
    """What a table gives out."""
    with page.expect_download() as download:
        page.click(f"[data-sheet={sheet}] [data-form={form}]")
    assert download.value.suggested_filename == f"{sheet}.{form}"
    return pathlib.Path(download.value.path()).read_text()


@pytest.mark.parametrize("width", [390, 1440])
def test_tables_are_sorted_filtered_and_saved(chromium, reports, width):
    report = json.loads((reports / "faulty.json").read_text())
    page = chromium.new_page(viewport={"width": width, "height": 900})
    told = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.goto((reports / "faulty.html").as_uri())
    page.click("[data-sheet=findings] thead th:nth-child(6) button")
    counts = [int(text.replace(",", "")) for text in texts(page, "findings", 5)]
    assert counts == sorted(counts, reverse=True) and len(counts) > 5, counts
    page.fill("[data-sheet=findings] input", "unreadable_partition deribit")
    assert set(texts(page, "findings", 1)) == {"unreadable_partition"}
    lines = list(csv.DictReader(io.StringIO(saved(page, "findings", "csv"))))
    objects = json.loads(saved(page, "findings", "json"))
    meant = [f for f in report["findings"] if f["check"] == "unreadable_partition"]
    assert len(lines) == len(objects) == len(meant) > 0
    assert lines[0]["instrument_key"] == objects[0]["instrument_key"] == meant[0]["instrument_key"]
    # A grade leads to the findings of its instrument's day, and a number of findings to these.
    page.click("[data-sheet=days] tbody tr:first-child a")
    day, key = texts(page, "days", 1)[0], texts(page, "days", 2)[0]
    shown = list(zip(texts(page, "findings", 2), texts(page, "findings", 3)))
    assert shown and set(shown) == {(day, key)}, (day, key, shown)
    page.wait_for_function("Math.abs(document.getElementById('findings').getBoundingClientRect().top) < innerHeight")
    for row in range(min(5, page.locator("[data-sheet=first] tbody tr").count())):
        link = page.locator("[data-sheet=first] tbody tr").nth(row).locator("a")
        expected = int(link.inner_text().replace(",", ""))
        link.click()
        assert page.locator("[data-sheet=findings] .shown").inner_text().split(" ")[0] in (str(expected), "The")
    page.click("[data-sheet=findings] .all")
    assert f"{len(report['findings']):,} in all" in page.locator("[data-sheet=findings] .shown").inner_text()
    # A day of the calendar says its grades, and leads to its findings.
    strip = page.locator(".strip").first
    strip.hover(position={"x": 5, "y": 9})
    assert "2024-02-28" in page.locator(".told").inner_text()
    assert not told, told
    page.close()


def test_without_a_script_all_that_is_first_can_be_read(chromium, reports):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((reports / "faulty.html").as_uri())
    assert page.locator("[data-sheet=findings] tbody tr").count() > 5
    assert page.locator(".tools:visible").count() == 0
    context.close()


@pytest.mark.parametrize("days", [1, 400, 800])
def test_a_large_report(chromium, tmp_path, axe, request, days):  # noqa: F811
    """400 days of 50 venues' data types: 55,799 partitions are missing, and seven faults are real."""
    maker = pathlib.Path(os.environ.get("MTDH_LARGE_REPORT", pathlib.Path(PROGRAM).parent / "examples/large_report"))
    if not maker.exists():
        pytest.skip(f"there is no {maker}: cargo build --workspace --example large_report makes it")
    file = tmp_path / "large.html"
    run([maker, file, days])
    for width in [390, 1440]:
        page = chromium.new_page(viewport={"width": width, "height": 900})
        page.goto(file.as_uri())
        opened = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
        painted = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime")
        elements = page.evaluate("document.querySelectorAll('*').length")
        print(f"{days} days at {width}: {file.stat().st_size / 1e6:.1f} MB, {elements} elements, loaded in {opened:.0f} ms, painted after {painted} ms")
        assert elements < 8_000, "a page of few elements opens at once"
        assert not (cut := page.evaluate(CUT)), cut[:5]
        assert set(texts(page, "first", 1)[:7]) <= {"crossed_book"} or days == 1
        assert len(set(page.eval_on_selector_all(".calendar h3", "all => all.map(e => e.textContent)"))) == {1: 0, 400: 2, 800: 3}[days]
        if pictures := request.config.getoption("--pictures"):
            page.screenshot(path=pathlib.Path(pictures) / f"large-{days}-{width}.png", full_page=True)
        page.close()

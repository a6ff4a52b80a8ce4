"""A browser opens the HTML report: no request, no complaint, nothing beyond the screen's edge, readable in the dark, and
its numbers are those of the JSON report."""

import datetime
import json
import pathlib
import shutil

import pytest

from chromium import launched
from stage import DAY, ask, mtdh, partition, sim

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
    of_check = page.eval_on_selector_all("[data-findings]", "all => all.map(e => [e.dataset.findings, e.textContent])")
    counts = {check["name"]: check["findings"] for check in report["checks"] if check["findings"]}
    assert {name: int(text) for name, text in of_check} == counts, (of_check, counts)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 375])
@pytest.mark.parametrize("name", ["faulty", "nothing", "compared"])
def test_a_page(chromium, reports, request, name, width, scheme):
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
    assert page.evaluate("document.scripts.length") == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
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

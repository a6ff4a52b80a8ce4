"""A browser opens the HTML report: no request, no complaint, nothing beyond the screen's edge, readable in the dark, and
its numbers are those of the JSON report."""

import datetime
import json
import os
import pathlib
import shutil
import sys
import tempfile
import urllib.request

from stage import DAY, done, mtdh, partition, sim, skipped

BROWSERS = ["chromium", "chromium-browser", "google-chrome"]
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]
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


def browser():
    """Path of a browser, or nothing."""
    named = os.environ.get("MTDH_BROWSER")
    return named or next(filter(None, map(shutil.which, BROWSERS)), None)


def klines(vendor, file):
    """The stand-in's klines of a day as the public archive writes them; every tenth close of a
    minute with trades is half a percent off."""
    start = int(datetime.datetime.fromisoformat(f"{DAY}T00:00:00+00:00").timestamp() * 1000)
    rows = []
    for half in [0, 43_200_000]:
        where = f"{vendor['BINANCE_URL']}/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=720&startTime={start + half}"
        with urllib.request.urlopen(where, timeout=30) as answer:
            rows += json.load(answer)
    traded = [row for row in rows if row[8]]
    for row in traded[::10]:
        row[4] = str(float(row[4]) * 1.005)
    file.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
    return len(traded[::10])


def make_reports(folder):
    """A lake with faults, and what checks of it, of candles against klines, and of a file report."""
    lake, page = folder / "lake", folder / "report.html"
    with sim("--small") as vendor:
        types = "trades,incremental_book_L2,book_snapshot_5,quotes,derivative_ticker"
        days = ["--start-date", "2024-02-28", "--end-date", DAY, "--lake", lake]
        mtdh("download", *days, "--venues", "BINANCE,DERIBIT", "--data-types", types, env=vendor)
        partition(lake, "trades", "DERIBIT:PERP:BTC-USD").unlink()
        partition(lake, "quotes", "DERIBIT:PERP:BTC-USD").write_bytes(b"no Parquet")
        mtdh("check", "all", *days, "--report", page, page.with_suffix(".json"), expect=1, env=vendor)
        key, day = "BINANCE:SPOT_PAIR:BTC-USDT", ["--start-date", DAY, "--lake", lake]
        mtdh("candles", *day, "--instruments", key, "--timeframes", "1m", env=vendor)
        reference, compared = folder / "klines.csv", folder / "compared.html"
        changed = klines(vendor, reference)
        mtdh("check", "cross-source", *day, "--symbol", "BTC-USDT", "--reference-file", reference,
             "--report", compared, compared.with_suffix(".json"), expect=1, env=vendor)
        report = json.loads(compared.with_suffix(".json").read_text())
        prices = [f["count"] for f in report["findings"] if f["check"] == "reference_price"]
        assert sum(prices) == changed > 5, (prices, changed)
    nothing = folder / "nothing.html"
    strange = folder / "<img src=x onerror=alert(1)>&.parquet"
    shutil.copy(partition(lake, "trades", "BINANCE:SPOT_PAIR:BTC-USDT"), strange)
    mtdh("check", "timestamp", "--data-file", strange, "--report", nothing, nothing.with_suffix(".json"))
    return [page, nothing, compared]


def numbers_agree(page, report):
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


def main():
    path = browser()
    if not path:
        skipped("no browser (chromium) is installed")
        return
    from playwright.sync_api import sync_playwright

    checks = 0
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        pages = make_reports(pathlib.Path(folder))
        chromium = driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        for file in pages:
            report = json.loads(file.with_suffix(".json").read_text())
            for width, scheme in [(1280, "light"), (1280, "dark"), (375, "light"), (375, "dark")]:
                page = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
                told, asked = [], []
                page.on("console", lambda message: told.append(message.text))
                page.on("pageerror", lambda error: told.append(str(error)))
                page.on("dialog", lambda dialog: (told.append("a dialog"), dialog.dismiss()))
                page.on("request", lambda request: asked.append(request.url))
                page.goto(file.as_uri())
                page.eval_on_selector_all("details", "all => all.forEach(e => { e.open = true })")
                assert not told, told
                assert [url for url in asked if not url.startswith("data:")] == [file.as_uri()], asked
                assert page.evaluate("document.scripts.length") == 0
                assert page.evaluate("document.documentElement.scrollWidth") <= width, (file.name, width)
                low = [found for found in page.evaluate(CONTRASTS) if found[0] < 4.5]
                assert not low, (scheme, low[:5])
                numbers_agree(page, report)
                for name in ["theirs", "ours", "off"]:
                    # Its lines and its dots together go up and down.
                    height = page.eval_on_selector_all(
                        f"svg.series path.{name}", "all => Math.max(...all.map(e => e.getBBox().height), 0)")
                    assert (height > 10) == bool(report["comparisons"]), (name, height)
                if len(sys.argv) > 1:
                    picture = pathlib.Path(sys.argv[1]) / f"{pages.index(file)}-{width}-{scheme}.png"
                    page.screenshot(path=picture, full_page=True)
                page.close()
                checks += 1
        chromium.close()
    done(checks)


if __name__ == "__main__":
    main()

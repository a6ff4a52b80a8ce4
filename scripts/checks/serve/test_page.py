"""A browser opens every page: no complaint, nothing asked of another machine, nothing beyond the screen's edge, no fault that axe
finds, by keyboard alone, with and without scripts; and its numbers are those of the Parquet files."""

import json
import pathlib
import re
import urllib.error
import urllib.request

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import served
from browsing import LOOKS, opened, violations
from stage import DAY, mtdh, partition

pytestmark = pytest.mark.xdist_group("page")

BEFORE = "2024-02-29"
KEY = "DERIBIT:PERP:BTC-USD"
LOST = "DERIBIT:PERP:ETH-USD"
OF_KEY = f"/instruments/{KEY}"
RUN = "page"
PAGES = {
    "coverage": "/", "coverage by key": "/?by=key&show=rows", "coverage by type": "/?by=data_type&show=grade",
    "an empty range": "/?start=2020-01-01&end=2020-12-31", "instruments": "/instruments", "searched": "/instruments?q=perp&venue=DERIBIT",
    "nothing found": "/instruments?q=%3Cb%3E%22nothing", "day": f"/days/{DAY}", "day without data": "/days/2024-03-02",
    "venue": f"/days/{DAY}/DERIBIT", "what is missing": f"/days/{DAY}/DERIBIT?status=missing",
    "evidence": f"/days/{DAY}/DERIBIT/trades/{KEY}", "evidence of nothing": f"/days/{DAY}/DERIBIT/trades/{LOST}",
    "instrument": OF_KEY, "candles": f"{OF_KEY}/candles", "rows": f"{OF_KEY}/rows", "book": f"{OF_KEY}/book",
    "ticker": f"{OF_KEY}/ticker", "chain": f"{OF_KEY}/chain", "get": f"{OF_KEY}/get?start={DAY}T12:00&end={DAY}T13:00",
    "lake": "/lake", "lake by instrument": "/lake?by=key&what=candles&dialect=athena",
    "quality": "/quality", "checked now": f"/quality/now?day={DAY}&key={KEY}", "runs": "/runs", "run": f"/runs/{RUN}",
}
REFUSED = {
    f"{OF_KEY}/rows?start=yesteryear": 400, "/?start=2024-03-02&end=2024-03-01": 400, "/days/2024-13-01": 404, "/runs/no-such": 404,
    "/instruments/not-a-key": 400, f"{OF_KEY}/rows?data_type=%3Cscript%3E": 400, f"{OF_KEY}/nothing": 404,
    "/instruments/DERIBIT:PERP:BTC-US": 404,
}


@pytest.fixture(scope="module")
def lake(tmp_path_factory, vendor):
    """Two days of DERIBIT with candles and grades, of which one partition was lost."""
    lake = tmp_path_factory.mktemp("page") / "lake"
    days = ["--start-date", BEFORE, "--end-date", DAY, "--lake", lake]
    perps = ["--instruments", KEY, LOST, "--data-types", "trades,book_snapshot_5,derivative_ticker"]
    mtdh("download", *days, *perps, env=vendor)
    mtdh("download", "--start-date", DAY, "--lake", lake, "--venues", "DERIBIT", "--instrument-types", "OPTION",
         "--data-types", "options_chain", "--max-instruments", "40", env=vendor)
    mtdh("candles", "--start-date", DAY, "--lake", lake, "--instruments", KEY, "--timeframes", "1m",
         "--data-types", "trades,book_snapshot_5,derivative_ticker", env=vendor)
    mtdh("publish", "iceberg", "--lake", lake, env=vendor)
    mtdh("certify", "--lake", lake, "--start-date", DAY, "--instruments", KEY, "--data-types", "trades", "--out", lake.parent / "one.json", env=vendor)
    partition(lake, "trades", LOST).unlink()
    mtdh("check", "all", *days, "--instruments", KEY, LOST, "--data-types", "trades", expect=(0, 1), env=vendor)
    first = next(path for path in sorted((lake / "runs").iterdir()) if list(path.glob("shard-*.json")))
    first.rename(lake / "runs" / RUN)
    return lake


@pytest.fixture(scope="module")
def address(lake):
    """The address of a server over the lake."""
    with served.server(lake) as address:
        yield address


@pytest.mark.parametrize("width, scheme", LOOKS)
def test_every_page(browser, address, axe, request, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    for name, path in PAGES.items():
        page = opened(context, address, path)
        assert page.locator("h1").count() == 1, name
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, "wider than the screen")
        drawn = page.eval_on_selector_all("[data-heat], [data-chart]", "all => all.map(e => e.dataset.drawn)")
        assert all(drawn), (name, drawn)
        if pictures := request.config.getoption("--pictures"):
            page.screenshot(path=pathlib.Path(pictures) / f"page-{name.replace(' ', '-')}-{width}-{scheme}.png", full_page=True)
        found = violations(page, axe)
        assert not found, (name, found)
        page.close()
    context.close()


def test_the_lake_page_has_what_the_files_are(browser, address, lake):
    page = opened(browser.new_context(), address, f"/lake?start={BEFORE}&end={DAY}&by=type&dialect=duckdb")
    files = sorted(lake.glob("raw_tick_data/by_date/*/data_type-*/*.parquet"))
    assert page.locator("[data-number=objects]").inner_text() == f"{len(files):,}"
    assert int(page.locator("[data-number=bytes]").get_attribute("data-value")) == sum(file.stat().st_size for file in files)
    states = {row.get_attribute("data-table"): row.locator("td").first.inner_text() for row in page.locator("#iceberg tbody tr").all()}
    assert "gone since" in states["trades"] and states["quotes" if "quotes" in states else "book_snapshot_5"] == "●current"
    document = json.loads((lake.parent / "one.json").read_text())
    kept = page.locator("#certificates tbody a").get_attribute("href")
    with urllib.request.urlopen(address + kept) as answer:
        assert json.loads(answer.read()) == document
    assert "read_parquet" in page.locator("#engines pre").inner_text()
    # The list as JSON is what the page shows.
    with urllib.request.urlopen(address + page.locator("footer a").first.get_attribute("href")) as answer:
        lines = json.loads(answer.read())["lines"]
    assert sum(line["bytes"] for line in lines) == sum(file.stat().st_size for file in files)


def test_without_script_everything_but_pictures_is_there(browser, address):
    context = browser.new_context(java_script_enabled=False)
    for name, path in PAGES.items():
        page = opened(context, address, path)
        assert page.locator("main").inner_text().strip(), name
        for figure in page.locator("figure").all():
            # Beside each picture its words or its table.
            assert page.locator("main p, main table, main details").count() > 0, (name, figure)
        page.close()
    context.close()


def test_a_refusal_says_what_to_do(browser, address):
    context = browser.new_context()
    for path, status in REFUSED.items():
        try:
            urllib.request.urlopen(address + path)
            raise AssertionError((path, "answered"))
        except urllib.error.HTTPError as error:
            text = error.read().decode()
            assert error.code == status, (path, error.code, text[:300])
            assert "<h1>" in text and "<script>" not in text, path
        page = opened(context, address, path, may_fail=True)
        assert page.locator("main a").count() > 0, path
        page.close()
    context.close()


def test_headers(address):
    """Nothing inline, nothing from elsewhere; parts are named by their content."""
    with urllib.request.urlopen(address) as answer:
        policy, text = answer.headers["content-security-policy"], answer.read().decode()
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert "style=" not in text and "<style" not in text and not re.search(r"<script(?![^>]*(src=|application/json))", text)
    for part in re.findall(r'(?:src|href)="(/assets/[^"]+)"', text):
        with urllib.request.urlopen(address + part) as answer:
            tag = answer.headers["etag"]
            assert "immutable" in answer.headers["cache-control"] and tag.strip('"') in part
        again = urllib.request.Request(address + part, headers={"If-None-Match": tag})
        with pytest.raises(urllib.error.HTTPError, match="304"):
            urllib.request.urlopen(again)


def test_by_keyboard(browser, address):
    page = opened(browser.new_context(), address, "/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    for _ in range(60):
        if page.evaluate("document.activeElement.tagName") == "CANVAS":
            break
        page.keyboard.press("Tab")
    else:
        raise AssertionError("the keyboard does not reach the calendar")
    page.keyboard.press("ArrowRight")
    assert DAY in page.locator(".readout").inner_text()
    page.keyboard.press("ArrowLeft")
    assert BEFORE in page.locator(".readout").inner_text()
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert f"/days/{BEFORE}" in page.url
    page.goto(address + f"{OF_KEY}/book")
    before = page.locator("#ladder").inner_text()
    page.locator("#moment").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert page.locator("#ladder").inner_text() != before
    page.goto(address + f"{OF_KEY}/candles")
    page.locator("canvas").focus()
    page.keyboard.press("ArrowLeft")
    assert "close" in page.locator(".readout").inner_text()


# --- the numbers, counted anew from the files


def shown(page):
    """The numbers of a page by name; the exact value where the text is rounded."""
    script = "all => all.map(e => [e.dataset.number, e.dataset.value ?? e.textContent])"
    return {name: float(text.replace(",", "")) for name, text in page.eval_on_selector_all("[data-number]", script)}


def coverage(lake, page):
    files = list((lake / "raw_tick_data").rglob("*.parquet"))
    rows = [pq.read_metadata(file).num_rows for file in files]
    found = shown(page)
    return found, {"stored": sum(count > 0 for count in rows), "empty": sum(count == 0 for count in rows) - found["absent"],
                   "rows": sum(rows), "bytes": sum(file.stat().st_size for file in files)}


def instruments(lake, page):
    table = pq.read_table(lake / f"instrument_availability/by_date/day-{DAY}/instruments.parquet")
    return shown(page), {"instruments": table.num_rows}


def evidence(lake, page):
    return shown(page), {"rows_out": pq.read_metadata(partition(lake, "trades", KEY)).num_rows}


def candles(lake, page):
    file = lake / f"processed_candles/by_date/day-{DAY}/timeframe-1m/{KEY}.parquet"
    return shown(page), {"volume": pc.sum(pq.read_table(file)["volume"]).as_py()}


def trades(lake, page):
    table = pq.read_table(partition(lake, "trades", KEY)).slice(0, 150)
    cells = page.eval_on_selector_all("tbody tr", "all => all.map(row => [...row.cells].map(cell => cell.textContent))")
    names = page.eval_on_selector_all("thead th", "all => all.map(e => e.textContent)")
    column = lambda name: [float(row[names.index(name)]) for row in cells[:150]]
    return {"prices": column("price"), "amounts": column("amount")}, {"prices": table["price"].to_pylist(), "amounts": table["amount"].to_pylist()}


RECOUNTED = {"/": coverage, "/instruments": instruments, f"/days/{DAY}/DERIBIT/trades/{KEY}": evidence,
             f"{OF_KEY}/candles?timeframe=1m&start={DAY}": candles, f"{OF_KEY}/rows?start={DAY}": trades}


def compare(lake, page, count):
    found, expected = count(lake, page)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-12), (name, found[name], value)


@pytest.mark.parametrize("path", RECOUNTED)
def test_numbers_are_those_of_the_files(browser, address, lake, path):
    page = opened(browser.new_context(), address, path)
    compare(lake, page, RECOUNTED[path])
    # A wrong number would be seen.
    planted = """() => { for (const e of document.querySelectorAll('[data-number], tbody td.number')) {
      if (e.dataset.value) e.dataset.value = +e.dataset.value + 1; else e.textContent = parseFloat(e.textContent.replaceAll(',', '')) + 1; } }"""
    page.evaluate(planted)
    with pytest.raises(AssertionError):
        compare(lake, page, RECOUNTED[path])
    page.close()


# --- the numbers are those of the API, as the page's own link to it has them


def of_partitions(document):
    return {"partitions": document["total"]}


def of_evidence(document):
    return {"rows_in": document["rows"]["in"], "rows_out": document["rows"]["out"], "rows_rejected": document["rows"]["rejected"]}


def of_candles(document):
    place = [column["name"] for column in document["columns"]].index("volume")
    return {"volume": sum(row[place] for row in document["rows"])}


# What the numbers of a page are in its document.
OF_API = {
    f"/?start={BEFORE}&end={DAY}": lambda document: document["total"],
    f"/?start={DAY}&end={DAY}&by=data_type&data_type=trades": lambda document: document["total"],
    "/instruments?q=perp&venue=DERIBIT": lambda document: {"instruments": document["total"]},
    f"/days/{DAY}/DERIBIT": of_partitions,
    f"/days/{DAY}/DERIBIT?status=missing&data_type=trades&q=btc": of_partitions,
    f"/days/{DAY}/DERIBIT?grade=unknown&status=stored": of_partitions,
    f"/days/{DAY}/DERIBIT/trades/{KEY}": of_evidence,
    f"{OF_KEY}/candles?timeframe=1h&start={DAY}": of_candles,
    "/runs": lambda document: {"runs": len(document["runs"])},
}


def planted(document):
    """The document with one added to each number."""
    if isinstance(document, dict):
        return {name: planted(value) for name, value in document.items()}
    if isinstance(document, list):
        return [planted(value) for value in document] + [0]
    return document + 1 if isinstance(document, int | float) and not isinstance(document, bool) else document


@pytest.mark.parametrize("path", OF_API)
def test_numbers_are_those_of_the_api(browser, address, path):
    page = opened(browser.new_context(), address, path)
    with urllib.request.urlopen(address + page.locator("body > footer a").get_attribute("href")) as answer:
        document = json.load(answer)
    found = shown(page)

    def agrees(document):
        expected = {name: value for name, value in OF_API[path](document).items() if name in found}
        return expected and all(found[name] == pytest.approx(value, rel=1e-12) for name, value in expected.items())

    assert agrees(document), (found, document)
    # A wrong number in the answer is seen.
    wrong = planted({name: value for name, value in document.items() if name != "columns"})
    assert not agrees({**document, **{name: wrong[name] for name in wrong if name != "rows" or isinstance(document["rows"], dict)}} | ({"rows": document["rows"][1:]} if isinstance(document.get("rows"), list) else {}))
    page.close()


def test_what_was_lost_is_told(browser, address):
    page = opened(browser.new_context(), address, "/")
    told = page.locator("#worst").inner_text()
    assert DAY in told and "missing" in told and "DERIBIT" in told, told
    with urllib.request.urlopen(f"{address}/v1/coverage?start={BEFORE}&end={DAY}&by=day") as answer:
        assert json.load(answer)
    page.goto(address + f"/days/{DAY}/DERIBIT?status=missing&data_type=trades&q={LOST}")
    assert LOST in page.locator("tbody").inner_text()


# --- how fast


def test_a_year_of_fifty_rows(browser, address, tell):
    """The calendar's script draws a year of 50 rows; the page's own data is replaced on its way."""
    days, kinds = 366, "sssssssmMebn"
    row = lambda place: {"label": f"VENUE-{place} PERP with a long name", "href": "/?venue=V", "faults": {"3": [1, 0, 0]},
                         "letters": "".join(kinds[(place * 7 + day) % len(kinds)] for day in range(days)), "values": [day * 31 % 977 for day in range(days)]}
    data = {"first": "2023-03-02", "days": days, "measure": "rows", "scale": True, "rows": [row(place) for place in range(50)]}
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()

    def with_a_year(route):
        answer = route.fetch()
        text = re.sub(r'(<script type="application/json" id="heat-data">).*?(</script>)', lambda m: m[1] + json.dumps(data) + m[2], answer.text(), flags=re.S)
        route.fulfill(response=answer, body=text)

    page.route(address + "/", with_a_year)
    times = []
    for _ in range(5):
        page.goto(address + "/")
        times.append(float(page.locator("[data-heat]").get_attribute("data-drawn")))
    tell(f"a year of 50 rows is drawn in {min(times):.0f} ms at best, {max(times):.0f} ms at worst (goal: 100)")


def test_ready_soon(browser, address, tell):
    page = browser.new_context().new_page()
    times = {}
    for name, path in PAGES.items():
        page.goto(address + path)
        times[name] = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    slowest = max(times, key=times.get)
    tell(f"pages are ready in {sorted(times.values())[len(times) // 2]:.0f} ms in the middle, the slowest ({slowest}) in {times[slowest]:.0f} ms (goal: 1000)")

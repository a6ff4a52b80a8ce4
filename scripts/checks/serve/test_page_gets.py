"""What a page says under "Get this" is run as it stands: curl, the command line, Python and SQL give the same rows, and the page's
numbers are among them; so does its address as JSON."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import urllib.request

import pandas
import pytest

import served
from browsing import opened
from stage import DAY, NO_METADATA_SERVER, PROGRAM, ROOT, mtdh

pytestmark = pytest.mark.xdist_group("page")

KEY = "DERIBIT:PERP:BTC-USD"
OF_KEY = f"/instruments/{KEY}"
HOUR = f"start={DAY}T12:00&end={DAY}T13:00"
EXPIRY = "2024-03-29"
HTTPFS = pathlib.Path(os.environ.get("HTTPFS_PYTHON", ROOT / ".venv-httpfs/bin/python"))
SQL = """
import pathlib, sys, duckdb, duckdb_ext
extension = next(pathlib.Path(duckdb_ext.__path__[0]).rglob("httpfs.duckdb_extension"))
connection = duckdb.connect()
connection.execute(f"load '{extension}'")
connection.execute("copy (" + sys.stdin.read().rstrip().rstrip(";") + ") to 'rows.csv' (header)")
"""


def cells(page, table="table"):
    """A table of the page: its rows as dicts of texts."""
    names = page.eval_on_selector_all(f"{table} thead th", "all => all.map(e => e.textContent)")
    rows = page.eval_on_selector_all(f"{table} tbody tr", "all => all.map(row => [...row.cells].map(cell => cell.textContent))")
    return [dict(zip(names, row)) for row in rows]


def numbers(rows, *names):
    """Columns of numbers; a dash is none."""
    number = lambda value: None if value in ("–", None) or value != value else float(value)
    return [tuple(number(row[name]) for name in names) for row in rows]


def first_rows(names):
    """The page shows the first rows of what is got."""
    def check(page, rows):
        shown = numbers(cells(page), *(name.replace("_", " ") for name in names))
        assert shown and shown == numbers(rows, *names)[:len(shown)]
        return shown
    return check


def candles(page, rows):
    # Before it stands the list of findings.
    shown = numbers(cells(page, "table:has(th:text-is('open'))"), "open", "high", "low", "close", "volume")[::-1]
    assert shown and shown == numbers(rows, "open", "high", "low", "close", "volume")[-len(shown):]
    return shown


def ticker(page, rows):
    names = ["funding_rate", "open_interest", "mark_price"]
    shown = numbers(cells(page), *(name.replace("_", " ") for name in names))
    got = numbers(rows, *names)
    assert shown and shown[0] == got[-1] and set(shown) <= set(got)
    return shown


def ladder(page):
    sides = [(row["Side"][-3:], float(row["Price"]), float(row["Amount"])) for row in cells(page, "#ladder")]
    asks = [(price, amount) for side, price, amount in sides if side == "ask"][::-1]
    bids = [(price, amount) for side, price, amount in sides if side == "bid"]
    assert asks and bids and bids[0][0] < asks[0][0]
    return asks, bids


def snapshot(page, rows):
    side = lambda name: numbers([rows[-1]], *(f"{name}_{what}_{level}" for level in range(1, 6) for what in ("price", "amount")))[0]
    pairs = lambda flat: list(zip(flat[::2], flat[1::2]))
    shown = ladder(page)
    assert shown == (pairs(side("ask")), pairs(side("bid")))
    return shown


def messages(rows):
    """Rows of changes by message: a change of either clock begins one, and so does a snapshot after what is none."""
    message, before = [], None
    for row in rows:
        now = row["timestamp"], row["local_timestamp"]
        if message and (now != before or (row["is_snapshot"] and not message[-1]["is_snapshot"])):
            yield message
            message = []
        message.append(row)
        before = now
    yield message


def replayed(page, rows):
    """The changes, applied here by the vendor's rules (tardis.md: a snapshot clears; amount 0 removes; a crossed book is uncrossed)."""
    asks, bids = {}, {}
    rows = [{**row, "is_snapshot": str(row["is_snapshot"]).lower() == "true", "price": float(row["price"]), "amount": float(row["amount"])} for row in rows]
    for message in messages(rows):
        for place, row in enumerate(message):
            if row["is_snapshot"] and not (place and message[place - 1]["is_snapshot"]):
                asks, bids = {}, {}
            side = asks if row["side"] == "ask" else bids
            if row["amount"] == 0:
                side.pop(row["price"], None)
            else:
                side[row["price"]] = row["amount"]
        if asks and bids and max(bids) >= min(asks):
            touches = any(row["side"] == "ask" and row["price"] == min(asks) for row in message)
            while asks and bids and max(bids) >= min(asks):
                bids.pop(max(bids)) if touches else asks.pop(min(asks))
    shown = ladder(page)
    assert shown == (sorted(asks.items())[:25], sorted(bids.items(), reverse=True)[:25])
    return shown


def chain(page, rows):
    last = {}
    for row in rows:
        last[row["instrument_key"]] = row
    rows = page.eval_on_selector_all("tbody tr", "all => all.map(row => [...row.cells].map(cell => cell.textContent))")
    calls = {row[5]: row[0] for row in rows if row[0] != "–"}
    of_calls = {key.split("-")[-2]: row["bid_price"] for key, row in last.items() if key.endswith("CALL") and row["bid_price"] == row["bid_price"] and row["bid_price"] is not None}
    assert calls and {strike: float(bid) for strike, bid in calls.items()} == {strike: float(bid) for strike, bid in of_calls.items()}
    return calls


# A page, what it must show of what is got, and the columns by which the ways are compared.
VIEWS = {
    "rows": (f"{OF_KEY}/rows?{HOUR}", first_rows(["price", "amount"]), ["price", "amount"]),
    "a day's rows": (f"{OF_KEY}/rows?start={DAY}&data_type=derivative_ticker", first_rows(["mark_price", "open_interest"]), ["mark_price", "open_interest"]),
    "candles": (f"{OF_KEY}/candles?start={DAY}&timeframe=1h", candles, ["open", "close", "volume"]),
    "ticker": (f"{OF_KEY}/ticker?{HOUR}", ticker, ["mark_price", "open_interest"]),
    "book": (f"{OF_KEY}/book?at={DAY}T12:00", snapshot, ["ask_price_1", "bid_amount_5"]),
    "replayed book": (f"{OF_KEY}/book?at={DAY}T12:00&source=incremental_book_L2", replayed, ["price", "amount"]),
    "chain": (f"{OF_KEY}/chain?at={DAY}T13:00&expiry={EXPIRY}", chain, ["mark_price", "underlying_price"]),
}


@pytest.fixture(scope="module")
def own_lake(lake, vendor, tmp_path_factory):
    """The lake of this folder with an option chain; the commands may write into it."""
    own = tmp_path_factory.mktemp("gets") / "lake"
    shutil.copytree(lake, own)
    mtdh("download", "--start-date", DAY, "--lake", own, "--venues", "DERIBIT", "--instrument-types", "OPTION",
         "--data-types", "options_chain", "--instruments", "DERIBIT:OPTION:BTC-USD-240329-*", env=vendor)
    return own


@pytest.fixture(scope="module")
def address(own_lake):
    """The address of a server over it."""
    with served.server(own_lake) as address:
        yield address


@pytest.fixture
def got(own_lake, tmp_path):
    """Runs a block of a page as it stands; gives its rows as dicts."""
    (tmp_path / "mtdh").symlink_to(PROGRAM)
    env = {**os.environ, **NO_METADATA_SERVER, "MTDH_LAKE": str(own_lake), "PATH": f"{tmp_path}:{os.environ['PATH']}"}

    def run(command, text=None):
        ended = subprocess.run(command, input=text, capture_output=True, text=True, timeout=300, env=env, cwd=tmp_path)
        assert ended.returncode == 0, (command, text, ended.stderr[-2000:])
        return ended.stdout

    def rows(name, text):
        if name == "SQL, in DuckDB":
            run([HTTPFS, "-c", SQL], text)
        elif name == "Python":
            run([sys.executable, "-c", f"{text}\nframe.to_csv('rows.csv', index=False)"])
        elif name == "Command line":
            said = run(["bash", "-c", text])
            if not text.startswith("mtdh get"):
                return said
        else:
            (tmp_path / "rows.csv").write_text(run(["bash", "-c", text]))
        return pandas.read_csv(tmp_path / "rows.csv", low_memory=False).to_dict("records")

    return rows


@pytest.mark.parametrize("name", VIEWS)
def test_each_way_gives_what_the_page_shows(browser, address, got, name):
    path, check, columns = VIEWS[name]
    context = browser.new_context()
    page = opened(context, address, path)
    page.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true })")
    blocks = dict(page.eval_on_selector_all(".get", "all => all.map(e => [e.dataset.name, e.querySelector('pre').textContent])"))
    assert {"curl", "Python", "SQL, in DuckDB"} <= set(blocks), blocks
    assert "Command line" in blocks or name == "chain"
    if not HTTPFS.exists():
        del blocks["SQL, in DuckDB"]
    found = {way: got(way, text) for way, text in blocks.items()}
    if name == "candles":
        # The command line builds them, which Python then reads.
        assert "1h" in blocks["Command line"]
        del found["Command line"]
    same = numbers(found["curl"], *columns)
    assert same
    for way, rows in found.items():
        if name == "chain":
            # Rows of several instruments come in an order of their own.
            assert sorted(numbers(rows, *columns), key=str) == sorted(same, key=str), way
        else:
            assert numbers(rows, *columns) == same, way
        shown = check(page, rows)
    # A wrong number in an answer would be seen.
    wrong = [dict(row) for row in found["curl"]]
    for row in wrong:
        for column in row:
            if isinstance(row[column], float) or column in ("price", "amount"):
                row[column] = (row[column] or 0) + 1
    with pytest.raises(AssertionError):
        check(page, wrong)
    # The address of the same as JSON.
    link = page.locator("body > footer a").get_attribute("href")
    with urllib.request.urlopen(address + link) as answer:
        document = json.load(answer)
    if "columns" in document:
        names = [column["name"] for column in document["columns"]]
        check(page, [dict(zip(names, row)) for row in document["rows"]])
    else:
        asks, bids = shown
        assert ([tuple(level) for level in document["asks"]], [tuple(level) for level in document["bids"]]) == (asks, bids)
        assert document["made_by"] == ("replay" if name == "replayed book" else "snapshot")
    context.close()


def test_a_book_at_each_moment_is_that_of_the_api(browser, address):
    """By the form without scripts, and by the slider with them."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    of_api = lambda at, how: json.load(urllib.request.urlopen(f"{address}/v1/book/{KEY}?at={at}&{how}"))
    both = lambda found: tuple([tuple(level) for level in found[side]] for side in ("asks", "bids"))
    for source, how in (("book_snapshot_5", "depth=5"), ("incremental_book_L2", "depth=25&source=changes")):
        for at in (f"{DAY}T00:30:00Z", f"{DAY}T12:34:56Z", f"{DAY}T23:59:59.999999Z"):
            page.goto(f"{address}{OF_KEY}/book?source={source}")
            page.locator("form.search input[name=at]").fill(at)
            page.locator("form.search button").click()
            assert ladder(page) == both(of_api(at, how)), (source, at)
    context.close()
    page = opened(browser.new_context(), address, f"{OF_KEY}/book?source=incremental_book_L2&at={DAY}T12:30")
    slider = page.locator("#moment")
    for step in ("Home", "ArrowRight", "End"):
        slider.press(step)
        at = page.locator("#moment-text").inner_text()
        assert slider.get_attribute("aria-valuetext") == at
        assert ladder(page) == both(of_api(at, "depth=25&source=changes")), at
    page.close()

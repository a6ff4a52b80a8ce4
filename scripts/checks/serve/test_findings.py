"""What checks found: the report in the lake, the API and the page say the same, counted by pyarrow; the chart of candles names what
was found, and without a script a list does."""

import collections
import json
import re
import time
import urllib.parse
import urllib.request

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import served
from stage import DAY, mtdh, partition
from test_page import opened, shown

pytestmark = pytest.mark.xdist_group("page")

BEFORE = "2024-02-29"
KEY = "DERIBIT:PERP:BTC-USD"
LOST = "DERIBIT:PERP:ETH-USD"


@pytest.fixture(scope="module")
def fetched():
    """When the lake was made, seconds since the Unix epoch: first and last."""
    return []


@pytest.fixture(scope="module")
def lake(tmp_path_factory, vendor, fetched):
    """Two days of two instruments, of which one partition was lost; checked so strictly that there are findings with a time."""
    lake = tmp_path_factory.mktemp("findings") / "lake"
    days = ["--start-date", BEFORE, "--end-date", DAY, "--lake", lake, "--instruments", KEY, LOST]
    fetched.append(time.time())
    mtdh("download", *days, "--data-types", "trades,book_snapshot_5", env=vendor)
    fetched.append(time.time())
    mtdh("candles", *days, "--timeframes", "1m", "--data-types", "trades", env=vendor)
    partition(lake, "trades", LOST).unlink()
    strict = ["--set", "silence.factor=0.01", "silence.trade_floor_s=1", "silence.min_pauses=2"]
    mtdh("check", "timestamp", "completeness", *days, *strict, expect=(0, 1), env=vendor)
    return lake


@pytest.fixture(scope="module")
def address(lake):
    """The address of a server over the lake."""
    with served.server(lake) as address:
        yield address


def lines(lake):
    """Every line of the reports of checks."""
    return [row for file in sorted((lake / "check_reports").rglob("*.parquet")) for row in pq.read_table(file).to_pylist()]


def asked(address, **query):
    """Every finding that the API answers, page by page, and its first page."""
    first = json.load(urllib.request.urlopen(f"{address}/v1/findings?{urllib.parse.urlencode(query)}"))
    page, found = first, list(first["findings"])
    while page["next"]:
        page = json.load(urllib.request.urlopen(address + page["next"]))
        found += page["findings"]
    assert len(found) == first["total"]
    return found, first


def counted(rows, name):
    return collections.Counter(row[name] for row in rows)


# A facet of the page, the column of the report, and the member of the API's findings.
FACETS = [("check", "check", "check"), ("severity", "severity", "severity"), ("day", "date", "day"), ("venue", "venue", "venue")]


def compare(expected, found):
    assert found == expected, (found, expected)


def test_page_api_and_report_count_the_same(browser, address, lake):
    report = [row for row in lines(lake) if row["check"]]
    assert len(report) > 3 and {"missing_partition", "silence"} <= set(counted(report, "check")), counted(report, "check")
    found, answer = asked(address, start=BEFORE, end=DAY, limit=7)
    page = opened(browser.new_context(), address, f"/quality?start={BEFORE}&end={DAY}")
    compare(len(report), len(found))
    compare(len(report), shown(page)["findings"])
    for facet, column, member in FACETS:
        compare(counted(report, column), counted(found, member))
        for value, count in counted(report, column).items():
            if value:
                of_value = opened(page.context, address, f"/quality?start={BEFORE}&end={DAY}&{facet}={value}")
                compare(count, shown(of_value)["findings"])
                of_value.close()
    groups = collections.Counter(group for row in lines(lake) if not row["check"] for group in row["groups"])
    compare(dict(groups), {of["group"]: of["things"] for of in answer["checked"]})
    told = dict(page.eval_on_selector_all("[data-checked]", "all => all.map(e => [e.dataset.checked, +e.textContent.replaceAll(',', '')])"))
    compare(dict(groups), told)
    compare([], answer["unchecked_days"])
    # A wrong number would be seen.
    page.evaluate("document.querySelector('[data-number=findings]').textContent = '1'")
    with pytest.raises(AssertionError):
        compare(len(report), shown(page)["findings"])
    page.context.close()


def test_each_finding_is_told_as_it_is_kept(address, lake):
    found, _ = asked(address, start=BEFORE, end=DAY)
    time_of = lambda value: value and value.isoformat(timespec="microseconds").replace("+00:00", "Z")
    kept = [{"day": row["date"], "key": row["instrument_key"], "type": row["data_type"], "check": row["check"], "count": row["count"],
             "from": time_of(row["found_from"]), "to": time_of(row["found_to"]), "examples": row["examples"],
             "checked_at": time_of(row["checked_at"]), "made_by": row["made_by"], "settings": row["settings"]}
            for row in lines(lake) if row["check"]]
    order = lambda all: sorted(all, key=lambda one: json.dumps(one, sort_keys=True))
    assert order({name: one[name] for name in kept[0]} for one in found) == order(kept)
    assert all(one["objects"] == "current" for one in found)
    assert "silence.factor=0.01" in found[0]["settings"]


def test_rows_around_a_finding(browser, address):
    page = opened(browser.new_context(), address, f"/quality?start={BEFORE}&end={DAY}&check=silence")
    page.locator("text=rows around it").first.click()
    assert "/rows?" in page.url and page.locator("tbody tr").count() > 0, page.url
    assert page.locator("tr.marked").count() > 0, "the row at which it begins is marked"
    page.context.close()


def test_the_chart_names_what_was_found(browser, address):
    found, _ = asked(address, start=DAY, key=KEY, check="silence", type="trades")
    page = opened(browser.new_context(viewport={"width": 1200, "height": 900}), address, f"/instruments/{KEY}/candles?timeframe=1m&start={DAY}")
    marks = page.evaluate("JSON.parse(document.getElementById('candles').textContent).marks")
    words = [mark[2] for mark in marks]
    assert words.count("silence of trades") == len(found), (words, found)
    page.locator("canvas").focus()
    page.keyboard.press("Home")
    said = []
    for _ in range(1500):
        said.append(page.locator(".readout").inner_text())
        if "warning: silence of trades" in said[-1]:
            break
        page.keyboard.press("ArrowRight")
    else:
        raise AssertionError(said[-3:])
    without = opened(browser.new_context(java_script_enabled=False), address, f"/instruments/{KEY}/candles?timeframe=1m&start={DAY}")
    assert "silence" in without.locator("main").inner_text()
    page.context.close()


def test_evidence_says_when_it_was_fetched(address, lake, fetched):
    table = pq.read_table(lake / f"runs/_identities/day-{DAY}.parquet")
    row = table.filter(pc.and_(pc.equal(table["instrument_key"], KEY), pc.equal(table["data_type"], "trades"))).to_pylist()[0]
    at = row["fetched_at"].timestamp()
    assert fetched[0] <= at <= fetched[1], (fetched, at)
    evidence = json.load(urllib.request.urlopen(f"{address}/v1/partitions/{DAY}/trades/{KEY}"))
    assert evidence["fetched_at"] == row["fetched_at"].isoformat(timespec="microseconds").replace("+00:00", "Z")
    text = urllib.request.urlopen(f"{address}/days/{DAY}/DERIBIT/trades/{KEY}").read().decode()
    told = re.search(r'data-fact="fetched_at">([^<]*)', text)[1]
    assert told.startswith(row["fetched_at"].strftime("%Y-%m-%dT%H:%M:%S")[:10]), told

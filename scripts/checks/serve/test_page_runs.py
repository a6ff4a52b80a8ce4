"""A run is watched in the browser while a slow vendor is read: its numbers grow without a click, and in the end they are those of
the program's own report; failures have their causes, and what is left is named."""

import json
import subprocess
import time
import urllib.request

import pytest

import served
from browsing import opened, violations
from stage import DAY, PROGRAM, control, environment, mtdh, vendor_only, wait_until

pytestmark = pytest.mark.xdist_group("page")

WORDS = ["--start-date", DAY, "--venues", "DERIBIT", "--data-types", "trades,derivative_ticker"]
REFUSED = {"host": "datasets", "url_contains": "deribit/trades/2024/03/01/BTC-PERPETUAL", "kind": "other_symbol"}
SLOW = {"host": "datasets", "kind": {"drip": {"bytes_per_second": 1000}}}


def number(page, name):
    """A number of the page; None: it is not there."""
    found = page.locator(f"#{name}")
    return int(found.inner_text().replace(",", "")) if found.count() else None


def started(lake, vendor, *words):
    """A download in a process of its own."""
    command = [PROGRAM, "download", *map(str, words), "--lake", str(lake), "--max-workers", "1"]
    return subprocess.Popen(command, env=environment(vendor), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def watched(page, process, name="files_done"):
    """What a number was from update to update, until the process has ended and the page knows it."""
    seen, end = [number(page, name)], time.monotonic() + 180
    while time.monotonic() < end:
        is_over = process.poll() is not None and "has ended" in page.locator("#live").inner_text()
        now = number(page, name)
        if now != seen[-1]:
            seen.append(now)
        if is_over:
            return seen
        time.sleep(0.05)
    raise AssertionError(("the page does not see the end", seen, page.locator("main").inner_text()[:2000]))


def test_a_plan_with_two_shards(browser, sim, tmp_path, axe):
    vendor, lake = vendor_only(sim("--small")), tmp_path / "lake"
    mtdh("plan", "--save", "live", *WORDS, "--instrument-types", "PERP", "--lake", lake, env=vendor)
    with served.server(lake, env=vendor) as address:
        context = browser.new_context(viewport={"width": 390, "height": 900}, color_scheme="dark")
        page = opened(context, address, "/runs")
        assert "live" in page.locator("tbody").inner_text()
        page.get_by_role("link", name="live", exact=True).click()
        assert "not begun" in page.locator("main").inner_text()
        files = int(page.locator(".headline dt").inner_text().split()[1].replace(",", ""))
        loads = []
        page.on("load", lambda _: loads.append(1))
        control(vendor, "PUT", "faults", [REFUSED, SLOW])
        workers = [started(lake, vendor, "--run", "live", "--shard-index", shard, "--total-shards", 2) for shard in (0, 1)]
        # A part that is focused stays so while numbers change.
        wait_until(lambda: page.locator("[role=region]").count(), "there is no table of shards", 60)
        page.locator("[role=region]").first.focus()
        seen = watched(page, workers[0])
        assert page.evaluate("document.activeElement.getAttribute('role')") == "region"
        workers[1].wait(timeout=180)
        assert len(seen) >= 3 and seen == sorted(seen) and not loads, seen
        report = json.loads(mtdh("monitor", "live", "--lake", lake, "--format", "json", expect=(0, 1), env=vendor))
        state = json.load(urllib.request.urlopen(f"{address}/v1/runs/live"))["plan"]
        for name in ("files_done", "files_failed", "rows"):
            assert number(page, name) == state[name], (name, number(page, name), state[name])
        assert state["files_done"] + state["files_failed"] == files and state["files_failed"] == 1, (report, state)
        text = page.locator("main").inner_text()
        assert "OTHER-SYMBOL" in text and "Failures by cause" in text, text
        shards = page.eval_on_selector_all("table", "all => [...all[0].tBodies[0].rows].map(row => [...row.cells].map(cell => cell.textContent))")
        assert sum(int(row[5].replace(",", "")) for row in shards) == state["rows"] and len(shards) == len(state["shards"]), shards
        assert not violations(page, axe)
        context.close()


def test_a_download_without_a_plan(browser, sim, tmp_path):
    """Its record is watched; what a broken-off one leaves is named."""
    vendor, lake = vendor_only(sim("--small")), tmp_path / "lake"
    mtdh("instruments", "--start-date", DAY, "--lake", lake, env=vendor)
    control(vendor, "PUT", "faults", [REFUSED, SLOW])
    with served.server(lake, env=vendor) as address:
        page = opened(browser.new_context(), address, "/runs")
        assert "No run has left a record" in page.locator("main").inner_text()
        process = started(lake, vendor, *WORDS, "--instrument-types", "PERP")
        runs = lambda: json.load(urllib.request.urlopen(f"{address}/v1/runs"))["runs"]
        wait_until(runs, "there is no run", 60)
        run, = runs()
        page.goto(f"{address}/runs/{run}")
        seen = watched(page, process)
        record = json.loads(next((lake / "runs" / run).glob("shard-*.json")).read_text())
        assert seen[-1] == record["files_done"] and number(page, "rows") == record["rows"], (seen, record)
        assert number(page, "files_failed") == len(record["failures"]) == 1 and number(page, "files_left") == len(record.get("left", []))
        text = page.locator("main").inner_text()
        assert "OTHER-SYMBOL" in text and "BTC-PERPETUAL" in text
        # Another is interrupted: the page says so, and what is left.
        slower = {"host": "datasets", "kind": {"drip": {"bytes_per_second": 100}}}
        control(vendor, "PUT", "faults", [slower])
        process = started(lake, vendor, *WORDS, "--instrument-types", "FUTURE", "--force")
        wait_until(lambda: len(runs()) > 1, "there is no second run", 60)
        other, = set(runs()) - {run}
        page.goto(f"{address}/runs/{other}")
        assert "running" in page.locator(".badge").first.inner_text() and number(page, "files_left") > 1
        time.sleep(2)
        process.send_signal(2)
        process.wait(timeout=30)
        wait_until(lambda: "has ended" in page.locator("#live").inner_text(), "the page does not see the end", 30)
        record = json.loads(next((lake / "runs" / other).glob("shard-*.json")).read_text())
        text = page.locator("main").inner_text()
        assert record["state"].replace("_", " ") in text and number(page, "files_left") == record["files"] - record["files_done"] - record["files_failed"] > 0, (text, record)
        page.goto(f"{address}/runs")
        assert page.locator("tbody tr").count() == 2 and record["state"] in page.locator("tbody").inner_text()

"""schemathesis over the whole interface, bounded, in two runs: requests that are right, and requests that are wrong."""

import collections
import json
import os
import pathlib
import subprocess
import sys
import urllib.request

import pytest

import served
from stage import DAY

pytestmark = pytest.mark.xdist_group("serve-fuzz")

KEY = "DERIBIT:PERP:BTC-USD"
TOKEN = "0123456789abcdef" * 2
# Where a schema cannot say what finds something: live keys, days and names, of which each request takes one. What is not named here,
# formats, limits, depths, clocks, is as schemathesis makes it.
LIVE = {
    "key": [KEY], "type": ["trades", "book_snapshot_5"], "day": [DAY], "start": [DAY, "2024-03", f"{DAY}T12:00"], "end": [DAY],
    "at": [f"{DAY}T12:00", f"{DAY}T23:00:00Z"], "path": [f"raw_tick_data/by_date/day-{DAY}/data_type-trades/{KEY}.parquet",
                                                       f"instrument_availability/by_date/day-{DAY}/instruments.parquet"],
    "symbols": ["BTC-PERPETUAL", "BTC-PERPETUAL,ETH-PERPETUAL"], "timeframe": ["1m", "1h", "1d"], "columns": ["timestamp", "instrument_key,timestamp"],
    "origin": ["vendor", "both"], "venue": ["DERIBIT"], "instrument_type": ["PERP"], "base": ["BTC"], "quote": ["USD"], "underlying": ["BTC-USD"],
    "q": ["perp", "BTC"], "by": ["day", "venue,type", "key"], "grade": [], "status": [], "cursor": [], "run": [],
    "table": ["trades", "candles"], "dialect": ["duckdb", "spark", "trino", "clickhouse"], "what": ["partitions"], "sort": [], "schema": ["mtdh"], "place": ["s3://lake"], "connection": [], "hive": [],
    "part": ["candles", "rows", "book", "get"], "name": ["app.css", "heat.js"], "options": [json.dumps({
        "exchange": "deribit", "symbols": ["BTC-PERPETUAL"], "from": DAY, "to": "2024-03-02", "dataTypes": types})
        for types in (["trade"], ["book_snapshot_5_1m", "trade_bar_1m"])],
}
# The rules of one parameter that depend on another: what a symbol is, which key a list of lacking or damaged partitions has.
HOOKS = '''
import itertools, json, schemathesis

LIVE, LOST, SPOILT, TURN = json.loads(%(live)r), %(lost)r, %(spoilt)r, itertools.count()

@schemathesis.hook
def before_call(context, case, *rest):
    turn, path = next(TURN), case.operation.path
    for values in (case.path_parameters, case.query):
        for name in list(values or {}):
            live = LIVE.get(name)
            if live is not None:
                if live:
                    values[name] = live[turn %% len(live)]
                else:
                    del values[name]
    query = case.query or {}
    if query.get("from") == "key":
        query["symbols"] = LIVE["key"][0]
    if query.get("format") == "parquet" or "timeframe" in query:
        query.pop("columns", None)
    if query.get("source") == "stored":
        query["source"] = "trades"
    if path == "/v1/missing":
        query.update({name: value for name, value in {"key": LOST[1], "type": LOST[0]}.items() if name in query})
    if path == "/v1/findings":
        query.update({name: value for name, value in {"key": SPOILT[1], "type": SPOILT[0]}.items() if name in query})
    if path in ("/v1/missing", "/v1/findings", "/v1/coverage", "/v1/partitions"):
        if "start" in query:
            query["start"] = LIVE["day"][0]
    if path == "/v1/ls" and "origin" in query:
        query["origin"] = "vendor"
    if case.operation.method.upper() == "POST":
        case.body = {"type": ["trades", "book_snapshot_5"][turn %% 2], "instruments": LIVE["key"], "start": LIVE["start"][turn %% 3], "limit": 1 + turn}
'''
RECORD = '''
import json, sys
import schemathesis

sys.path.insert(0, %(here)r)
from rows_of import rows_of

@schemathesis.hook
def after_call(context, case, response):
    status, media = response.status_code, response.headers.get("content-type", [""])[0]
    rows = rows_of(media, response.content or b"") if status == 200 and case.method.upper() != "HEAD" else 0
    with open(%(recorded)r, "a") as out:
        out.write(json.dumps([case.method.upper(), case.operation.path, status, rows, response.request.url]) + "\\n")
'''
REFUSED = ["400", "401", "403", "404", "405", "406", "409", "413", "414", "415", "422", "428", "429", "431", "5xx"]
# Events, WebSockets and pages have tests of their own: test_serve_events.py, test_replay.py, test_page.py; what is recorded now needs a
# recorder: scripts/checks/live.
# A lake in a folder has no address that BigQuery could read, and a certificate is compared byte by byte with what was written, which a
# body that is made anew is not: crates/serve/tests/serve/lake.rs.
NO_RIGHT_ONES = ["/v1/bigquery", "/v1/verify"]
FUZZ_EXCLUDED = ["--exclude-path-regex", "/events$|^/ws-|^/live", "--exclude-tag", "page"]


@pytest.fixture(scope="module")
def guarded(spoilt):
    """A server with a token: a request without it is wrong, too."""
    with served.server(spoilt, env={"MTDH_TOKEN": TOKEN}) as address:
        yield address


def document(address, path):
    return json.loads(urllib.request.urlopen(urllib.request.Request(address + path, headers={"Authorization": f"Bearer {TOKEN}"})).read())


def fuzz(address, tmp_path, mode, *words, hooks=""):
    """Runs schemathesis; gives how it ended and the answers: method, path, status, rows and address of each."""
    folder = tmp_path / mode
    folder.mkdir()
    recorded = folder / "answers.ndjson"
    # Lines and headers that are too long are refused, too.
    (folder / "schemathesis.toml").write_text("[checks.negative_data_rejection]\nexpected-statuses = " + json.dumps(REFUSED) + "\n")
    (folder / "hooks.py").write_text(RECORD % {"recorded": str(recorded), "here": str(pathlib.Path(__file__).parent)} + hooks)
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{address}/openapi.json", "--mode", mode, "--no-color",
               "--request-timeout", "60", "-H", f"Authorization: Bearer {TOKEN}", "--seed", "7", *FUZZ_EXCLUDED, *words]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=550, cwd=folder,
                           env={**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(folder)})
    return ended, [json.loads(line) for line in recorded.read_text().splitlines()]


@pytest.mark.slow
def test_right_requests_are_answered_with_rows(guarded, tmp_path, tell):
    runs = document(guarded, "/v1/runs")["runs"]
    run = next(run for run in runs if document(guarded, f"/v1/runs/{run}")["summaries"])
    kept, = document(guarded, "/v1/certificates")["certificates"]
    live = {**LIVE, "run": [run], "digest": [kept["digest"], kept["root"][:12]]}
    hooks = HOOKS % {"live": json.dumps(live), "lost": ("trades", "DERIBIT:PERP:ETH-USD"), "spoilt": ("book_snapshot_5", "DERIBIT:PERP:ETH-USD")}
    ended, answers = fuzz(guarded, tmp_path, "positive", "--max-examples", "12", "--phases", "examples,coverage,fuzzing",
                          "--checks", "not_a_server_error,response_schema_conformance,content_type_conformance,status_code_conformance",
                          *(word for path in NO_RIGHT_ONES for word in ("--exclude-path", path)), hooks=hooks)
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
    of = collections.defaultdict(list)
    for method, path, status, rows, _ in answers:
        of[f"{method} {path}"].append((status, rows))
    documented = {f"{method.upper()} {path}" for path, methods in document(guarded, "/openapi.json")["paths"].items()
                  for method, operation in methods.items()
                  if not path.endswith("/events") and not path.startswith(("/ws-", "/live")) and "page" not in operation.get("tags", [])}
    # It does not ask for its own schema.
    documented -= {"GET /openapi.json", "GET /v1/bigquery", "POST /v1/verify"}
    assert set(of) == documented, set(of) ^ documented
    for path, found in of.items():
        good = sum(200 <= status < 300 and rows > 0 for status, rows in found)
        assert good * 2 >= len(found), f"{path}: {good} of {len(found)} answers are 2xx with rows: {collections.Counter(found)}"
    least = min(sum(rows > 0 for _, rows in found) / len(found) for found in of.values())
    tell(f"{len(answers)} requests to {len(of)} operations, {sum(rows > 0 for _, _, _, rows, _ in answers)} answers with rows, at least {least:.0%} of each")


@pytest.mark.slow
def test_wrong_requests_are_refused(guarded, tmp_path, tell):
    ended, answers = fuzz(guarded, tmp_path, "negative", "--max-examples", "12", "--phases", "coverage,fuzzing",
                          "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,unsupported_method,negative_data_rejection")
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
    paths = document(guarded, "/openapi.json")["paths"]
    statuses, taken = collections.Counter(), []
    for method, path, status, _, url in answers:
        operation = paths[path].get(method.lower())
        documented = {int(one) for one in operation["responses"]} if operation else {405}
        if operation and not operation.get("parameters") and url == guarded + path:
            continue  # nothing that it takes could be wrong: it is the right request
        if not 400 <= status < 500 or status not in documented | {405, 414, 431}:
            taken.append((method, url, status))
        statuses[status] += 1
    assert not taken, taken
    tell(f"{len(answers)} requests: " + ", ".join(f"{count} of {status}" for status, count in sorted(statuses.items())))

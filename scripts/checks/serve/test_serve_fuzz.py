"""schemathesis over the whole interface, bounded, in two runs: requests that are right, and requests that are wrong."""

import json
import subprocess
import sys
import urllib.request

import pytest

import served
from stage import DAY

pytestmark = pytest.mark.xdist_group("serve")

KEY = "DERIBIT:PERP:BTC-USD"
TOKEN = "0123456789abcdef" * 2
# Live keys and days, so that right requests find rows.
HOOKS = f'''
import schemathesis

LIVE = {{"key": "{KEY}", "day": "{DAY}", "start": "{DAY}", "at": "{DAY}T12:00", "run": "RUN",
        "path": "raw_tick_data/by_date/day-{DAY}/data_type-trades/{KEY}.parquet", "symbols": "BTC-PERPETUAL", "timeframe": "1h"}}
NOT_NEEDED = ["cursor", "columns", "venue", "instrument_type", "base", "quote", "underlying", "q", "end", "status", "grade"]


@schemathesis.hook
def before_call(context, case, *rest):
    for values in (case.path_parameters, case.query):
        for name in list(values or {{}}):
            if name in NOT_NEEDED:
                del values[name]
            elif name in LIVE:
                values[name] = LIVE[name]
            elif name == "type":
                values[name] = "trades"
            elif name == "by":
                values[name] = "venue,type"
    if case.operation.method.upper() == "POST":
        case.body = {{"type": "trades", "instruments": ["{KEY}"], "start": "{DAY}"}}
'''


@pytest.fixture(scope="module")
def guarded(lake):
    """A server with a token: a request without it is wrong, too."""
    with served.server(lake, env={"MTDH_TOKEN": TOKEN}) as address:
        yield address


def fuzz(address, tmp_path, mode, *words, hooks=None):
    """Runs schemathesis; gives the answers, each as path, status and body."""
    folder = tmp_path / mode
    folder.mkdir()
    recorded = folder / "answers.ndjson"
    prelude = f'''
import json, schemathesis

@schemathesis.hook
def after_call(context, case, response):
    with open({str(recorded)!r}, "a") as out:
        line = [case.operation.method.upper() + " " + case.operation.path, response.status_code, len(response.content or b"")]
        out.write(json.dumps(line) + "\\n")
'''
    (folder / "hooks.py").write_text(prelude + (hooks or ""))
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{address}/openapi.json", "--mode", mode, "--no-color",
               "--request-timeout", "20", "-H", f"Authorization: Bearer {TOKEN}", "--seed", "7", *words]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=folder,
                           env={**__import__("os").environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(folder)})
    answers = [json.loads(line) for line in recorded.read_text().splitlines()]
    return ended, answers


SKIPPED = ["--exclude-path-regex", "/events$"]


@pytest.mark.slow
def test_right_requests_are_answered_with_rows(guarded, tmp_path, tell):
    asked = urllib.request.Request(f"{guarded}/v1/runs", headers={"Authorization": f"Bearer {TOKEN}"})
    run = json.loads(urllib.request.urlopen(asked).read())["runs"][0]
    ended, answers = fuzz(guarded, tmp_path, "positive", "--max-examples", "12", "--phases", "examples,coverage,fuzzing",
                          "--checks", "not_a_server_error,response_schema_conformance,content_type_conformance,status_code_conformance",
                          *SKIPPED, hooks=HOOKS.replace("RUN", run))
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
    of = {}
    for path, status, size in answers:
        of.setdefault(path, []).append(200 <= status < 300 and size > 0)
    for path, good in of.items():
        assert sum(good) * 2 >= len(good), f"{path}: {sum(good)} of {len(good)} answers are 2xx with a body"
    tell(f"{len(answers)} requests, {len(of)} operations")


@pytest.mark.slow
def test_wrong_requests_are_refused(guarded, tmp_path, tell):
    ended, answers = fuzz(guarded, tmp_path, "negative", "--max-examples", "12", "--phases", "coverage,fuzzing",
                          "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,unsupported_method,negative_data_rejection",
                          *SKIPPED)
    assert ended.returncode == 0, ended.stdout[-6000:] + ended.stderr[-2000:]
    assert all(status < 500 for _, status, _ in answers)
    tell(f"{len(answers)} requests")

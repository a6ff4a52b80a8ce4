"""What the documents show is asked for: every `curl` line, every path in a text, every example of the interface. Each answer has rows."""

import json
import re
import shlex
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import pytest

import served
from rows_of import rows_of
from stage import DAY, ROOT

pytestmark = pytest.mark.xdist_group("serve")

SERVER = "http://127.0.0.1:8087"
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def lines():
    """The `curl` lines that ask a server, wherever they stand, and the document of each."""
    for document in DOCUMENTS:
        text = document.read_text()
        found = re.findall(r"`(curl [^`\n]+)`", text) + re.findall(r"^(?:\$ )?(curl .+)$", text, re.M)
        # What is recorded now needs a recorder: scripts/checks/live.
        yield from ((document.relative_to(ROOT), line) for line in found if SERVER in line and "/live/" not in line)


def paths():
    """The paths that texts name with all they need."""
    for document in DOCUMENTS:
        for path in re.findall(r"`(?:GET )?(/(?:v1/|health|metrics|openapi)[^`\s]*)`", document.read_text()):
            if not re.search(r"[{…]|/$", path):
                yield document.relative_to(ROOT), path


@pytest.fixture(scope="module")
def open_address(spoilt):
    """A server over a lake in which each list has something."""
    with served.server(spoilt) as address:
        yield address


def interface(address):
    """The interface as it is served; a Rust test holds the committed one to it."""
    return json.loads(urllib.request.urlopen(f"{address}/openapi.json").read())


def curl(address, words):
    """Status, media type and body of what a line asks for."""
    program = [word.replace(SERVER, address) for word in words]
    ended = subprocess.run([*program, "--silent", "--show-error", "--max-time", "60", "--write-out", "%{stderr}%{http_code} %{content_type}"],
                           capture_output=True, timeout=90)
    assert ended.returncode == 0, (words, ended.stderr, ended.stdout[:300])
    status, _, media = ended.stderr.decode().partition(" ")
    return int(status), media, ended.stdout


@pytest.mark.needs("curl", "https://curl.se")
def test_every_line_of_the_documents_is_answered_with_rows(open_address, tell):
    every = list(lines())
    assert len(every) > 20 and any(document.name == "replay.md" for document, _ in every)
    for document, line in every:
        status, media, body = curl(open_address, shlex.split(line))
        assert 200 <= status < 300 and rows_of(media, body) > 0, (document, line, status, body[:300])
        limit = re.search(r"[?&]limit=(\d+)", line)
        assert not limit or rows_of(media, body) <= int(limit[1]), line
    tell(f"{len(every)} lines")


@pytest.mark.needs("curl", "https://curl.se")
def test_every_path_of_a_text_is_answered_with_rows(open_address):
    every, names = list(paths()), interface(open_address)["paths"]
    assert len(every) > 5
    for document, path in every:
        if "?" not in path and path not in names:
            # A sentence names an endpoint without the key or the day that it takes.
            assert any(name.startswith(f"{path}/{{") for name in names), (document, path)
            continue
        status, media, body = curl(open_address, ["curl", "--globoff", SERVER + path])
        assert 200 <= status < 300 and rows_of(media, body) > 0, (document, path, status, body[:300])


def test_every_example_of_the_interface_is_answered_with_rows(open_address, tell):
    """Each operation with the first example of what it needs, then with each further example of each parameter."""
    asked, without = 0, set()
    for path, methods in interface(open_address)["paths"].items():
        for method, operation in methods.items():
            parameters = operation.get("parameters", [])
            examples = {one["name"]: [example["value"] for example in one.get("examples", {}).values()] for one in parameters}
            if {"run", "digest"} & examples.keys() or path.startswith(("/ws-", "/live", "/v1/bigquery", "/v1/verify")) or "page" in operation.get("tags", []):
                # A run's name and a certificate are the lake's own, BigQuery needs a bucket, WebSockets are no requests, and what is
                # recorded now needs a recorder: test_serve_events.py, test_serve_fuzz.py, test_replay.py, test_page.py, scripts/checks/live.
                continue
            needed = {one["name"]: examples[one["name"]][0] for one in parameters if one["required"]}
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
            for name, value in [(None, None), *((name, value) for name, values in examples.items() for value in values)]:
                values = {**needed, **({name: value} if name else {})}
                where = path
                for one in parameters:
                    if one["in"] == "path":
                        where = where.replace(f"{{{one['name']}}}", urllib.parse.quote(str(values.pop(one["name"])), safe="/:*,"))
                where += "?" + urllib.parse.urlencode(values)
                request = urllib.request.Request(open_address + where, method=method.upper(), data=body and json.dumps(body).encode())
                try:
                    with urllib.request.urlopen(request, timeout=60) as answer:
                        is_found = rows_of(answer.headers["content-type"], answer.read()) > 0
                except urllib.error.HTTPError as refused:
                    raise AssertionError(where, refused.read()) from refused
                if not is_found:
                    without.add((name, value))
                asked += 1
    # What this lake lacks is the right answer to some filters.
    assert without == LACKS
    tell(f"{asked} requests")


# No instrument has its vendor symbol as a key, and the lake has neither options nor candles of a day nor partitions without a check.
LACKS = {("instrument_type", "OPTION"), ("grade", "unchecked"), ("from", "key"), ("timeframe", "1d")}

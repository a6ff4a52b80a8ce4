"""Clients that mean harm, or know no better: paths that lead out, bytes that are no request, connections that are slow, silent or half
closed. Nothing leaves the lake, others are served meanwhile, memory is bounded, and the server ends when it is told to."""

import json
import re
import shutil
import signal
import threading
import time
import urllib.error
import urllib.request

import pyarrow.parquet
import pytest

import raw
import served
from stage import DAY, comes_about, partition

pytestmark = pytest.mark.xdist_group("serve-hostile")

KEY = "DERIBIT:PERP:BTC-USD"
MARK = b"this lies outside of the lake"
# 64 answers at once, each with a page of JSON or the batches that wait for its client, 8 MB, and what the program itself needs.
MOST_MEMORY = 600e6


@pytest.fixture(scope="module")
def enclosed(lake, tmp_path_factory):
    """A copy of the lake with a secret beside it."""
    folder = tmp_path_factory.mktemp("hostile")
    shutil.copytree(lake, folder / "lake")
    (folder / "secret.parquet").write_bytes(b"PAR1" + MARK + b"PAR1")
    return folder / "lake"


@pytest.fixture
def server(enclosed):
    """A server and its process, which must end by itself and well."""
    with served.server(enclosed) as address:
        process = served.server.process
        yield address, process
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) >= 0, "it was killed"


# --- paths

OUT = ["../secret.parquet", "%2e%2e/secret.parquet", "%2E%2E%2Fsecret.parquet", "..%2fsecret.parquet", ".%2e/secret.parquet",
       "..%5csecret.parquet", "..\\secret.parquet", "%2e%2e%5csecret.parquet", "%252e%252e%252fsecret.parquet", "..%252fsecret.parquet",
       "%c0%ae%c0%ae/secret.parquet", "%e0%80%ae%e0%80%ae/secret.parquet", "%uff0e%uff0e/secret.parquet", "....//secret.parquet",
       "..;/secret.parquet", "./../secret.parquet", "%00../secret.parquet", "../secret.parquet%00", "../secret.parquet%00.parquet",
       "../secret.parquet%23", "..%2fsecret.parquet%3f", "//../secret.parquet", "%2f..%2fsecret.parquet",
       "raw_tick_data/../../secret.parquet", "raw_tick_data%2f..%2f..%2fsecret.parquet", "raw_tick_data/by_date/../../../secret.parquet",
       f"raw_tick_data/by_date/day-{DAY}/data_type-trades/../../../../../secret.parquet",
       f"raw_tick_data/by_date/day-{DAY}/data_type-trades/..%2f..%2f..%2f..%2f..%2fsecret.parquet",
       f"raw_tick_data/by_date/day-{DAY}/data_type-trades/%252e%252e/x.parquet",
       "../../../../../../../../etc/passwd", "%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd", "/etc/passwd", "%2fetc%2fpasswd",
       "file:///etc/passwd", "~/.ssh/id_rsa", "C:%5cWindows%5cwin.ini", "%5c%5chost%5cshare", "{absolute}", "%2f{absolute}", "runs/../../secret.parquet"]
# Where a part of a path is taken.
AT = ["/v1/files/{}", "/v1/reports/{}", "/v1/runs/{}", "/v1/runs/{}/events", "/v1/data-types/{}", "/v1/instruments/{}", f"/v1/slices/{{}}/{KEY}?start={DAY}",
      f"/v1/slices/trades/{{}}?start={DAY}", f"/v1/partitions/{DAY}/trades/{{}}", f"/v1/partitions/{{}}/trades/{KEY}", "/assets/{}", "/runs/{}", "/days/{}",
      "/instruments/{}", "/{}", "/v1/../{}", f"/v1/coverage?start={DAY}&key={{}}"]


def test_no_path_leads_out(server, enclosed):
    address, _ = server
    right = raw.told(address, raw.get(f"/v1/files/raw_tick_data/by_date/day-{DAY}/data_type-trades/{KEY}.parquet"))
    assert raw.status(right) == 200 and right.endswith(partition(enclosed, "trades", KEY).read_bytes())
    outside = str(enclosed.parent / "secret.parquet")
    for place in AT:
        for out in OUT:
            path = place.format(out.replace("{absolute}", outside.lstrip("/")))
            answer = raw.told(address, raw.get(path))
            assert raw.status(answer) in (400, 404) or (place.startswith("/v1/coverage") and raw.status(answer) == 200), (path, answer[:200])
            assert MARK not in answer and b"root:x:" not in answer, path
            # A refusal may repeat what was asked for, but tells nothing of this machine.
            assert str(enclosed.parent).encode() not in answer.replace(outside.encode(), b""), (path, answer[-300:])


# --- bytes

HOST = "host: localhost\r\n"
CLOSE = HOST + "connection: close\r\n"
# What is sent, and the statuses that may come; 0: the connection is ended without a word.
BYTES = {
    "a header of 10,000 bytes": (f"GET /v1/days HTTP/1.1\r\n{CLOSE}x: {'a' * 10_000}\r\n\r\n", {200}),
    "headers of 10,000 lines": (f"GET /v1/days HTTP/1.1\r\n{CLOSE}" + "a: b\r\n" * 10_000 + "\r\n", {431, 0}),
    "a header of 200,000 bytes": (f"GET /v1/days HTTP/1.1\r\n{CLOSE}x: {'a' * 200_000}\r\n\r\n", {431, 0}),
    "an address of 10,000 bytes": (f"GET /v1/days?{'a' * 10_000} HTTP/1.1\r\n{CLOSE}\r\n", {400, 414}),
    "an address of 200,000 bytes": (f"GET /v1/days?{'a' * 200_000} HTTP/1.1\r\n{CLOSE}\r\n", {414, 431, 0}),
    "HTTP/1.0": ("GET /v1/days HTTP/1.0\r\nhost: localhost\r\n\r\n", {200}),
    "HTTP/1.0 without a host": ("GET /v1/days HTTP/1.0\r\n\r\n", {400}),
    "HTTP/0.9": ("GET /v1/days\r\n\r\n", {400, 0}),
    "HTTP/2 without a word": ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400, 505, 0}),
    "TLS": ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "\x00" * 300, {400, 0}),
    "an absolute address": (f"GET http://localhost/v1/days HTTP/1.1\r\n{CLOSE}\r\n", {200}),
    "an absolute address of another host": (f"GET http://evil.example/v1/days HTTP/1.1\r\n{CLOSE}\r\n", {403}),
    "another host": ("GET /v1/days HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n", {403}),
    "two hosts": ("GET /v1/days HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\nconnection: close\r\n\r\n", {400, 403}),
    "two hosts, the other way round": ("GET /v1/days HTTP/1.1\r\nhost: evil.example\r\nhost: localhost\r\nconnection: close\r\n\r\n", {400, 403}),
    "a host with a name and a password": ("GET /v1/days HTTP/1.1\r\nhost: localhost@evil.example\r\nconnection: close\r\n\r\n", {400, 403}),
    "an empty host": ("GET /v1/days HTTP/1.1\r\nhost:\r\nconnection: close\r\n\r\n", {400, 403}),
    "TRACE": (f"TRACE /v1/days HTTP/1.1\r\n{CLOSE}\r\n", {405}),
    "CONNECT": (f"CONNECT evil.example:443 HTTP/1.1\r\n{CLOSE}\r\n", {400, 403, 404, 405}),
    "OPTIONS of all": (f"OPTIONS * HTTP/1.1\r\n{CLOSE}\r\n", {400, 404, 405}),
    "a method in lower case": (f"get /v1/days HTTP/1.1\r\n{CLOSE}\r\n", {400, 405}),
    "a method of another kind": (f"DELETE /v1/days HTTP/1.1\r\n{CLOSE}\r\n", {405}),
    "a method of 10,000 letters": (f"{'G' * 10_000} /v1/days HTTP/1.1\r\n{CLOSE}\r\n", {400, 405, 0}),
    "NUL in the address": (f"GET /v1/days\x00 HTTP/1.1\r\n{CLOSE}\r\n", {400, 0}),
    "NUL in a header": (f"GET /v1/days HTTP/1.1\r\n{CLOSE}x: a\x00b\r\n\r\n", {400, 0}),
    "a space before a colon": (f"GET /v1/days HTTP/1.1\r\n{CLOSE}x : a\r\n\r\n", {400, 0}),
    "a header in two lines": (f"GET /v1/days HTTP/1.1\r\n{CLOSE}x: a\r\n b\r\n\r\n", {400, 0}),
    "a chunk without a size": (f"POST /v1/slices HTTP/1.1\r\n{CLOSE}transfer-encoding: chunked\r\n\r\nzz\r\n\r\n", {400, 0}),
    "a chunk that is too long": (f"POST /v1/slices HTTP/1.1\r\n{CLOSE}transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n\r\n", {400, 413, 0}),
    "a chunk that goes on": (f"POST /v1/slices HTTP/1.1\r\n{CLOSE}transfer-encoding: chunked\r\n\r\n2\r\n{{}}xx\r\n0\r\n\r\n", {400, 0}),
    "another transfer coding": (f"POST /v1/slices HTTP/1.1\r\n{CLOSE}transfer-encoding: gzip\r\n\r\n", {400, 501, 0}),
    "two lengths": (f"POST /v1/slices HTTP/1.1\r\n{CLOSE}content-length: 2\r\ncontent-length: 3\r\n\r\n{{}}x", {400, 0}),
    "a length below zero": (f"POST /v1/slices HTTP/1.1\r\n{CLOSE}content-length: -1\r\n\r\n", {400, 0}),
    "a length that is no number": (f"POST /v1/slices HTTP/1.1\r\n{CLOSE}content-length: 1e3\r\n\r\n", {400, 0}),
    "a body of 2 GB": (f"POST /v1/slices HTTP/1.1\r\n{CLOSE}content-length: 2000000000\r\n\r\n", {413}),
    "a body of 2 MB": (f"POST /v1/slices HTTP/1.1\r\n{CLOSE}content-length: 2000000\r\n\r\n" + " " * 2_000_000, {413, 0}),
    "a body that is deep": (f"POST /v1/slices HTTP/1.1\r\n{CLOSE}content-length: 200000\r\n\r\n" + "[" * 200_000, {400}),
    "a body that a GET has": (f"GET /v1/days HTTP/1.1\r\n{CLOSE}content-length: 5\r\n\r\nhello", {200, 400}),
    "a body that is expected to be waited for": (f"POST /v1/slices HTTP/1.1\r\n{CLOSE}expect: 100-continue\r\ncontent-length: 2\r\n\r\n{{}}", {100, 400}),
    "nothing but line ends": ("\r\n" * 1000, {400, 0}),
}


@pytest.mark.parametrize("name", BYTES)
def test_bytes_that_are_no_usual_request(address, name, lake):
    text, statuses = BYTES[name]
    connection = raw.connect(address)
    try:
        connection.sendall(text.encode("latin-1"))
        if name == "nothing but line ends":
            connection.shutdown(1)  # more could follow
    except OSError:
        pass  # it may refuse before all is sent
    answer = raw.rest(connection)
    connection.close()
    assert raw.status(answer) in statuses, (name, answer[:300])
    assert str(lake).encode() not in answer
    # Whatever it was, it was one request.
    assert answer.count(b"HTTP/1.1 ") + answer.count(b"HTTP/1.0 ") <= 1 + (100 in statuses), answer[:600]


def test_a_body_by_two_measures_is_one_request(address):
    """By its length the body would hold a second request."""
    inner = b"0\r\n\r\nGET /v1/days HTTP/1.1\r\nhost: localhost\r\n\r\n"
    answer = raw.told(address, raw.get("/v1/slices", f"content-length: {len(inner)}", "transfer-encoding: chunked", method="POST", body=inner))
    assert raw.status(answer) in (0, 400) and answer.count(b"HTTP/1.1 ") <= 1, answer


def test_ranges(address, lake):
    path = f"/v1/files/raw_tick_data/by_date/day-{DAY}/data_type-trades/{KEY}.parquet"
    content = partition(lake, "trades", KEY).read_bytes()
    size = len(content)
    for value, status, part in [
            ("bytes=0-0", 206, content[:1]), ("bytes=-1", 206, content[-1:]), (f"bytes={size - 1}-", 206, content[-1:]),
            (f"bytes=0-{size}", 206, content), (f"bytes=-{size + 5}", 206, content), ("bytes=5-1", 200, content), ("bytes=", 200, content),
            ("bytes=--1", 200, content), ("bytes=1-2,5-6", 200, content), ("bytes=0-18446744073709551615", 206, content),
            ("bytes=" + ",".join("0-" for _ in range(1000)), 200, content), ("bytes=a-b", 200, content), ("lines=0-1", 200, content),
            (f"bytes={size}-", 416, None), ("bytes=99999999999999999999999999-", 416, None), ("bytes=-0", 416, None)]:
        answer = raw.told(address, raw.get(path, f"range: {value}"))
        head, _, body = answer.partition(b"\r\n\r\n")
        assert raw.status(answer) == status, (value, head)
        assert part is None or body == part, (value, head)
        assert status != 416 or b"\r\ncontent-range: bytes */%d" % size in head.lower()


def test_a_pipeline_is_answered_in_its_order(address):
    """Answers of several lengths and codings, one after the other on a connection."""
    paths = ["/health", f"/v1/slices/trades/{KEY}?start={DAY}&format=csv&limit=3", "/nothing", f"/v1/slices/trades/{KEY}?start={DAY}&format=ndjson",
             "/v1/days", f"/v1/slices/trades/{KEY}?start={DAY}&columns=none"] * 10
    alone = [raw.told(address, raw.get(path)).partition(b"\r\n\r\n")[2] for path in paths[:6]]
    import storm

    answers = storm.Answers(address)
    answers.socket.sendall(b"".join(f"GET {path} HTTP/1.1\r\n{HOST}\r\n".encode() for path in paths))
    found = [answers.one("GET") for _ in paths]
    answers.close()
    assert [status for status, _, _ in found] == [200, 200, 404, 200, 200, 400] * 10
    assert found[1][2] == found[7][2] and found[3][2].count(b"\n") > 100
    assert [body for _, _, body in found if b"as_of" not in body] == [
        body for body in (storm_body for storm_body in [unchunked(one) for one in alone] * 10) if b"as_of" not in body]


def unchunked(body):
    """A body without its chunks, if it has them."""
    found = b""
    while match := re.match(rb"([0-9a-f]+)\r\n", body):
        size, start = int(match[1], 16), match.end()
        found, body = found + body[start:start + size], body[start + size + 2:]
    return found or body


# --- clients that are slow or silent

SILENT, SLOW_BODIES, SLOW_HEADERS, HALF = 200, 80, 20, 40
ASKED = 30


def asked(address, path):
    """An answer of a client that waits as it is told to, and how often it had to. It asks six times at most."""
    for again in range(6):
        try:
            with urllib.request.urlopen(address + path, timeout=60) as answer:
                return answer.read(), again
        except urllib.error.HTTPError as error:
            assert error.code == 429, (path, error.code, error.read())
            time.sleep(float(error.headers["retry-after"]))
    raise AssertionError(f"{path} was not answered")


def test_slow_and_silent_clients_starve_nobody(server, enclosed, tell):
    address, process = server
    large = f"/v1/slices/incremental_book_L2/DERIBIT:PERP:*?start={DAY}&format=ndjson"
    paths = [f"/v1/slices/trades/{KEY}?start={DAY}T12:00&end={DAY}T13:00&format=csv", f"/v1/candles/{KEY}?timeframe=1h&start={DAY}&format=csv",
             f"/v1/slices/book_snapshot_5/{KEY}?start={DAY}&format=arrow", large]
    before = [asked(address, path)[0] for path in paths]
    assert len(before[-1]) > 4_000_000, "too short to fill the machine's buffers"
    # 200 that take nothing of a long answer: a third of them asks for it ten times, some by other forms.
    forms = ["ndjson", "csv", "arrow", "json&limit=100000", "parquet"]
    silent = [raw.connect(address, receive=4096) for _ in range(SILENT)]
    for place, connection in enumerate(silent):
        request = raw.get(large.replace("format=ndjson", f"format={forms[place % len(forms)]}")).replace(b"connection: close\r\n", b"")
        connection.sendall(request * (10 if place % 3 == 0 else 1))
    slow = [(raw.connect(address), f"POST /v1/slices HTTP/1.1\r\n{HOST}content-length: 1000\r\n\r\n".encode(), b" ") for _ in range(SLOW_BODIES)]
    slow += [(raw.connect(address), b"GET /v1/days HTTP/1.1\r\n", b"x") for _ in range(SLOW_HEADERS)]
    for connection, begun, _ in slow:
        connection.sendall(begun)
    half = [raw.connect(address) for _ in range(HALF)]
    for connection in half:
        connection.sendall(raw.get(large))
        connection.shutdown(1)
    is_over = threading.Event()

    def drip():
        """A byte a second of each, as long as it is taken."""
        open_ = list(slow)
        while not is_over.wait(1):
            for one in list(open_):
                try:
                    one[0].send(one[2])
                except OSError:
                    open_.remove(one)

    dripping = threading.Thread(target=drip)
    dripping.start()
    answered = again = 0
    try:
        for number in range(ASKED):
            body, waited = asked(address, paths[number % len(paths)])
            assert body == before[number % len(paths)], paths[number % len(paths)]
            answered, again = answered + 1, again + waited
        # Each slow one is told so, or ended, however long it would go on.
        said = [raw.status(raw.rest(connection)) for connection, _, _ in slow]
    finally:
        is_over.set()
        dripping.join()
    assert set(said[:SLOW_BODIES]) <= {408, 0} and set(said[SLOW_BODIES:]) <= {408, 0}, said
    # A half closed one is answered whole, or ended.
    for connection in half:
        answer = raw.rest(connection)
        assert raw.status(answer) in (0, 200, 429)
    most = served.memory(process)
    # All turns are free again, though the silent ones are still there.
    metrics = lambda: asked(address, "/metrics")[0].decode()
    active = lambda: int(re.search(r"^mtdh_serve_active_requests (\d+)", metrics(), re.M)[1])
    assert comes_about(lambda: active() <= 1, 90, pause=1), metrics()
    for connection in [*silent, *half, *(connection for connection, _, _ in slow)]:
        connection.close()
    assert json.loads(asked(address, "/health")[0]) == {"status": "alive"}
    tell(f"{answered} answers beside {SILENT} silent, {len(slow)} slow and {HALF} half closed connections, {again} of them asked again; "
         f"{most / 1e6:.0f} MB at most")
    assert answered == ASKED and most < MOST_MEMORY


def test_answers_that_nobody_takes_end_with_the_server(enclosed):
    """Told to end while clients take nothing, the server ends."""
    rows = sum(pyarrow.parquet.read_metadata(partition(enclosed, "incremental_book_L2", f"DERIBIT:PERP:{base}-USD")).num_rows for base in ("BTC", "ETH"))
    with served.server(enclosed) as address:
        process = served.server.process
        silent = [raw.connect(address, receive=4096) for _ in range(20)]
        for connection in silent:
            connection.sendall(raw.get(f"/v1/slices/incremental_book_L2/DERIBIT:PERP:*?start={DAY}&format=csv"))
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) >= 0
        for connection in silent:
            answer = raw.rest(connection)
            # What had begun and is not whole does not look so.
            assert not answer.endswith(b"\r\n0\r\n\r\n") or answer.count(b"\n") > rows
            connection.close()

"""Random requests against a server, the same ones for a seed: right ones, wrong ones, and bytes that are no request.

    python scripts/checks/serve/storm.py LAKE [REQUESTS [SEED]]

serves the lake (the program is that of MTDH), and prints statuses and memory. It fails where an answer has a status that the
interface does not document, where one is 500 or more, names a path of the machine, or cannot be read as HTTP.
"""

import collections
import json
import pathlib
import random
import re
import socket
import string
import sys
import threading
import time
import urllib.parse
import urllib.request

AT_ONCE = 16
CLIENTS = 4
# What a connection, a method or a line of a request can be refused with, whatever the path.
ALWAYS = {400, 403, 404, 405, 413, 414, 431}
JUNK = ["", "0", "-1", "1", "null", "undefined", "NaN", "true", "a" * 500, "é", "日本", "\u202e", "'", "\"", "<b>", "{}", "[]", "..", "../..",
        "../../etc/passwd", "/etc/passwd", "%", "%2e", "\\", "\x00", "\n", "a,b", ",,", "*", "?", "1e9", "99999999999999999999", "٣", " ", "+"]
LIVE = {
    "type": ["trades", "book_snapshot_5", "incremental_book_L2", "derivative_ticker", "quotes"],
    "key": ["DERIBIT:PERP:BTC-USD", "DERIBIT:PERP:ETH-USD", "DERIBIT:PERP:*", "DERIBIT:PERP:BTC-US", "BTC"],
    "day": ["2024-03-01", "2024-02-29", "1970-01-01", "2024-02-30"],
    "start": ["2024-03-01", "2024-03-01T12:00", "2024-03", "2024-03-01T00:00:00.000001Z", "today", "9999-12-31", "2024-03-01T12:00+01:00"],
    "end": ["2024-03-01", "2024-03-01T12:05", "2024-03-02", "2024-02-01"],
    "at": ["2024-03-01T12:00", "2024-03-01", "2024-03-09T00:00"],
    "columns": ["price", "timestamp,price,amount", "price,price", "prize"],
    "timeframe": ["1m", "1h", "1d", "7s"],
    "symbols": ["BTC-PERPETUAL", "BTC-PERPETUAL,nothing"],
    "venue": ["DERIBIT", "BINANCE", "deribit"],
    "instrument_type": ["PERP", "OPTION"],
    "by": ["day", "venue,type", "key"],
    "limit": ["1", "100", "0", "1000000000"],
    "depth": ["1", "5", "25", "10001"],
    "path": ["raw_tick_data/by_date/day-2024-03-01/data_type-trades/DERIBIT:PERP:BTC-USD.parquet",
             "instrument_availability/by_date/day-2024-03-01/instruments.parquet", "runs", "_tmp/x"],
    "run": ["none", ".."],
    "part": ["candles", "rows", "nothing"],
    "name": ["app.css", "none.js"],
    "options": ['{"exchange":"deribit","symbols":["BTC-PERPETUAL"],"from":"2024-03-01T12:00","to":"2024-03-01T12:05","dataTypes":["trade"]}',
                '{"exchange":"deribit","from":"2024-03-01","to":"2024-03-01","dataTypes":["trade","x"]}', "{", "[]"],
}
HEADERS = {
    "accept": ["*/*", "text/csv", "application/x-ndjson", "application/vnd.apache.arrow.stream", "image/png", "text/html", "a/b;q=x"],
    "accept-encoding": ["gzip", "zstd", "gzip;q=0", "identity", "br, zstd;q=nan"],
    "range": ["bytes=0-9", "bytes=-5", "bytes=5-1", "bytes=999999999-", "bytes=0-1,4-5", "rows=1-2", "bytes=x"],
    "if-none-match": ["*", "\"x\"", "W/\"y\", \"z\""],
    "if-range": ["\"x\""],
    "if-match": ["\"x\"", "*"],
    "origin": ["http://evil.example", "null"],
    "authorization": ["Bearer x", "Basic eDp5"],
    "cookie": ["mtdh_session=x", "a=b; c"],
    "upgrade": ["websocket"],
    "content-type": ["application/json", "text/plain"],
    "x-forwarded-for": ["1.2.3.4"],
}
WEIGHTS = {"candles": 0.03, "book": 0.05, "slices/{type}": 0.25, "paths": 0.15, "instruments": 0.15, "partitions": 0.15, "openapi": 0.05, "coverage": 0.5,
           "replay": 0.3, "v1": 1, "health": 1, "metrics": 1, "": 0.1}
PAGES = ["/", "/instruments", "/instruments/{key}", "/instruments/{key}/{part}", "/days/{day}", "/days/{day}/{venue}", "/quality", "/runs",
         "/days/{day}/{venue}/{type}/{key}", "/assets/{part}", "/login", "/replay-normalized", "/nothing", "/v1", "/v1/"]
WRONG = [b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET /v1/days HTTP/9.9\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
         b"GET /v1/days HTTP/1.1\r\n\r\n", b"GET /v1/days HTTP/1.1\r\nhost : x\r\n\r\n", b"\x00" * 40 + b"\r\n\r\n", b"GET  /v1/days  HTTP/1.1\r\n\r\n",
         b"POST /v1/slices HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n",
         b"POST /v1/slices HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n\r\n",
         b"CONNECT evil.example:443 HTTP/1.1\r\nhost: localhost\r\n\r\n", b"GET http://evil.example/v1/days HTTP/1.1\r\nhost: evil.example\r\n\r\n"]


class Requests:
    """The requests of a seed."""

    def __init__(self, seed, openapi):
        self.random = random.Random(seed)
        self.operations = [(path, method.upper(), operation) for path, methods in openapi["paths"].items()
                           for method, operation in methods.items() if not path.endswith("/events")]
        # What reads many rows or lists is asked for less often, or all others would wait for it.
        self.weights = [next((weight for part, weight in WEIGHTS.items() if part in path), 1) for path, _, _ in self.operations]

    def value(self, name, schema):
        """A value of a parameter: one that finds something, one of the schema, or junk."""
        kind = self.random.random()
        if kind < 0.7 and name in LIVE:
            # The first of them fits mostly.
            return LIVE[name][0] if self.random.random() < 0.5 else self.random.choice(LIVE[name])
        if kind < 0.85 and schema.get("enum"):
            return self.random.choice(schema["enum"])
        if kind < 0.93:
            return self.random.choice(JUNK)
        return "".join(self.random.choices(string.printable, k=self.random.randrange(1, 30)))

    def body(self):
        """A body of a POST, mostly of the right shape."""
        found = {"type": self.value("type", {}), "instruments": [self.value("key", {}) for _ in range(self.random.randrange(3))],
                 "start": self.value("start", {}), "limit": self.random.choice([1, 10, 0, -1, "x", None, 1e30])}
        for name in list(found):
            if self.random.random() < 0.1:
                found[name] = self.random.choice([None, 1, [], {}, "x" * 100, [[[]]]])
        if self.random.random() < 0.1:
            found[self.random.choice(JUNK)] = 1
        text = json.dumps(found).encode()
        if self.random.random() < 0.15:
            place = self.random.randrange(len(text))
            text = text[:place] + bytes([self.random.randrange(256)]) + text[place + 1:]
        return text

    def one(self):
        """A request: bytes, its method, and its documented statuses; `None`: a connection of its own, whose answer is free."""
        if self.random.random() < 0.01:
            return self.random.choice(WRONG), "", None
        statuses = set()
        if self.random.random() < 0.02:
            path, method, parameters = self.random.choice(PAGES), "GET", []
            statuses = None
        else:
            [(path, method, operation)] = self.random.choices(self.operations, self.weights)
            parameters = operation.get("parameters", [])
            statuses = {int(status) for status in operation["responses"]}
        schemas = {one["name"]: one["schema"] for one in parameters}
        quote = lambda text: urllib.parse.quote(text, safe="/:*,")
        path = re.sub(r"\{(\w+)\}", lambda m: quote(self.value(m[1], schemas.get(m[1], {}))) or "x", path)
        query = [(one["name"], self.value(one["name"], one["schema"])) for one in parameters
                 if one["in"] == "query" and self.random.random() < (0.97 if one.get("required") else 0.3)]
        # Most answers are short.
        if "limit" in schemas and self.random.random() < 0.9:
            query = [pair for pair in query if pair[0] != "limit"] + [("limit", str(self.random.randrange(1, 50)))]
        if self.random.random() < 0.05:
            query.append((self.random.choice(JUNK), self.random.choice(JUNK)))
        text = urllib.parse.urlencode(query) if self.random.random() < 0.9 else "&".join(f"{quote(k)}={quote(v)}" for k, v in query)
        body = self.body() if method == "POST" else b""
        if self.random.random() < 0.06:
            method = self.random.choice(["HEAD", "OPTIONS", "DELETE", "PUT", "TRACE", "PATCH", "POST", "X"])
            statuses = statuses if method == "HEAD" else None
        lines = [f"{method} {path}{'?' + text if text else ''} HTTP/1.1", "host: localhost"]
        for name in self.random.sample(list(HEADERS), k=self.random.choice([0, 0, 0, 1, 2, 3])):
            if name != "upgrade" or self.random.random() < 0.1:
                lines.append(f"{name}: {self.random.choice(HEADERS[name])}")
        if body or method in ("POST", "PUT", "PATCH"):
            lines.append(f"content-length: {len(body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body, method, statuses


class Answers:
    """The answers of a connection."""

    def __init__(self, address):
        where = urllib.parse.urlsplit(address)
        self.socket = socket.create_connection((where.hostname, where.port), timeout=120)
        self.file = self.socket.makefile("rb", 1 << 16)

    def one(self, method):
        """Status, headers and body of the next answer; `None`: there is none."""
        line = self.file.readline()
        if not line:
            return None
        status = int(re.fullmatch(rb"HTTP/1\.[01] (\d{3}) [^\r\n]*\r\n", line)[1])
        headers = {}
        while (line := self.file.readline()) != b"\r\n":
            name, value = line.split(b":", 1)
            headers[name.lower().decode()] = value.strip().decode()
        if method == "HEAD" or status in (204, 304) or status < 200:
            return status, headers, b""
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self.file.readline(), 16):
                body += self.file.read(size)
                assert self.file.read(2) == b"\r\n"
            assert self.file.readline() == b"\r\n"
            return status, headers, body
        body = self.file.read(int(headers["content-length"])) if "content-length" in headers else self.file.read()
        assert len(body) == int(headers.get("content-length", len(body)))
        return status, headers, body

    def close(self):
        self.file.close()
        self.socket.close()


def fault(request, statuses, answer, secret):
    """What is wrong with an answer; `None`: nothing."""
    status, headers, body = answer
    allowed = ALWAYS | (statuses or set(range(200, 500)))
    if status >= 500 or status not in allowed:
        return f"status {status}: {body[:300]!r}"
    if secret.encode() in body or b"root:x:" in body:
        return "the answer names a path of this machine"
    if headers.get("content-type") == "application/problem+json" and not headers.get("content-encoding"):
        if body and json.loads(body)["status"] != status:
            return "the problem has another status"
    return None


def storm(address, requests, seed, secret):
    """Sends requests; gives how often each status came, and what was wrong."""
    openapi = json.loads(urllib.request.urlopen(f"{address}/openapi.json").read())
    statuses, wrong, lock = collections.Counter(), [], threading.Lock()

    def client(number, count):
        source, connection, left = Requests(seed * 1000 + number, openapi), None, count
        mine = collections.Counter()
        while left > 0:
            batch = [source.one() for _ in range(min(AT_ONCE, left))]
            left -= len(batch)
            alone = [one for one in batch if one[2] is None and one[1] == ""]
            batch = [one for one in batch if one not in alone]
            for request, _, _ in alone:
                own = Answers(address)
                own.socket.sendall(request)
                answer = own.one("GET")
                mine[answer[0] if answer else "closed"] += 1
                if answer and answer[0] >= 500:
                    wrong.append((request, answer[0]))
                own.close()
            while batch:
                connection = connection or Answers(address)
                try:
                    connection.socket.sendall(b"".join(request for request, _, _ in batch))
                except OSError:
                    pass
                done = 0
                for request, method, documented in batch:
                    try:
                        answer = connection.one(method)
                    except ConnectionError:
                        answer = None
                    if answer is None:
                        break
                    done += 1
                    mine[answer[0]] += 1
                    found = fault(request, documented, answer, secret)
                    if found:
                        wrong.append((request[:400], found))
                    if answer[1].get("connection") == "close" or answer[0] == 101:
                        break
                if done < len(batch):
                    connection.close()
                    connection = None
                if done == 0:
                    # A connection that ended before its first answer: another one must have it.
                    mine["again"] += 1
                    if mine["again"] > 100 + count // 100:
                        wrong.append((batch[0][0][:400], "no answer"))
                        return
                batch = batch[done:]
        with lock:
            statuses.update(mine)

    share = -(-requests // CLIENTS)
    threads = [threading.Thread(target=client, args=(number, share)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses, wrong


def resident(process):
    """Bytes of memory that a process has now."""
    return int(re.search(r"VmRSS:\s+(\d+) kB", pathlib.Path(f"/proc/{process.pid}/status").read_text())[1]) * 1024


def main(lake, requests=1_000_000, seed=1):
    import served

    with served.server(lake, seconds=36_000) as address:
        process = served.server.process
        storm(address, 2000, seed + 1, str(lake))
        start, began = resident(process), time.monotonic()
        statuses, wrong = storm(address, requests, seed, str(lake))
        took = time.monotonic() - began
        print(f"{sum(n for s, n in statuses.items() if s != 'again')} answers in {took:.0f} s, seed {seed}")
        print(", ".join(f"{count} of {status}" for status, count in sorted(statuses.items(), key=str)))
        print(f"memory: {start / 1e6:.0f} MB after 2000 requests, {resident(process) / 1e6:.0f} MB at the end, "
              f"{served.memory(process) / 1e6:.0f} MB at most")
        for request, why in wrong[:20]:
            print(request, why)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:])))

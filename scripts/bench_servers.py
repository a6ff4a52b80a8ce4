"""Servers for `bench_jobs.py`, all on loopback: files, proxies that count, record, enlarge or delay."""

import asyncio
import contextlib
import gzip
import http.client
import json
import re
import socketserver
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler


class Quiet(BaseHTTPRequestHandler):
    """A handler that keeps connections and says nothing of its requests."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(handler):
    class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
        daemon_threads, allow_reuse_address, request_queue_size = True, True, 64

    with Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


@contextlib.contextmanager
def file_server(root):
    """Whole files, sent by the kernel: no bottleneck."""

    class Handler(Quiet):
        def do_GET(self):
            path = root / self.path.split("?")[0].lstrip("/")
            with open(path, "rb") as file:
                self.send_response(200)
                self.send_header("Content-Length", str(path.stat().st_size))
                self.end_headers()
                self.wfile.flush()
                self.connection.sendfile(file)

    with serving(Handler) as address:
        yield address


@contextlib.contextmanager
def recording_proxy(target):
    """Passes requests on, and keeps the answers."""
    base = urllib.parse.urlsplit(target)

    class Proxy:
        def __init__(self):
            self.path, self.answers = base.path, {}

        def has(self, symbol):
            """Whether every file of a symbol was there: the vendor's client ends at the first that is not."""
            answers = [answer for path, answer in self.answers.items() if path.endswith(f"/{symbol}.csv.gz")]
            return bool(answers) and all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers)

        def write(self, file):
            with open(file, "wb") as out:
                for path, answer in self.answers.items():
                    out.write(f"{path} {len(answer)}\n".encode() + answer)

    proxy = Proxy()

    class Handler(Quiet):
        def do_GET(self):
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            connection = http.client.HTTPConnection(base.hostname, base.port)
            connection.request("GET", self.path, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            hop = ("content-length", "transfer-encoding", "connection")
            lines = [f"HTTP/1.1 {answer.status} {answer.reason}"]
            lines += [f"{name}: {value}" for name, value in answer.getheaders() if name.lower() not in hop]
            whole = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body
            proxy.answers[self.path] = whole
            self.wfile.write(whole)

    with serving(Handler) as address:
        proxy.address = address + base.path
        yield proxy


@contextlib.contextmanager
def enlarging_proxy(target, times):
    """Passes requests on, and repeats the expired symbols of Deribit's list under other strikes."""
    strike = re.compile(r"\d+(?=[^0-9]*$)")

    def more(symbols):
        for symbol in symbols:
            yield symbol
            if symbol.get("availableTo", "9") < "2024-01-01":
                for number in range(1, times):
                    yield {**symbol, "id": strike.sub(lambda found: str(int(found[0]) + number), symbol["id"])}

    def enlarged(body):
        document = json.loads(body)
        document["availableSymbols"] = list(more(document["availableSymbols"]))
        document["datasets"]["symbols"] = list(more(document["datasets"]["symbols"]))
        return json.dumps(document).encode()

    class Proxy:
        bytes, kept = 0, {}

    class Handler(Quiet):
        def do_GET(self):
            if self.path not in Proxy.kept:
                headers = {name: self.headers[name] for name in ("Authorization", "User-Agent") if name in self.headers}
                with urllib.request.urlopen(urllib.request.Request(target + self.path, headers=headers)) as answer:
                    body = answer.read()
                body = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
                body = enlarged(body) if self.path == "/exchanges/deribit" else body
                Proxy.bytes += len(body)
                Proxy.kept[self.path] = gzip.compress(body, 1)
            body = Proxy.kept[self.path]
            self.send_response(200)
            for name, value in {"Content-Type": "application/json", "Content-Encoding": "gzip", "Content-Length": len(body)}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(body)

    with serving(Handler) as Proxy.address:
        yield Proxy


@contextlib.contextmanager
def far_away(target, seconds):
    """The same server, with each piece of an answer so much later."""
    base = urllib.parse.urlsplit(target)

    async def serve(reader, writer):
        far_reader, far_writer = await asyncio.open_connection(base.hostname, base.port)
        late = asyncio.Queue()

        async def requests():
            while piece := await reader.read(1 << 16):
                far_writer.write(piece)
                await far_writer.drain()
            far_writer.close()

        async def answers():
            while piece := await far_reader.read(1 << 16):
                await late.put((time.monotonic() + seconds, piece))
            await late.put((0, b""))

        async def deliver():
            while (due_piece := await late.get())[1]:
                due, piece = due_piece
                await asyncio.sleep(max(0, due - time.monotonic()))
                writer.write(piece)
                await writer.drain()
            writer.close()

        await asyncio.gather(requests(), answers(), deliver(), return_exceptions=True)

    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(serve, "127.0.0.1", 0), loop).result()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)


@contextlib.contextmanager
def counting_proxy(target):
    """Passes requests on to the bucket, and counts them and the bytes of their answers."""

    class Proxy:
        requests = bytes = 0

        def reset(self):
            self.requests = self.bytes = 0

    proxy = Proxy()

    class Handler(Quiet):
        def do_GET(self):
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            request = urllib.request.Request(target + self.path, headers=headers, method=self.command)
            try:
                answer = urllib.request.urlopen(request)
            except urllib.error.HTTPError as error:
                answer = error
            body = answer.read()
            proxy.requests += 1
            proxy.bytes += len(body)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            length = answer.headers["Content-Length"] if self.command == "HEAD" else len(body)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        do_HEAD = do_GET

    with serving(Handler) as proxy.address:
        yield proxy

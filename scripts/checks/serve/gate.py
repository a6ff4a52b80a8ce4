"""A gate between a server and its bucket: it lets requests through, refuses them, cuts or changes what comes back. And what became of an
answer: whole, refused with a reason, or broken off in a way that every client sees."""

import contextlib
import gzip
import http.client
import http.server
import json
import socket
import struct
import threading
import urllib.parse

import pyarrow.ipc
import pyarrow.parquet

ONE_HOP = {"connection", "transfer-encoding", "keep-alive"}


class Gate:
    """`rule(method, path)` says of each request what is done with it: None, "reset", a status, ("cut", bytes) or ("flip", place)."""

    def __init__(self, upstream):
        self.upstream = urllib.parse.urlsplit(upstream)
        self.rule = lambda method, path: None
        # What passed: method, path, headers of the request, status of the answer.
        self.passed = []
        gate = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *words):
                pass

            def reset(self):
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True

            def pass_on(self):
                sent = self.rfile.read(int(self.headers.get("content-length", 0)))
                what = gate.rule(self.command, urllib.parse.unquote(self.path))
                if what == "reset":
                    return self.reset()
                if isinstance(what, int):
                    self.send_response(what)
                    self.send_header("content-length", "0")
                    return self.end_headers()
                to = http.client.HTTPConnection(gate.upstream.hostname, gate.upstream.port, timeout=60)
                to.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    if name.lower() not in ONE_HOP:
                        to.putheader(name, value)
                to.endheaders(sent)
                answer = to.getresponse()
                body = bytearray(answer.read())
                gate.passed.append((self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, answer.status))
                self.send_response(answer.status)
                has_length = False
                for name, value in answer.getheaders():
                    if name.lower() not in ONE_HOP | {"date", "server"}:
                        has_length |= name.lower() == "content-length"
                        self.send_header(name, value)
                if not has_length:
                    self.send_header("content-length", str(len(body)))
                self.end_headers()
                to.close()
                if what and what[0] == "flip" and body:
                    body[what[1] % len(body)] ^= 0x10
                if what and what[0] == "cut":
                    self.wfile.write(body[:what[1]])
                    return self.reset()
                self.wfile.write(body)

            do_GET = do_HEAD = do_POST = do_PUT = pass_on

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@contextlib.contextmanager
def opened(upstream):
    gate = Gate(upstream)
    try:
        yield gate
    finally:
        gate.close()


class Answer:
    """What came of a request."""

    def __init__(self, address, path, **headers):
        where = urllib.parse.urlsplit(address)
        connection = http.client.HTTPConnection(where.hostname, where.port, timeout=150)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        self.path, self.status, self.headers = path, answer.status, {name.lower(): value for name, value in answer.getheaders()}
        try:
            self.body, self.is_whole = answer.read(), True
        except http.client.IncompleteRead as broken:
            self.body, self.is_whole = broken.partial, False
        except ConnectionError:
            self.body, self.is_whole = b"", False
        connection.close()

    @property
    def is_refused(self):
        """Whether it is an error that says what is wrong."""
        if self.status < 400:
            return False
        problem = json.loads(self.body)
        assert self.is_whole and problem["status"] == self.status and problem["detail"], (self.path, problem)
        return True

    @property
    def looks_whole(self):
        """Whether a client that does not look at the transfer would take it for a whole answer."""
        media, body = self.headers.get("content-type", ""), self.body
        try:
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
                return True
            if "arrow.stream" in media:
                pyarrow.ipc.open_stream(body).read_all()
                return body.endswith(b"\xff\xff\xff\xff\x00\x00\x00\x00")
            if "parquet" in media:
                pyarrow.parquet.read_table(pyarrow.BufferReader(body))
                return True
            if media == "application/json":
                json.loads(body)
                return True
        except (EOFError, ValueError, OSError, pyarrow.ArrowInvalid):
            return False
        # Lines can be cut anywhere: that the transfer is cut is all that tells.
        return False

    def comes_to(self, expected):
        """"right", "refused" or "broken"; anything else fails."""
        if self.is_refused:
            assert self.status in (500, 503, 504), (self.path, self.status, self.body)
            return "refused"
        if not self.is_whole:
            assert not self.looks_whole, (self.path, "is cut and looks whole")
            return "broken"
        assert self.body in expected, (self.path, len(self.body), [len(one) for one in expected], self.body[-300:])
        return "right"

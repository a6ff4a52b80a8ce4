"""The latency that is added to live data, at 20,000 messages a second: over the whole way, and of serving alone.

    python scripts/bench_live_serve.py [MESSAGES_A_SECOND [SECONDS [RUNS]]]

The whole way: a stand-in exchange, `mtdh live serve`, and a client in this process. Measured is from `localTimestamp`, which is when the
recorder read the message from its socket, to when this client read it from its own: capture, rows and JSON are in between. The program is
that of MTDH, or target/release/mtdh.

Serving alone: builds `crates/serve/examples/live_latency.rs` for release and runs it, from the recorder's hub to a client of a WebSocket.
MTDH_PROFILE=dev builds it without optimisation: quick to build, and no measure of the product.

Prints each run, the medians, and the machine's load.
"""

import json
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = os.environ.get("MTDH", str(ROOT / "target/release/mtdh"))
VENUE, SYMBOLS = "binance-futures", "BTCUSDT,ETHUSDT"
ASKED = [{"exchange": VENUE, "dataTypes": ["trade", "book_ticker"]}]
# The seconds of a `localTimestamp`.
ARRIVED = re.compile(rb'"localTimestamp":"[^"]{17}(\d\d\.\d{6})Z"')
TARGETS = {"p50_us": 100, "p99_us": 1000}
PATHS = {"tardis-machine's form": None, "JSON lines": "/live/stream?type=trades"}


def load():
    return pathlib.Path("/proc/loadavg").read_text().split()[0] if os.path.exists("/proc/loadavg") else "unknown"


def connected(address, path):
    """A socket on which a WebSocket was opened; waits until the server listens."""
    for _ in range(200):
        try:
            client = socket.create_connection(address, timeout=20)
            break
        except ConnectionRefusedError:
            time.sleep(0.05)
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                   "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
    assert client.recv(1 << 16).startswith(b"HTTP/1.1 101")
    return client


def read(client, seconds):
    """Microseconds from the recorder's socket to this one, of each message in so many seconds."""
    found, rest, until = [], b"", time.time() + seconds
    while (now := time.time()) < until:
        came = client.recv(1 << 18)
        now, came = time.time() % 60, rest + came
        place = 0
        for message in ARRIVED.finditer(came):
            found.append((now - float(message[1])) % 60 * 1e6)
            place = message.end()
        rest = came[place:][-200:]
    return found


def whole_way(rate, seconds):
    """A run; gives the figures of the example."""
    command = [PROGRAM, "sim", "exchange", VENUE, "--symbols", SYMBOLS, "--rate", str(rate), "--seconds", "90", "--format", "json"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    with socket.socket() as free, tempfile.TemporaryDirectory() as lake:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()
        free.close()
        recorder = None
        try:
            text = ""
            while not text.rstrip().endswith("}"):
                text += server.stdout.readline()
            addresses = ",".join(f"{name.split()[0]}={url}" for name, url in json.loads(text).items())
            words = [PROGRAM, "live", "serve", "--venues", VENUE, "--symbols", SYMBOLS, "--data-types", "trades,book_ticker",
                     "--lake", lake, "--for", "60s", "--listen", f"{address[0]}:{address[1]}"]
            env = {**os.environ, "MTDH_LIVE_ADDRESSES": addresses}
            recorder = subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            client = connected(address, "/ws-stream-normalized?options=" + urllib.parse.quote(json.dumps(ASKED)))
            read(client, 2)
            found = sorted(read(client, seconds))
        finally:
            for process in filter(None, (recorder, server)):
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=30)
    quantile = lambda share: round(found[int((len(found) - 1) * share)], 1)
    return {"p50_us": quantile(0.5), "p99_us": quantile(0.99), "p999_us": quantile(0.999), "max_us": quantile(1),
            "a_second": round(len(found) / seconds)}


def serving(rate, seconds, words, path):
    command = ["cargo", "run", "-q", *words, "--", str(rate), str(seconds), *([path] if path else [])]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60 + 10 * seconds)
    return json.loads(said.stdout)


def measure(name, run, runs):
    """Prints runs and their medians beside the targets."""
    found = []
    for number in range(runs):
        found.append(one := run())
        print(f"  {name}, run {number + 1}: {one['a_second']} a second, p50 {one['p50_us']} µs, p99 {one['p99_us']} µs, "
              f"p99.9 {one['p999_us']} µs, most {one['max_us']} µs; load {load()}", flush=True)
    for figure, target in TARGETS.items():
        median = statistics.median(one[figure] for one in found)
        print(f"{name}: median {figure} {median} (target {target}): {'reached' if median <= target else 'MISSED'}", flush=True)


def main():
    rate, seconds, runs = (int(word) for word in (sys.argv[1:] + ["20000", "3", "5"][len(sys.argv) - 1:]))
    profile = os.environ.get("MTDH_PROFILE", "release")
    print(f"{rate} messages a second for {seconds} s, {runs} runs, {os.cpu_count()} processors, profile {profile}")
    measure("the whole way", lambda: whole_way(rate, seconds), runs)
    words = ["-p", "mtdh-serve", "--example", "live_latency", "--profile", profile]
    subprocess.run(["cargo", "build", "-q", *words], cwd=ROOT, check=True)
    for name, path in PATHS.items():
        measure(name, lambda: serving(rate, seconds, words, path), runs)


if __name__ == "__main__":
    main()

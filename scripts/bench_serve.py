"""How fast `mtdh serve` answers, beside the program's own reader and a FastAPI program of thirty lines over the same files.

    MTDH=target/release/mtdh .venv/bin/python scripts/bench_serve.py LAKE KEY DAY [--rounds 5] [--seconds 3] [--peer PYTHON]

Slices of 100 different minutes as Arrow, over some connections at once; a whole day as Arrow beside `reader()` of the Python package;
a whole day as CSV and NDJSON. What is compared takes turns. Servers and the own reader have all processors but the last, which is the
client's own.

LAKE is made by `mtdh demo` (small instruments), or by `scripts/bench_python.py make` (a day of 4,000,000 trades). The package `mtdh` is
that of this Python. `--peer` is a Python that has fastapi==0.165.0, uvicorn==0.54.0 and pyarrow==26.0.1; without it there is no peer.
"""

import argparse
import contextlib
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent / "checks"))
sys.path.insert(0, str(pathlib.Path(__file__).parent / "checks/serve"))
import served  # noqa: E402
import stage  # noqa: E402

PROCESSORS = sorted(os.sched_getaffinity(0))
SERVERS = PROCESSORS[:-1] or PROCESSORS

PEER = '''
import sys
import pyarrow, pyarrow.compute, pyarrow.csv, pyarrow.parquet, uvicorn
from datetime import datetime, timedelta, timezone
from fastapi import FastAPI
from fastapi.responses import StreamingResponse, Response

app = FastAPI()

def path(key, day):
    return f"{sys.argv[1]}/raw_tick_data/by_date/day-{day}/data_type-trades/{key}.parquet"

@app.get("/minute/{key}")
def minute(key: str, day: str, minute: int):
    start = datetime.fromisoformat(day).replace(tzinfo=timezone.utc) + timedelta(minutes=minute)
    clock = pyarrow.compute.field("local_timestamp")
    table = pyarrow.parquet.read_table(path(key, day), filters=(clock >= start) & (clock < start + timedelta(minutes=1)))
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return Response(sink.getvalue().to_pybytes(), media_type="application/vnd.apache.arrow.stream")

@app.get("/day/{key}")
def day(key: str, day: str, form: str):
    def pieces():
        for batch in pyarrow.parquet.ParquetFile(path(key, day)).iter_batches(65536):
            sink = pyarrow.BufferOutputStream()
            if form == "csv":
                pyarrow.csv.write_csv(batch, sink)
            else:
                with pyarrow.ipc.new_stream(sink, batch.schema) as stream:
                    stream.write_batch(batch)
            yield sink.getvalue().to_pybytes()
    return StreamingResponse(pieces())

uvicorn.run(app, port=int(sys.argv[2]), log_level="error")
'''

READER = '''
import sys, time, mtdh
rows = mtdh.Lake(sys.argv[1]).trades(sys.argv[2], sys.argv[3])
for line in sys.stdin:
    start, before = time.perf_counter(), time.process_time()
    count = sum(batch.num_rows for batch in rows.reader())
    print(time.perf_counter() - start, count, time.process_time() - before, flush=True)
'''


class Client:
    """A connection that asks and throws away what comes, with as little work of its own as possible."""

    def __init__(self, address):
        host, _, port = address.removeprefix("http://").partition(":")
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray(1 << 20)

    def take(self, path):
        """The bytes of an answer's body; fails if it is not 200 or not whole."""
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            got = self.socket.recv(1 << 16)
            assert got, (path, head)
            head += got
        head, _, rest = head.partition(b"\r\n\r\n")
        head = head.lower()
        assert head.startswith(b"http/1.1 200"), (path, head, rest[:500])
        if b"content-length:" in head:
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            left = length - len(rest)
            while left:
                got = self.socket.recv_into(self.buffer, min(left, len(self.buffer)))
                assert got, path
                left -= got
            return length
        # Chunked: the last chunk ends it.
        count, end = len(rest), rest[-5:]
        while end != b"0\r\n\r\n":
            got = self.socket.recv_into(self.buffer)
            assert got, (path, "was broken off")
            count += got
            end = (end + self.buffer[max(0, got - 5):got])[-5:]
        return count


def minutes(server, paths, seconds, connections):
    """Asks for the paths over and over; gives the rate, the times of each, the mean size and the server's CPU seconds per answer."""
    address, pid = server
    times, sizes, before = [], [], processor_seconds(pid)
    end = time.perf_counter() + seconds

    def work(first):
        client, place = Client(address), first
        while (start := time.perf_counter()) < end:
            sizes.append(client.take(paths[place % len(paths)]))
            times.append(time.perf_counter() - start)
            place += 1

    start = time.perf_counter()
    threads = [threading.Thread(target=work, args=(n * len(paths) // connections,)) for n in range(connections)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    rate = len(times) / (time.perf_counter() - start)
    return rate, times, statistics.mean(sizes), (processor_seconds(pid) - before) / len(times)


@contextlib.contextmanager
def pinned(processors):
    """What is started inside runs on these processors."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, processors)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def peer(python, lake):
    """The program of thirty lines; gives its address and its process, or None."""
    if python is None:
        yield None
        return
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.NamedTemporaryFile("w", suffix=".py") as file, pinned(SERVERS):
        file.write(PEER)
        file.flush()
        process = subprocess.Popen([python, file.name, lake, str(port)])
        try:
            for _ in range(600):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}", process.pid
        finally:
            process.terminate()
            process.wait()


@contextlib.contextmanager
def reader(options):
    """`reader()` of the Python package, in a program of its own; gives a function that returns seconds, rows
    and CPU seconds of a day."""
    with pinned(SERVERS):
        process = subprocess.Popen([sys.executable, "-c", READER, options.lake, options.key, options.day], text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def read():
        process.stdin.write("\n")
        process.stdin.flush()
        seconds, rows, cpu = process.stdout.readline().split()
        return float(seconds), int(rows), float(cpu)

    try:
        yield read
    finally:
        process.terminate()
        process.wait()


def load():
    return os.getloadavg()[0]


def processor_seconds(pid):
    """What a process has had of the processors: unlike the clock, it says the same on a busy machine."""
    with open(f"/proc/{pid}/stat") as status:
        words = status.read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def slices(options, own, other):
    """Minutes, in turn."""
    key, day, seconds = options.key, options.day, options.seconds
    chosen = range(7, 1430, 14)[:100]

    def of(minute):
        return f"{day}T{minute // 60:02}:{minute % 60:02}"

    ours = [f"/v1/slices/trades/{key}?start={of(m)}&end={of(m + 1)}&format=arrow" for m in chosen]
    theirs = [f"/minute/{key}?day={day}&minute={m}" for m in chosen]
    for connections in options.connections:
        found = {"mtdh": [], "peer": []}
        for _ in range(options.rounds):
            found["mtdh"].append(minutes(own, ours, seconds, connections))
            if other:
                found["peer"].append(minutes(other, theirs, seconds, connections))
        for who, rounds in found.items():
            if not rounds:
                continue
            times = sorted(time for _, times, *_ in rounds for time in times)
            rate = statistics.median(one[0] for one in rounds)
            cpu = statistics.median(one[3] for one in rounds)
            print(f"minutes, {connections} connections, {who}: {rate:,.0f}/s (best round {max(one[0] for one in rounds):,.0f}), "
                  f"{rounds[0][2] / 1e3:,.1f} kB and {cpu * 1e3:.2f} ms of CPU each, median {statistics.median(times) * 1e3:.2f} ms, "
                  f"p99 {times[int(len(times) * 0.99)] * 1e3:.2f} ms; load {load():.1f}")


def days(options, own, other):
    """Whole days, in turn."""
    key, day = options.key, options.day
    asks = {form: (own, f"/v1/slices/trades/{key}?start={day}&format={form}") for form in ("arrow", "csv", "ndjson")}
    if other:
        asks |= {f"peer, {form}": (other, f"/day/{key}?day={day}&form={form}") for form in ("arrow", "csv")}
    taken = {name: [] for name in ["reader", *asks]}
    spent = {name: [] for name in taken}
    sizes = {}
    with reader(options) as read:
        for number in range(options.rounds + 1):
            results = {"reader": read()}
            for name, (where, path) in asks.items():
                address, pid = where
                start, before = time.perf_counter(), processor_seconds(pid)
                size = Client(address).take(path)
                results[name] = (time.perf_counter() - start, size, processor_seconds(pid) - before)
            # The first round warms up.
            for name, (seconds, size, cpu) in results.items() if number else ():
                taken[name].append(seconds)
                spent[name].append(cpu)
                sizes[name] = size
    print(f"a day through reader(): {statistics.median(taken['reader']):.3f} s, {statistics.median(spent['reader']):.3f} s of CPU, "
          f"{sizes['reader']:,} rows; load {load():.1f}")
    for name in asks:
        seconds = statistics.median(taken[name])
        ratios = statistics.median(before / one for before, one in zip(taken["reader"], taken[name], strict=True))
        cpu = statistics.median(spent[name])
        cpus = sum(spent["reader"]) / max(sum(spent[name]), 1e-9)
        print(f"a day as {name}: {seconds:.3f} s, {cpu:.3f} s of CPU, {sizes[name] / 1e6:,.0f} MB, {sizes[name] / seconds / 1e6:,.0f} MB/s "
              f"(best {sizes[name] / min(taken[name]) / 1e6:,.0f}); {ratios:.2f} of the rate of reader(), {cpus:.2f} by CPU")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lake")
    parser.add_argument("key")
    parser.add_argument("day")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--peer")
    options = parser.parse_args()
    print(f"{stage.PROGRAM}: servers and reader on processors {SERVERS}, the client on {PROCESSORS[-1]}; load {load():.1f}")
    with contextlib.ExitStack() as stack:
        with pinned(SERVERS):
            address = stack.enter_context(served.server(options.lake))
        other = stack.enter_context(peer(options.peer, options.lake))
        os.sched_setaffinity(0, PROCESSORS[-1:])
        own = (address, served.server.process.pid)
        slices(options, own, other)
        days(options, own, other)
        print(f"memory of mtdh serve at most: {served.memory(served.server.process) / 1e6:,.0f} MB")


if __name__ == "__main__":
    main()

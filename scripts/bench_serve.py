"""How fast `mtdh serve` answers, beside the program's own reader.

    MTDH=target/release/mtdh python scripts/bench_serve.py LAKE KEY DAY [--seconds 5]

Minute slices as Arrow, 100 different minutes, over one connection; a whole day as Arrow and as CSV. The client runs on the last
processor, the server on the others, where there are several.
"""

import argparse
import http.client
import os
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent / "checks"))
sys.path.insert(0, str(pathlib.Path(__file__).parent / "checks/serve"))
import served  # noqa: E402


def take(connection, path, **headers):
    """Status and size of an answer, which is thrown away as it comes."""
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    size, buffer = 0, bytearray(1 << 20)
    while count := answer.readinto(buffer):
        size += count
    return answer.status, size


def minutes(connection, key, day, seconds):
    """Slices of 100 minutes over and over; gives the times of each."""
    paths = [f"/v1/slices/trades/{key}?start={day}T{m // 60:02}:{m % 60:02}&end={day}T{(m + 1) // 60:02}:{(m + 1) % 60:02}&format=arrow"
             for m in range(7, 1430, 14)][:100]
    times, sizes, end = [], 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        for path in paths:
            start = time.perf_counter()
            status, size = take(connection, path)
            times.append(time.perf_counter() - start)
            assert status == 200, (path, status)
            sizes += size
    return times, sizes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lake")
    parser.add_argument("key")
    parser.add_argument("day")
    parser.add_argument("--seconds", type=float, default=5)
    options = parser.parse_args()
    processors = sorted(os.sched_getaffinity(0))
    with served.server(options.lake) as address:
        if len(processors) > 1:
            os.sched_setaffinity(0, processors[-1:])
        connection = http.client.HTTPConnection(address.removeprefix("http://"))
        take(connection, "/v1/days")
        times, size = minutes(connection, options.key, options.day, options.seconds)
        times.sort()
        print(f"minute slices: {len(times) / sum(times):,.0f}/s, {size / len(times) / 1e3:,.0f} kB each, "
              f"median {statistics.median(times) * 1e3:.2f} ms, p99 {times[int(len(times) * 0.99)] * 1e3:.2f} ms")
        for form in ("arrow", "csv", "ndjson"):
            path = f"/v1/slices/trades/{options.key}?start={options.day}&format={form}"
            results = []
            for _ in range(3):
                start = time.perf_counter()
                status, size = take(connection, path)
                results.append((size / (time.perf_counter() - start), size))
                assert status == 200
            rate, size = max(results)
            print(f"whole day as {form}: {rate / 1e6:,.0f} MB/s, {size / 1e6:,.0f} MB in {size / rate:.2f} s")
        print(f"memory at most: {served.memory(served.server.process) / 1e6:,.0f} MB")


if __name__ == "__main__":
    main()

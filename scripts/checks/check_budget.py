"""One budget for four processes of a run: by the stand-in vendor's own log and clock, no sixty seconds have more requests than
allowed, and a day no more bytes. Two fleets at the same time, each with a vendor of its own."""

import bisect
import concurrent.futures
import json
import os
import pathlib
import subprocess
import tempfile
import urllib.request

from stage import DAY, NO_METADATA_SERVER, PROGRAM, done, footer, mtdh, sim

WHAT = ["--start-date", DAY, "--instruments", "DERIBIT:OPTION:ETH*", "--data-types", "trades"]
WORKERS, HANDS = 4, 4
REQUESTS_PER_MINUTE = 600
BYTES_PER_DAY = 150_000
ALLOWED = 1.01


def log(vendor):
    with urllib.request.urlopen(f"{vendor['MTDH_SIM_CONTROL']}/requests") as answer:
        return json.load(answer)


def fleet(vendor, lake, budget):
    """Saves a plan, forgets the requests that it took, and runs four workers at once; gives their exit statuses and the plan."""
    plan = json.loads(mtdh("plan", "--save", "r", *WHAT, "--format", "json", "--lake", lake, env=vendor))
    urllib.request.urlopen(urllib.request.Request(f"{vendor['MTDH_SIM_CONTROL']}/requests", method="DELETE")).close()
    surroundings = {**os.environ, **NO_METADATA_SERVER, **vendor, **budget, "MTDH_LEASE_SECONDS": "5"}
    words = ["download", "--run", "r", "--max-workers", str(HANDS), "--total-shards", str(WORKERS), "--lake", str(lake)]
    workers = [
        subprocess.Popen([PROGRAM, *words, "--shard-index", str(index)], env=surroundings, stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL)
        for index in range(WORKERS)
    ]
    try:
        return [worker.wait(timeout=300) for worker in workers], plan
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def requests(folder):
    """More files than a minute has requests: the workers must wait for the next."""
    with sim() as vendor:
        ended, plan = fleet(vendor, folder / "requests", {"MTDH_REQUESTS_PER_MINUTE": str(REQUESTS_PER_MINUTE)})
        moments = sorted(request["at_ms"] for request in log(vendor))
    assert ended == [0] * WORKERS, ended
    files = plan["files"]
    assert REQUESTS_PER_MINUTE < files <= len(moments), (files, len(moments))
    most = max(bisect.bisect_left(moments, first + 60_000) - place for place, first in enumerate(moments))
    seconds = (moments[-1] - moments[0]) / 1000
    print(f"{len(moments)} requests by {WORKERS} processes in {seconds:.1f} s; {most} at most in 60 s, of {REQUESTS_PER_MINUTE}")
    assert 0.5 * REQUESTS_PER_MINUTE <= most <= ALLOWED * REQUESTS_PER_MINUTE, "not above, and no slower than it must be"
    return 3


def bytes_of_a_day(folder):
    """Less than the plan has: all workers end with 30."""
    lake = folder / "bytes"
    with sim() as vendor:
        ended, _ = fleet(vendor, lake, {"MTDH_BYTES_PER_DAY": str(BYTES_PER_DAY)})
        answers = {request["url"]: request["bytes"] for request in log(vendor) if request["host"] == "datasets"}
    assert ended == [30] * WORKERS, ended
    kept = {footer(path)["mtdh.source"] for path in lake.rglob("raw_tick_data/**/*.parquet")}
    taken = {url: size for url, size in answers.items() if any(url.endswith(source) for source in kept)}
    refused = {url: size for url, size in answers.items() if url not in taken}
    print(f"{sum(taken.values())} bytes taken by {WORKERS} processes, of {BYTES_PER_DAY}; "
          f"{len(refused)} answers ({sum(refused.values())} bytes) refused by their announced length")
    assert len(taken) == len(kept) and 0.9 * BYTES_PER_DAY <= sum(taken.values()) <= ALLOWED * BYTES_PER_DAY
    # What does not fit is refused before it is read: one a hand at most.
    assert len(refused) <= WORKERS * HANDS, refused
    return 4


def main():
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor() as pool:
        fleets = [pool.submit(check, pathlib.Path(folder)) for check in (requests, bytes_of_a_day)]
        done(sum(check.result() for check in fleets))


if __name__ == "__main__":
    main()

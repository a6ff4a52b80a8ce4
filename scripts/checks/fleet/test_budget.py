"""One budget for four processes of a run: by the stand-in vendor's own log and clock, no sixty seconds have more requests than
allowed, and a day no more bytes."""

import bisect
import json
import subprocess

import pytest

from stage import DAY, PROGRAM, control, environment, footer, mtdh, vendor_only

WHAT = ["--start-date", DAY, "--instruments", "DERIBIT:OPTION:ETH*", "--data-types", "trades"]
WORKERS, HANDS = 4, 4
REQUESTS_PER_MINUTE = 600
BYTES_PER_DAY = 150_000
ALLOWED = 1.01


def fleet(vendor, lake, **budget):
    """Saves a plan, forgets the requests that it took, and runs four workers at once; gives their exit statuses and the plan."""
    env = vendor_only(vendor)
    plan = json.loads(mtdh("plan", "--save", "r", *WHAT, "--format", "json", "--lake", lake.url, env=env))
    control(vendor, "DELETE", "requests")
    surroundings = environment(env, budget, {"MTDH_LEASE_SECONDS": "5"})
    words = [PROGRAM, "download", "--run", "r", "--max-workers", str(HANDS), "--total-shards", str(WORKERS), "--lake", lake.url]
    workers = []
    for index in range(WORKERS):
        with open(f"{lake.url}-worker-{index}.log", "w") as log:
            workers.append(subprocess.Popen([*words, "--shard-index", str(index)], env=surroundings, stdout=log, stderr=log))
    try:
        return [worker.wait(timeout=300) for worker in workers], plan
    finally:
        for index, worker in enumerate(workers):
            worker.kill()
            worker.wait()
            print(f"--- worker {index}\n{open(f'{lake.url}-worker-{index}.log').read()[-3000:]}")


@pytest.mark.slow
def test_requests_of_a_minute(sim, lake, tell):
    """More files than a minute has requests: the workers must wait for the next."""
    vendor = sim()
    ended, plan = fleet(vendor, lake, MTDH_REQUESTS_PER_MINUTE=str(REQUESTS_PER_MINUTE))
    moments = sorted(request["at_ms"] for request in control(vendor, "GET", "requests"))
    assert ended == [0] * WORKERS, ended
    assert REQUESTS_PER_MINUTE < plan["files"] <= len(moments), (plan["files"], len(moments))
    most = max(bisect.bisect_left(moments, first + 60_000) - place for place, first in enumerate(moments))
    seconds = (moments[-1] - moments[0]) / 1000
    tell(f"{len(moments)} requests by {WORKERS} processes in {seconds:.1f} s; {most} at most in 60 s, of {REQUESTS_PER_MINUTE}")
    assert 0.5 * REQUESTS_PER_MINUTE <= most <= ALLOWED * REQUESTS_PER_MINUTE, "not above, and no slower than it must be"


@pytest.mark.slow
def test_bytes_of_a_day(sim, lake, tell):
    """Less than the plan has: all workers end with 30."""
    vendor = sim()
    ended, _ = fleet(vendor, lake, MTDH_BYTES_PER_DAY=str(BYTES_PER_DAY))
    answers = {request["url"]: request["bytes"] for request in control(vendor, "GET", "requests") if request["host"] == "datasets"}
    assert ended == [30] * WORKERS, ended
    kept = {footer(path)["mtdh.source"] for path in lake.path.rglob("raw_tick_data/**/*.parquet")}
    taken = {url: size for url, size in answers.items() if any(url.endswith(source) for source in kept)}
    refused = {url: size for url, size in answers.items() if url not in taken}
    tell(f"{sum(taken.values())} bytes taken by {WORKERS} processes, of {BYTES_PER_DAY}; "
         f"{len(refused)} answers ({sum(refused.values())} bytes) refused by their announced length")
    assert len(taken) == len(kept) and 0.9 * BYTES_PER_DAY <= sum(taken.values()) <= ALLOWED * BYTES_PER_DAY
    # What does not fit is refused before it is read: one a hand at most.
    assert len(refused) <= WORKERS * HANDS, refused

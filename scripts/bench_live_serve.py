"""The latency that serving adds to live data: from the recorder's hub to a client of a WebSocket, at 20,000 messages a second.

    python scripts/bench_live_serve.py [MESSAGES_A_SECOND [SECONDS [RUNS]]]

Builds `crates/serve/examples/live_latency.rs` for release, runs it and prints each run, the median, and the machine's load.
MTDH_PROFILE=dev builds without optimisation: quick to build, and no measure of the product.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGETS = {"p50_us": 100, "p99_us": 1000}
PATHS = {"tardis-machine's form": None, "JSON lines": "/live/stream?type=trades"}


def load():
    return pathlib.Path("/proc/loadavg").read_text().split()[0] if os.path.exists("/proc/loadavg") else "unknown"


def main():
    rate, seconds, runs = (int(word) for word in (sys.argv[1:] + ["20000", "3", "5"][len(sys.argv) - 1:]))
    profile = os.environ.get("MTDH_PROFILE", "release")
    words = ["-p", "mtdh-serve", "--example", "live_latency", "--profile", profile]
    subprocess.run(["cargo", "build", "-q", *words], cwd=ROOT, check=True)
    print(f"{rate} messages a second for {seconds} s, {runs} runs, {os.cpu_count()} processors, profile {profile}")
    for name, path in PATHS.items():
        found = []
        for run in range(runs):
            command = ["cargo", "run", "-q", *words, "--", str(rate), str(seconds), *([path] if path else [])]
            said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=60 + 10 * seconds)
            one = json.loads(said.stdout)
            found.append(one)
            print(f"  {name}, run {run + 1}: p50 {one['p50_us']} µs, p99 {one['p99_us']} µs, p99.9 {one['p999_us']} µs, "
                  f"most {one['max_us']} µs; load {load()}")
        for figure, target in TARGETS.items():
            median = statistics.median(one[figure] for one in found)
            print(f"{name}: median {figure} {median} (target {target}): {'reached' if median <= target else 'MISSED'}")


if __name__ == "__main__":
    main()

"""What a large plan costs: time and memory of `plan --save`, `monitor`, `resume` and of a worker that finds nothing to do.

    MTDH=target/release/mtdh python scripts/scale_plan.py [--days 53] [--first-too]

The default venues at the stand-in vendor over many days, some 4,000 files a day.
Memory is the largest resident set that the system counted for the process.
"""

import argparse
import datetime
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent / "checks"))
from stage import NO_METADATA_SERVER, PROGRAM, sim  # noqa: E402

LAST = datetime.date(2024, 3, 2)


def measured(*words, env, allowed=(0,)):
    """Seconds, and the largest resident set in MB."""
    began = time.monotonic()
    process = subprocess.Popen(
        [PROGRAM, *map(str, words)], env={**os.environ, **NO_METADATA_SERVER, **env},
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode in allowed, (words, process.returncode, said)
    return time.monotonic() - began, used.ru_maxrss * 1024 / 1e6, said


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--days", type=int, default=53)
    parser.add_argument("--first-too", action="store_true", help="also the first plan, which makes the instrument tables")
    options = parser.parse_args()
    days = options.days
    first = LAST - datetime.timedelta(days=days - 1)
    with tempfile.TemporaryDirectory() as root, sim(seconds=3600) as vendor:
        lake = pathlib.Path(root) / "lake"
        env = {**vendor, "MTDH_LAKE": str(lake)}
        when = ["--start-date", first, "--end-date", LAST]
        if not options.first_too:
            for day in range(days):
                measured("instruments", "--start-date", first + datetime.timedelta(days=day), env=env)
        rows = [("plan --save", ["plan", "--save", "r", *when]), ("monitor", ["monitor", "r"]),
                ("resume", ["resume", "r", "--save", "s"])]
        print("| verb | seconds | MB |\n|---|---|---|")
        for name, words in rows:
            seconds, megabytes, said = measured(*words, env=env, allowed=(0, 1))
            print(f"| {name} | {seconds:.1f} | {megabytes:.0f} |", flush=True)
            if "plan" in name:
                print(*[line for line in said.splitlines() if "saved as" in line], file=sys.stderr)


if __name__ == "__main__":
    main()

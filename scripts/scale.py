"""1, 2, 4 and 8 workers on one plan, against a stand-in vendor that lets them wait rather than compute.

    MTDH=target/release/mtdh python scripts/scale.py

Each file is served slowly, so that its time is waiting, as it is on a real network; each worker has four files in hand. What
is measured is the time from the start of the workers until all have ended, processes' start and last lease included.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent / "checks"))
from stage import DAY, NO_METADATA_SERVER, PROGRAM, mtdh, sim  # noqa: E402

WHAT = ["--start-date", DAY, "--end-date", "2024-03-02", "--instruments", "DERIBIT:OPTION:ETH*", "--data-types", "trades"]
BYTES_PER_SECOND = int(os.environ.get("BYTES_PER_SECOND", "1200"))


def main():
    faults = [{"host": "datasets", "url_contains": "trades", "kind": {"drip": {"bytes_per_second": BYTES_PER_SECOND}}}]
    with tempfile.TemporaryDirectory() as root:
        root = pathlib.Path(root)
        (root / "faults.json").write_text(json.dumps(faults))
        with sim("--faults", str(root / "faults.json"), seconds=1800) as vendor:
            mtdh("plan", *WHAT, "--lake", root / "warm", env=vendor)
            one = None
            print("| workers | seconds | files/s | efficiency |\n|---|---|---|---|")
            for total in (1, 2, 4, 8):
                lake = root / f"lake-{total}"
                mtdh("plan", "--save", "r", *WHAT, "--lake", lake, env=vendor)
                began = time.monotonic()
                workers = []
                for index in range(total):
                    words = ["download", "--run", "r", "--shard-index", index, "--total-shards", total]
                    surroundings = {**os.environ, **NO_METADATA_SERVER, **vendor, "MTDH_LEASE_SECONDS": "3"}
                    workers.append(subprocess.Popen(
                        [PROGRAM, *map(str, words), "--max-workers", "4", "--lake", str(lake)],
                        env=surroundings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                    ))
                assert all(worker.wait() == 0 for worker in workers)
                seconds = time.monotonic() - began
                report = json.loads(mtdh("monitor", "r", "--format", "json", "--lake", lake, env=vendor))
                one = one or seconds
                rate = report["files_done"] / seconds
                print(f"| {total} | {seconds:.1f} | {rate:.1f} | {one / seconds / total:.2f} |", flush=True)
            print(f"{report['files']} files, {report['bytes']} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()

"""deploy/dask on a Dask cluster of two worker processes: the lake of four shards is the single process's; failures are told."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

from distributed import LocalCluster

from lakes import equal
from stage import DAY, NO_METADATA_SERVER, PROGRAM, ROOT, done, mtdh, sim

WORDS = ["--start-date", DAY, "--venues", "DERIBIT", "--instrument-types", "PERP", "FUTURE"]


def shards(scheduler, count, *words, expect):
    command = [sys.executable, ROOT / "deploy/dask/shards.py", scheduler, str(count), *map(str, words)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode == expect, (run.returncode, run.stdout, run.stderr)
    return run.stderr


def requests(vendor, name):
    """What the stand-in was asked for of a file of trades, in order."""
    with urllib.request.urlopen(f"{vendor['MTDH_SIM_CONTROL']}/requests") as answer:
        return [request for request in json.load(answer) if request["url"].endswith(name) and "/deribit/trades/" in request["url"]]


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        # A file that is refused once makes its worker end with 10, and be made again.
        faults = [{"host": "datasets", "url_contains": "deribit/trades/*/ETH-PERPETUAL", "attempts": {"only": [1]},
                   "kind": {"status": {"status": 503}}}]
        (folder / "faults.json").write_text(json.dumps(faults))
        with sim() as vendor:
            local = {name: value for name, value in vendor.items() if name.startswith(("TARDIS", "MTDH"))}
            mtdh("download", *WORDS, "--lake", folder / "single", env=local)
        with sim("--faults", str(folder / "faults.json")) as vendor:
            kept = {name: value for name, value in vendor.items() if name.startswith(("TARDIS", "MTDH"))}
            os.environ.update({**kept, **NO_METADATA_SERVER, "MTDH": PROGRAM, "MTDH_MAX_ATTEMPTS": "1"})
            mtdh("plan", "--save", "r", *WORDS, "--lake", folder / "lake")
            with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster:
                address = cluster.scheduler_address
                said = shards(address, 4, "r", "--lake", folder / "lake", expect=0)
                assert sorted(said.split("\n"))[-4:] == [f"({index}, 0)" for index in range(4)], said
                asked = requests(vendor, "/ETH-PERPETUAL.csv.gz")
                assert [request["status"] for request in asked] == [503, 200], asked
                mtdh("monitor", "r", "--lake", folder / "lake")
                checks = 3 + equal(folder / "single", folder / "lake")
                # What no try mends ends with 1, and the reason is there.
                said = shards(address, 2, "no-run", "--lake", folder / "lake", expect=1)
                assert "(0, 20)" in said and "(1, 20)" in said, said
    done(checks + 3)


if __name__ == "__main__":
    main()

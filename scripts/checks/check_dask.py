"""deploy/dask on a Dask cluster of two worker processes: the lake of four shards is the single process's; failures are told."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

from distributed import LocalCluster

from lakes import equal
from stage import DAY, NO_METADATA_SERVER, PROGRAM, ROOT, done, mtdh, sim

WORDS = ["download", "--start-date", DAY, "--venues", "DERIBIT", "--instrument-types", "PERP", "FUTURE"]


def shards(scheduler, count, *words, expect):
    command = [sys.executable, ROOT / "deploy/dask/shards.py", scheduler, str(count), *map(str, words)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode == expect, (run.returncode, run.stdout, run.stderr)
    return run.stderr


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        # A file that is refused once makes its shard end with 1, and be made again.
        faults = [{"host": "datasets", "url_contains": "deribit/trades/*/ETH-PERPETUAL", "attempts": {"only": [1]},
                   "kind": {"status": {"status": 503}}}]
        (folder / "faults.json").write_text(json.dumps(faults))
        with sim() as vendor:
            local = {name: value for name, value in vendor.items() if name.startswith(("TARDIS", "MTDH"))}
            mtdh(*WORDS, "--lake", folder / "single", env=local)
        with sim("--faults", str(folder / "faults.json")) as vendor:
            kept = {name: value for name, value in vendor.items() if name.startswith(("TARDIS", "MTDH"))}
            os.environ.update({**kept, **NO_METADATA_SERVER, "MTDH": PROGRAM, "MTDH_MAX_ATTEMPTS": "1"})
            with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster:
                address = cluster.scheduler_address
                said = shards(address, 4, *WORDS, "--lake", folder / "lake", expect=0)
                assert sorted(said.split("\n"))[-4:] == [f"({index}, 0)" for index in range(4)], said
                # Four shards, one of them twice.
                assert len(list((folder / "lake/runs").glob("*/shard-*.json"))) == 5
                checks = 3 + equal(folder / "single", folder / "lake")
                # What no try mends ends with 1, and the reason is there.
                said = shards(address, 2, "download", "--start-date", "1999-13-01", "--lake", folder / "lake", expect=1)
                assert "(0, 2)" in said and "(1, 2)" in said, said
    done(checks + 2)


if __name__ == "__main__":
    main()

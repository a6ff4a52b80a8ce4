"""deploy/dask on a Dask cluster of two worker processes: the lake of four shards is the single process's; failures are told."""

import json
import sys

import pytest

from lakes import Folder, assert_equal
from stage import DAY, PROGRAM, ROOT, control, environment, mtdh, run, vendor_only

WORDS = ["--start-date", DAY, "--venues", "DERIBIT", "--instrument-types", "PERP", "FUTURE"]
# A file that is refused once makes its worker end with 10, and be made again.
FAULTS = [{"host": "datasets", "url_contains": "deribit/trades/*/ETH-PERPETUAL", "attempts": {"only": [1]},
           "kind": {"status": {"status": 503}}}]


@pytest.fixture
def shards(sim, vendor, tmp_path, monkeypatch):
    """Runs deploy/dask/shards.py on a cluster; and the vendor whose file fails."""
    from distributed import LocalCluster

    (tmp_path / "faults.json").write_text(json.dumps(FAULTS))
    failing = sim("--faults", tmp_path / "faults.json")
    for name, value in environment(vendor_only(failing), {"MTDH": PROGRAM, "MTDH_MAX_ATTEMPTS": "1"}).items():
        monkeypatch.setenv(name, value)
    with LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster:
        command = [sys.executable, ROOT / "deploy/dask/shards.py", cluster.scheduler_address]
        yield failing, lambda *words, expect: run([*command, *words], expect, timeout=300).stderr


@pytest.mark.slow
def test_shards_on_dask(shards, vendor, lake, tmp_path):
    failing, shards = shards
    single = Folder(tmp_path / "single")
    mtdh("download", *WORDS, "--lake", single.url, env=vendor)
    mtdh("plan", "--save", "r", *WORDS, "--lake", lake.url)
    said = shards(4, "r", "--lake", lake.url, expect=0)
    assert sorted(said.split("\n"))[-4:] == [f"({index}, 0)" for index in range(4)], said
    asked = [request["status"] for request in control(failing, "GET", "requests")
             if request["url"].endswith("/ETH-PERPETUAL.csv.gz") and "/deribit/trades/" in request["url"]]
    assert asked == [503, 200], asked
    mtdh("monitor", "r", "--lake", lake.url)
    assert_equal(single, lake)
    # What no try mends ends with 1, and the reason is there.
    said = shards(2, "no-run", "--lake", lake.url, expect=1)
    assert "(0, 20)" in said and "(1, 20)" in said, said

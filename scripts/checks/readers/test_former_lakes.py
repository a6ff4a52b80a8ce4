"""Lakes that the first version made still open: a recipe that builds that version, and what today's program does with its lake.

    MTDH_LONG=1 pytest scripts/checks/readers/test_former_lakes.py

The build takes minutes. MTDH_FORMER names a program of that version that is there already."""

import json
import os
import pathlib
import subprocess

import pytest

from stage import DAY, ROOT, environment, mtdh, run, run_mtdh, sim, vendor_only

# The last commit before the lake's own description, checksums and certificates.
FORMER = "d870a64"
KEY = "DERIBIT:PERP:BTC-USD"
WORDS = ["--start-date", DAY, "--venues", "DERIBIT,BINANCE"]

pytestmark = pytest.mark.skipif("MTDH_LONG" not in os.environ and "MTDH_FORMER" not in os.environ,
                                reason="builds a former version, which takes minutes; MTDH_LONG=1")


@pytest.fixture(scope="module")
def former(tmp_path_factory):
    """The program of that version."""
    if given := os.environ.get("MTDH_FORMER"):
        return given
    folder = tmp_path_factory.mktemp("former")
    if subprocess.run(["git", "cat-file", "-e", FORMER], cwd=ROOT, capture_output=True).returncode:
        pytest.skip(f"this checkout has no commit {FORMER}")
    run(["git", "worktree", "add", "--detach", folder / "source", FORMER], cwd=ROOT)
    try:
        target = {"CARGO_TARGET_DIR": str(folder / "target")}
        run(["cargo", "build", "--release", "--locked"], cwd=folder / "source", env=environment(target), timeout=3600)
    finally:
        run(["git", "worktree", "remove", "--force", folder / "source"], cwd=ROOT)
    return folder / "target/release/mtdh"


@pytest.fixture(scope="module")
def made(former, tmp_path_factory):
    """A lake that it made, and the vendor that it asked."""
    lake = tmp_path_factory.mktemp("lakes") / "former"
    with sim("--small") as vendor:
        vendor = vendor_only(vendor)
        run([former, "full-pipeline", *WORDS, "--lake", lake], env=environment(vendor))
        run([former, "candles", *WORDS, "--timeframes", "1m,1h", "--lake", lake], env=environment(vendor))
        yield lake, vendor


def rows_by_former(former, lake):
    """What it read of an instrument's trades."""
    words = ["get", KEY, "--data-type", "trades", "--start", f"{DAY}T00:00:00Z", "--end", "2024-03-02T00:00:00Z", "--output", "-"]
    return run([former, *words, "--lake", lake]).stdout


def test_it_is_read_as_it_was(former, made):
    lake, _ = made
    now = mtdh("get", KEY, "--data-type", "trades", "--start", DAY, "--end", DAY, "--lake", lake)
    assert now == rows_by_former(former, lake) and now.count("\n") > 50


# What is asked of the lake, the exit status, and words of what is said.
ASKED = [
    (["ls"], 0, "partitions"),
    (["ls", "candles", "--long"], 0, KEY),
    (["validate", *WORDS], 0, "complete"),
    (["validate", *WORDS, "--deep"], 0, "complete"),
    # Columns of its candles mean something else: they are made again, which each of them says.
    (["check", "all", *WORDS, "--format", "csv"], 1, "they must be made again"),
    (["candles", *WORDS, "--timeframes", "1m,1h"], 0, ""),
    (["check", "all", *WORDS], 0, "clean"),
    (["why", KEY, DAY, "trades"], 0, KEY),
    (["paths", *WORDS, "--data-types", "trades"], 0, f"{KEY}.parquet"),
    (["certify", *WORDS, "--bytes", "--out", "{file}"], 0, "sha256:"),
    (["verify", "{file}", "--bytes"], 0, ""),
    # Nothing is downloaded again.
    (["plan", *WORDS], 0, ""),
]


def test_every_verb_works_on_it(made, tmp_path):
    lake, vendor = made
    before = {path: path.stat().st_mtime_ns for path in lake.glob("raw_tick_data/**/*.parquet")}
    for words, status, said in ASKED:
        words = [word.format(file=tmp_path / "former.json") for word in words]
        ended = run_mtdh(*words, "--lake", lake, expect=status, env=vendor)
        assert said in ended.stdout + ended.stderr, (words, ended)
    plan = json.loads(mtdh("plan", *WORDS, "--lake", lake, "--format", "json", env=vendor))
    assert not any(row["to_fetch"] for row in plan if isinstance(row, dict) and "to_fetch" in row), plan
    after = {path: path.stat().st_mtime_ns for path in lake.glob("raw_tick_data/**/*.parquet")}
    assert before == after and len(before) > 20


def test_it_is_wanted_synced_and_certified(made, tmp_path):
    lake, vendor = made
    where = ["--lake", lake]
    mtdh("want", "add", "former", *WORDS, "--end-date", DAY, "--timeframes", "1m,1h", *where, env=vendor)
    mtdh("sync", *where, env=vendor)
    assert not list(pathlib.Path(lake).glob("raw_tick_data/**/*.tmp"))
    mtdh("certify", "--out", tmp_path / "now.json", "--bytes", *where, env=vendor)
    mtdh("verify", tmp_path / "now.json", "--bytes", *where, env=vendor)

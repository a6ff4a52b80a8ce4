"""Each benchmark runs, on small input. What they print means nothing here."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest
import stage

SCRIPTS = stage.ROOT / "scripts"
# `checking` and `candles_of_many` need the whole lake of `mtdh demo`.
JOBS = [
    "memory_of_large_files", "memory_of_a_group", "small_files", "large_files_over_http", "scaling", "validation", "slice",
    "instrument_tables", "uploads", "verifying_bytes",
]


@pytest.fixture(scope="session")
def examples():
    """The folder of the stand-in's programs, as `cargo test` leaves them."""
    folder = pathlib.Path(os.environ.get("MTDH_EXAMPLES", stage.ROOT / "target/debug/examples"))
    if not (folder / "large").exists() or not (folder / "canned").exists():
        pytest.skip("cargo test --no-run has not made the examples")
    return folder


def run(*words):
    done = subprocess.run([sys.executable, *map(str, words)], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("job", JOBS)
def test_job(job, examples, tmp_path):
    if job == "small_files" and shutil.which("node") is None:
        pytest.skip("Node.js is not installed")
    out = run(SCRIPTS / "bench_jobs.py", "--program", stage.PROGRAM, "--large", examples / "large", "--folder", tmp_path, "--smoke", "--jobs", job)
    lines = [line for line in out.splitlines() if line.startswith("| ")]
    assert len(lines) > 1 and all(line.count("|") == 4 for line in lines), out


def test_conversion_beside_others(examples, tmp_path):
    for name, data_type in (("trades", "trades"), ("book5", "book_snapshot_5")):
        with open(tmp_path / f"{name}.csv.gz", "wb") as file:
            rows = subprocess.run([examples / "large", data_type, "5000", "binance", "BTCUSDT"], capture_output=True, check=True).stdout
            subprocess.run(["gzip", "-1"], input=rows, stdout=file, check=True)
    out = run(SCRIPTS / "bench.py", "--program", stage.PROGRAM, "--inflate", examples / "inflate", "--folder", tmp_path, "--rounds", "1")
    for file in ("trades", "book5"):
        assert [line.split("|")[2].strip() for line in out.splitlines() if line.startswith(f"| {file} ")] == [
            "mtdh", "polars", "duckdb", "pandas", "inflating alone",
        ]


def test_one_copy_beside_three(tmp_path):
    out = run(SCRIPTS / "bench_layout.py", "--program", stage.PROGRAM, "--folder", tmp_path, "--days", "1", "--rounds", "1")
    assert out.count("duckdb") == out.count("polars") == 3

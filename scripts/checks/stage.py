"""What the checks share: the program, and the stand-in vendor as a server."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("MTDH", str(ROOT / "target/release/mtdh"))
DAY = "2024-03-01"
NO_METADATA_SERVER = {
    "GCE_METADATA_HOST": "127.0.0.1:1",
    "GCE_METADATA_IP": "127.0.0.1:1",
    "AWS_METADATA_ENDPOINT": "http://127.0.0.1:1",
}


def mtdh(*words, expect=0, env=None, cwd=None):
    """Runs the program; its exit status must be `expect`. Returns stdout."""
    # No metadata server is ever asked for, whatever the machine has.
    surroundings = {**os.environ, **NO_METADATA_SERVER, **(env or {})}
    done = subprocess.run(
        [PROGRAM, *map(str, words)], capture_output=True, text=True, env=surroundings, cwd=cwd, timeout=600
    )
    assert done.returncode == expect, f"mtdh {words}: exit {done.returncode}, expected {expect}\n{done.stderr}"
    return done.stdout


@contextlib.contextmanager
def sim(*words, seconds=900):
    """The stand-in vendor and bucket; gives the variables that point the program at it. It ends by itself after so long."""
    server = subprocess.Popen(
        [PROGRAM, "sim", "--format", "jsonl", "--seconds", str(seconds), *words], stdout=subprocess.PIPE, text=True
    )
    try:
        variables = {}
        while len(variables) < 7:
            row = json.loads(server.stdout.readline())
            variables[row["variable"]] = row["value"]
        with tempfile.TemporaryDirectory() as cache:
            yield {**variables, "MTDH_CACHE_DIR": cache}
    finally:
        server.terminate()
        server.wait(timeout=30)


def partition(lake, data_type, key, day=DAY):
    """Path of a partition in a local lake."""
    return pathlib.Path(lake) / f"raw_tick_data/by_date/day-{day}/data_type-{data_type}/{key}.parquet"


def footer(path):
    """The key-value pairs of a Parquet footer."""
    import pyarrow.parquet as pq

    pairs = pq.read_metadata(path).metadata or {}
    return {name.decode(): value.decode() for name, value in pairs.items() if name.startswith(b"mtdh.")}


def skipped(reason, part=""):
    """Says that a check, or a part of it, did not run; also in the file that MTDH_SKIPPED names."""
    line = f"skipped: {' '.join([pathlib.Path(sys.argv[0]).stem, part]).rstrip()}: {' '.join(str(reason).split())}"
    print(line, flush=True)
    if os.environ.get("MTDH_SKIPPED"):
        with open(os.environ["MTDH_SKIPPED"], "a") as every:
            every.write(f"{line}\n")


def done(checks):
    """Says how many checks passed; a failed one has ended the script before."""
    print(f"{checks} passed, 0 failed")

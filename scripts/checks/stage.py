"""What the tests share: the program, the stand-in vendor as a server, and waiting for something."""

import contextlib
import json
import os
import pathlib
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("MTDH", str(ROOT / "target/release/mtdh"))
DAY = "2024-03-01"
# No metadata server is ever asked for, whatever the machine has.
NO_METADATA_SERVER = {
    "GCE_METADATA_HOST": "127.0.0.1:1",
    "GCE_METADATA_IP": "127.0.0.1:1",
    "AWS_METADATA_ENDPOINT": "http://127.0.0.1:1",
}


def environment(*settings):
    """The environment of this process, with these on top."""
    found = {**os.environ, **NO_METADATA_SERVER}
    for one in settings:
        found |= one
    return found


def run(command, expect=0, timeout=600, **options):
    """Runs a command; its exit status must be `expect`, or one of them, and what it said is shown where it is not."""
    command, expect = list(map(str, command)), (expect,) if isinstance(expect, int) else expect
    ended = subprocess.run(command, capture_output=True, text=True, timeout=timeout, **options)
    assert ended.returncode in expect, (
        f"{' '.join(command)}\nexit status {ended.returncode}, expected {' or '.join(map(str, expect))}\n"
        f"--- stdout\n{ended.stdout[-4000:]}\n--- stderr\n{ended.stderr[-8000:]}")
    return ended


def run_mtdh(*words, expect=0, env=None, cwd=None):
    """Runs the program; gives stdout and stderr."""
    return run([PROGRAM, *words], expect, env=environment(env or {}), cwd=cwd)


def mtdh(*words, **options):
    """Runs the program; gives stdout."""
    return run_mtdh(*words, **options).stdout


@contextlib.contextmanager
def sim(*words, seconds=7200):
    """The stand-in vendor and bucket; gives the variables that point the program at it. It ends by itself after so long."""
    command = [PROGRAM, "sim", "--format", "jsonl", "--seconds", str(seconds), *map(str, words)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        variables = {}
        while len(variables) < 7:
            line = server.stdout.readline()
            assert line, f"{' '.join(command)} says nothing more; exit status {server.wait(timeout=30)}"
            row = json.loads(line)
            variables[row["variable"]] = row["value"]
        with tempfile.TemporaryDirectory() as cache:
            yield {**variables, "MTDH_CACHE_DIR": cache}
    finally:
        server.terminate()
        server.wait(timeout=30)


def vendor_only(vendor):
    """The stand-in's variables without its bucket: a lake is in a folder then."""
    return {name: value for name, value in vendor.items() if name.startswith(("TARDIS", "MTDH"))}


def ask(method, url, body=None):
    """The body of an answer."""
    with urllib.request.urlopen(urllib.request.Request(url, method=method, data=body)) as answer:
        return answer.read()


def control(vendor, method, path, document=None):
    """The stand-in's own controls: `requests`, `faults`, `options`, `unfinished/BUCKET`."""
    body = None if document is None else json.dumps(document).encode()
    text = ask(method, f"{vendor['MTDH_SIM_CONTROL']}/{path}", body)
    return json.loads(text) if text else None


def make_bucket(vendor, name):
    """A new bucket of the stand-in."""
    ask("PUT", f"{vendor['STORAGE_EMULATOR_HOST']}/{name}")


def comes_about(condition, seconds, pause=0.01):
    """Whether something is so in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(pause)
    return False


def wait_until(condition, what, seconds=60, pause=0.01):
    """Waits until something is so; `what` says what is not, or is called to say it."""
    assert comes_about(condition, seconds, pause), what() if callable(what) else what


def partition(lake, data_type, key, day=DAY):
    """Path of a partition in a local lake."""
    return pathlib.Path(lake) / f"raw_tick_data/by_date/day-{day}/data_type-{data_type}/{key}.parquet"


def footer(path):
    """The key-value pairs of a Parquet footer that are the program's."""
    import pyarrow.parquet as pq

    pairs = pq.read_metadata(path).metadata or {}
    return {name.decode(): value.decode() for name, value in pairs.items() if name.startswith(b"mtdh.")}

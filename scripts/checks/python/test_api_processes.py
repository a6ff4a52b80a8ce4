"""The package within a process: what it opens, threads, forks, asyncio, Ctrl-C, and what an import loads."""

import asyncio
import concurrent.futures
import multiprocessing
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

import mtdh
from demo_lake import DAY, DAY_BEFORE, KEY, SPOT
from stage import control, environment, vendor_only

ROWS = 6369


# --- what is opened


def opened(folder, tmp_path, text):
    """The files below a folder that a program opens or looks for, and the folders that it lists; made of the calls of the system."""
    trace = tmp_path / "trace"
    subprocess.run(["strace", "-f", "-y", "-e", "trace=open,openat,statx,newfstatat,getdents64,execve",
                    "-o", trace, sys.executable, "-c", text],
                   check=True, capture_output=True, cwd=tmp_path, text=True)
    lines = trace.read_text().splitlines()
    files = {found[1] for line in lines if (found := re.search(rf'(?:open|openat|statx|newfstatat)\(.*"{re.escape(str(folder))}/([^"]*)"', line))}
    listed = {found[1] for line in lines if (found := re.search(rf"getdents64\(\d+<{re.escape(str(folder))}/?([^>]*)>", line))}
    programs = sum("execve(" in line for line in lines)
    beside = {found[1] for line in lines if (found := re.search(r'open(?:at)?\(AT_FDCWD(?:<[^>]*>)?, "((?:[^"/]*/)*(?:\.env|mtdh\.toml))"', line))}
    return files, listed, programs, beside


DATA = f"raw_tick_data/by_date/day-{DAY}/data_type-trades/{KEY}.parquet"
TABLE = f"instrument_availability/by_date/day-{DAY}/instruments.parquet"
NEXT_DAY = "2024-03-02"
# What a program does with the lake, and every file of the lake that it may open or ask the system about, to see whether it is there.
OPENS = [
    ("one day of one key", f"lake.trades('{KEY}', '{DAY}').table()", {DATA}),
    ("its count", f"lake.trades('{KEY}', '{DAY}').count()", {DATA}),
    ("its paths", f"lake.trades('{KEY}', '{DAY}').paths()", {DATA}),
    ("a minute", f"lake.trades('{KEY}', '{DAY}T12:00', '{DAY}T12:01').table()", {DATA}),
    ("two days", f"lake.trades('{KEY}', '{DAY_BEFORE}', '{DAY}').table()", {DATA, DATA.replace(DAY, DAY_BEFORE)}),
    ("a lazy frame", f"lake.trades('{KEY}', '{DAY}').lazy().collect()", {DATA}),
    ("what is missing", f"lake.trades('{KEY}', '{DAY}', '{NEXT_DAY}').missing", {DATA, DATA.replace(DAY, NEXT_DAY), TABLE.replace(DAY, NEXT_DAY)}),
    ("nothing", "None", set()),
]


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed (apt-get install strace)")
@pytest.mark.parametrize("text, expected", [case[1:] for case in OPENS], ids=[case[0] for case in OPENS])
def test_nothing_else_is_opened(demo_folder, tmp_path, text, expected):
    (tmp_path / ".env").touch()
    files, listed, programs, beside = opened(demo_folder, tmp_path, f"import mtdh; lake = mtdh.Lake({str(demo_folder)!r}); {text}")
    data = {file for file in files if not file.endswith("/")}
    assert data == expected and listed == set() and programs == 1
    assert {path.rsplit("/", 1)[-1] for path in beside} <= {".env", "mtdh.toml"} and beside, "the settings"


def test_an_import_loads_no_library(script):
    loaded = script("import sys, mtdh; print(*sys.modules)").split()
    assert not {"pandas", "polars", "numpy", "pyarrow", "duckdb", "tqdm", "matplotlib", "asyncio", "tempfile"} & set(loaded)


def test_a_clean_environment_reads_without_any_library(demo_folder, clean):
    text = f"""
import mtdh
lake = mtdh.Lake({str(demo_folder)!r})
rows = lake.trades({KEY!r}, {DAY!r})
print(rows.count(), len(rows.table()), sum(len(batch) for batch in rows))
print(rows._repr_html_()[:3], rows.table()._repr_html_()[:3])
for read in ("polars", "pandas", "arrow", "numpy", "reader", "lazy", "duckdb"):
    try:
        getattr(rows, read)()
    except ImportError as error:
        print(error)
"""
    said = subprocess.run([clean, "-c", text], capture_output=True, text=True, check=True).stdout.splitlines()
    assert said[:2] == [f"{ROWS} {ROWS} {ROWS}", "<p> <p>"]
    hints = [line.split("pip install ")[1] for line in said[2:]]
    assert hints == ["'mtdh[polars]'", *["'mtdh[pandas]'"] * 4, "'mtdh[polars]'", "'mtdh[duckdb]'"], said


# --- threads, forks, asyncio


def test_threads(demo):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        ran = [pool.submit(lambda: demo.trades([KEY, SPOT], DAY).polars()) for _ in range(24)]
        frames = [one.result() for one in ran]
    assert all(frame.equals(frames[0]) for frame in frames)
    rows = demo.trades(KEY, DAY)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: rows.count(), range(16))) == [ROWS] * 16, "one request by several"


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning", "ignore:.*fork.*:RuntimeWarning")
def test_after_a_fork(script, demo_folder):
    # In a process of its own: polars' threads do not survive a fork, and these tests use polars.
    said = script(f"""
import multiprocessing, os, mtdh
lake = mtdh.Lake({str(demo_folder)!r})
rows = lake.trades({KEY!r}, {DAY!r})
print(rows.count())
def child(place):
    return rows.count(), len(rows.table()), len(mtdh.Lake({str(demo_folder)!r}).days()), sum(len(b) for b in rows)
with multiprocessing.get_context("fork").Pool(3) as pool:
    print(pool.map(child, range(6)) == [({ROWS}, {ROWS}, 2, {ROWS})] * 6)
print(len(rows.table()))
""")
    assert said.split() == [str(ROWS), "True", str(ROWS)]


def test_a_request_is_no_message_to_another_process(demo):
    with pytest.raises(TypeError, match="pickle"):
        multiprocessing.reduction.ForkingPickler.dumps(demo.trades(KEY, DAY))


def test_asyncio_goes_on(demo):
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    async def read(key):
        return sum([len(batch) async for batch in demo.trades(key, DAY)])

    async def everything():
        ticking = asyncio.create_task(tick())
        counts = await asyncio.gather(*(read(KEY) for _ in range(40)), read(SPOT))
        ticking.cancel()
        return counts

    counts = asyncio.run(everything())
    assert counts[:40] == [ROWS] * 40 and counts[40] == demo.trades(SPOT, DAY).count()
    # Held for the whole of the reading, it would not come to a second tick.
    assert ticks > 1, "the loop was held"


def test_the_interpreter_is_free_while_rust_works(own):
    """A thread of Python counts while another waits for a check of a day."""
    lake, counted, is_done = mtdh.Lake(own), [], threading.Event()

    def count():
        while not is_done.is_set():
            counted.append(time.monotonic())
            time.sleep(0.001)

    counter = threading.Thread(target=count)
    counter.start()
    began = time.monotonic()
    lake.check(DAY, groups=["book", "values"], instruments=KEY)
    took = time.monotonic() - began
    is_done.set()
    counter.join()
    longest = max(later - earlier for earlier, later in zip(counted, counted[1:]))
    assert took > 0.05 and longest < max(0.5 * took, 0.2), (took, longest)


# --- Ctrl-C

INTERRUPTED = """
import signal, sys, time, mtdh
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job has it ignored
{before}
print("ready", flush=True)
try:
    {work}
except KeyboardInterrupt:
    print("interrupted", flush=True)
    {after}
    sys.exit(0)
sys.exit(1)
"""


def interrupt(process, after):
    time.sleep(after)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    out, err = process.communicate(timeout=30)
    return time.monotonic() - began, out, err


def test_ctrl_c_ends_a_download_within_two_seconds(sim, started, tmp_path):
    vendor = vendor_only(sim("--small"))
    slow = {"host": "datasets", "kind": {"drip": {"bytes_per_second": 2000}}}
    control(vendor, "PUT", "faults", [slow])
    text = INTERRUPTED.format(before="lake = mtdh.Lake('lake')", work="lake.download('2024-03-01', venues='DERIBIT', progress=False)",
                              after="print(len(lake.days()))")
    took, out, err = interrupt(started(text, environment(vendor)), 4)
    assert took < 2.5 and out.startswith("interrupted"), (took, out, err)
    control(vendor, "PUT", "faults", [])
    for leftover in (tmp_path / "lake").rglob("*.parquet"):
        assert leftover.read_bytes()[-4:] == b"PAR1", "whole, or not there"


def test_ctrl_c_ends_a_large_read_within_two_seconds(demo_folder, started):
    before = f"lake = mtdh.Lake({str(demo_folder)!r}); rows = lake.get('book_snapshot_25', {KEY!r}, {DAY!r})"
    text = INTERRUPTED.format(before=before, work="while True: rows.table()", after="print(rows.count())")
    took, out, err = interrupt(started(text), 1)
    assert took < 2.5 and out.startswith("interrupted") and len(out.split()) == 2, (took, out, err)


def test_ctrl_c_ends_a_check(demo_folder, started, tmp_path):
    lake = shutil.copytree(demo_folder, tmp_path / "checked")
    text = INTERRUPTED.format(before=f"lake = mtdh.Lake({str(lake)!r})", work=f"while True: lake.check({DAY!r})", after="")
    took, out, err = interrupt(started(text), 1)
    assert took < 2.5 and out.startswith("interrupted"), (took, out, err)


def test_ctrl_c_in_a_thread_is_not_ours(demo_folder, started):
    """Only the main thread hears it: a read in another ends by itself."""
    before = f"import threading; lake = mtdh.Lake({str(demo_folder)!r}); said = []\ndef read(): said.append(len(lake.trades({KEY!r}, {DAY!r}).table()))"
    text = INTERRUPTED.format(before=before, work="[(t := threading.Thread(target=read), t.start(), t.join()) for _ in iter(int, 1)]", after="")
    took, out, err = interrupt(started(text), 0.5)
    assert took < 2.5 and out.startswith("interrupted"), (took, out, err)

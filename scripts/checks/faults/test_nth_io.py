"""Fails the n-th input or output for n = 1, 2, 3 … until a run is not touched any more, one at a time.

On the disk: every call that changes a file of the lake, of the vendor's metadata kept, of temporary files, by a library
that is preloaded (nth_io.c). On the network: every request to the vendor's metadata and files, every put, get and list of
the bucket. With an error, a full disk, a short write, success that is told as a failure, and a hang that ends in SIGKILL.
After each: the independent checker finds nothing, and a plain run heals all without a hand.

Without words: of several writes to one file in a row the first two; of the first kind every second n, of the others every sixth.

    pytest scripts/checks/faults/test_nth_io.py --all                   every n of every kind
    pytest 'scripts/checks/faults/test_nth_io.py::test_disk[EIO]' --only-n 17"""

import re
import time
import traceback
import urllib.parse

import pytest

from kinds import fault
from stage import comes_about, control
from trial import Job, Wrong

DISK_KINDS = ("EIO", "ENOSPC", "short", "done", "hang")
HOPS = ("api", "datasets", "put", "get", "list")
NET_KINDS = {
    "error": {"status": {"status": 503}},
    "refused": {"status": {"status": 400}},
    "short": {"cut": {"after": 60}},
    "lost": "lose_reply",
    "hang": "hang",
}
# All kinds in one order: each takes its own third of the n's.
KINDS = [("disk", kind) for kind in DISK_KINDS] + [(hop, kind) for hop in HOPS for kind in NET_KINDS]
# Four files of a partition each.
SHORT = Job("deribit", ("PERP",), ("liquidations", "derivative_ticker"))
# One file that is too large to wait in memory: it goes over the disk on its way in.
LARGE = Job("binance", ("SPOT_PAIR",), ("book_snapshot_25",), (), ("BINANCE:SPOT_PAIR:BTC-USDT",))


@pytest.fixture(scope="session")
def changes_of(lane_of, nth_io):
    """What an undisturbed run of a job changes on the disk, call by call."""
    found = {}

    def changes(job):
        if job not in found:
            status, err, found[job] = disk_run(lane_of(job), nth_io, "count", 0)
            if status == 99:
                pytest.skip(err)
            assert status == 0, err
        return found[job]

    return changes


@pytest.fixture(scope="session")
def requests_of(lane_of):
    """How many requests of each hop an undisturbed run makes."""
    lane = lane_of(SHORT)
    lane.begin("bucket")
    control(lane.vendor, "DELETE", "requests")
    status, _, err = lane.finish(lane.start("full-pipeline", "--max-workers", "1"))
    assert status == 0, err
    asked = control(lane.vendor, "GET", "requests")
    where = {hop: {"method": None, "url_contains": "", **fault(hop, "")} for hop in HOPS}
    return {hop: sum(one["host"] == of["host"] and of["method"] in (None, one["method"])
                     and of["url_contains"] in urllib.parse.unquote(one["url"]) for one in asked) for hop, of in where.items()}


@pytest.mark.slow
@pytest.mark.parametrize("kind", DISK_KINDS)
def test_disk(lane_of, nth_io, changes_of, request, figures, kind):
    told = changes_of(SHORT)
    # A run whose n-th change fails may go on otherwise: a few more than an undisturbed run makes.
    sample = sample_of("disk", kind, len(told) + 5, request.config, repeated(told))
    touched = try_each(sample, lambda n: fail_disk(lane_of(SHORT), nth_io, kind, n))
    figures(runs=len(touched), untouched=touched.count(False))
    assert False in touched or request.config.getoption("--only-n"), "the last n touches nothing"


@pytest.mark.slow
@pytest.mark.parametrize("kind", DISK_KINDS)
def test_disk_of_a_large_file(lane_of, nth_io, changes_of, request, figures, kind):
    """What concerns the vendor's file on its way in, which has no name: it is opened in a folder, and written."""
    told = changes_of(LARGE)
    is_spool = [re.search(r"/_tmp/mtdh-\w+(/#.*)?$", one) for one in told]
    sample = [n for n, again in enumerate(repeated(told), 1)
              if request.config.getoption("--all") or is_spool[n - 1] and not again]
    assert sample
    only = request.config.getoption("--only-n")
    touched = try_each([only] if only else sample, lambda n: fail_disk(lane_of(LARGE), nth_io, kind, n))
    figures(runs=len(touched), untouched=touched.count(False))


@pytest.mark.parametrize("kind", NET_KINDS)
@pytest.mark.parametrize("hop", HOPS)
def test_network(lane_of, requests_of, request, figures, hop, kind):
    sample = sample_of(hop, kind, requests_of[hop] + 1, request.config, [])
    figures(runs=len(try_each(sample, lambda n: fail_network(lane_of(SHORT), hop, kind, n))))


def repeated(told):
    """Of each call whether it is a further write to the file of the two before it."""
    return [n >= 2 and one.startswith("write") and one == told[n - 1] == told[n - 2] for n, one in enumerate(told)]


def sample_of(where, kind, count, config, again):
    """Every second n of the first kind, but for further writes to one file; of the others every sixth; and the last."""
    if only := config.getoption("--only-n"):
        return [only]
    every = range(1, count + 1)
    if config.getoption("--all"):
        return list(every)
    step = 2 if kind in ("EIO", "error") else 6
    index = KINDS.index((where, kind))
    return [n for n in every if n == count or (n + index) % step == 0 and not (n <= len(again) and again[n - 1])]


def try_each(sample, each):
    """Calls `each` for every n, whatever came of those before it; gives what it gave, or fails with all that went wrong."""
    given, wrong = [], []
    for n in sample:
        try:
            given.append(each(n))
        except Wrong as error:
            wrong.append(f"--only-n {n}: {error}")
        except Exception:  # of the test itself: it must not be taken for a pass
            wrong.append(f"--only-n {n}: {traceback.format_exc()}")
    if wrong:
        pytest.fail(f"{len(wrong)} of {len(sample)} failed\n" + "\n".join(wrong[:20]), pytrace=False)
    return given


def disk_run(lane, library, kind, n):
    """A run whose n-th change of the disk goes wrong. Gives its status, what was said, and what the library tells."""
    lane.begin("folder")
    told = lane.folder / "told"
    told.unlink(missing_ok=True)
    env = {"LD_PRELOAD": library, "NTH_IO_FOLDER": str(lane.folder / "trial"), "NTH_IO_N": str(n), "NTH_IO_KIND": kind,
           "NTH_IO_REPORT": str(told)}
    process = lane.start("full-pipeline", "--max-workers", "1", env=env)
    is_over = lambda: process.poll() is not None
    if kind == "hang" and comes_about(lambda: is_over() or (told.is_file() and told.stat().st_size > 0), 60) and not is_over():
        time.sleep(0.05)
        process.kill()
    status, _, err = lane.finish(process)
    return status, err, told.read_text().splitlines() if told.is_file() else []


def fail_disk(lane, library, kind, n):
    """One n of one kind on the disk. Gives whether the run was touched."""
    status, err, told = disk_run(lane, library, kind, n)
    if status == 99:
        raise Wrong(err)
    print(f"n = {n}: {told}\n{err}exit status {status}")
    lane.check(status, err, status < 0, may_leave=bool(told))
    lane.heal()
    lane.compare("folder")
    return bool(told)


def fail_network(lane, hop, kind, n):
    """One n of one kind on the network."""
    lane.begin("bucket")
    lane.tell("faults", [fault(hop, NET_KINDS[kind], requests={"only": [n]})])
    process = lane.start("full-pipeline", "--max-workers", "1")
    was_killed = False
    if kind == "hang":
        # A run of four small files is over long before; what is left hangs.
        was_killed = not comes_about(lambda: process.poll() is not None, 1.5)
        if was_killed:
            process.kill()
    status, _, err = lane.finish(process)
    print(f"n = {n}: {err}exit status {status}")
    lane.tell("faults", [])
    lane.check(status, err, was_killed)
    lane.heal()
    lane.compare("bucket")

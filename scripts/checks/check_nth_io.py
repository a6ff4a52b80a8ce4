"""Fails the n-th input or output for n = 1, 2, 3 … until a run is not touched any more, one at a time.

On the disk: every call that changes a file of the lake, of the vendor's metadata kept, of temporary files, by a library
that is preloaded (nth_io.c). On the network: every request to the vendor's metadata and files, every put, get and list of
the bucket. With an error, a full disk, a short write, success that is told as a failure, and a hang that ends in SIGKILL.
After each: the independent checker finds nothing, and a plain run heals all without a hand.

    check_nth_io.py           what CI runs: of several writes to one file in a row the first two, and of the kinds but
                              the first every third n
    check_nth_io.py --all     every n of every kind
    check_nth_io.py --case "short disk EIO 17"      this one again, with what was said"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse

from faults import fault
from stage import done, skipped
from trial import Job, Wrong, run_all, wait_until

SOURCE = pathlib.Path(__file__).with_name("nth_io.c")
DISK_KINDS = ("EIO", "ENOSPC", "short", "done", "hang")
HOPS = ("api", "datasets", "put", "get", "list")
NET_KINDS = {
    "error": {"status": {"status": 503}},
    "refused": {"status": {"status": 400}},
    "short": {"cut": {"after": 60}},
    "lost": "lose_reply",
    "hang": "hang",
}
# Four files of a partition each.
SHORT = Job("deribit", ("PERP",), ("liquidations", "derivative_ticker"))
# One file that is too large to wait in memory: it goes over the disk on its way in.
LARGE = Job("binance", ("SPOT_PAIR",), ("book_snapshot_25",), (), ("BINANCE:SPOT_PAIR:BTC-USDT",))


def disk(lane, library, kind, n):
    """A run whose n-th change of the disk goes wrong. Gives its status, what was said, and what the library tells."""
    lane.begin("folder")
    told = lane.folder / "told"
    told.unlink(missing_ok=True)
    env = {"LD_PRELOAD": library, "NTH_IO_FOLDER": str(lane.folder / "trial"), "NTH_IO_N": str(n), "NTH_IO_KIND": kind,
           "NTH_IO_REPORT": str(told)}
    process = lane.start("full-pipeline", "--max-workers", "1", env=env)
    is_hanging = kind == "hang" and wait_until(
        lambda: process.poll() is not None or (told.is_file() and told.stat().st_size > 0), 60)
    if is_hanging and process.poll() is None:
        time.sleep(0.05)
        process.kill()
    status, _, err = lane.finish(process)
    return status, err, told.read_text().splitlines() if told.is_file() else []


def requests(lane, hop):
    """How many requests of a hop an undisturbed run makes."""
    lane.begin("bucket")
    lane.forget_requests()
    lane.heal()
    where = {"method": None, "url_contains": "", **fault(hop, "")}
    plain = lambda url: urllib.parse.unquote(url)
    return sum(one["host"] == where["host"] and where["method"] in (None, one["method"])
               and where["url_contains"] in plain(one["url"]) for one in lane.requests())


def undergo(lane, trial, library, is_talkative=False):
    """One n of one kind. Gives whether the run was touched."""
    where, kind, n = trial
    if where == "disk":
        status, err, told = disk(lane, library, kind, n)
        killed = status < 0
        if status == 99:
            raise Wrong(err)
        if is_talkative:
            print(f"{told}\n{err}exit status {status}")
        lane.check(status, err, killed, may_leave=bool(told))
        lane.heal()
        lane.compare("folder")
        return bool(told)
    lane.begin("bucket")
    lane.tell("faults", [fault(where, NET_KINDS[kind], requests={"only": [n]})])
    process = lane.start("full-pipeline", "--max-workers", "1")
    killed = False
    if kind == "hang":
        # A run of four small files is over long before; what is left hangs.
        killed = not wait_until(lambda: process.poll() is not None, 1.5)
        if killed:
            process.kill()
    status, _, err = lane.finish(process)
    if is_talkative:
        print(f"{err}exit status {status}")
    lane.tell("faults", [])
    lane.check(status, err, killed)
    lane.heal()
    lane.compare("bucket")
    return True


def repeated(told):
    """Of each call whether it is a further write to the file of the two before it."""
    return [n >= 2 and one.startswith("write") and one == told[n - 1] == told[n - 2] for n, one in enumerate(told)]


def trials_of(told, by_hop, is_all):
    """Every n of the first kind, but for further writes to one file; of the others every third."""
    skipped = repeated(told)
    # A run whose n-th change fails may go on otherwise: a few more than an undisturbed run makes.
    kinds = [("disk", kind, len(told) + 5) for kind in DISK_KINDS]
    kinds += [(hop, kind, by_hop[hop] + 1) for hop in HOPS for kind in NET_KINDS]
    for index, (where, kind, count) in enumerate(kinds):
        for n in range(1, count + 1):
            is_taken = kind in ("EIO", "error") or (n + index) % 3 == 0
            if is_all or is_taken and not (where == "disk" and n <= len(skipped) and skipped[n - 1]):
                yield where, kind, n


def large_trials_of(told, is_all):
    """What concerns the vendor's file on its way in, which has no name: it is opened in a folder, and written."""
    skipped = repeated(told)
    for kind in DISK_KINDS:
        for n, one in enumerate(told, 1):
            is_spool = re.search(r"/_tmp/mtdh-\w+(/#.*)?$", one)
            if is_all or is_spool and not skipped[n - 1]:
                yield "disk", kind, n


def main():
    words = argparse.ArgumentParser()
    words.add_argument("--all", action="store_true")
    words.add_argument("--case")
    words.add_argument("--lanes", type=int, default=3 * (os.cpu_count() or 2))
    words = words.parse_args()
    compiler = shutil.which("cc")
    assert compiler, "a C compiler is needed"
    with tempfile.TemporaryDirectory() as folder:
        library = f"{folder}/nth_io.so"
        subprocess.run([compiler, "-O2", "-Wall", "-shared", "-fPIC", "-o", library, str(SOURCE)], check=True)
        each = lambda lane, trial: undergo(lane, trial, library, is_talkative=bool(words.case))
        if words.case:
            name, where, kind, n = words.case.split()
            _, wrong = run_all([(where, kind, int(n))], 1, each, {"short": SHORT, "large": LARGE}[name])
            print(wrong or "passed")
            sys.exit(bool(wrong))
        started, count, failures, untouched = time.monotonic(), 0, [], 0
        for name, job in (("short", SHORT), ("large", LARGE)):
            counted, wrong = run_all(["count"], 1, lambda lane, _: (
                disk(lane, library, "count", 0), {hop: requests(lane, hop) for hop in HOPS}), job)
            assert not wrong, wrong
            (status, err, told), by_hop = counted["count"]
            if status == 99:
                skipped(err)
                done(0)
                return
            assert status == 0, err
            print(f"{name}: an undisturbed run changes the disk {len(told)} times, and makes {by_hop} requests")
            trials = list(trials_of(told, by_hop, words.all) if job is SHORT else large_trials_of(told, words.all))
            outcomes, wrong = run_all(trials, words.lanes, each, job)
            failures += [(name, trial, what) for trial, what in wrong.items()]
            count += len(trials)
            untouched += sum(not touched for touched in outcomes.values())
        print(f"{count} runs, {untouched} of them not touched any more, {time.monotonic() - started:.0f} s")
    for name, trial, what in failures:
        case = " ".join(map(str, (name, *trial)))
        print(f"{case}: {what}\n  again: .venv/bin/python scripts/checks/check_nth_io.py --case \"{case}\"")
    if failures:
        print(f"{count - len(failures)} passed, {len(failures)} failed")
        sys.exit(1)
    assert untouched, "the last n of a kind touches nothing"
    done(count)


if __name__ == "__main__":
    main()

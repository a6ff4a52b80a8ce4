"""Fails the n-th input or output for n = 1, 2, 3 … until a run is not touched any more, one at a time.

On the disk: every call that changes a file of the lake, of the vendor's metadata kept, of temporary files, by a library
that is preloaded (nth_io.c). On the network: every request to the vendor's metadata and files, every put, get and list of
the bucket. With an error, a full disk, a short write, success that is told as a failure, and a hang that ends in SIGKILL.
After each: the independent checker finds nothing, and a plain run heals all without a hand.

    check_nth_io.py           what CI runs: of several writes to one file in a row the first two, and of the kinds but
                              the first every third n
    check_nth_io.py --all     every n of every kind
    check_nth_io.py --case "disk EIO 17"      this one again, with what was said"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from faults import fault
from stage import done
from trial import SHORT_JOB, Wrong, run_all, wait_until

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
# Most requests of a hop that a run is taken to make; it makes far fewer, and the check says when that is no longer so.
MOST_REQUESTS = 100
# A file of more than this goes over the disk on its way in: one job has such a one.
LARGE_JOB = "binance", ["SPOT_PAIR"], ["incremental_book_L2"], []


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
    """How many requests of a hop a plain run makes."""
    lane.begin("bucket")
    lane.tell("faults", [fault(hop, "stale_listing", requests={"only": [MOST_REQUESTS]})])
    import json
    import urllib.request

    urllib.request.urlopen(urllib.request.Request(f"{lane.vendor['MTDH_SIM_CONTROL']}/requests", method="DELETE")).close()
    lane.heal()
    with urllib.request.urlopen(f"{lane.vendor['MTDH_SIM_CONTROL']}/requests") as answer:
        made = json.load(answer)
    where = fault(hop, "")
    fits = [r for r in made if r["host"] == where["host"] and r["method"] == where.get("method", r["method"])
            and where.get("url_contains", "") in r["url"].replace("%2E", ".").replace("%2D", "-")]
    return len(fits)


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


def trials_of(kinds, skipped, is_all):
    """Every n of the first kind that is not skipped, and of the others every third."""
    for index, (where, kind, count) in enumerate(kinds):
        for n in range(1, count + 1):
            is_taken = kind in (DISK_KINDS[0], "error") or (n + index) % 3 == 0
            if is_all or is_taken and not (where == "disk" and n <= len(skipped) and skipped[n - 1]):
                yield where, kind, n


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
        if words.case:
            where, kind, n = words.case.split()
            _, wrong = run_all([(where, kind, int(n))], 1, lambda lane, t: undergo(lane, t, library, True), SHORT_JOB)
            print(wrong or "passed")
            sys.exit(bool(wrong))
        started = time.monotonic()
        counted, wrong = run_all(["count"], 1, lambda lane, _: (
            disk(lane, library, "count", 0), {hop: requests(lane, hop) for hop in HOPS}), SHORT_JOB)
        assert not wrong, wrong
        (status, err, told), by_hop = counted["count"]
        if status == 99:
            print(f"skipped: {err}")
            done(0)
            return
        assert status == 0, err
        # A run whose n-th change fails may go on otherwise: a few more than an undisturbed run makes.
        kinds = [("disk", kind, len(told) + 5) for kind in DISK_KINDS]
        assert max(by_hop.values()) < MOST_REQUESTS, by_hop
        kinds += [(hop, kind, by_hop[hop] + 1) for hop in HOPS for kind in NET_KINDS]
        trials = list(trials_of(kinds, repeated(told), words.all))
        outcomes, wrong = run_all(trials, words.lanes, lambda lane, t: undergo(lane, t, library), SHORT_JOB)
        untouched = sum(not touched for touched in outcomes.values())
        print(f"an undisturbed run changes the disk {len(told)} times, and makes {by_hop} requests")
        print(f"{len(trials)} runs, {untouched} of them not touched any more, {time.monotonic() - started:.0f} s")
    for trial, what in wrong.items():
        print(f"{trial}: {what}\n  again: .venv/bin/python scripts/checks/check_nth_io.py --case \"{' '.join(map(str, trial))}\"")
    if wrong:
        print(f"{len(trials) - len(wrong)} passed, {len(wrong)} failed")
        sys.exit(1)
    assert untouched, "the last n of a kind touches nothing"
    done(len(trials))


if __name__ == "__main__":
    main()

"""Many workers on one plan, some of them killed, frozen and woken at random: the lake is what one process makes.

--runs N, or FLEET_RUNS, says how many seeded runs (default 20), --first SEED where the seeds begin. Every second run has its lake in the
stand-in for GCS, the others in a folder. Beyond the lake's content, each run checks that no object was ever replaced, that
the shards' numbers add up to the plan, and that whoever lost a shard wrote nothing over its successor's progress.
"""

import argparse
import json
import os
import pathlib
import random
import signal
import subprocess
import tempfile
import time

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from recount import of_folder, recount
from stage import DAY, NO_METADATA_SERVER, PROGRAM, done, mtdh, sim

WHAT = ["--start-date", DAY, "--venues", "DERIBIT", "BINANCE", "--data-types", "trades", "book_snapshot_5"]
LEASE = 1.0
DRIP = [{"host": "datasets", "url_contains": "book_snapshot_5", "kind": {"drip": {"bytes_per_second": 12000}}}]
BUCKET = "fleet-bucket"
# What the recount knows already of an object's bytes.
COUNTED = {}


class Folder:
    """A lake in a folder."""

    def __init__(self, path):
        self.path, self.url = pathlib.Path(path), str(path)

    def names(self):
        """Every object with what changes when it is replaced."""
        found = {}
        for folder, _, files in os.walk(self.path):
            for file in files:
                path = pathlib.Path(folder, file)
                name = str(path.relative_to(self.path))
                if not name.startswith("_tmp/"):
                    status = path.stat()
                    found[name] = (status.st_ino, status.st_mtime_ns)
        return found

    def read(self, name):
        return (self.path / name).read_bytes()

    def leftovers(self):
        """What is on its way in."""
        return of_folder(self.path)[1]


class Bucket:
    """A lake in the stand-in for GCS."""

    def __init__(self, client, prefix):
        self.client, self.prefix, self.url = client, prefix, f"gs://{BUCKET}/{prefix}"

    def names(self):
        blobs = self.client.list_blobs(BUCKET, prefix=f"{self.prefix}/")
        return {blob.name.removeprefix(f"{self.prefix}/"): blob.generation for blob in blobs}

    def read(self, name):
        return self.client.bucket(BUCKET).blob(f"{self.prefix}/{name}").download_as_bytes()

    def leftovers(self):
        """Parts of uploads of killed workers are for a lifecycle rule to remove."""
        return []


class Fleet:
    """The workers of one run, as an engine would start them."""

    def __init__(self, vendor, lake, total, logs):
        self.vendor, self.lake, self.total, self.logs = vendor, lake, total, logs
        self.workers = {}
        self.frozen = {}
        self.ends = []

    def start(self, index, hands=2):
        words = ["download", "--run", "r", "--max-workers", str(hands), "--lake", self.lake.url]
        shard = {"BATCH_TASK_INDEX": str(index), "BATCH_TASK_COUNT": str(self.total)}
        surroundings = {**os.environ, **NO_METADATA_SERVER, **self.vendor, **shard, "MTDH_LEASE_SECONDS": str(LEASE)}
        log = open(self.logs / f"worker-{index}.log", "ab")
        self.workers[index] = subprocess.Popen(
            [PROGRAM, *words], env=surroundings, stdout=subprocess.DEVNULL, stderr=log
        )

    def send(self, index, what):
        self.workers[index].send_signal(what)

    def reap(self):
        for index, worker in list(self.workers.items()):
            if worker.poll() is not None:
                del self.workers[index]
                self.frozen.pop(index, None)
                self.ends.append((index, worker.returncode))
                assert worker.returncode in (0, 10, -signal.SIGKILL), self.log(index)

    def log(self, index):
        return (self.logs / f"worker-{index}.log").read_text()

    def end(self):
        for worker in self.workers.values():
            worker.kill()
            worker.wait()


def chaos(rng, vendor, lake, logs):
    """One run; returns how many workers were killed and frozen, and how many takeovers there were."""
    total = rng.randint(2, 8)
    mtdh("plan", "--save", "r", *WHAT, "--lake", lake.url, env=vendor)
    fleet = Fleet(vendor, lake, total, logs)
    seen = {}
    killed = frozen = 0
    strikes = sorted(rng.uniform(0.1, 3.0) for _ in range(rng.randint(2, 6)))
    began = time.monotonic()
    try:
        for index in range(total):
            fleet.start(index)
        again = {}
        while True:
            now = time.monotonic() - began
            assert now < 120, {index: fleet.log(index) for index in range(total)}
            fleet.reap()
            for index, wake in list(fleet.frozen.items()):
                if now >= wake:
                    fleet.send(index, signal.SIGCONT)
                    del fleet.frozen[index]
            awake = [index for index in fleet.workers if index not in fleet.frozen]
            while strikes and now >= strikes[0] and awake:
                strikes.pop(0)
                index = awake.pop(rng.randrange(len(awake)))
                if rng.random() < 0.5:
                    fleet.send(index, signal.SIGKILL)
                    killed += 1
                    if rng.random() < 0.5:
                        again[index] = now + rng.uniform(0, 2 * LEASE)
                else:
                    fleet.send(index, signal.SIGSTOP)
                    fleet.frozen[index] = now + rng.uniform(0.1, 3 * LEASE)
                    frozen += 1
            for index, start in list(again.items()):
                if now >= start and index not in fleet.workers:
                    fleet.start(index)
                    del again[index]
            unchanged(lake, seen)
            if not fleet.workers and not again:
                left = [shard["index"] for shard in look(vendor, lake)["shards"] if shard["state"] != "done"]
                if not left and not strikes:
                    break
                # What an engine does with tasks that did not end well.
                strikes.clear()
                for index in left:
                    fleet.start(index)
            time.sleep(0.05)
    finally:
        fleet.end()
    unchanged(lake, seen)
    return killed, frozen, total


def unchanged(lake, seen):
    """No partition is ever replaced by another object."""
    for name, version in lake.names().items():
        if name.startswith("raw_tick_data/"):
            assert seen.setdefault(name, version) == version, f"{name} was replaced"


def look(vendor, lake):
    done = subprocess.run(
        [PROGRAM, "monitor", "r", "--format", "json", "--lake", lake.url],
        capture_output=True, text=True, env={**os.environ, **NO_METADATA_SERVER, **vendor}, timeout=60,
    )
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


def holds(vendor, lake, expected):
    """Everything that must be so after a run; returns the number of takeovers."""
    report = look(vendor, lake)
    assert report["state"] == "done" and report["files_done"] == report["files"], report
    assert sum(shard["files"] for shard in report["shards"]) == report["files"], report
    takeovers = 0
    objects = {n: json.loads(lake.read(n)) for n in lake.names() if n.startswith("runs/r/shard-")}
    tokens = {}
    for progress in objects.values():
        part = progress["shard_index"], progress["part"]
        tokens[part] = max(tokens.get(part, 0), progress["lease"]["token"])
    for name, progress in objects.items():
        token, index = progress["lease"]["token"], progress["shard_index"]
        newest = tokens[index, progress["part"]]
        takeovers += token > 1
        # An overtaken holder's object says so, or is as it was when its holder died; none is the part's last word.
        state = progress["state"]
        assert (state == "done") == (token == newest), (name, state, newest)
        if token == newest:
            assert progress["lease"]["holder"] in report["shards"][index]["holders"], name
    mtdh("resume", "r", "--lake", lake.url, env=vendor)
    mtdh("validate", *WHAT, "--lake", lake.url, env=vendor)
    every = {name: lake.read(name) for name in lake.names()}
    # What a worker leaves that is killed while it tries the store is removed by a later process, once it is old enough.
    found = {name: content for name, content in every.items() if not name.startswith(("runs/", "_tmp/probe/"))}
    differing = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
    assert not differing, differing[:10]
    wrong = recount(every, lake.leftovers(), known=COUNTED)
    assert not wrong, wrong[:10]
    return takeovers


def time_to_take_over(vendor, lake, logs):
    """Seconds from a worker's death to its part's new holder, while another worker has nothing else to do."""
    mtdh("plan", "--save", "r", *WHAT, "--lake", lake.url, env=vendor)
    fleet = Fleet(vendor, lake, 2, logs)
    heir = "runs/r/shard-0-of-2-part-0.2.json"
    try:
        fleet.start(1)
        until(lambda: not fleet.workers, fleet)
        fleet.start(0, hands=1)
        until(lambda: "runs/r/shard-0-of-2-part-0.json" in lake.names(), fleet)
        # Shard 1 is done; a second worker for it has the other parts of shard 0, then nothing but the watch over part 0.
        fleet.start(1, hands=16)
        until(lambda: "others work on shards 0" in fleet.log(1), fleet)
        fleet.send(0, signal.SIGKILL)
        died = time.monotonic()
        until(lambda: heir in lake.names(), fleet)
        taken = time.monotonic() - died
        until(lambda: not fleet.workers, fleet)
        wrong = recount({name: lake.read(name) for name in lake.names()}, is_validated=False, known=COUNTED)
        assert not wrong, wrong[:10]
        return taken
    finally:
        fleet.end()


def until(is_so, fleet):
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < 60, {index: fleet.log(index) for index in range(fleet.total)}
        fleet.reap()
        time.sleep(0.01)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=int(os.environ.get("FLEET_RUNS", "20")))
    parser.add_argument("--first", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        root = pathlib.Path(root)
        (root / "faults.json").write_text(json.dumps(DRIP))
        faults = str(root / "faults.json")
        with sim("--small", "--bucket", BUCKET, "--faults", faults, seconds=900 + 60 * options.runs) as vendor:
            os.environ["STORAGE_EMULATOR_HOST"] = vendor["STORAGE_EMULATOR_HOST"]
            client = storage.Client(project="check", credentials=AnonymousCredentials())
            single = Folder(root / "single")
            mtdh("full-pipeline", *WHAT, "--lake", single.url, env=vendor)
            expected = {n: single.read(n) for n in single.names() if not n.startswith("runs/")}
            assert len(expected) > 50
            sums = [0, 0, 0, 0]
            for seed in range(options.first, options.first + options.runs):
                logs = root / f"logs-{seed}"
                logs.mkdir()
                lake = Bucket(client, f"run-{seed}") if seed % 2 else Folder(root / f"run-{seed}")
                try:
                    killed, frozen, total = chaos(random.Random(seed), vendor, lake, logs)
                    takeovers = holds(vendor, lake, expected)
                except BaseException:
                    print(f"seed {seed}, {lake.url}")
                    for log in sorted(logs.iterdir()):
                        print(f"--- {log.name}\n{log.read_text()}")
                    raise
                sums = [a + b for a, b in zip(sums, (total, killed, frozen, takeovers))]
            print("{} workers in {} runs; {} killed, {} frozen; {} takeovers".format(sums[0], options.runs, *sums[1:]))
            slowest = 0.0
            for turn in range(4):
                logs = root / f"logs-takeover-{turn}"
                logs.mkdir()
                lake = Bucket(client, f"turn-{turn}") if turn % 2 else Folder(root / f"turn-{turn}")
                slowest = max(slowest, time_to_take_over(vendor, lake, logs))
            print(f"taken over within {slowest:.2f} s at the latest; the lease is {LEASE} s, a poll {LEASE / 3:.2f} s")
    done(options.runs + 4)


if __name__ == "__main__":
    main()

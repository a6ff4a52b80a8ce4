"""Workers of one run, some of them killed, frozen and woken at random, and what must hold of the lake afterwards."""

import json
import signal
import subprocess
import time

from lakes import assert_right
from stage import DAY, PROGRAM, environment, mtdh, wait_until

WHAT = ["--start-date", DAY, "--venues", "DERIBIT", "BINANCE", "--data-types", "trades", "book_snapshot_5"]
LEASE = 1.0
DRIP = [{"host": "datasets", "url_contains": "book_snapshot_5", "kind": {"drip": {"bytes_per_second": 12000}}}]


class Fleet:
    """The workers of one run, as an engine would start them."""

    def __init__(self, env, lake, total, logs):
        self.env, self.lake, self.total, self.logs = env, lake, total, logs
        self.workers, self.frozen, self.ends = {}, {}, []

    def start(self, index, hands=2):
        words = [PROGRAM, "download", "--run", "r", "--max-workers", str(hands), "--lake", self.lake.url]
        shard = {"BATCH_TASK_INDEX": str(index), "BATCH_TASK_COUNT": str(self.total), "MTDH_LEASE_SECONDS": str(LEASE)}
        with self.path(index).open("ab") as log:
            self.workers[index] = subprocess.Popen(words, env=environment(self.env, shard), stdout=log, stderr=log)

    def send(self, index, what):
        self.workers[index].send_signal(what)

    def reap(self):
        for index, worker in list(self.workers.items()):
            if worker.poll() is not None:
                del self.workers[index]
                self.frozen.pop(index, None)
                self.ends.append((index, worker.returncode))
                assert worker.returncode in (0, 10, -signal.SIGKILL), self.log(index)

    def path(self, index):
        return self.logs / f"worker-{index}.log"

    def log(self, index):
        return self.path(index).read_text() if self.path(index).exists() else ""

    def said(self):
        """What every worker said."""
        return "".join(f"--- worker {index}\n{self.log(index)}" for index in range(self.total))

    def wait(self, is_so):
        """Waits until something is so, and looks after the workers meanwhile."""
        wait_until(lambda: is_so() or self.reap(), self.said)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        for worker in self.workers.values():
            worker.kill()
            worker.wait()
        if kind:
            print(self.said())


class Unchanged:
    """No partition is ever replaced by another object."""

    def __init__(self, lake):
        self.lake, self.seen = lake, {}

    def look(self):
        for name, version in self.lake.names().items():
            if name.startswith("raw_tick_data/"):
                assert self.seen.setdefault(name, version) == version, f"{name} was replaced"


def chaos(rng, env, lake, logs):
    """One run with strikes at random moments; gives how many workers there were, were killed and were frozen."""
    total = rng.randint(2, 8)
    mtdh("plan", "--save", "r", *WHAT, "--lake", lake.url, env=env)
    unchanged, counts = Unchanged(lake), {"workers": total, "killed": 0, "frozen": 0}
    strikes = sorted(rng.uniform(0.1, 3.0) for _ in range(rng.randint(2, 6)))
    began, again = time.monotonic(), {}
    with Fleet(env, lake, total, logs) as fleet:
        for index in range(total):
            fleet.start(index)
        while True:
            now = time.monotonic() - began
            # With other tests beside it, on two cores.
            assert now < 300, "the run does not end"
            fleet.reap()
            wake(fleet, now)
            awake = [index for index in fleet.workers if index not in fleet.frozen]
            while strikes and now >= strikes[0] and awake:
                strikes.pop(0)
                counts[strike(rng, fleet, awake.pop(rng.randrange(len(awake))), now, again)] += 1
            for index, start in list(again.items()):
                if now >= start and index not in fleet.workers:
                    fleet.start(index)
                    del again[index]
            unchanged.look()
            if not fleet.workers and not again:
                left = [shard["index"] for shard in state_of(env, lake)["shards"] if shard["state"] != "done"]
                if not left and not strikes:
                    break
                # What an engine does with tasks that did not end well.
                strikes.clear()
                for index in left:
                    fleet.start(index)
            time.sleep(0.05)
    unchanged.look()
    return counts


def wake(fleet, now):
    """Frozen workers go on when their time has come."""
    for index, moment in list(fleet.frozen.items()):
        if now >= moment:
            fleet.send(index, signal.SIGCONT)
            del fleet.frozen[index]


def strike(rng, fleet, index, now, again):
    """A worker is killed, and perhaps started again later, or it is frozen for a while."""
    if rng.random() < 0.5:
        fleet.send(index, signal.SIGKILL)
        if rng.random() < 0.5:
            again[index] = now + rng.uniform(0, 2 * LEASE)
        return "killed"
    fleet.send(index, signal.SIGSTOP)
    fleet.frozen[index] = now + rng.uniform(0.1, 3 * LEASE)
    return "frozen"


def state_of(env, lake):
    """What `monitor` says of the run; it may be done or not."""
    return json.loads(mtdh("monitor", "r", "--format", "json", "--lake", lake.url, env=env, expect=(0, 1)))


def assert_done(env, lake, expected, counted=None):
    """Everything that must be so after a run; gives the number of takeovers."""
    report = state_of(env, lake)
    assert report["state"] == "done" and report["files_done"] == report["files"], report
    assert sum(shard["files"] for shard in report["shards"]) == report["files"], report
    takeovers = assert_last_words(lake, report)
    mtdh("resume", "r", "--lake", lake.url, env=env)
    mtdh("validate", *WHAT, "--lake", lake.url, env=env)
    found = lake.contents()
    differing = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
    assert not differing, differing[:10]
    # What a worker leaves that is killed while it tries the store is removed by a later process, once it is old enough.
    strays = [name for name in lake.names() if name.startswith("_tmp/") and not name.startswith("_tmp/probe/")]
    assert not lake.keeps_parts or not strays, strays
    assert_right(lake.objects(), [] if lake.keeps_parts else lake.leftovers(), known=counted)
    return takeovers


def assert_last_words(lake, report):
    """Each part of the run is done by its newest holder, and by no other; gives the number of takeovers."""
    objects = {name: json.loads(lake.read(name)) for name in lake.names() if name.startswith("runs/r/shard-")}
    tokens, takeovers = {}, 0
    for progress in objects.values():
        part = progress["shard_index"], progress["part"]
        tokens[part] = max(tokens.get(part, 0), progress["lease"]["token"])
    for name, progress in objects.items():
        token, index = progress["lease"]["token"], progress["shard_index"]
        newest = tokens[index, progress["part"]]
        takeovers += token > 1
        # An overtaken holder's object says so, or is as it was when its holder died; none is the part's last word.
        assert (progress["state"] == "done") == (token == newest), (name, progress["state"], newest)
        if token == newest:
            assert progress["lease"]["holder"] in report["shards"][index]["holders"], name
    return takeovers
